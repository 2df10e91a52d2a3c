"""Totals of an assignment, against sums by hand."""

import numpy as np
import pytest

from rescorer.training.reallocation.problem import DenseCosts, Problem, Table

ROWS = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
COLUMNS = np.array([[10, 20], [30, 40], [50, 60]], np.float32)
CELLS = np.array([3, 0, 2])  # (1, 1), (0, 0), (1, 0): 22 + 33 + 56


def test_totals() -> None:
    start, bonus = np.array([3, 1, 2]), np.array([1.0, 2.0, 4.0])
    table = Table(DenseCosts(ROWS), DenseCosts(COLUMNS), start, bonus)
    assert table.total(CELLS) == 111
    problem = table.problem()
    assert problem.total(CELLS) == 111
    assert problem.net_cost(CELLS) == 106  # words 0 and 2 stay
    assert problem.costs(np.array([2]), np.array([1])).tolist() == [65]


def test_free_cell_numbers() -> None:
    problem = Problem(ROWS, COLUMNS, np.arange(3), np.zeros(3))
    assert problem.free_cell_numbers().tolist() == [0, 1, 2, 3]
    free = np.array([[True, False], [True, True]])
    problem = Problem(ROWS, COLUMNS, np.array([0, 2, 3]), np.zeros(3), free)
    assert problem.free_cell_numbers().tolist() == [0, 2, 3]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_costs_that_are_not_finite(value: float) -> None:
    assert DenseCosts(ROWS).is_finite()
    assert not DenseCosts(np.where(ROWS == 4, np.float32(value), ROWS)).is_finite()
