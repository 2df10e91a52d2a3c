"""Records the result of `make fuzz`: damaged inputs for all readers.

PYTHONPATH=tests python -m benchmarks.fuzz [--inputs 200000] [--seed 1] [--only nbest] [--record]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import torch
from fuzz.__main__ import fuzz
from fuzz.targets import all_targets

from benchmarks.machine import machine
from benchmarks.results import Column, Result, make_parser
from benchmarks.sources import digest

MEASURES = ("rescorer", "lexicon_tools", "tests/fuzz")
COLUMNS = (
    Column("target", "reader"),
    Column("inputs", "inputs", ",d"),
    Column("read", "read", ",d"),
    Column("refused", "refused in one line", ",d"),
    Column("findings", "anything else", ",d"),
    Column("milliseconds", "ms an input", ".1f"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="readers whose names hold this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
        targets = [each for each in all_targets(Path(folder)) if given.only in each.name]
        found = fuzz(targets, given.inputs, given.seed, Path("build/fuzz"))
    outcomes = [each.as_dict() for each in found]
    total = {
        key: sum(each[key] for each in outcomes)
        for key in ("inputs", "read", "refused", "findings", "seconds")
    }
    rows = [
        {**each, "milliseconds": 1000 * each["seconds"] / max(1, each["inputs"])}
        for each in [*outcomes, {"target": "all", **total}]
    ]
    if given.record is not None:
        only = f" --only {given.only}" if given.only else ""
        record = f" --record {given.record}".rstrip()
        written = Result(
            given.record or "fuzz",
            f"Damaged inputs: {given.only}" if given.only else "Damaged inputs",
            "Is every damaged input read, or refused in one line?",
            f"PYTHONPATH=tests python -m benchmarks.fuzz --inputs {given.inputs} --seed "
            f"{given.seed}{only}{record}",
            commit(),
            date.today().isoformat(),
            machine("cpu", "torch"),
            MEASURES,
            {
                "inputs": given.inputs,
                "seed": given.seed,
                **({"only": given.only} if given.only else {}),
            },
            COLUMNS,
            tuple(rows),
            (
                "Anything else is a traceback, a signal, more than 10 s of the processor, a "
                "message that is not one "
                "printable line, text that a library writes to the terminal, or lists of which a "
                "plain count of the file says that there are more.",
            ),
            {path: digest(path) for path in MEASURES},
        ).write()
        print(f"wrote {written}", file=sys.stderr)


def commit() -> str:
    """The commit that is measured."""
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
