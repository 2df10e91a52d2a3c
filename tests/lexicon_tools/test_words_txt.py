"""Vocabularies as words.txt, and words.txt against vocabularies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model

from lexicon_tools.vocabulary import load_vocabulary
from lexicon_tools.words_txt import KINDS, Fit, extend_words_txt, fit, write_words_txt
from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary
from rescorer.recognition.formats import words_txt

DATA = os.environ.get("RESCORER_DATA")


def vocabulary(*words: str, case: str = "as-is") -> Vocabulary:
    return Vocabulary(("</s>", "<unk>", *words), np.arange(len(words) + 2, 0, -1), case)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # sort(1) in the C locale puts ! and ' before <, letters after it.
        ("kaldi", "<eps> !SIL 'em <SPOKEN_NOISE> <UNK> Zoë a é #0 <s> </s>"),
        ("k2", "<eps> !SIL <SPOKEN_NOISE> <UNK> 'em Zoë a é #0 <s> </s>"),
    ],
)
def test_symbols(tmp_path: Path, kind: str, expected: str) -> None:
    write_words_txt(vocabulary("é", "a", "Zoë", "'em"), tmp_path / "words.txt", kind)
    lines = (tmp_path / "words.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{word} {number}" for number, word in enumerate(expected.split())]
    assert words_txt.read(tmp_path / "words.txt").labels == tuple(expected.split())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_fits(tmp_path: Path, kind: str) -> None:
    words = vocabulary("é", "a", "'em", case="lower")
    write_words_txt(words, tmp_path / "words.txt", kind)
    assert fit(tmp_path / "words.txt", words) == Fit(3, [], [])


@pytest.mark.parametrize(
    "word", ["#0", "#12", "<eps>", "!SIL", "<UNK>", "<SPOKEN_NOISE>", "a\u00a0b"]
)
def test_words_that_are_symbols(tmp_path: Path, word: str) -> None:
    with pytest.raises(InputError, match="the vocabulary holds the word"):
        write_words_txt(vocabulary("a", word), tmp_path / "words.txt", "k2")
    assert not list(tmp_path.iterdir())


def test_what_each_side_lacks(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(
        "<eps> 0\n!SIL 1\n<UNK> 2\nTHE 3\nCAT 9\nDOG 5\n#0 6\n<s> 7\n</s> 8\n"
    )
    assert fit(tmp_path / "words.txt", vocabulary("the", "mat", "dog", "log", case="lower")) == Fit(
        2, ["CAT"], ["mat", "log"]
    )


def test_nothing_fits(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("<eps> 0\nTHE 1\nCAT 2\n<UNK> 3\n")
    with pytest.raises(
        InputError,
        match=r"none of its 2 words is among the vocabulary's 2; .*remedy: give the other",
    ):
        fit(tmp_path / "words.txt", vocabulary("ein", "hund", case="lower"))
    with pytest.raises(
        InputError, match=r"but 1 would be in lower case.*remedy: make the .*--case lower"
    ):
        fit(tmp_path / "words.txt", vocabulary("the", "dog"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"<eps> 0\na\n", "words.txt:2: 'a'"),
        (b"<eps> 0\na one\n", "a word and its id"),
        (b"<eps> 0\nK\xf6ln 1\n", "not UTF-8"),
        (b"a 0\n", "id 0 is 'a'"),
    ],
)
def test_bad_words_txt(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(InputError, match=expected):
        fit(tmp_path / "words.txt", vocabulary("a"))


def test_vocabulary_of_any_file(tmp_path: Path) -> None:
    model = make_model()
    model.save(tmp_path / "lightrnn.pt")
    model.vocabulary.save(tmp_path / "words.tsv")
    for name in ("lightrnn.pt", "words.tsv"):
        assert load_vocabulary(tmp_path / name).words == model.vocabulary.words
    (tmp_path / "other").write_text("a\nb\n")
    for name in ("other", "none"):
        with pytest.raises(InputError, match="remedy"):
            load_vocabulary(tmp_path / name)


@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_real_words_txt(tmp_path: Path) -> None:
    path = Path(str(DATA)) / "lattices/kathleen-kaldi/words.txt"
    found = fit(path, vocabulary("the", "xyzzy"))
    assert (
        found.both == 1 and found.only_vocabulary == ["xyzzy"] and "the" not in found.only_symbols
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("kaldi", "<eps> 0|a 1|b 3|#0 4|<s> 5|</s> 6|c 7|d 8"),
        ("k2", "<eps> 0|a 1|b 3|c 4|d 5|#0 6|<s> 7|</s> 8"),
    ],
)
def test_more_words(tmp_path: Path, kind: str, expected: str) -> None:
    (tmp_path / "words.txt").write_text("<eps> 0\na 1\nb 3\n#0 4\n<s> 5\n</s> 6\n")
    words = ["c", "a", "d", "c"]
    added = extend_words_txt(tmp_path / "words.txt", words, tmp_path / "more.txt", kind)
    assert added == ["c", "d"]
    assert (tmp_path / "more.txt").read_text().splitlines() == expected.split("|")
    again = extend_words_txt(tmp_path / "more.txt", words, tmp_path / "same.txt", kind)
    assert not again and (tmp_path / "same.txt").read_text() == (tmp_path / "more.txt").read_text()


def test_more_words_after_the_marks(tmp_path: Path) -> None:
    """What extend_lang.sh makes is not k2's, where no word follows #0."""
    (tmp_path / "words.txt").write_text("<eps> 0\na 1\n#0 2\n<s> 3\n</s> 4\nb 5\n")
    with pytest.raises(InputError, match="words follow #0"):
        extend_words_txt(tmp_path / "words.txt", ["c"], tmp_path / "more.txt", "k2")
    assert not (tmp_path / "more.txt").exists()
