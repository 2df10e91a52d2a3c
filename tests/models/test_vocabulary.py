"""Vocabulary: ids, case, and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary

WORDS = ("</s>", "the", "<unk>", "Paris", "straße")


def vocabulary(words: tuple[str, ...] = WORDS, case: str = "as-is") -> Vocabulary:
    return Vocabulary(words, np.arange(len(words), 0, -1, dtype=np.int64), case)


def test_ids() -> None:
    words = vocabulary()
    assert len(words) == 5
    assert (words.end_id, words.unknown_id) == (0, 2)
    ids = words.encode(["the", "Paris", "paris", "straße", "</s>", "<unk>", ""])
    assert ids.dtype == np.int64
    assert ids.tolist() == [1, 3, 2, 4, 0, 2, 2]
    assert words.encode([]).tolist() == []


def test_sentence_start_is_read_as_sentence_end() -> None:
    assert vocabulary().encode(["<s>"]).tolist() == [0]
    assert "<s>" not in vocabulary()


def test_case() -> None:
    as_is, lower = vocabulary(), vocabulary(("</s>", "<unk>", "paris", "straße"), "lower")
    assert "Paris" in as_is and "PARIS" not in as_is and "paris" not in as_is
    assert "Paris" in lower and "PARIS" in lower and "STRASSE" not in lower
    assert lower.encode(["Paris", "pARIS", "Straße", "</S>"]).tolist() == [2, 2, 3, 0]
    assert lower.normalise("Paris") == "paris" and as_is.normalise("Paris") == "Paris"


@pytest.mark.parametrize(
    ("words", "counts", "case", "message"),
    [
        (("</s>", "<unk>", "a", "a"), 4, "as-is", "distinct"),
        (("<unk>", "a"), 2, "as-is", "</s>"),
        (("</s>", "a"), 2, "as-is", "<unk>"),
        (("</s>", "<unk>"), 3, "as-is", "3 counts for 2 words"),
        (("</s>", "<unk>"), 2, "upper", "upper"),
        # Words that no look-up can find would take cells and probability.
        (("</s>", "<unk>", "Paris"), 3, "lower", "Paris"),
        (("</s>", "<unk>", "<s>"), 3, "as-is", "<s>"),
    ],
)
def test_checks(words: tuple[str, ...], counts: int, case: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(words, np.ones(counts, dtype=np.int64), case)


@pytest.mark.parametrize("name", ["words.txt", "words.txt.gz", "words.txt.xz"])
@pytest.mark.parametrize("case", ["as-is", "lower"])
def test_file_round_trip(tmp_path: Path, name: str, case: str) -> None:
    words = vocabulary(
        ("</s>", "<unk>", "#", "# case=lower", "ü\u2028b", "\u00a0", "a b", "\ufeff"), case
    )
    words.save(tmp_path / name)
    again = Vocabulary.load(tmp_path / name)
    assert again.words == words.words
    assert again.counts.dtype == np.int64
    assert again.counts.tolist() == words.counts.tolist()
    assert again.case == case


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "starts with ''"),
        ("the\t3\n", 1, "starts with 'the"),
        ("# case=lower\n</s>\t1\n<unk>\t1\nthe\n", 4, "'the'"),
        ("# case=lower\n</s>\t1\n<unk>\t1\nthe\tmany\n", 4, "'the"),
        ("# case=lower\n</s>\t1\n\t1\n", 3, "1'"),
        ("# case=lower\n</s>\t1\n<unk>\t-1\n", 3, "'<unk>"),
        ("# case=lower\n</s>\t1\n<unk>\t1\na\tb\t1\n", 4, "'a"),
        ("# case=lower\n</s>\t1\n<unk>\t99999999999999999999\n", 3, "999"),
        ("# case=title\n</s>\t1\n<unk>\t1\n", None, "title"),
        ("# case=lower\n</s>\t1\n", None, "<unk>"),
        ("# case=lower\n</s>\t1\n<unk>\t1\na\t1\na\t1\n", None, "distinct"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as error:
        Vocabulary.load(path)
    place = f"{path}:{line}: " if line else f"{path}: "
    assert str(error.value).startswith(place)
    assert message in str(error.value) and "remedy" in str(error.value)
    assert "\n" not in str(error.value)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"# case=lower\n</s>\t1\n<unk>\t1\ncaf\xe9\t2\n")
    with pytest.raises(InputError, match=r"words.txt:4: byte 0xe9 is not UTF-8"):
        Vocabulary.load(path)


def test_words_come_and_go() -> None:
    words = vocabulary()
    more = words.with_words(["Rome", "Bonn"], np.array([2, 1]))
    assert more.words == (*WORDS, "Rome", "Bonn") and more.counts.tolist() == [5, 4, 3, 2, 1, 2, 1]
    assert more.without(np.array([1, 5])).words == ("</s>", "<unk>", "Paris", "straße", "Bonn")
    assert more.without(np.array([1, 5])).counts.tolist() == [5, 3, 2, 1, 1]
    assert words.words == WORDS
    with pytest.raises(ValueError, match="distinct"):
        words.with_words(["Paris"], np.array([1]))
    with pytest.raises(ValueError, match="<unk>"):
        words.without(np.array([2]))
