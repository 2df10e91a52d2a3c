"""Tuning: find the weights with the fewest word errors on a development set.

The search does not depend on the units of the raw scores. It subtracts the score of the first
hypothesis of each list and divides by the spread of the differences. A raw score that is scaled by
a constant, or shifted by a constant in each list, gives the same weights up to rounding and unit.

Shapes: H hypotheses of all lists.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution

from rescorer.progress import Progress, silent
from rescorer.rescoring.search_space import SearchSpace
from rescorer.rescoring.tuning_loss import TuningLoss
from rescorer.rescoring.weights import ScoredLists, Weights
from rescorer.settings import check, setting


@dataclass(frozen=True)
class TuningSettings:
    """Settings of the global search, scipy's differential evolution."""

    rounds: int = setting(80, "Generations of the search at most.", minimum=1, option=False)
    population: int = setting(
        20, "Candidates of a generation for each weight.", minimum=1, option=False
    )
    seed: int = setting(1, "Seed of the search.", minimum=0, option=False)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TuningResult:
    """The result of the search.

    Attributes:
        weights: the weights, in the units of the raw scores.
        at_bounds: the names of the weights that reached a bound of their range.
    """

    weights: Weights
    at_bounds: tuple[str, ...]


def tune(
    lists: ScoredLists,
    errors: np.ndarray,
    settings: TuningSettings,
    *,
    kind: str = "linear",
    progress: Progress = silent,
    stage: str = "tuning",
) -> TuningResult:
    """Find the weights with the fewest word errors on a development set.

    The loss is the mean of two terms: the expected errors under a softmax of the totals, and the
    same at an eighth of the temperature, a smooth approximation of the best hypotheses' errors.

    Only ratios of scales matter. The first raw score that differs within a list keeps its default
    scale.

    Args:
        errors: [H] word errors of each hypothesis against its reference.
        kind: the kind of the mixture, linear or log-linear.
        progress: called after every generation.
        stage: the name of this step for `progress`.
    """
    space = SearchSpace.of(lists, kind)
    loss = TuningLoss(lists, errors, space)
    # There is no weight to tune, or no list whose errors depend on the weights.
    if not space.bounds or not loss.blocks:
        return TuningResult(space.weights(space.middle), ())
    progress(stage, 0, settings.rounds)
    found = differential_evolution(
        loss,
        space.bounds,
        maxiter=settings.rounds,
        popsize=settings.population,
        rng=settings.seed,
        polish=False,
        tol=1e-4,
        vectorized=True,
        updating="deferred",
        callback=_counting(lambda generation: progress(stage, generation, settings.rounds)),
    )
    progress(stage, settings.rounds, settings.rounds)
    return TuningResult(space.weights(found.x), space.at_bounds(found.x))


def _counting(report: Callable[[int], None]) -> Callable[[OptimizeResult], None]:
    """A callback of scipy that reports the number of generations so far."""
    generations = itertools.count(1)

    def callback(intermediate_result: OptimizeResult) -> None:
        report(next(generations))

    return callback
