"""Where new words may go: the free cells of a table, and the rows or columns made where those are
too few.

Shapes: W new words, R rows, C columns, R' rows and C' columns of the new table, Q rows and K
columns with open cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rescorer.errors import InputError
from rescorer.models.word_table import WordTable

GROW = ("rows", "columns", "no")
_OPEN = 4  # open cells a word: the rows that the words want least need not be looked at


class FreeCells(NamedTuple):
    """A larger table, and its cells that new words may take."""

    source_rows: np.ndarray  # [R'] the old row whose parameters each row has
    source_columns: np.ndarray  # [C']
    rows: np.ndarray  # [Q] rows with open cells
    columns: np.ndarray  # [K] columns with open cells
    open: np.ndarray  # [Q, K] bool


def find_free_cells(
    table: WordTable,
    row_costs: np.ndarray,
    column_costs: Callable[[np.ndarray], np.ndarray],
    grow: str,
) -> FreeCells:
    """The free cells where words share both row and column; too few: lines that hold no word, then
    new ones, are made.

    No vectors were ever learnt for a line without words. A made line has those of the line that the
    words want most.

    Args:
        row_costs: [W, R] mean cost of each row in the contexts of each word.
        column_costs: gives that of each column [W, C], each word being in its row of these [W];
            asked for only where columns are made.
        grow: what is added: "rows", "columns" or "no".

    Raises:
        InputError: too few free cells, and none may be added.
    """
    taken = table.words >= 0  # [R, C]
    with_words = np.asarray(taken.any(1)), np.asarray(taken.any(0))  # [R], [C]
    rows, columns = _lines_made(table, with_words, len(row_costs), grow)
    row_votes = _votes(row_costs, with_words[0])
    source_rows = _sources(with_words[0], rows, row_votes, int(with_words[1].sum()) + columns)
    source_columns = np.arange(table.columns)
    if columns:
        costs = column_costs(np.where(with_words[0], row_costs, np.inf).argmin(1))
        source_columns = _sources(
            with_words[1], columns, _votes(costs, with_words[1]), int(with_words[0].sum()) + rows
        )
    used = (
        _used(with_words[0], rows, len(source_rows)),
        _used(with_words[1], columns, len(source_columns)),
    )
    free_cells = np.outer(*used)  # [R', C']
    free_cells[: table.rows, : table.columns] &= ~taken
    wanted = _wanted_rows(row_votes.sum(0)[source_rows], free_cells, _OPEN * len(row_costs))
    open_columns = np.flatnonzero(free_cells[wanted].any(0))
    return FreeCells(
        source_rows, source_columns, wanted, open_columns, free_cells[np.ix_(wanted, open_columns)]
    )


def _lines_made(
    table: WordTable, with_words: tuple[np.ndarray, np.ndarray], words: int, grow: str
) -> tuple[int, int]:
    """How many rows and columns are made: of those without words first, then new ones."""
    needed = len(table.cells) + words
    rows, columns = int(with_words[0].sum()), int(with_words[1].sum())
    more_rows = min(table.rows - rows, max(0, -(-needed // columns) - rows))
    more_columns = min(table.columns - columns, max(0, -(-needed // (rows + more_rows)) - columns))
    if needed <= (rows + more_rows) * (columns + more_columns):
        return more_rows, more_columns
    if grow == "no":
        free = table.rows * table.columns - len(table.cells)
        raise InputError(
            f"{words} new words",
            expected=f"at most {free}, for so many cells are free",
            remedy="give --grow rows or columns, add fewer words, or remove some",
        )
    if grow == "rows":
        return -(-needed // (columns + more_columns)) - rows, more_columns
    return more_rows, -(-needed // (rows + more_rows)) - columns


def _used(with_words: np.ndarray, made: int, size: int) -> np.ndarray:
    """[size] the lines of the new table that hold words or are made for new ones."""
    used = np.zeros(size, dtype=bool)
    used[: len(with_words)] = with_words
    used[_made(with_words, made)] = True
    return used


def _made(with_words: np.ndarray, count: int) -> np.ndarray:
    """[count] the lines that are made: first those without words, then new ones at the end."""
    blank = np.flatnonzero(~with_words)[:count]
    return np.concatenate([blank, len(with_words) + np.arange(count - len(blank))])


def _sources(with_words: np.ndarray, count: int, votes: np.ndarray, size: int) -> np.ndarray:
    """The old line whose vectors each line of the new table has, `count` of them made for `size`
    words each.
    """
    made = _made(with_words, count)
    sources = np.arange(max(len(with_words), 1 + max(made, default=0)))
    sources[made] = _parents(votes, count, size)
    return sources


def _votes(costs: np.ndarray, with_words: np.ndarray) -> np.ndarray:
    """[W, lines] each word's one vote, shared among the lines as they suit it; lines without words
    have none.
    """
    least = costs[:, with_words].min(1, keepdims=True)
    shares: np.ndarray = np.exp(np.minimum(least - costs, 0)) * with_words
    shares /= shares.sum(1, keepdims=True)
    return shares


def _parents(votes: np.ndarray, count: int, size: int) -> np.ndarray:
    """[count] lines, each the one with most votes of the words that those before it did not take,
    `size` words each.
    """
    left = votes.sum(0)
    waiting = np.ones(len(votes), dtype=bool)
    parents = np.zeros(count, dtype=np.int64)
    for number in range(count):
        parents[number] = parent = int(left.argmax())
        liking = np.where(waiting, votes[:, parent], -1)
        served = np.argsort(-liking, kind="stable")[: min(size, int(waiting.sum()))]
        waiting[served] = False
        left -= votes[served].sum(0)
    return parents


def _wanted_rows(votes: np.ndarray, free_cells: np.ndarray, least: int) -> np.ndarray:
    """The rows with most votes that have at least so many open cells together."""
    rows = np.flatnonzero(free_cells.any(1))
    order = np.argsort(-votes[rows], kind="stable")
    enough = np.searchsorted(np.cumsum(free_cells[rows[order]].sum(1)), least) + 1
    return np.sort(rows[order[:enough]])
