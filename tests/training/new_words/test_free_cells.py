"""Where new words may go, on tables small enough to see."""

from __future__ import annotations

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.models.word_table import WordTable
from rescorer.training.new_words.free_cells import FreeCells, find_free_cells

FULL = WordTable.shaped(6, 3, 2)
ROWS = np.array([[3.0, 0.0, 3.0]] * 2 + [[0.0, 3.0, 3.0]])  # two words want row 1, one row 0
COLUMNS = np.array([[0.0, 1.0]] * 3)


def room(table: WordTable, words: int, grow: str, rows: np.ndarray = ROWS) -> FreeCells:
    asked: list[list[int]] = []

    def column_costs(chosen: np.ndarray) -> np.ndarray:
        asked.append(chosen.tolist())
        return np.resize(COLUMNS, (len(chosen), table.columns))

    found = find_free_cells(table, rows[:words], column_costs, grow)
    assert found.open.shape == (len(found.rows), len(found.columns)) and found.open.sum() >= words
    assert bool(asked) == (
        len(found.source_columns) > table.columns or bool((np.diff(found.source_columns) < 0).any())
    )
    return found


def test_rows_are_made_of_those_that_are_wanted() -> None:
    found = room(FULL, 3, "rows")
    assert found.source_rows.tolist() == [0, 1, 2, 1, 0] and found.source_columns.tolist() == [0, 1]
    assert found.rows.tolist() == [3, 4] and found.open.all()


def test_columns_are_made_of_those_that_are_wanted() -> None:
    found = room(FULL, 3, "columns")
    assert found.source_rows.tolist() == [0, 1, 2] and found.source_columns.tolist() == [0, 1, 0]
    assert found.rows.tolist() == [0, 1, 2] and found.columns.tolist() == [2] and found.open.all()


def test_free_cells_come_first() -> None:
    table = WordTable(3, 2, np.array([0, 1, 2, 4]))
    for grow in ("rows", "columns", "no"):
        found = room(table, 2, grow)
        assert found.rows.tolist() == [1, 2] and found.columns.tolist() == [1] and found.open.all()


def test_lines_without_words_come_next() -> None:
    """A blank row, then a blank column, with the vectors of others; only then is anything added."""
    table = WordTable(3, 3, np.array([0, 1, 6, 7]))
    costs = np.array([[3.0, 0.0, 2.0]] * 9)  # row 1 is blank: what it seems to cost means nothing
    for grow in ("rows", "columns", "no"):
        found = room(table, 2, grow, costs)
        assert found.source_rows.tolist() == [0, 2, 2] and found.rows.tolist() == [1]
        assert (
            found.columns.tolist() == [0, 1]
            and found.open.all()
            and found.source_columns.tolist() == [0, 1, 2]
        )
        found = room(table, 5, grow, costs)
        assert found.source_rows.tolist() == [0, 2, 2] and found.source_columns.tolist() == [
            0,
            1,
            0,
        ]
        assert found.open.sum() == 5
    assert len(room(table, 6, "rows", costs).source_rows) == 4
    assert len(room(table, 6, "columns", costs).source_columns) == 4
    with pytest.raises(InputError, match="6 new words; expected at most 5"):
        room(table, 6, "no", costs)


def test_rows_that_few_words_want_are_not_looked_at() -> None:
    table = WordTable(3, 20, np.array([*range(10), *range(30, 40), 40]))
    assert room(table, 1, "no").rows.tolist() == [1]
