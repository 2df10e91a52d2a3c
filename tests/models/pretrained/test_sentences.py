from __future__ import annotations

import pytest

from rescorer.models.pretrained.sentences import written
from rescorer.models.pretrained.settings import PretrainedSettings


@pytest.mark.parametrize(
    "case, text, expected",
    [
        ("auto", "THE CAT", "the cat"),
        ("auto", "The cat", "The cat"),
        ("auto", "I'M", "i'm"),
        ("keep", "THE CAT", "THE CAT"),
        ("lower", "The Cat", "the cat"),
        ("sentence", "THE CAT", "The cat"),
        ("sentence", "", ""),
        ("auto", "12", "12"),
    ],
)
def test_case(case: str, text: str, expected: str) -> None:
    settings = PretrainedSettings(hf_case=case, hf_end="none")
    assert written(tuple(text.split()), settings) == expected


@pytest.mark.parametrize(
    "end, text, expected",
    [
        ("stop", "the cat", "the cat."),
        ("stop", "The cat?", "The cat?"),
        ("stop", "", "."),
        ("newline", "the cat", "the cat\n"),
        ("eos", "the cat", "the cat"),
        ("none", "the cat", "the cat"),
    ],
)
def test_end(end: str, text: str, expected: str) -> None:
    assert written(tuple(text.split()), PretrainedSettings(hf_end=end)) == expected
