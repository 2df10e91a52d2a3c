"""Counts of words, and the vocabulary of the most frequent."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.models.word_counts import count_words, make_vocabulary


def test_counts_of_many_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("the cat\n\n  \nThe  dog\tsat\n")
    with gzip.open(tmp_path / "two.gz", "wt") as file:
        file.write("the Straße")  # no newline at the end
    counts = count_words([tmp_path / "one", tmp_path / "two.gz"])
    assert counts == {"the": 2, "cat": 1, "The": 1, "dog": 1, "sat": 1, "Straße": 1, "</s>": 3}
    assert count_words(iter([tmp_path / "one"]), case="lower")["the"] == 2


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_no_word(tmp_path: Path, text: str) -> None:
    (tmp_path / "text").write_text(text)
    with pytest.raises(InputError, match=r"text: no word in the texts.*remedy"):
        count_words([tmp_path / "text"])


@pytest.mark.parametrize("mark", ["<s>", "</s>"])
def test_marks_in_the_text(tmp_path: Path, mark: str) -> None:
    (tmp_path / "text").write_text(f"the cat {mark}\n")
    with pytest.raises(InputError, match=f"text: the text holds the word {mark}.*remedy"):
        count_words([tmp_path / "text"])


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"good\nbad \xff\n")
    with pytest.raises(InputError, match=r"text:2: .*UTF-8"):
        count_words([tmp_path / "text"])


COUNTS = Counter({"</s>": 5, "b": 4, "a": 4, "c": 2, "e": 1, "d": 1})


def test_vocabulary() -> None:
    words = make_vocabulary(COUNTS)
    assert words.words == ("</s>", "a", "b", "c", "d", "e", "<unk>")
    assert words.counts.tolist() == [5, 4, 4, 2, 1, 1, 0]


def test_words_left_out_are_unknown() -> None:
    assert dict(_items(min_count=2)) == {"</s>": 5, "a": 4, "b": 4, "c": 2, "<unk>": 2}
    assert dict(_items(max_size=3)) == {"</s>": 5, "a": 4, "<unk>": 8}
    assert len(_items(max_size=100)) == 7
    assert sum(count for _, count in _items(max_size=4, min_count=2)) == COUNTS.total()


def _items(min_count: int = 1, max_size: int | None = None) -> list[tuple[str, int]]:
    words = make_vocabulary(COUNTS, min_count=min_count, max_size=max_size)
    assert list(words.counts) == sorted(words.counts, reverse=True)
    return list(zip(words.words, words.counts.tolist(), strict=True))


def test_unknown_words_of_the_text_itself() -> None:
    words = make_vocabulary(Counter({"</s>": 2, "<unk>": 3, "a": 1}), min_count=2)
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == {"</s>": 2, "<unk>": 4}


def test_pseudo_counts() -> None:
    counts = Counter({"</s>": 5, "b": 4, "a": 4, "c": 2, "e": 1})
    words = make_vocabulary(counts, pseudo_counts={"e": 2, "new": 0}, max_size=5)
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == {
        "</s>": 5,
        "a": 4,
        "e": 3,
        "new": 0,
        "<unk>": 6,
    }
    assert make_vocabulary(counts, pseudo_counts={"new": 1}, min_count=9).words == (
        "<unk>",
        "</s>",
        "new",
    )


def test_more_listed_words_than_room() -> None:
    with pytest.raises(
        InputError,
        match="the lists hold 3 words, and there is room for 2; remedy: raise --max-size",
    ):
        make_vocabulary(COUNTS, pseudo_counts={"x": 1, "y": 1, "a": 1}, max_size=4)
