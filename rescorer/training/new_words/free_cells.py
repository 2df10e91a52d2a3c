"""Free cells for new words: those of the table, and those of rows or columns that are added.

A line is a row or a column. A line without words has embeddings that were never trained, so it is
initialised like an added line: with the embeddings of the line that the new words prefer most.

Shapes: W new words, R rows, C columns, R' rows and C' columns of the new table, Q rows and K
columns with free cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rescorer.errors import InputError
from rescorer.models.word_table import WordTable

_CELLS_A_WORD = 4  # free cells for each word; rows that the words prefer least are left out


class FreeCells(NamedTuple):
    """The new table, and its cells that new words may take."""

    source_rows: np.ndarray  # [R'] old row whose parameters each row gets
    source_columns: np.ndarray  # [C'] likewise
    rows: np.ndarray  # [Q] rows with free cells
    columns: np.ndarray  # [K] columns with free cells
    is_free: np.ndarray  # [Q, K] bool


def find_free_cells(
    table: WordTable,
    row_costs: np.ndarray,
    column_costs: Callable[[np.ndarray], np.ndarray],
    grow: str,
) -> FreeCells:
    """Find at least W free cells, in this order of preference.

    First come cells in rows and columns that hold words, then lines without words, then added
    lines.

    Args:
        row_costs: [W, R] mean cost of each row in each word's contexts.
        column_costs: returns the mean cost [W, C] of each column after the words' rows [W]; called
            only if columns are initialised.
        grow: which lines may be added: "rows", "columns" or "no".

    Raises:
        InputError: too few free cells, and no line may be added.
    """
    taken = table.words >= 0  # [R, C]
    row_has_words = np.asarray(taken.any(1))  # [R]
    column_has_words = np.asarray(taken.any(0))  # [C]
    new_rows, new_columns = _new_lines(
        table, int(row_has_words.sum()), int(column_has_words.sum()), len(row_costs), grow
    )
    row_size = int(column_has_words.sum()) + new_columns  # cells of a row
    row_votes = _votes(row_costs, row_has_words)
    source_rows = _sources(row_has_words, new_rows, row_votes, row_size)
    source_columns = np.arange(table.columns)
    if new_columns:
        column_size = int(row_has_words.sum()) + new_rows
        costs = column_costs(np.where(row_has_words, row_costs, np.inf).argmin(1))
        column_votes = _votes(costs, column_has_words)
        source_columns = _sources(column_has_words, new_columns, column_votes, column_size)
    is_free = np.outer(
        _used_lines(row_has_words, new_rows, len(source_rows)),
        _used_lines(column_has_words, new_columns, len(source_columns)),
    )  # [R', C']
    is_free[: table.rows, : table.columns] &= ~taken
    votes = row_votes.sum(0)[source_rows]
    rows = _preferred_rows(votes, is_free, _CELLS_A_WORD * len(row_costs))
    columns = np.flatnonzero(is_free[rows].any(0))
    return FreeCells(source_rows, source_columns, rows, columns, is_free[np.ix_(rows, columns)])


def _new_lines(table: WordTable, rows: int, columns: int, words: int, grow: str) -> tuple[int, int]:
    """Numbers of rows and of columns that are initialised: lines without words, then added ones.

    Args:
        rows, columns: numbers of lines that hold words.
    """
    needed = len(table.cells) + words
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


def _used_lines(has_words: np.ndarray, count: int, size: int) -> np.ndarray:
    """[size] whether a line of the new table holds words or is one of `count` initialised lines."""
    used = np.zeros(size, dtype=bool)
    used[: len(has_words)] = has_words
    used[_initialised_lines(has_words, count)] = True
    return used


def _initialised_lines(has_words: np.ndarray, count: int) -> np.ndarray:
    """[count] lines: first those without words, then added ones at the end."""
    empty = np.flatnonzero(~has_words)[:count]
    return np.concatenate([empty, len(has_words) + np.arange(count - len(empty))])


def _sources(has_words: np.ndarray, count: int, votes: np.ndarray, size: int) -> np.ndarray:
    """The old line whose embeddings each line of the new table gets.

    Args:
        count: number of initialised lines.
        size: cells of such a line.
    """
    initialised = _initialised_lines(has_words, count)
    sources = np.arange(max(len(has_words), 1 + max(initialised, default=0)))
    sources[initialised] = _most_voted_lines(votes, count, size)
    return sources


def _votes(costs: np.ndarray, has_words: np.ndarray) -> np.ndarray:
    """[W, lines] softmin of each word's costs over the lines that have words; 0 for the others."""
    least = costs[:, has_words].min(1, keepdims=True)
    shares: np.ndarray = np.exp(np.minimum(least - costs, 0)) * has_words
    shares /= shares.sum(1, keepdims=True)
    return shares


def _most_voted_lines(votes: np.ndarray, count: int, size: int) -> np.ndarray:
    """[count] lines, each with the most votes [W, lines] of the words that are left.

    Each line then removes the `size` words that vote for it most.
    """
    votes_left = votes.sum(0)
    is_left = np.ones(len(votes), dtype=bool)
    lines = np.zeros(count, dtype=np.int64)
    for number in range(count):
        lines[number] = line = int(votes_left.argmax())
        preference = np.where(is_left, votes[:, line], -1)
        removed = np.argsort(-preference, kind="stable")[: min(size, int(is_left.sum()))]
        is_left[removed] = False
        votes_left -= votes[removed].sum(0)
    return lines


def _preferred_rows(votes: np.ndarray, is_free: np.ndarray, least: int) -> np.ndarray:
    """The rows with the most votes that together have at least so many free cells."""
    rows = np.flatnonzero(is_free.any(1))
    order = np.argsort(-votes[rows], kind="stable")
    enough = np.searchsorted(np.cumsum(is_free[rows[order]].sum(1)), least) + 1
    return np.sort(rows[order[:enough]])
