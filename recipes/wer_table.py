"""Put the reports of several rescorings of the same lists into one table.

    python wer_table.py wer.json KenLM=wer.ngram.json LightRNN=wer.lightrnn.json

The reports are files of `rescore --wer-output`. wer.json gets rows for the first pass, the first
pass with a tuned word penalty, each rescoring under its NAME, and the oracle. The table is printed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

RESCORED, ORACLE = "rescored", "oracle"
KINDS = ("listed", "others")  # words of the list of --words, and all others


def combine(reports: dict[str, Any]) -> dict[str, Any]:
    """Rows by name: word error rates with intervals and counts, of all words and of each kind."""
    first = next(iter(reports.values()))
    rows = {name: _row(first, name) for name in first["rows"] if name not in (RESCORED, ORACLE)}
    for name, report in reports.items():
        if any(report["rows"][row] != first["rows"][row] for row in ("first pass", ORACLE)):
            raise SystemExit(f"error: {name} was measured on other lists than the first report")
        rows[name] = {**_row(report, RESCORED), "better_than_first_pass": report["improvement"]}
    rows[ORACLE] = _row(first, ORACLE)
    return {"rows": rows}


def _row(report: dict[str, Any], name: str) -> dict[str, Any]:
    kinds = zip(KINDS, report["listed"].get(name, ()), strict=False)  # none without --words
    return {**_rate(report["rows"][name]), **{kind: _rate(rate) for kind, rate in kinds}}


def _rate(rate: dict[str, Any]) -> dict[str, Any]:
    return {
        "wer": round(100 * rate["errors"] / rate["words"], 2) if rate["words"] else None,
        **rate,
    }


def table(rows: dict[str, Any]) -> list[str]:
    """The rows as lines; changes of errors are from the first pass with a tuned word penalty."""
    # The last first pass is the one with a tuned word penalty, if there are two.
    fair = [row for name, row in rows.items() if name.startswith("first pass")][-1]["errors"]
    by_kind = all(kind in row for row in rows.values() for kind in KINDS)
    first = next(iter(rows.values()))
    count = f"{first['words']} words"
    lines = [f"{count:<30} {'WER':>6}   95 % interval   errors  change"]
    if by_kind:
        names, others = (first[kind]["words"] for kind in KINDS)
        lines[0] += f"  {names} names  {others} others"
    for name, row in rows.items():
        change = f"{100 * (row['errors'] - fair) / fair:+.1f} %" if fair else ""
        interval = f"[{row['low']:5.2f}, {row['high']:5.2f}]"
        line = f"{name:<30} {row['wer']:6.2f}  {interval}  {row['errors']:6}  {change:>7}"
        if by_kind:
            line += f"  {row['listed']['wer']:9.2f}  {row['others']['wer']:11.2f}"
        lines.append(line)
    return lines


def main() -> None:
    if len(sys.argv) < 3 or not all("=" in argument for argument in sys.argv[2:]):
        sys.exit("usage: wer_table.py wer.json NAME=REPORT.json…")
    pairs = (argument.split("=", 1) for argument in sys.argv[2:])
    result = combine(
        {name: json.loads(Path(path).read_text(encoding="utf-8")) for name, path in pairs}
    )
    output = Path(sys.argv[1])
    part = output.with_name(f"{output.name}.part")
    part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    os.replace(part, output)
    print("\n".join(table(result["rows"])))


if __name__ == "__main__":
    main()
