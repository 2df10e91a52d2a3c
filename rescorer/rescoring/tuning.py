"""Weights with the fewest word errors on a development set, whatever the unit of the scores.

The search sees every raw score without unit: less its value for the first hypothesis of the list,
and divided by its spread. A raw score that is multiplied by a constant, or shifted by one in each
list, gives the search the same numbers, except for rounding, and thus gives the same choices.

Shapes: U lists, H hypotheses of all of them, n nodes of the prefix tree, K models, F features, P
candidates, p of them at a time.
"""

from __future__ import annotations

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
    """What a search found.

    Attributes:
        weights: for the raw scores as they are.
        at_bounds: the names of the weights that reached the end of their range.
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
    """The weights with the fewest word errors on a development set.

    Half of what is minimised is the expected errors under softmax of the totals; the other half is
    the same at an eighth of the temperature, which is nearly the errors of the best hypotheses, but
    smooth.

    Only ratios of scales matter: the first raw score that differs within a list keeps its default
    scale.

    Args:
        errors: [H] word errors of each hypothesis against its reference.
        kind: of the mixture.
        progress: is told of every generation.
        stage: its name there.
    """
    space = SearchSpace.of(lists, kind)
    loss = TuningLoss(lists, errors, space)
    generation = 0

    def tell(intermediate_result: OptimizeResult) -> None:
        nonlocal generation
        generation += 1
        progress(stage, generation, settings.rounds)

    # no weight to find, or no list whose errors they change
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
        callback=tell,
    )
    progress(stage, settings.rounds, settings.rounds)
    return TuningResult(space.weights(found.x), space.at_bounds(found.x))
