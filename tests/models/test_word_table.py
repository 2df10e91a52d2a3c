"""WordTable: shapes, free cells, and the words of cells."""

from __future__ import annotations

import numpy as np
import pytest

from rescorer.models.word_table import WordTable


@pytest.mark.parametrize(
    ("words", "rows", "columns", "shape"),
    [
        (1, None, None, (1, 1)),
        (2, None, None, (2, 1)),
        (4, None, None, (2, 2)),
        (5, None, None, (3, 2)),
        (9, None, None, (3, 3)),
        (10, None, None, (4, 3)),
        (10, 2, None, (2, 5)),
        (10, 3, None, (3, 4)),
        (10, None, 3, (4, 3)),
        (10, None, 20, (1, 20)),
        (10, 5, 4, (5, 4)),
        (0, 2, 2, (2, 2)),
    ],
)
def test_shapes(words: int, rows: int | None, columns: int | None, shape: tuple[int, int]) -> None:
    table = WordTable.shaped(words, rows, columns)
    assert (table.rows, table.columns) == shape
    assert table.cells.tolist() == list(range(words))


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        (12, (4, 3)),
        (100, (25, 4)),
        (10_001, (2501, 4)),
        (200_000, (3000, 67)),
        (9_000_000, (3000, 3000)),
        (10_000_000, (3163, 3162)),
    ],
)
def test_without_a_shape_rows_have_few_words_and_are_not_too_many(
    words: int, shape: tuple[int, int]
) -> None:
    table = WordTable.shaped(words)
    assert (table.rows, table.columns) == shape
    # tall: each row has one of the most frequent words, then one of the next
    if table.rows >= 4 * table.columns:
        assert (table.row_of == np.arange(words) % table.rows).all()
        assert (table.column_of == np.arange(words) // table.rows).all()


def test_cells_rows_columns_words() -> None:
    table = WordTable(2, 3, np.array([5, 0, 4, 1]))
    assert table.row_of.tolist() == [1, 0, 1, 0]
    assert table.column_of.tolist() == [2, 0, 1, 1]
    assert table.words.tolist() == [[1, 3, -1], [-1, 2, 0]]


@pytest.mark.parametrize(
    ("words", "rows", "columns"), [(9, 3, 3), (7, 3, 4), (12, 2, 30), (1, 1, 1)]
)
def test_words_is_the_inverse_of_cells(words: int, rows: int, columns: int) -> None:
    table = WordTable.shaped(words, rows, columns).shuffled(3)
    grid = table.words
    assert grid.shape == (rows, columns)
    assert grid[table.row_of, table.column_of].tolist() == list(range(words))
    assert (grid < 0).sum() == rows * columns - words


def test_shuffled_depends_on_the_seed_alone() -> None:
    table = WordTable.shaped(100)
    assert table.shuffled(1).cells.tolist() == table.shuffled(1).cells.tolist()
    assert table.shuffled(1).cells.tolist() != table.shuffled(2).cells.tolist()
    assert sorted(table.shuffled(1).cells.tolist()) == list(range(100))
    assert table.shuffled(1).cells.dtype == np.int64


@pytest.mark.parametrize(
    ("rows", "columns", "cells", "message"),
    [
        (2, 2, [0, 1, 1], "share a cell"),
        (2, 2, [0, 4], "outside the 4 cells"),
        (2, 2, [-1, 0], "outside the 4 cells"),
        (2, 2, [0, 1, 2, 3, 4], "5 words do not fit 2 × 2 = 4 cells"),
        (0, 2, [], "0 rows"),
        (2, -1, [], "-1 columns"),
    ],
)
def test_checks(rows: int, columns: int, cells: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordTable(rows, columns, np.array(cells, dtype=np.int64))


@pytest.mark.parametrize(
    ("words", "rows", "columns"), [(10, 3, 3), (10, 0, None), (10, None, 0), (10, -2, None)]
)
def test_shapes_that_cannot_be(words: int, rows: int | None, columns: int | None) -> None:
    with pytest.raises(ValueError, match=r"expected at least 1|do not fit"):
        WordTable.shaped(words, rows, columns)


def test_words_come_and_go() -> None:
    table = WordTable(2, 3, np.array([4, 0, 2]))
    more = table.grown(1).with_words(np.array([8, 1]))
    assert (more.rows, more.columns, more.cells.tolist()) == (3, 3, [4, 0, 2, 8, 1])
    wider = table.grown(columns=2)
    assert (wider.rows, wider.columns, wider.cells.tolist()) == (2, 5, [6, 0, 2])
    assert (
        wider.row_of.tolist() == table.row_of.tolist()
        and wider.column_of.tolist() == table.column_of.tolist()
    )
    fewer = more.without(np.array([0, 3]))
    assert fewer.cells.tolist() == [0, 2, 1]
    assert table.cells.tolist() == [4, 0, 2] and table.rows == 2
    with pytest.raises(ValueError, match="share a cell"):
        table.with_words(np.array([4]))
