"""Free cells for new words, on tables small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.models.word_table import WordTable
from rescorer.training.new_words.free_cells import FreeCells, find_free_cells

FULL = WordTable.shaped(6, 3, 2)
ROWS = np.array([[3.0, 0.0, 3.0]] * 2 + [[0.0, 3.0, 3.0]])  # two words prefer row 1, one row 0
COLUMNS = np.array([[0.0, 1.0]] * 3)


def free_cells_of(table: WordTable, words: int, grow: str, rows: np.ndarray = ROWS) -> FreeCells:
    calls: list[list[int]] = []

    def column_costs(chosen: np.ndarray) -> np.ndarray:
        calls.append(chosen.tolist())
        return np.resize(COLUMNS, (len(chosen), table.columns))

    found = find_free_cells(table, rows[:words], column_costs, grow)
    assert (
        found.is_free.shape == (len(found.rows), len(found.columns))
        and found.is_free.sum() >= words
    )
    assert bool(calls) == (
        len(found.source_columns) > table.columns or bool((np.diff(found.source_columns) < 0).any())
    )
    return found


def test_added_rows_copy_those_that_words_prefer() -> None:
    found = free_cells_of(FULL, 3, "rows")
    assert found.source_rows.tolist() == [0, 1, 2, 1, 0] and found.source_columns.tolist() == [0, 1]
    assert found.rows.tolist() == [3, 4] and found.is_free.all()


def test_added_columns_copy_those_that_words_prefer() -> None:
    found = free_cells_of(FULL, 3, "columns")
    assert found.source_rows.tolist() == [0, 1, 2] and found.source_columns.tolist() == [0, 1, 0]
    assert (
        found.rows.tolist() == [0, 1, 2] and found.columns.tolist() == [2] and found.is_free.all()
    )


def test_free_cells_come_first() -> None:
    table = WordTable(3, 2, np.array([0, 1, 2, 4]))
    for grow in ("rows", "columns", "no"):
        found = free_cells_of(table, 2, grow)
        assert (
            found.rows.tolist() == [1, 2] and found.columns.tolist() == [1] and found.is_free.all()
        )


def test_lines_without_words_come_next() -> None:
    """First an empty row, then an empty column, with the embeddings of others; then added lines."""
    table = WordTable(3, 3, np.array([0, 1, 6, 7]))
    costs = np.array([[3.0, 0.0, 2.0]] * 9)  # row 1 is empty, so its costs have no meaning
    for grow in ("rows", "columns", "no"):
        found = free_cells_of(table, 2, grow, costs)
        assert found.source_rows.tolist() == [0, 2, 2] and found.rows.tolist() == [1]
        assert (
            found.columns.tolist() == [0, 1]
            and found.is_free.all()
            and found.source_columns.tolist() == [0, 1, 2]
        )
        found = free_cells_of(table, 5, grow, costs)
        assert found.source_rows.tolist() == [0, 2, 2] and found.source_columns.tolist() == [
            0,
            1,
            0,
        ]
        assert found.is_free.sum() == 5
    assert len(free_cells_of(table, 6, "rows", costs).source_rows) == 4
    assert len(free_cells_of(table, 6, "columns", costs).source_columns) == 4
    with pytest.raises(InputError, match="6 new words; expected at most 5"):
        free_cells_of(table, 6, "no", costs)


def test_rows_that_words_prefer_least_are_left_out() -> None:
    table = WordTable(3, 20, np.array([*range(10), *range(30, 40), 40]))
    assert free_cells_of(table, 1, "no").rows.tolist() == [1]
