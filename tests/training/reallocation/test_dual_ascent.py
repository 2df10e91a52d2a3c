"""Dual ascent: dual variables and lower bounds against answers that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation.dual_ascent import (
    best_duals,
    dual_ascent,
    penalised_lower_bound,
    solve_by_dual_ascent,
)
from rescorer.training.reallocation.problem import Problem
from rescorer.training.settings import AssignmentSettings

COLD = AssignmentSettings(temperatures=(0.1, 0.03, 0.01, 0.003, 0.001), iterations=50)


def make_problem(row_costs: object, column_costs: object) -> Problem:
    rows = np.array(row_costs, dtype=np.float32)
    columns = np.array(column_costs, dtype=np.float32)
    return Problem(rows, columns, np.arange(len(rows)), np.zeros(len(rows)))


def random_problem(words: int = 12, rows: int = 3, columns: int = 5) -> Problem:
    draw = np.random.default_rng(1)
    return make_problem(draw.gamma(2, 3, (words, rows)), draw.gamma(2, 3, (words, columns)))


def optimum_of(problem: Problem) -> float:
    costs = problem.row_costs[:, :, None] + problem.column_costs[:, None, :]
    costs = costs.reshape(len(costs), -1).astype(np.float64)
    return float(costs[linear_sum_assignment(costs)].sum())


def test_two_words_that_prefer_the_same_cell() -> None:
    """Word 0 loses 10 elsewhere and word 1 loses 4: the dual is between, and the optimum is 4."""
    problem = make_problem([[0], [0]], [[0, 10], [0, 4]])
    duals, bound = best_duals(problem, COLD)
    assert 4 - 0.1 <= duals[0, 0] - duals[0, 1] <= 10
    assert bound == pytest.approx(4, rel=0.02) and bound <= 4
    cells = np.array([1, 0])  # costs 10
    *_, (stage, found, _) = solve_by_dual_ascent(problem, cells, COLD)
    assert stage == "matching" and found.tolist() == [0, 1]


def test_a_cell_that_takes_two_words_needs_no_dual() -> None:
    problem = make_problem([[0], [0]], [[0, 10], [0, 4]])
    duals, bound = best_duals(problem, COLD, capacity=2)
    assert duals[0, 0] == pytest.approx(0, abs=0.1)
    assert bound == pytest.approx(0, abs=0.2) and bound <= 1e-6


def test_every_temperature_gives_a_lower_bound() -> None:
    problem = random_problem()
    optimum = optimum_of(problem)
    bounds = [bound for _, bound in dual_ascent(problem, COLD.temperatures, 30)]
    assert max(bounds) <= optimum * (1 + 1e-6)
    assert max(bounds) > 0.97 * optimum and max(bounds) > bounds[0]


def test_penalised_lower_bound_is_the_sum_of_minima() -> None:
    problem = random_problem()
    duals = np.random.default_rng(2).gamma(2, 1, (3, 5)).astype(np.float32)
    expected = sum(
        min(
            float(problem.row_costs[word, row] + problem.column_costs[word, column])
            + float(duals[row, column])
            for row in range(3)
            for column in range(5)
        )
        for word in range(12)
    )
    found = penalised_lower_bound(problem, torch.as_tensor(duals))
    assert found == pytest.approx(expected, rel=1e-5) and found <= expected * (1 + 1e-6)
