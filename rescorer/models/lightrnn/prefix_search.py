"""The most probable words that begin with a prefix: an exact search that does not score all words.

The words with a prefix are adjacent in alphabetical order. Since

    P(word | history) = P(row | history) · P(column | history, row) ≤ P(row | history),

rows are searched in the order of their probability, until no other row can hold a better word.

Shapes: V vocabulary, R rows, C columns, n words in alphabetical order, q rows scored together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rescorer.models.language_model import MARKS
from rescorer.models.lightrnn.state import ScoringState
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

# Rows scored together: at first and at most. The first rows often suffice.
_FIRST_ROWS, _MAX_ROWS = 64, 256


class TableModel(Protocol):
    """The part of a model that the search uses."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def table(self) -> WordTable: ...

    def row_log_probs(self, hidden: Tensor) -> Tensor:
        """[N, R] log P(row | history)."""

    def columns_after(self, state: ScoringState, rows: Tensor) -> Tensor:
        """[q, C] log P(column | history, row) after the one history of a state."""


class PrefixIndex:
    """Finds the words that begin with a prefix, and their rows; special tokens are left out.

    Attributes:
        ids: [n] the words in alphabetical order.
        rows: [n] the row of each.
        positions: [R, C] alphabetical position of each cell's word; -1 for a free cell.
    """

    def __init__(self, vocabulary: Vocabulary, table: WordTable) -> None:
        """Sort the words, which takes a second for a million."""
        words = vocabulary.words
        self._words = words
        marks = set(MARKS)
        ordered = sorted((word, index) for index, word in enumerate(words) if word not in marks)
        self.ids = np.fromiter((index for _, index in ordered), np.int64, len(ordered))
        self.rows = table.row_of[self.ids]
        positions = np.full(table.rows * table.columns, -1, dtype=np.int32)
        positions[table.cells[self.ids]] = np.arange(len(self.ids))
        self.positions = positions.reshape(table.rows, table.columns)

    def span(self, prefix: str) -> tuple[int, int]:
        """The range of positions of the words that begin with a prefix: first and end."""

        def beginning(index: int) -> str:
            return self._words[index][: len(prefix)]

        first = bisect_left(self.ids, prefix, key=self._words.__getitem__)
        return first, bisect_right(self.ids, prefix, first, key=beginning)

    def rows_of(self, span: tuple[int, int]) -> np.ndarray:
        """The rows that hold a word of the span."""
        return np.flatnonzero(np.bincount(self.rows[slice(*span)], minlength=len(self.positions)))

    def words_in(self, rows: np.ndarray, span: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """[q, C] bool: the cells of rows [q] with a word of the span; and ids of these words."""
        positions = self.positions[rows]
        held = (positions >= span[0]) & (positions < span[1])
        return held, self.ids[positions[held]]


@lru_cache(maxsize=1)  # both arguments are immutable and compared by identity
def prefix_index(vocabulary: Vocabulary, table: WordTable) -> PrefixIndex:
    """The cached index of a vocabulary and a table."""
    return PrefixIndex(vocabulary, table)


def best_with_prefix(
    model: TableModel, state: ScoringState, prefix: str, k: int
) -> list[tuple[str, float]]:
    """The k most probable words with a prefix after the one history of a state, with their P.

    Equally probable words are in the order of the vocabulary.
    """
    vocabulary = model.vocabulary
    index = prefix_index(vocabulary, model.table)
    span = index.span(vocabulary.normalise(prefix))
    ids, log_probs = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    with torch.no_grad():
        by_row = model.row_log_probs(state.hidden[-1])[0].cpu().numpy()  # [R]
    rows = index.rows_of(span)
    for chunk in _growing_chunks(rows[np.argsort(-by_row[rows], kind="stable")]):
        if len(ids) >= k:
            chunk = chunk[by_row[chunk] >= log_probs[-1]] if k else chunk[:0]
        if not len(chunk):
            break
        held, found = index.words_in(chunk, span)
        columns = model.columns_after(state, torch.as_tensor(chunk)).cpu().numpy()
        scores = np.repeat(by_row[chunk], held.sum(1)) + columns[held]
        ids, log_probs = _best(np.concatenate([ids, found]), np.concatenate([log_probs, scores]), k)
    return [
        (vocabulary.words[word], float(np.exp(log_prob)))
        for word, log_prob in zip(ids, log_probs, strict=True)
    ]


def _growing_chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Chunks of the rows, each larger than the one before."""
    begin, size = 0, _FIRST_ROWS
    while begin < len(rows):
        yield rows[begin : begin + size]
        begin, size = begin + size, min(2 * size, _MAX_ROWS)


def _best(ids: np.ndarray, log_probs: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best in descending order."""
    if len(ids) > k:
        ahead = log_probs >= np.partition(log_probs, -k)[-k]
        ids, log_probs = ids[ahead], log_probs[ahead]
    order = np.lexsort((ids, -log_probs))[:k]
    return ids[order], log_probs[order]
