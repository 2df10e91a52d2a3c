"""Where each word sits: the two-dimensional table of LightRNN (Li et al., NIPS 2016)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_TALL = 4  # rows a column from which a table counts as tall
_FEW_WORDS = 4  # of a row at the least, and
_MANY_ROWS = 3000  # at the most, where no shape is given; benchmarks/README.md has others


@dataclass(frozen=True, eq=False)
class WordTable:
    """Word id ↔ cell (row, column), one word a cell; R × C ≥ V, cells without a word are free.

    Attributes:
        rows: R.
        columns: C.
        cells: [V] int64, row · C + column of each word.
    """

    rows: int
    columns: int
    cells: np.ndarray

    def __post_init__(self) -> None:
        size = self.rows * self.columns
        if self.rows < 1 or self.columns < 1:
            raise ValueError(
                f"a table of {self.rows} rows and {self.columns} columns: expected at least 1 of each"
            )
        if len(self.cells) > size:
            raise ValueError(
                f"{len(self.cells)} words do not fit {self.rows} × {self.columns} = {size} cells"
            )
        if len(self.cells) and (self.cells.min() < 0 or self.cells.max() >= size):
            raise ValueError(f"a cell lies outside the {size} cells of the table")
        if len(np.unique(self.cells)) != len(self.cells):
            raise ValueError("two words share a cell")

    @classmethod
    def shaped(cls, words: int, rows: int | None = None, columns: int | None = None) -> WordTable:
        """A first table for words in id order, most frequent first, of the given shape.

        Where none is given, rows have four words, up to 3,000 rows; beyond nine million words the
        table is square.

        Words fill a square table row after row, so that a row's words are about as frequent. A tall
        table is dealt instead, each row one of the R most frequent words, then one of the next R:
        with few words in a row its vectors can serve the frequent one. (Penn Treebank, 10,000
        words, one epoch, test perplexity: 100 × 100 filled 366, dealt 400; 1250 × 8 filled 337,
        dealt 245.)
        """
        if any(given is not None and given < 1 for given in (rows, columns)):
            raise ValueError(
                f"a table of {rows} rows and {columns} columns: expected at least 1 of each"
            )
        if rows is None:
            rows = math.ceil(words / columns) if columns else _rows_for(words)
        if columns is None:
            columns = math.ceil(words / rows)
        ranks = np.arange(words, dtype=np.int64)
        tall = rows >= _TALL * columns
        return cls(rows, columns, ranks % rows * columns + ranks // rows if tall else ranks)

    def shuffled(self, seed: int) -> WordTable:
        """The same shape with every word in a cell drawn by chance."""
        cells = np.random.default_rng(seed).permutation(self.rows * self.columns)[: len(self.cells)]
        return WordTable(self.rows, self.columns, cells.astype(np.int64))

    def grown(self, rows: int = 0, columns: int = 0) -> WordTable:
        """The same table with so many free rows and columns more; every word stays in its row and
        its column.
        """
        wider = self.columns + columns
        return WordTable(self.rows + rows, wider, self.row_of * wider + self.column_of)

    def with_words(self, cells: np.ndarray) -> WordTable:
        """The same table with more words, the next ids, in these free cells."""
        return WordTable(self.rows, self.columns, np.concatenate([self.cells, cells]))

    def without(self, ids: np.ndarray) -> WordTable:
        """The same table with the cells of these words free; the words after them move up to the
        next ids.
        """
        return WordTable(self.rows, self.columns, np.delete(self.cells, ids))

    @cached_property  # scoring asks at every word of a sentence
    def row_of(self) -> np.ndarray:
        """[V] the row of each word."""
        return self.cells // self.columns

    @cached_property
    def column_of(self) -> np.ndarray:
        """[V] the column of each word."""
        return self.cells % self.columns

    @property
    def words(self) -> np.ndarray:
        """[R, C] the word in each cell, -1 where it is free."""
        grid = np.full(self.rows * self.columns, -1, dtype=np.int64)
        grid[self.cells] = np.arange(len(self.cells))
        return grid.reshape(self.rows, self.columns)


def _rows_for(words: int) -> int:
    few, square = math.ceil(words / _FEW_WORDS), math.isqrt(max(words - 1, 0)) + 1
    return max(min(few, _MANY_ROWS), square)
