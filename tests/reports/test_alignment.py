"""Alignments: kinds of errors, and confusions."""

from __future__ import annotations

import random

import pytest

from rescorer.reports.alignment import ErrorCounts, align, confusions, word_of
from rescorer.reports.error_rate import errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a b c", "a b c", (0, 0, 0)),
        ("a b c", "a x c", (1, 0, 0)),
        ("a b c", "a c", (0, 1, 0)),
        ("a c", "a b c", (0, 0, 1)),
        ("", "a b", (0, 0, 2)),
        ("a b", "", (0, 2, 0)),
        ("", "", (0, 0, 0)),
    ],
)
def test_kinds_of_errors(reference: str, hypothesis: str, expected: tuple[int, int, int]) -> None:
    found = ErrorCounts.of(align(reference.split(), hypothesis.split()))
    assert (found.substitutions, found.deletions, found.insertions) == expected


def test_alignments_have_the_fewest_errors() -> None:
    draw = random.Random(0)
    for _ in range(200):
        one, other = (draw.choices("abc", k=draw.randrange(8)) for _ in range(2))
        pairs = align(one, other)
        assert [spoken for spoken, _ in pairs if spoken] == one
        assert [written for _, written in pairs if written] == other
        assert ErrorCounts.of(pairs).total == errors(one, other)


def test_confusions_and_the_words_that_errors_count_by() -> None:
    alignments = [align(["a", "b"], ["a", "x", "y"]), align(["b", "c"], ["x"])]
    found = confusions(alignments)
    assert found.total() == 4 and found[("b", "x")] == 2
    assert word_of(("b", "x")) == "b" == word_of(("b", "")) and word_of(("", "x")) == "x"
