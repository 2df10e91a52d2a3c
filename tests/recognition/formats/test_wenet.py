"""WeNet's lists as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("candidate", ["no score"]),
        ("candidate x y", ["'x' is not a number"]),
        ("candidate -inf y", ["not finite"]),
        ("wav", ["utterance id '' is empty"]),
        ("wav a b", ["utterance id 'a b'"]),
        ("wav u1\ncandidate 0 x", ["'u1' is there twice"]),
        ("he can see", ["'he'", "`wav utterance`, then"]),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, line: str, parts: list[str]) -> None:
    (tmp_path / "in").write_text(f"wav u1\ncandidate -1 x\n{line}\n")
    refusal(lambda: read_nbest(tmp_path / "in"), f"{tmp_path / 'in'}:3: ", *parts)


def test_a_candidate_of_no_utterance_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("candidate -1 x\nwav u1\n")
    refusal(lambda: read_nbest(tmp_path / "in", "wenet"), ":1: 'candidate' before any wav line")


def test_an_utterance_without_candidates_is_silent(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("wav u1\nwav u2\ncandidate -1 x\n")
    file = read_nbest(tmp_path / "in")
    assert [[h.words for h in each.hypotheses] for each in file.lists] == [[()], [("x",)]]
    assert "1 utterances without candidates" in file.remarks[0]
