"""Files of keys `utt-N`: read a list at a time if they are in order, joined by keys if not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescorer.recognition.formats import read_nbest
from rescorer.recognition.formats.key_order import is_in_order


def _file(path: Path, keys: str) -> Path:
    path.write_text("".join(f"{key} -1.5 the cat\n" for key in keys.split()))
    return path


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("a-1 a-2 b-1", True),
        ("a-1 a-3 b-7 b-8", True),
        ("a-2 a-1", False),
        ("a-1 a-1", False),
        ("a-1 b-1 a-2", False),
        ("a-1 a", False),
        ("", False),
    ],
)
def test_order_of_one_file(tmp_path: Path, keys: str, expected: bool) -> None:
    assert is_in_order([_file(tmp_path / "file", keys)]) is expected


def test_files_have_the_same_keys_line_by_line(tmp_path: Path) -> None:
    first = _file(tmp_path / "first", "a-1 a-2 b-1")
    for keys in ("a-1 b-1 a-2", "a-1 a-2", "a-1 a-2 b-1 b-2", "a-1 a-2 c-1"):
        assert not is_in_order([first, _file(tmp_path / "second", keys)])
    assert is_in_order([first, _file(tmp_path / "second", "a-1 a-2 b-1")])


def test_text_in_any_order_gives_the_same_lists(tmp_path: Path) -> None:
    lines = [f"{utterance}-{n} {-n}.5 word{n}" for utterance in "ab" for n in (1, 2, 10)]
    orders = (lines, [lines[place] for place in (2, 5, 0, 4, 1, 3)])
    found = []
    for order in orders:
        (tmp_path / "lists").write_text("\n".join(order) + "\n")
        found.append(read_nbest(tmp_path / "lists").lists)
    assert found[0] == found[1]
    assert [[h.key for h in each.hypotheses] for each in found[0]] == [["1", "2", "10"]] * 2
