"""The errors of each utterance as a table."""

from __future__ import annotations

import csv
from pathlib import Path

from rescorer.reports.report import FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW, Report
from rescorer.reports.utterance_table import write_utterance_table

REFERENCES = {"u-1": ("the", "cat", "sat"), "u-2": (), "u-3": ("a", "dog")}
WORDS = {
    FIRST_PASS_ROW: [("the", "kat", "sat", "cat"), ("dog",), ("a",)],
    ORACLE_ROW: [("the", "cat", "sat"), (), ("a",)],
    RESCORED_ROW: [("the", "sat"), (), ("a", "dog")],
}


def written(path: Path, report: Report) -> list[dict[str, str]]:
    write_utterance_table(path, report)
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_errors_before_and_after(tmp_path: Path) -> None:
    report = Report.of(REFERENCES, WORDS, FIRST_PASS_ROW, RESCORED_ROW, {"cat", "dog"})
    first, second, third = written(tmp_path / "table.tsv", report)
    assert first == {
        **{"utterance": "u-1", "words": "3", "errors_before": "2", "substitutions_before": "1"},
        **{"deletions_before": "0", "insertions_before": "1", "errors_after": "1"},
        **{"substitutions_after": "0", "deletions_after": "1", "insertions_after": "0"},
        **{"errors_oracle": "0", "listed_words": "1", "listed_errors_before": "2"},
        "listed_errors_after": "1",
    }
    assert (second["words"], second["insertions_before"], second["errors_after"]) == ("0", "1", "0")
    assert (second["listed_words"], second["listed_errors_before"]) == ("0", "1"), "an insertion"
    assert (third["deletions_before"], third["errors_oracle"]) == ("1", "1")


def test_sums_are_those_of_the_report(tmp_path: Path) -> None:
    report = Report.of(REFERENCES, WORDS, FIRST_PASS_ROW, RESCORED_ROW)
    rows = written(tmp_path / "table.tsv", report)
    assert not any("listed" in name for name in rows[0])
    for name, column in ((FIRST_PASS_ROW, "errors_before"), (RESCORED_ROW, "errors_after")):
        assert sum(int(row[column]) for row in rows) == report.rows[name].errors
