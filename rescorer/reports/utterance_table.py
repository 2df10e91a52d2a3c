"""The report as a table: the errors of each utterance before and after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescorer.files import write_lines
from rescorer.reports.alignment import GAP, Alignment, ErrorCounts, word_of
from rescorer.reports.error_rate import errors
from rescorer.reports.report import FIRST_PASS_ROW, ORACLE_ROW, Report

_KINDS = ("errors", "substitutions", "deletions", "insertions")
_SIDES = ("before", "after")


def write_utterance_table(path: str | Path, report: Report) -> None:
    """Write a tab-separated table with a header, whole or not at all.

    `before` is the first pass, `after` the result. An utterance without a word in the reference has
    its errors too. The columns of listed words are there if the report has a list.

    Raises:
        InputError: it cannot be written.
    """
    write_lines(path, ("\t".join(map(str, fields)) for fields in _table(report)))


def _table(report: Report) -> Iterator[list[object]]:
    kinds = [f"{kind}_{side}" for side in _SIDES for kind in _KINDS]
    listed = ["listed_words", *(f"listed_errors_{side}" for side in _SIDES)]
    yield ["utterance", "words", *kinds, "errors_oracle", *(listed if report.listed else ())]
    sides = [report.alignments(row) for row in (FIRST_PASS_ROW, report.result)]
    oracle = report.words[ORACLE_ROW]
    for place, (utterance, reference) in enumerate(report.references.items()):
        both = [side[place] for side in sides]
        counts = [count for alignment in both for count in _counts(alignment)]
        row = [utterance, len(reference), *counts, errors(reference, oracle[place])]
        yield [*row, *(_listed_counts(both, report.listed_words) if report.listed else ())]


def _counts(alignment: Alignment) -> tuple[int, ...]:
    found = ErrorCounts.of(alignment)
    return found.total, found.substitutions, found.deletions, found.insertions


def _listed_counts(both: list[Alignment], listed: frozenset[str]) -> list[int]:
    """The listed words of the reference, and the errors on listed words before and after."""
    spoken = sum(spoken != GAP and spoken in listed for spoken, _ in both[0])
    wrong = [
        sum(pair[0] != pair[1] and word_of(pair) in listed for pair in alignment)
        for alignment in both
    ]
    return [spoken, *wrong]
