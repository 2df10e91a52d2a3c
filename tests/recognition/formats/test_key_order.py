"""Files of keys `utt-N`: read a list at a time if they are in order, joined by keys if not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescorer.recognition.formats import read_nbest
from rescorer.recognition.formats.key_order import HELD, is_grouped, is_numbered


def _file(path: Path, keys: str) -> Path:
    path.write_text("".join(f"{key} -1.5 the cat\n" for key in keys.split()))
    return path


@pytest.mark.parametrize(
    ("keys", "is_one_by_one", "ascends"),
    [
        ("a-1 a-2 b-1", True, True),
        ("a-1 a-3 b-7 b-8", True, True),
        ("a-2 a-1", True, False),
        ("a-1 a-10 a-2 b-1", True, False),
        ("a-1 a-1", False, False),
        ("a-1 a-2 a-1", False, False),
        ("a-1 b-1 a-2", False, True),
    ],
)
def test_order_of_one_file(tmp_path: Path, keys: str, is_one_by_one: bool, ascends: bool) -> None:
    file = _file(tmp_path / "file", keys)
    assert (is_grouped([file]), is_numbered(file)) == (is_one_by_one, ascends)


def test_a_file_without_good_keys_is_not_grouped(tmp_path: Path) -> None:
    for keys in ("a-1 a", ""):
        assert not is_grouped([_file(tmp_path / "file", keys)])


def test_files_have_the_same_keys_line_by_line(tmp_path: Path) -> None:
    first = _file(tmp_path / "first", "a-1 a-2 b-1")
    for keys in ("a-1 b-1 a-2", "a-1 a-2", "a-1 a-2 b-1 b-2", "a-1 a-2 c-1"):
        assert not is_grouped([first, _file(tmp_path / "second", keys)])
    assert is_grouped([first, _file(tmp_path / "second", "a-1 a-2 b-1")])


def test_text_in_any_order_gives_the_same_lists(tmp_path: Path) -> None:
    lines = [f"{utterance}-{n} {-n}.5 word{n}" for utterance in "ab" for n in (1, 2, 10)]
    orders = [lines, sorted(lines), [lines[place] for place in (2, 5, 0, 4, 1, 3)]]
    found = []
    for order in orders:
        (tmp_path / "lists").write_text("\n".join(order) + "\n")
        found.append(read_nbest(tmp_path / "lists"))
    assert found[0].lists == found[1].lists == found[2].lists
    assert [[h.key for h in each.hypotheses] for each in found[0].lists] == [["1", "2", "10"]] * 2
    # only the last order is one of which all has to be held
    assert [file.remarks for file in found] == [(), (), (f"{tmp_path / 'lists'}: {HELD}",)]
