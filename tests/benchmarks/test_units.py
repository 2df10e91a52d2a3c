"""Perplexity a word of the open text, from words and from pieces."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.baselines import units
from benchmarks.baselines.pieces import BEGIN, Pieces, learn
from benchmarks.baselines.registry import Entry
from benchmarks.baselines.units import PieceUnits, WordUnits, in_known_sentences
from rescorer.errors import InputError
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.corpus import Corpus

pytest.importorskip("sentencepiece")
WORDS = {"abba": 30, "abab": 20, "ba": 50, "bab": 9, "a": 7, "c": 1}
TEST = [["abba", "ba"], ["zab", "a"], ["caz"]]  # z is in no piece


class FolderOfTexts:
    """A table's folder with a small training text and the test text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        train = [[word] for word, count in WORDS.items() for _ in range(count)]
        for name, sentences in (("train", train), ("valid", TEST), ("test", TEST)):
            lines = "".join(" ".join(sentence) + "\n" for sentence in sentences)
            self.sentences(name).write_text(lines)
            Corpus.encode([self.sentences(name)], self.vocabulary(), path / f"{name}.ids")

    def sentences(self, name: str) -> Path:
        return self.path / f"{name}.txt"

    def text(self, name: str) -> Corpus:
        return Corpus.open(self.path / f"{name}.ids")

    def vocabulary(self) -> Vocabulary:
        words = ("</s>", "ba", "abba", "abab", "a", "<unk>")
        return Vocabulary(words, np.array([117, 50, 30, 20, 7, 10]))


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    return FolderOfTexts(tmp_path)


@pytest.fixture
def pieces(tmp_path: Path) -> Pieces:
    learn(WORDS, 117, 9, tmp_path)
    return Pieces(tmp_path)


def test_pieces_spell_their_words(pieces: Pieces) -> None:
    assert len(pieces.vocabulary) == 9
    for word in ("abba", "ba", "zabz", "z", "ccc"):
        spelled = pieces.spell(word)
        assert "".join(spelled) == BEGIN + word and spelled[0].startswith(BEGIN)
        assert not any(piece.startswith(BEGIN) for piece in spelled[1:])
    assert pieces.begins.tolist() == [
        word[0] == BEGIN or word == "</s>" for word in pieces.vocabulary.words
    ]
    counts = dict(zip(pieces.vocabulary.words, pieces.vocabulary.counts.tolist(), strict=True))
    assert counts["</s>"] == 117
    assert sum(counts.values()) == 117 + sum(
        count * len(pieces.spell(word)) for word, count in WORDS.items()
    )


def test_probabilities_of_all_strings_sum_to_at_most_one(pieces: Pieces) -> None:
    """Of a model in which each piece is as probable as any other."""
    piece, begins = 1 / len(pieces.vocabulary), pieces.begins.mean()
    total = 0.0
    for length in range(1, 6):
        for letters in itertools.product("abcz", repeat=length):
            word = "".join(letters)
            prob = piece ** len(pieces.spell(word)) * math.exp(pieces.log_prob_of_unknown(word))
            assert prob > 0
            total += prob * begins
    assert 0 < total <= 1


def test_unknown_characters_cost_their_share(tmp_path: Path) -> None:
    learn({**WORDS, "é": 1, "aé": 2, "ü": 1, "a" * 50: 200}, 1, 9, tmp_path)
    pieces = Pieces(tmp_path)
    counts = {letter: 1 for letter in "cü"} | {"é": 3}
    counts = {letter: count for letter, count in counts.items() if letter not in pieces.vocabulary}
    assert {"é", "ü"} <= counts.keys()
    for word, letters in (("éü", "éü"), ("azzé", "zzé"), ("ba", "")):
        expected = sum(
            math.log((counts.get(letter, 0) + 1) / (sum(counts.values()) + 0x110000))
            for letter in letters
        )
        assert pieces.log_prob_of_unknown(word) == pytest.approx(expected)


@pytest.mark.parametrize("word", ["a▁b", "</s>", "<unk>"])
def test_a_text_with_marks_has_no_pieces(word: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a mark of the pieces"):
        learn({**WORDS, word: 3}, 117, 9, tmp_path)


def test_too_many_pieces_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="makes no 5,000 pieces"):
        learn(WORDS, 117, 5001, tmp_path)


def test_words_of_pieces_by_hand(folder: Any) -> None:
    found = PieceUnits(folder, 9)
    pieces, ids = Pieces(folder.path / "pieces-9"), found.text("test").ids
    log_probs, expected, place = -np.random.default_rng(0).random(len(ids)), [], 0
    for sentence in TEST:
        for word in sentence:
            spelled = pieces.spell(word)
            part = slice(place, place + len(spelled))
            assert ids[part].tolist() == pieces.vocabulary.encode(spelled).tolist()
            expected.append(log_probs[part].sum() + pieces.log_prob_of_unknown(word))
            place += len(spelled)
        assert ids[place] == pieces.vocabulary.end_id
        expected.append(log_probs[place])
        place += 1
    np.testing.assert_allclose(found.by_word(log_probs, "test", None), expected)
    assert found.per_word("test") == len(ids) / 8
    opened = units.open_perplexities(np.array(expected), folder, "test")
    assert opened["test_open_perplexity"] == pytest.approx(math.exp(-np.mean(expected)))
    assert opened["test_known_perplexity"] == pytest.approx(math.exp(-np.mean(expected[:3])))


def test_unknown_words_are_spelled(folder: Any) -> None:
    vocabulary = folder.vocabulary()
    model = Entry.parse("full").make({"hidden_dim": 4}, vocabulary, {})
    log_probs = -np.arange(1.0, 9.0)
    spelling = Spelling.learn(vocabulary.words)
    expected = log_probs + [
        0 if word in vocabulary.words else spelling.unknown_log_prob(word)
        for sentence in TEST
        for word in (*sentence, "</s>")
    ]
    for _ in range(2):  # the second time, the spelling comes from its file
        np.testing.assert_allclose(
            WordUnits(folder).by_word(log_probs, "test", model), expected, atol=1e-6
        )


def test_words_of_known_sentences() -> None:
    vocabulary = Vocabulary(("</s>", "a", "<unk>"), np.array([3, 3, 3]))
    ids = np.array([1, 0, 2, 1, 0, 0, 1, 1, 0, 2])
    expected = [True, True, False, False, False, True, True, True, True, False]
    assert in_known_sentences(ids, vocabulary).tolist() == expected
