"""Word lists: the three forms of a line, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.models.word_list import ListedWord, read_word_list


def test_the_three_forms_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("emu\n\nyak\t3\nowl\t0.5\t\nrome\t0\tplaces,first-names\n", encoding="utf-8")
    assert list(read_word_list(path)) == [
        ListedWord(1, "emu", None, ()),
        ListedWord(3, "yak", 3, ()),
        ListedWord(4, "owl", 0.5, ()),
        ListedWord(5, "rome", 0, ("places", "first-names")),
    ]


def test_whole_counts_are_exact(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("emu\t999999999999\nyak\t2.0\n")
    first, second = (listed.count for listed in read_word_list(tmp_path / "words"))
    assert (type(first), first) == (int, 999_999_999_999) and type(second) is float


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("new york", "'new york' is not one word"),
        ("\t3", "'' is not one word"),
        ("<noise>", "'<noise>' is a special token"),
        ("e\u00admu", "holds SOFT HYPHEN"),
        ("emu\tmany", "'many' after the word"),
        ("emu\t0", "'0' after the word"),
        ("emu\t1e13", "'1e13' after the word"),
        ("emu\tinf", "'inf' after the word"),
        ("emu\t-1\tbirds", "'-1 birds' after the word"),
        ("emu\t1\tbirds,", "'1 birds,' after the word"),
        ("emu\t1\tbig birds", "'1 big birds' after the word"),
        ("emu\t1\tbirds\tmore", "'1 birds more' after the word"),
    ],
)
def test_a_line_of_another_form(tmp_path: Path, line: str, found: str) -> None:
    (tmp_path / "words").write_text(f"yak\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        list(read_word_list(tmp_path / "words"))
    message = str(error.value)
    assert "words:2: " in message and found in message
    assert "expected" in message and "remedy: " in message and "\n" not in message
