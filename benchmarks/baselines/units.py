"""What a network of a table reads: words, or pieces of words. And what follows for whole words.

The perplexity of the open text compares both. Every word has a probability in its own spelling:

    words     log P(word) + log P(spelling | unknown), the latter for unknown words alone
    pieces    Σ log P(piece)

FOLDER/spelling.pt    the spelling model of the words, which spells unknown ones
FOLDER/pieces-SIZE/   pieces of that number, the texts in them, and the seconds that they took

Shapes: N words or pieces of a text, W its words; `</s>` counts as a word.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.baselines.budget import TEXTS, Folder
from benchmarks.baselines.pieces import Pieces, learn
from benchmarks.baselines.registry import Entry
from rescorer.files import whole_path, write_lines
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.open_vocabulary import OpenVocabulary
from rescorer.models.running_text import perplexity
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.corpus import ID_TYPE, Corpus, read_sentences


class Units(ABC):
    """The words or pieces that a network reads.

    Attributes:
        folder: of the table.
        vocabulary: of the network.
        seconds: that it took to make them.
    """

    folder: Folder
    seconds: float = 0.0

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary: ...

    @abstractmethod
    def text(self, name: str) -> Corpus:
        """The text "train", "valid" or "test" [N]."""

    @abstractmethod
    def by_word(self, log_probs: np.ndarray, name: str, model: Any) -> np.ndarray:
        """[W] log P of each word in its spelling, from a model's [N] log P of a text."""

    def per_word(self, name: str) -> float:
        """Number of words or pieces of a text for each of its words."""
        return len(self.text(name)) / len(self.folder.text(name))


@dataclass
class _Speller:
    """What OpenVocabulary needs of a model that spells."""

    name = "spelling"
    vocabulary: Vocabulary
    spelling: Spelling | None

    def knows(self, words: Sequence[str]) -> np.ndarray:
        return np.array([word != UNKNOWN and word in self.vocabulary for word in words])

    has_learnt = knows


class WordUnits(Units):
    """The words of the table's vocabulary."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return self.folder.vocabulary()

    def text(self, name: str) -> Corpus:
        return self.folder.text(name)

    def by_word(self, log_probs: np.ndarray, name: str, model: Any) -> np.ndarray:
        opened = OpenVocabulary(model, _Speller(self.vocabulary, self._spelling))
        words = _words(self.folder, name)
        return np.asarray(log_probs + opened.log_shares(opened.encode(words)).numpy())

    @cached_property
    def _spelling(self) -> Spelling:
        path = self.folder.path / "spelling.pt"
        if not path.exists():
            write_torch(Spelling.learn(self.vocabulary.words).as_dict(), path)
        return Spelling.from_dict(read_torch(path))


class PieceUnits(Units):
    """Pieces, which are made when they are first needed."""

    def __init__(self, folder: Folder, size: int) -> None:
        self.folder, self._path = folder, folder.path / f"pieces-{size}"
        if not self._path.exists():
            _make_pieces(folder, size, self._path)
        self.seconds = json.loads((self._path / "seconds.json").read_text(encoding="utf-8"))

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self._path)

    @property
    def vocabulary(self) -> Vocabulary:
        return self._pieces.vocabulary

    def text(self, name: str) -> Corpus:
        return Corpus.open(self._path / f"{name}.ids")

    def by_word(self, log_probs: np.ndarray, name: str, model: Any) -> np.ndarray:
        begins = np.flatnonzero(self._pieces.begins[self.text(name).ids])
        unknown = [
            0.0 if word == SENTENCE_END else self._pieces.log_prob_of_unknown(word)
            for word in _words(self.folder, name)
        ]
        return np.asarray(np.add.reduceat(log_probs, begins) + np.array(unknown))


def units_of(folder: Folder, entry: Entry) -> Units:
    """What the network of an entry reads."""
    return WordUnits(folder) if entry.pieces is None else PieceUnits(folder, entry.pieces)


def _make_pieces(folder: Folder, size: int, path: Path) -> None:
    words: Counter[str] = Counter()
    lines = 0
    for sentence in read_sentences([folder.sentences("train")]):
        words.update(sentence)
        lines += 1
    with whole_path(path) as work:
        work.mkdir()
        began = time.process_time()
        learn(words, lines, size, work)
        write_lines(work / "seconds.json", [json.dumps(time.process_time() - began)])
        pieces, spelled = Pieces(work), dict[str, list[int]]()
        for name in TEXTS:
            ids = _spelled(read_sentences([folder.sentences(name)]), pieces, spelled)
            ids.tofile(work / f"{name}.ids")


def _spelled(
    sentences: Iterable[list[str]], pieces: Pieces, spelled: dict[str, list[int]]
) -> np.ndarray:
    """[N] ids of a text in pieces; `spelled` keeps the words that were spelled so far."""
    ids, end = array("I"), pieces.vocabulary.end_id
    for sentence in sentences:
        for word in sentence:
            if word not in spelled:
                spelled[word] = pieces.vocabulary.encode(pieces.spell(word)).tolist()
            ids.extend(spelled[word])
        ids.append(end)
    return np.array(ids, dtype=ID_TYPE)


def _words(folder: Folder, name: str) -> list[str]:
    """The words of a text, with `</s>` after each sentence."""
    sentences = read_sentences([folder.sentences(name)])
    return list(chain.from_iterable((*sentence, SENTENCE_END) for sentence in sentences))


def open_perplexities(log_probs: np.ndarray, folder: Folder, name: str) -> dict[str, Any]:
    """Perplexities a word of the open text, from log P of its words in their spelling [W].

    Of the whole text, and of its sentences without unknown words.
    """
    known = in_known_sentences(folder.text(name).ids, folder.vocabulary())
    return {
        f"{name}_open_perplexity": perplexity(log_probs),
        f"{name}_known_perplexity": perplexity(log_probs[known]) if known.any() else None,
    }


def in_known_sentences(ids: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """[W] bool: which words of a text are in sentences without unknown words."""
    sentence = np.cumsum(ids == vocabulary.end_id) - (ids == vocabulary.end_id)
    unknown = np.bincount(sentence, weights=ids == vocabulary.unknown_id)
    return np.asarray(unknown[sentence] == 0)
