"""Words scored a second in n-best lists and lattices, against another commit of this project.

    python -m benchmarks.rescoring_speed LISTS LATTICES --symbols words.txt --peer FOLDER
                                         [--every 6] [--lattices 40] [--rounds 3]

FOLDER is a work tree of the other commit. Both are measured in turn on one core, each run in a
process of its own, which reads model and input before the clock starts. Seconds are the least
processor seconds of the rounds. A scored word is a pair of a history and a word: those of a prefix
tree, or those of an expansion, each counted once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from benchmarks.sources import ROOT

COLUMNS = (
    Column("input", "input"),
    Column("words", "words scored", ",d"),
    Column("peer", "words/s before", ",.0f"),
    Column("now", "words/s now", ",.0f"),
    Column("ratio", "ratio", ".2f"),
    Column("difference", "largest difference of a word, nats", ".1e"),
)
_MEMORY = 1 << 30


def run(arguments: argparse.Namespace) -> None:
    """Measure the package on the path once and write the log-probabilities and the seconds."""
    import torch

    from rescorer.models.lightrnn import LightRNN
    from rescorer.recognition.formats import read_lattices, read_nbest
    from rescorer.rescoring import lattice as rescoring
    from rescorer.rescoring.expansion import ExpansionSettings, expand
    from rescorer.rescoring.prefix_tree import score_sentences

    torch.set_num_threads(1)
    model = LightRNN.load(arguments.lm)
    lists = read_nbest(arguments.lists).lists[:: arguments.every]
    sentences = [hypothesis.words for each in lists for hypothesis in each.hypotheses]
    read = read_lattices(arguments.lattice_file, arguments.symbols)
    lattices = [each for each in read if each.arcs][: arguments.lattices]
    first_pass = rescoring.first_pass_weights(lattices[0])
    weights = replace(first_pass, lm_scale=0.5, mixture={model.name: 1.0})
    score_sentences(sentences[:100], [model], _MEMORY)
    began = time.process_time()
    tree = score_sentences(sentences, [model], _MEMORY)
    between = time.process_time()
    grown = expand(lattices, [model], weights, first_pass, ExpansionSettings(), _MEMORY)
    ended = time.process_time()
    np.savez(
        arguments.row,
        seconds=[between - began, ended - between],
        words=[len(tree.log_probs), grown.scored],
        lists=tree.log_probs,
        lattices=grown.log_probs,
    )


def measure(arguments: argparse.Namespace, package: Path, into: Path) -> dict[str, np.ndarray]:
    """`run` with the package of a work tree, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--row", str(into)]
    subprocess.run(command, env=environment, check=True)
    with np.load(into) as found:
        return dict(found)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference; not a number if float32 rounding pruned different arcs."""
    return float(np.abs(one - other).max()) if one.shape == other.shape else float("nan")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("lists", type=Path)
    parser.add_argument("lattice_file", type=Path)
    parser.add_argument("--symbols", type=Path)
    parser.add_argument("--lm", type=Path, default=ROOT / "rescorer/english/lightrnn.pt")
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--every", type=int, default=6, help="take every so manieth list")
    parser.add_argument("--lattices", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--row", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        run(arguments)
        return
    measured = Measurement(
        __file__,
        arguments,
        "Rescoring speed before and now",
        "How many words a second does `rescore` score on one core, against an earlier commit?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    peers, news = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            peers.append(measure(arguments, arguments.peer, Path(folder) / "peer.npz"))
            news.append(measure(arguments, ROOT, Path(folder) / "now.npz"))
    for place, kind in enumerate(("lists", "lattices")):
        words = int(news[0]["words"][place])
        peer, now = (min(each["seconds"][place] for each in runs) for runs in (peers, news))
        measured.add(
            input=kind,
            words=words,
            peer=words / peer,
            now=words / now,
            ratio=peer / now,
            difference=difference(peers[0][kind], news[0][kind]),
        )
    measured.finish()


if __name__ == "__main__":
    main()
