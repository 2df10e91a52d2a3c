"""The table of LightRNN (Li et al., NIPS 2016), which has a row and a column for each word."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_TALL = 4  # rows per column from which a table is tall
# The default shape: at least so many words a row, up to so many rows.
_MIN_ROW_WORDS, _MAX_ROWS = 4, 3000


@dataclass(frozen=True, eq=False)
class WordTable:
    """Word id ↔ cell (row, column), at most one word a cell. R × C ≥ V; other cells are free.

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
                f"a table of {self.rows} rows and {self.columns} columns: "
                "expected at least 1 of each"
            )
        if len(self.cells) > size:
            raise ValueError(
                f"{len(self.cells)} words do not fit {self.rows} × {self.columns} = {size} cells"
            )
        if len(self.cells) and (self.cells.min() < 0 or self.cells.max() >= size):
            raise ValueError(f"a cell lies outside the {size} cells of the table")
        ordered = np.sort(self.cells)  # ten million words: np.unique takes 15 s
        if (ordered[1:] == ordered[:-1]).any():
            raise ValueError("two words share a cell")

    @classmethod
    def shaped(cls, words: int, rows: int | None = None, columns: int | None = None) -> WordTable:
        """A table of the given shape for words in id order, most frequent first.

        By default a row has four words, up to 3,000 rows. Beyond nine million words the table is
        square.

        A square table is filled row by row, so that words of a row have similar frequencies. A tall
        table is filled column by column, so that each row has one of the R most frequent words:
        its embedding can serve that word if the row has few others. (Penn Treebank, 10,000 words,
        one epoch, test perplexity: 100 × 100 by row 366, by column 400; 1250 × 8 by row 337, by
        column 245.)
        """
        if any(size is not None and size < 1 for size in (rows, columns)):
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
        """A table of the same shape with each word in a random cell."""
        cells = np.random.default_rng(seed).permutation(self.rows * self.columns)[: len(self.cells)]
        return WordTable(self.rows, self.columns, cells.astype(np.int64))

    def grown(self, rows: int = 0, columns: int = 0) -> WordTable:
        """The same table with additional free rows and columns; words keep row and column."""
        wider = self.columns + columns
        return WordTable(self.rows + rows, wider, self.row_of * wider + self.column_of)

    def with_words(self, cells: np.ndarray) -> WordTable:
        """The same table with additional words, of the next ids, in these free cells."""
        return WordTable(self.rows, self.columns, np.concatenate([self.cells, cells]))

    def without(self, ids: np.ndarray) -> WordTable:
        """The same table without these words; the ids of the words after them move up."""
        return WordTable(self.rows, self.columns, np.delete(self.cells, ids))

    @cached_property  # used for each scored word
    def row_of(self) -> np.ndarray:
        """[V] the row of each word."""
        return self.cells // self.columns

    @cached_property
    def column_of(self) -> np.ndarray:
        """[V] the column of each word."""
        return self.cells % self.columns

    @property
    def words(self) -> np.ndarray:
        """[R, C] the word in each cell; -1 for a free cell."""
        grid = np.full(self.rows * self.columns, -1, dtype=np.int64)
        grid[self.cells] = np.arange(len(self.cells))
        return grid.reshape(self.rows, self.columns)


def _rows_for(words: int) -> int:
    tall, square = math.ceil(words / _MIN_ROW_WORDS), math.isqrt(max(words - 1, 0)) + 1
    return max(min(tall, _MAX_ROWS), square)
