"""Show the effect of expected names: word error rates, then sentences before and after.

    python expected_names.py test.jsonl DIR

DIR holds files of `rescore`: the reports wer.mixture.json and wer.names.json, the results
test.mixture.txt and test.names.txt, and changes.tsv.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from examples import find, read_lists, read_results, show

# Each row of the table, and the part of the file names that stands for it.
SYSTEMS = {"mixture": "mixture", "mixture, with names": "names"}


def table(reports: dict[str, dict[str, Any]]) -> list[str]:
    """Word error rates in per cent of all words, of names and of other words."""
    lines = [f"{'WER, %':<24}{'all':>8}{'names':>8}{'others':>8}"]
    for row, system in SYSTEMS.items():
        report = reports[system]
        rates = [report["rows"]["rescored"], *report["listed"]["rescored"]]
        numbers = "".join(f"{100 * rate['errors'] / rate['words']:8.2f}" for rate in rates)
        lines.append(f"{row:<24}{numbers}")
    return lines


def names_of_changes(text: str) -> set[str]:
    """The words of all names in a table of `--changes`."""
    head, *rows = (line.split("\t") for line in text.splitlines())
    column = head.index("became")
    return {word for row in rows for word in row[column].split()}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: expected_names.py test.jsonl DIR")
    lists_path, folder = map(Path, sys.argv[1:])
    systems = SYSTEMS.values()
    print("\n".join(table({s: json.loads(read(folder / f"wer.{s}.json")) for s in systems})))
    before, after = (read_results(read(folder / f"test.{system}.txt")) for system in systems)
    names = names_of_changes(read(folder / "changes.tsv"))
    show(find(read_lists(read(lists_path)), before, after, names))


if __name__ == "__main__":
    main()
