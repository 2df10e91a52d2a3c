"""Plain text, one hypothesis a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import ACOUSTIC, FIRST_PASS, TOTAL, Hypothesis, NBest


def test_lines_in_any_order_between_blanks_or_tabs(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(
        "b-x-10\t-3\tten\twords\nb-x-9 -2.5 nine\n\na-1 0\nb-x-1  1e-3   one \n"
    )
    first, second = read_nbest(tmp_path / "in").lists
    assert first == NBest(
        "b-x",
        (
            Hypothesis("1", ("one",), {FIRST_PASS: 0.001}),
            Hypothesis("9", ("nine",), {FIRST_PASS: -2.5}),
            Hypothesis("10", ("ten", "words"), {FIRST_PASS: -3.0}),
        ),
    )
    assert second == NBest("a", (Hypothesis("1", (), {FIRST_PASS: 0.0}),))


def test_the_total_is_written_before_the_first_pass(tmp_path: Path) -> None:
    scores = {FIRST_PASS: -1.0, ACOUSTIC: -2.0}
    write_nbest(tmp_path / "first", [NBest("u", (Hypothesis("1", ("a", "b"), scores),))], "text")
    assert (tmp_path / "first").read_text() == "u-1 -1.0 a b\n"
    write_nbest(
        tmp_path / "total", [NBest("u", (Hypothesis("1", (), {**scores, TOTAL: -3.0}),))], "text"
    )
    assert (tmp_path / "total").read_text() == "u-1 -3.0\n"


@pytest.mark.parametrize("scores", [{}, {ACOUSTIC: -1.0, "graph": -2.0}])
def test_lists_without_either_are_refused(tmp_path: Path, scores: dict[str, float]) -> None:
    with pytest.raises(
        InputError, match=r"expected total or first_pass.*remedy: write the format jsonl"
    ):
        write_nbest(tmp_path / "out", [NBest("u", (Hypothesis("1", (), scores),))], "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("b-1", ["only 'b-1'", "expected utt-N score words"]),
        ("b -1 x", ["'b' has no number", "expected utt-N"]),
        ("b-1x -1 x", ["'b-1x' has no number"]),
        ("b-\u0661 -1 x", ["has no number"]),
        ("b-1 x y", ["'x' is not a number"]),
        ("b-1 nan y", ["'nan' is not finite"]),
        ("b-1 -inf y", ["'-inf' is not finite"]),
        ("b-1 1e999 y", ["'1e999' is not finite"]),
        ("b-1 1_000 y", ["'1_000' is not a number"]),
        ("b-1 0x10 y", ["'0x10' is not a number"]),
        ("a-1 -2 y", ["'a-1' is there twice", "line 1"]),
        ("b\x01-1 -2 y", ["control characters"]),
        ("b-1 -2 y\x00", [r"'\x00'"]),
        ("b" * 300 + " -1 x", ["bbb..."]),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, line: str, expected: list[str]) -> None:
    path = tmp_path / "in"
    path.write_text(f"a-1 -1 x\n\n{line}\na-2 -2 y\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_nbest(path)
    message = str(caught.value)
    assert f"{path}:3: " in message and "remedy: " in message
    assert all(part in message for part in expected), message
    assert len(message.splitlines()) == 1 and len(message) < len(str(path)) + 300


def test_a_bad_score_on_the_first_line_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a-1 nan x\n")
    with pytest.raises(InputError, match="in:1: score 'nan' is not finite"):
        read_nbest(tmp_path / "in")
