"""Stress digits of ARPAbet."""

from __future__ import annotations

import pytest

from lexicon_tools.stress import with_stress


@pytest.mark.parametrize(
    ("word", "phones", "expected"),
    [
        ("hello", "HH AH L OW", "HH AH0 L OW1"),  # of CMUdict
        ("hello", "HH IH L OW", "HH IH1 L OW0"),  # other phones than CMUdict has
        ("xx", "B AH L OW", "B AH0 L OW1"),
        ("xx", "B EY", "B EY1"),
        ("xx", "T AA M EY T OW", "T AA0 M EY1 T OW0"),
        ("xx", "K AE N AH D AA", "K AE1 N AH0 D AA0"),
        ("xx", "S", "S"),
    ],
)
def test_stress(word: str, phones: str, expected: str) -> None:
    assert with_stress(word, phones.split()) == tuple(expected.split())
