"""The size of rescored Kaldi lattices, and the words that they keep.

    python -m benchmarks.lattice_density ARCHIVE... --ref REFERENCES... [--lm lightrnn.pt]
                                         [--symbols words.txt]

Each archive is measured as it is, rescored, and rescored with --compact, by the default weights of
the model. Density is Kaldi's: the mean number of arcs over a frame. The frames are the transition
ids of a path. Bytes are those of the .gz that the command writes. The result is
benchmarks/results/lattice_density.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import record
from rescorer.models.language_model import LanguageModel
from rescorer.models.loading import load
from rescorer.recognition.formats import kaldi_lattice, read_lattices
from rescorer.recognition.formats.kaldi_fst import TRANSITION_IDS
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import GRAPH
from rescorer.recognition.references import read_references
from rescorer.reports.error_rate import Words, error_rate
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import best_words, first_pass_weights, rescore_lattices
from rescorer.rescoring.oracle import oracle_words
from rescorer.rescoring.trellis import Trellis

MEASURES = [f"rescorer/rescoring/{name}.py" for name in ("expansion", "determinise", "lattice")]
COLUMNS = {
    "archive": "archive",
    "lattices": "lattices",
    "arcs": "arcs",
    "density": "arcs over a frame",
    "arcs_per_word": "arcs a word of the references",
    "oracle": "oracle WER",
    "best": "WER of the best paths",
    "low": "95 % from",
    "high": "to",
    "seconds": "CPU seconds",
    "bytes": "bytes",
}


def density(lattices: Sequence[Lattice]) -> float:
    """Mean number of arcs over a frame."""
    over = frames = 0
    for lattice in lattices:
        lengths = lattice.arc_fields[TRANSITION_IDS].packed().lengths  # type: ignore[attr-defined]
        over += int(lengths.sum())
        frames += int(lengths[Trellis.of([lattice]).best_paths(np.zeros(lattice.arcs))[0]].sum())
    return over / frames


def written_bytes(lattices: Sequence[Lattice]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lat.1.gz"
        kaldi_lattice.write(path, lattices)
        return path.stat().st_size


def row(
    archive: str,
    name: str,
    lattices: Sequence[Lattice],
    best: Sequence[Words],
    seconds: float,
    references: Mapping[str, Words],
) -> dict[str, Any]:
    said = [references[each.utterance] for each in lattices]
    nearest = [oracle_words(each, words) for each, words in zip(lattices, said, strict=True)]
    oracle = error_rate(said, nearest)
    rate, arcs = error_rate(said, best), sum(each.arcs for each in lattices)
    found = {
        "archive": archive,
        "lattices": name,
        "arcs": arcs,
        "density": round(density(lattices), 1),
        "arcs_per_word": round(arcs / sum(map(len, said)), 1),
        "oracle": round(oracle.percent, 2),
        "best": round(rate.percent, 2),
        "low": round(rate.low, 2),
        "high": round(rate.high, 2),
        "seconds": round(seconds, 1),
        "bytes": written_bytes(lattices),
    }
    print(found, flush=True)
    return found


def rows(
    archive: Path, symbols: Path | None, model: LanguageModel, references: Mapping[str, Words]
) -> list[dict[str, Any]]:
    begin = time.process_time()
    lattices = [
        each
        for each in read_lattices(archive, symbols)
        if each.utterance in references and each.states
    ]
    reading = time.process_time() - begin
    own = first_pass_weights(lattices[0])
    first = [best_words(each, own) for each in lattices]
    found = [row(archive.name, "first pass", lattices, first, reading, references)]
    for name, settings in (
        ("rescored", ExpansionSettings()),
        ("rescored, compact", ExpansionSettings(compact=True)),
    ):
        begin = time.process_time()
        rescored = list(rescore_lattices(lattices, model, settings=settings))
        seconds = time.process_time() - begin
        written = [each.as_first_pass(GRAPH) for each in rescored]
        best = [each.best() for each in rescored]
        found.append(row(archive.name, name, written, best, seconds, references))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archives", type=Path, nargs="+")
    parser.add_argument("--ref", type=Path, nargs="+", required=True)
    parser.add_argument("--symbols", type=Path)
    parser.add_argument("--lm", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load(arguments.lm) if arguments.lm else load()
    references = {
        utterance: words
        for path in arguments.ref
        for utterance, words in read_references(path).items()
    }
    found = [
        each
        for archive in arguments.archives
        for each in rows(archive, arguments.symbols, model, references)
    ]
    files = " ".join(path.name for path in (*arguments.archives, Path("--ref"), *arguments.ref))
    path = record(
        name="lattice_density",
        title="Size of rescored lattices, and what they keep",
        question="How large are rescored lattices, and do they lose words of the first pass?",
        command=f"python -m benchmarks.lattice_density {files}",
        machine=machine("cpu", "torch"),
        measures=MEASURES,
        settings={
            "words": sum(map(len, references.values())),
            "model": model.name,
            "order": ExpansionSettings.order,
            "beam": ExpansionSettings.beam,
            "max_histories": ExpansionSettings.max_histories,
        },
        columns=COLUMNS,
        rows=found,
        notes=[
            "Default weights, not tuned.",
            "The seconds of the first pass are those of reading.",
        ],
    )
    print(path)


if __name__ == "__main__":
    main()
