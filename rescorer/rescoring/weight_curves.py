"""How the word errors of a development set depend on each weight, beside the tuned ones.

Shapes: H hypotheses of all lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from rescorer.reports.run_details import WeightCurve
from rescorer.rescoring.search_space import SIGNED, SearchSpace
from rescorer.rescoring.weights import ScoredLists, Weights

_POINTS = 21  # of a curve, and the chosen value
_LEAST_REACH = 2.0  # nats on both sides of the word penalty

_Varied = Callable[[float], Weights]  # the weights with another value of one of them


def weight_curves(
    lists: ScoredLists, errors: np.ndarray, words: int, weights: Weights
) -> tuple[WeightCurve, ...]:
    """A curve for each weight that tuning varies.

    Args:
        errors: [H] word errors of each hypothesis against its reference.
        words: number of words in the references.
        weights: the tuned weights.
    """

    def percent(varied: Weights) -> float:
        return 100 * float(errors[lists.best(lists.totals(varied))].sum()) / max(words, 1)

    found = []
    for name, chosen, (low, high), vary in _varied(lists, weights):
        values = sorted({*np.linspace(low, high, _POINTS).tolist(), chosen})
        percents = tuple(percent(vary(value)) for value in values)
        at_chosen = percents[values.index(chosen)]
        found.append(WeightCurve(name, tuple(values), percents, chosen, at_chosen))
    return tuple(found)


def _varied(
    lists: ScoredLists, weights: Weights
) -> Iterator[tuple[str, float, tuple[float, float], _Varied]]:
    """Each weight: its name, its value, the range of the curve, and the weights with another."""
    space = SearchSpace.of(lists, weights.mixture_kind)
    bounds = dict(zip(space.names, space.bounds, strict=True))
    yield from _scales(space, weights)
    if "word penalty" in bounds:
        reach = max(abs(weights.word_penalty), _LEAST_REACH)
        ends = weights.word_penalty - reach, weights.word_penalty + reach
        yield _field(weights, "word_penalty", ends)
    if not weights.lm_scale:
        return  # nothing else has an effect
    for name in ("unknown penalty", "spelling scale", "new-word penalty"):
        if name in bounds:
            yield _field(weights, name.replace(" ", "_").replace("-", "_"), bounds[name])
    if len(weights.mixture) > 1:
        for name, share in weights.mixture.items():
            yield f"mixture of {name}", share, (0.0, 1.0), _mixtures(weights, name)


def _scales(
    space: SearchSpace, weights: Weights
) -> Iterator[tuple[str, float, tuple[float, float], _Varied]]:
    """The scales but the first, because only ratios matter. A range ends at twice the scale, or
    where a score that has none would weigh as much as the first; that of a signed score has as much
    below 0.
    """
    spreads = dict(zip(space.score_names, space.units.raw.tolist(), strict=True))
    first = space.first
    weight_of_first = weights.scales[first] * spreads[first] if first else 1.0
    for name, spread in spreads.items():
        if not spread or name == first:
            continue
        scale = weights.scales[name]
        reach = 2 * abs(scale) or weight_of_first / spread
        yield (
            f"scale of {name}",
            scale,
            (-reach if name in SIGNED else 0.0, reach),
            lambda value, name=name: replace(  # type: ignore[misc]
                weights, scales={**weights.scales, name: value}
            ),
        )
    if space.model_names:
        most = 2 * weights.lm_scale or weight_of_first / space.units.lm
        yield _field(weights, "lm_scale", (0.0, most))


def _field(
    weights: Weights, name: str, bounds: tuple[float, float]
) -> tuple[str, float, tuple[float, float], _Varied]:
    chosen: float = getattr(weights, name)
    return name, chosen, bounds, lambda value: replace(weights, **{name: value})


def _mixtures(weights: Weights, name: str) -> _Varied:
    """The shares of all other models keep their ratios."""
    others = {other: share for other, share in weights.mixture.items() if other != name}
    total = sum(others.values())

    def with_share(share: float) -> Weights:
        parts = {
            other: (1 - share) * (part / total if total else 1 / len(others))
            for other, part in others.items()
        }
        return replace(weights, mixture={**weights.mixture, **parts, name: share})

    return with_share
