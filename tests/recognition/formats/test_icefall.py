"""icefall's results."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("[]", ()),
        ("['A', 'B']", ("A", "B")),
        ("[\"DON'T\", 'B']", ("DON'T", "B")),
        (r"['\'', '\xe9t\xe9']", ("'", "été")),
        ("'A B'", ("A", "B")),
    ],
)
def test_words_are_read_as_python_prints_them(
    tmp_path: Path, words: str, expected: tuple[str, ...]
) -> None:
    lines = f"u-1:\tref={words}\nu-1:\ttimestamp_ref=[0.1]\nu-1:\thyp={words}\n"
    (tmp_path / "in").write_text(lines, encoding="utf-8")
    (only,) = read_nbest(tmp_path / "in").lists
    assert (only.reference, only.hypotheses[0].words) == (expected, expected)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ("u:\tref=['A']\n", [":1: 'u' has no hypothesis"]),
        ("u:\tref=['A']\nu:\tref=['A']\n", [":1: 'u' has no hypothesis"]),
        ("u:\thyp=['A']\nu:\thyp=['A']\n", [":2: utterance 'u' is there twice"]),
        ("u:\thyp=['A']\nv: ['A']\n", [":2: ", "utterance:<TAB>ref="]),
        ("u:\thyp=['A'\n", [":1: ", "a list of words"]),
        ("u:\thyp=[1, 2]\n", [":1: ", "a list of words"]),
        ("u:\thyp=['\\x']\n", [":1: ", "as Python prints it"]),
        ("u:\thyp=['\\d']\n", [":1: ", "as Python prints it"]),
        ("u:\thyp=['\\x00']\n", [":1: ", r"'\x00'"]),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, lines: str, parts: list[str]) -> None:
    (tmp_path / "in").write_text(lines)
    refusal(lambda: read_nbest(tmp_path / "in", "icefall"), str(tmp_path / "in"), *parts)
