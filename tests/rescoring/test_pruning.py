"""Pruning of arcs and histories, against all paths and against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tiny_lattices import all_paths, random_lattice

from rescorer.rescoring.pruning import Pruning, best_of_each, run_lengths
from rescorer.rescoring.trellis import Trellis

BEAMS = (0.5, 2.0, math.inf)


@pytest.mark.parametrize("beam", BEAMS)
def test_an_arc_is_kept_if_its_best_path_lies_within_the_beam(beam: float) -> None:
    draw = np.random.default_rng(1)
    for _ in range(10):
        lattice = random_lattice(draw, 6, 14, ("a", "b"))
        totals = draw.normal(size=lattice.arcs)
        pruning = Pruning.of(Trellis.of([lattice]), totals, beam, 0)
        paths = all_paths(lattice)
        best = max(totals[list(path)].sum() for path in paths)
        for arc in range(lattice.arcs):
            through = max(totals[list(path)].sum() for path in paths if arc in list(path))
            assert pruning.kept_arcs[arc] == (through >= best - beam)


@pytest.mark.parametrize(("most", "expected"), [(0, [0, 1, 3]), (2, [0, 1, 3]), (1, [1, 3])])
def test_survivors_are_within_the_slack_and_the_best_few(most: int, expected: list[int]) -> None:
    pruning = Pruning(np.ones(0, bool), np.array([0.0, 2.0, -5.0]), most)
    states = np.array([1, 1, 1, 2, 2])
    scores = np.array([-1.0, 0.0, -2.5, 4.0, 3.9])
    assert pruning.survivors(states, scores).tolist() == expected


def test_the_best_of_each_state_and_the_lengths_of_runs() -> None:
    states = np.array([0, 0, 3, 5, 5, 5])
    scores = np.array([1.0, 2.0, -7.0, 0.5, 0.0, 0.5])
    assert best_of_each(states, scores).tolist() == [1, 1, 2, 3, 3, 3]
    assert run_lengths(np.array([0, 2, 3]), 6).tolist() == [2, 1, 3]
