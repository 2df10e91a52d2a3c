"""Time and peak memory of rescoring, by the size of the lattice, the batch and the memory option.

    python -m benchmarks.lattice_scaling LATTICES --lm lightrnn.pt [--ngram ngram.binary]
                                         [--symbols words.txt]

A lattice of a given size is made by joining real ones end to start, like a longer utterance. Each
row is a process of its own. Peak memory is its largest resident size, less its size after model and
lattices were read. The number of scored words is that of words that the models scored, each after
its own history.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.loading import load
from rescorer.recognition.formats import read_lattices
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring import lattice as rescoring
from rescorer.rescoring.expansion import ExpansionSettings, expand
from rescorer.rescoring.weights import TunedWeights

SIZES = (100, 300, 1_000, 3_000, 10_000, 20_000)
BATCHES = (1, 4, 16, 64)
MEMORIES = (4096, 1024, 512, 384, 256)  # MiB
COLUMNS = (
    Column("memory", "memory option, MiB", ",d"),
    Column("beam", "beam", "g"),
    Column("histories", "histories", "d"),
    Column("lattices", "lattices", "d"),
    Column("arcs", "arcs", ",d"),
    Column("expanded", "expanded arcs", ",d"),
    Column("scored", "words scored", ",d"),
    Column("seconds", "seconds", ".2f"),
    Column("expanded_per_second", "expanded/s", ",.0f"),
    Column("words_per_second", "words/s", ",.0f"),
    Column("peak", "peak, MiB", ",.0f"),
    Column("result", "result"),
)
_USUAL = 2_500  # arcs
_WIDE, _MANY = 30.0, 200  # an expansion that needs memory


def chained(lattices: Sequence[Lattice], arcs: int) -> Lattice:
    """One lattice of about so many arcs: lattices joined end to start.

    The last one is cut by leaving out its worst arcs.
    """
    chain, size = [], 0
    for lattice in lattices:
        if size >= arcs:
            break
        chain.append(lattice)
        size += lattice.arcs
    first = np.cumsum([0, *(each.states - 1 for each in chain)])
    labels = np.concatenate([each.labels for each in chain])
    scores = {
        name: np.concatenate([each.scores[name] for each in chain]) for name in chain[0].scores
    }
    sources = np.concatenate(
        [each.sources + begin for each, begin in zip(chain, first, strict=False)]
    )
    targets = np.concatenate(
        [each.targets + begin for each, begin in zip(chain, first, strict=False)]
    )
    return replace(
        chain[0],
        utterance="chain",
        states=int(first[-1]) + 1,
        sources=sources,
        targets=targets,
        labels=labels,
        scores=scores,
        arc_fields={},
        state_fields={},
    )


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """One row, in this process."""
    torch.set_num_threads(arguments.threads)
    read = read_lattices(arguments.lattices, arguments.symbols)
    lattices = sorted(
        (each for each in read if each.states), key=lambda each: abs(each.arcs - arguments.unit)
    )
    models = [load(path, arguments.device) for path in (arguments.lm, arguments.ngram) if path]
    work = [chained(lattices[number:], arguments.arcs) for number in range(arguments.count)]
    rescoring._BATCH_ARCS = 10**9  # one batch
    warm = [chained(lattices[:1], 1)]
    weights = _weights(work[0], [model.name for model in models])
    list(rescoring.rescore_lattices(warm, models, weights))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    settings = ExpansionSettings(beam=arguments.beam, max_histories=arguments.max_histories)
    results = list(
        rescoring.rescore_lattices(work, models, weights, settings, arguments.memory << 20)
    )
    seconds = time.perf_counter() - begin
    words = "\n".join(" ".join(each.best()) for each in results)
    mebibytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    scored = expand(work, models, weights.weights, weights.first_pass, settings, 1 << 40).scored
    return {
        "arcs": sum(each.arcs for each in work),
        "expanded": sum(each.lattice.arcs for each in results),
        "scored": scored,
        "seconds": seconds,
        "peak": mebibytes,
        "result": hashlib.sha256(words.encode()).hexdigest()[:8],
    }


def _weights(lattice: Lattice, models: Sequence[str]) -> TunedWeights:
    """Weights 0.5 for the language models, beside the recogniser's own scores."""
    first_pass = rescoring.first_pass_weights(lattice)
    mixture = {name: 1 / len(models) for name in models}
    return TunedWeights(replace(first_pass, lm_scale=0.5, mixture=mixture), first_pass)


def row(arguments: argparse.Namespace, **changed: Any) -> dict[str, Any]:
    """One row, in a process of its own; if that fails, the result is the error."""
    given = {**vars(arguments), **changed}
    options = [
        f"--{name.replace('_', '-')}={value}"
        for name, value in given.items()
        if value is not None and name not in ("lattices", "row", "record")
    ]
    command = [
        sys.executable,
        "-m",
        "benchmarks.lattice_scaling",
        str(arguments.lattices),
        *options,
        "--row",
    ]
    ended = subprocess.run(command, capture_output=True, text=True)
    tried = {
        "memory": given["memory"],
        "beam": given["beam"],
        "histories": given["max_histories"],
        "lattices": given["count"],
    }
    if ended.returncode:
        return {**tried, "result": ended.stderr.splitlines()[-1]}
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return {
        **tried,
        **found,
        "expanded_per_second": found["expanded"] / found["seconds"],
        "words_per_second": found["scored"] / found["seconds"],
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("lattices", type=Path)
    parser.add_argument("--lm", type=Path, required=True)
    parser.add_argument("--ngram", type=Path)
    parser.add_argument("--symbols", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beam", type=float, default=ExpansionSettings.beam)
    parser.add_argument("--max-histories", type=int, default=ExpansionSettings.max_histories)
    parser.add_argument("--memory", type=int, default=4096, help="MiB")
    for name, default in (("arcs", _USUAL), ("unit", _USUAL), ("count", 1)):
        parser.add_argument(f"--{name}", type=int, default=default, help=argparse.SUPPRESS)
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(run(arguments)))
        return
    measured = Measurement(
        __file__,
        arguments,
        "Lattices: time and memory by size",
        "How do time and memory of rescoring grow with the arcs, the batch and the memory option?",
        COLUMNS,
        machine(arguments.device, "torch"),
    )
    for size in SIZES:
        measured.add(**row(arguments, arcs=size, unit=min(size, _USUAL)))
    for count in BATCHES:
        measured.add(**row(arguments, count=count))
    for memory in MEMORIES:
        measured.add(
            **row(arguments, arcs=SIZES[-1], memory=memory, beam=_WIDE, max_histories=_MANY)
        )
    measured.finish()


if __name__ == "__main__":
    main()
