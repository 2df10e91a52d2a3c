"""Words completed as they are typed: the most probable ones after a history that begin with some letters.

A LightRNN's search is exact without scoring every word. Words that begin alike are neighbours in the alphabet, and

    P(word | history) = P(row | history) · P(column | history, row) ≤ P(row | history),

so rows are gone through from the most probable on, until none that is left can hold a word better than the k found.

Shapes: V vocabulary, R rows, C columns, n words in the alphabet, q rows looked at together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from rescorer.errors import InputError
from rescorer.models.language_model import MARKS, LanguageModel, State
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

if TYPE_CHECKING:
    from rescorer.models.lightrnn.network import LightRNN

_FIRST_ROWS, _MOST_ROWS = 64, 256  # looked at together: few at first, for often they are enough


class PrefixIndex:
    """Where in a table the words are that begin with a prefix; the marks are no words here.

    Attributes:
        ids: [n] the words in alphabetical order.
        rows: [n] the row of each.
        places: [R, C] where in this order the word of each cell is, -1 where there is none.
    """

    def __init__(self, vocabulary: Vocabulary, table: WordTable) -> None:
        """Sorts the words: a second for a million."""
        words = vocabulary.words
        self._words = words
        marks = set(MARKS)
        alphabet = sorted((word, index) for index, word in enumerate(words) if word not in marks)
        self.ids = np.fromiter((index for _, index in alphabet), np.int64, len(alphabet))
        self.rows = table.row_of[self.ids]
        places = np.full(table.rows * table.columns, -1, dtype=np.int32)
        places[table.cells[self.ids]] = np.arange(len(self.ids))
        self.places = places.reshape(table.rows, table.columns)

    def span(self, prefix: str) -> tuple[int, int]:
        """First and end of the places of the words that begin so."""
        first = bisect_left(self.ids, prefix, key=self._words.__getitem__)
        return first, bisect_right(self.ids, prefix, first, key=lambda index: self._words[index][: len(prefix)])

    def rows_of(self, span: tuple[int, int]) -> np.ndarray:
        """The rows that hold a word of the span."""
        return np.flatnonzero(np.bincount(self.rows[slice(*span)], minlength=len(self.places)))

    def words_in(self, rows: np.ndarray, span: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """[q, C] bool, which cells of these rows [q] hold a word of the span; and the ids of those words."""
        places = self.places[rows]
        held = (places >= span[0]) & (places < span[1])
        return held, self.ids[places[held]]


@lru_cache(maxsize=1)  # of the model in use: neither changes, and each is equal to itself alone
def prefix_index(vocabulary: Vocabulary, table: WordTable) -> PrefixIndex:
    """The index, made once."""
    return PrefixIndex(vocabulary, table)


def best_with_prefix(model: LightRNN, state: State, prefix: str, k: int) -> list[tuple[str, float]]:
    """The k most probable words with the prefix after the one history of a state, with P(word | history).

    Of equally probable words the first in the vocabulary is the better.
    """
    vocabulary = model.vocabulary
    index = prefix_index(vocabulary, model.table)
    span = index.span(vocabulary.normalise(prefix))
    ids, log_probs = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    with torch.no_grad():
        by_row = model.row_log_probs(state.hidden[-1])[0].cpu().numpy()  # [R]
    rows = index.rows_of(span)
    for chunk in _chunks(rows[np.argsort(-by_row[rows], kind="stable")]):
        if len(ids) >= k:
            chunk = chunk[by_row[chunk] >= log_probs[-1]] if k else chunk[:0]
        if not len(chunk):
            break
        held, found = index.words_in(chunk, span)
        columns = model.columns_after(state, torch.as_tensor(chunk)).cpu().numpy()
        scores = np.repeat(by_row[chunk], held.sum(1)) + columns[held]
        ids, log_probs = _best(np.concatenate([ids, found]), np.concatenate([log_probs, scores]), k)
    return [(vocabulary.words[word], float(np.exp(log_prob))) for word, log_prob in zip(ids, log_probs, strict=True)]


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """The rows, more and more at a time."""
    begin, size = 0, _FIRST_ROWS
    while begin < len(rows):
        yield rows[begin : begin + size]
        begin, size = begin + size, min(2 * size, _MOST_ROWS)


def _best(ids: np.ndarray, log_probs: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best, best first."""
    if len(ids) > k:
        ahead = log_probs >= np.partition(log_probs, -k)[-k]
        ids, log_probs = ids[ahead], log_probs[ahead]
    order = np.lexsort((ids, -log_probs))[:k]
    return ids[order], log_probs[order]


def can_begin_word(prefix: str) -> bool:
    """Whether there is no blank in it."""
    return "".join(prefix.split()) == prefix


def read_keys(lines: Iterable[bytes]) -> Iterator[tuple[list[str], str]]:
    """The history and the prefix of each line, `words<TAB>prefix`; either may be empty.

    Raises:
        InputError: another line, or one that is not UTF-8.
    """
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise InputError("this line is not UTF-8", expected="UTF-8 text", remedy="let the caller write UTF-8",
                             file="stdin", line=number) from None
        history, tab, prefix = text.partition("\t")
        if not tab or not can_begin_word(prefix):
            raise InputError(f"{text[:80]!r}", expected="words<TAB>prefix", remedy="put a tab after the words",
                             file="stdin", line=number)
        yield history.split(), prefix


class Completer:
    """A model that is asked key after key: what it read of the text stays read while the text only grows."""

    def __init__(self, model: LanguageModel) -> None:
        """Raises InputError where the model cannot list its words."""
        if model.words is None:
            raise InputError("the model cannot list its words", expected="a lightrnn.pt", remedy="give another --lm")
        self._model = model
        self._history: tuple[str, ...] = ()
        self._state = model.start()

    def words(self, history: Sequence[str], prefix: str = "", k: int = 10) -> list[tuple[str, float]]:
        """`next_words` of the model."""
        history = tuple(history)
        known = len(self._history)
        if history[:known] != self._history:
            known, self._state = 0, self._model.start()
        self._state = self._model.read(history[known:], self._state)
        self._history = history
        return self._model.best_words(self._state, k, prefix=prefix)
