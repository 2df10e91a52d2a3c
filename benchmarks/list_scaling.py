"""N-best lists by size: the time of reading, scoring and writing, and the peak memory.

    OMP_NUM_THREADS=1 python -m benchmarks.list_scaling LISTS [--lm lightrnn.pt]

An input of a given size is made of LISTS, which are repeated with new ids; in each repetition all
hypotheses begin with another word, so that none was scored before. Each row is a process of its
own that does what `rescore --nbest-output` does, with default weights and references.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.cli.models import models_of
from rescorer.recognition.formats import open_nbest, write_nbest
from rescorer.recognition.nbest import NBest
from rescorer.rescoring import nbest as rescoring
from rescorer.rescoring.list_files import rescore_list_files
from rescorer.rescoring.list_input import read_lists
from rescorer.rescoring.outputs import write_outcome
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings

SIZES = (10_000, 100_000, 1_000_000)  # hypotheses
COLUMNS = (
    Column("hypotheses", "hypotheses", ",d"),
    Column("utterances", "utterances", ",d"),
    Column("megabytes", "MB of the file", ",.1f"),
    Column("check", "check, s", ",.1f"),
    Column("read", "read, s", ",.1f"),
    Column("score", "score, s", ",.1f"),
    Column("write", "rank, report and write, s", ",.1f"),
    Column("seconds", "all, s", ",.1f"),
    Column("before", "memory before, MB", ",.0f"),
    Column("peak", "peak memory, MB", ",.0f"),
)


def repeated(lists: Sequence[NBest], hypotheses: int) -> Iterator[NBest]:
    """Lists of so many hypotheses or a few more."""
    words = sorted({word for each in lists for word in each.hypotheses[0].words if len(word) > 2})
    made = 0
    for repetition in count():
        word = words[repetition % len(words)]
        for each in lists:
            if made >= hypotheses:
                return
            made += len(each.hypotheses)
            yield NBest(
                f"{each.utterance}-{repetition}",
                tuple(replace(h, words=(word, *h.words)) for h in each.hypotheses),
                (word, *each.reference) if each.reference is not None else None,
            )


class Stopwatch:
    """Sums the processor seconds that are spent in one part of the work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def call(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            begin = time.process_time()
            result = function(*arguments)
            self.seconds += time.process_time() - begin
            return result

        return timed

    def iterate(self, items: Iterable[NBest]) -> Iterator[NBest]:
        rest, begin = iter(items), time.process_time()
        for item in rest:
            self.seconds += time.process_time() - begin
            yield item
            begin = time.process_time()


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """One row, in this process."""
    models = models_of([arguments.lm], None, "cpu")
    settings = RescoreSettings()
    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        outputs = OutputFiles(nbest=Path(folder) / "ranked.jsonl")
        begin = time.process_time()
        source = read_lists(InputFiles((arguments.lists,)), outputs, settings)
        check = time.process_time() - begin
        read, score = Stopwatch(), Stopwatch()
        rescoring.score_lists = score.call(rescoring.score_lists)
        source = replace(source, lists=read.iterate(source.lists))
        outcome = rescore_list_files(source, models, outputs, settings, _ignore)
        write_outcome(outcome, outputs, _ignore)
        seconds = time.process_time() - begin
    return {
        "hypotheses": source.summary.hypotheses,
        "utterances": len(source.summary.utterances),
        "megabytes": arguments.lists.stat().st_size / 1e6,
        "check": check,
        "read": read.seconds,
        "score": score.seconds,
        "write": seconds - check - read.seconds - score.seconds,
        "seconds": seconds,
        "before": before,
        "peak": _peak(),
    }


def _peak() -> float:
    """MB of the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _ignore(line: str) -> None:
    """Print nothing."""


def row(arguments: argparse.Namespace, lists: Path) -> dict[str, Any]:
    """The row of a file, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.list_scaling", str(lists), "--row"]
    ended = subprocess.run(
        [*command, "--lm", str(arguments.lm)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("lists", type=Path)
    parser.add_argument("--lm", type=Path, default=Path("rescorer/english/lightrnn.pt"))
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(run(arguments)))
        return
    measured = Measurement(
        __file__,
        arguments,
        "N-best lists: time and memory by size",
        "How do time and memory of rescoring grow with the number of hypotheses?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    lists = list(open_nbest(arguments.lists))
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / f"{size}.jsonl"
            write_nbest(path, repeated(lists, size), "jsonl")
            measured.add(**row(arguments, path))
    measured.note(
        "Seconds are processor seconds of one core. The files are read twice: once to check them "
        "before the model is needed, once to score them. Memory before is the largest resident "
        "size after Python, torch and the model were loaded."
    )
    measured.finish()


if __name__ == "__main__":
    main()
