"""Curves of the word error rate against each weight, by rescoring with every value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import make_model
from tiny import LISTS, make_ngram

from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest
from rescorer.reports.error_rate import errors
from rescorer.rescoring.nbest import rerank, score_lists, tuning_curves
from rescorer.rescoring.weights import ScoredLists, Weights

REFERENCES = {"one": ("the", "cat", "ran"), "two": ("dog",), "three": ("a", "dog", "ran")}
SECOND = "second"
WEIGHTS = Weights(
    {FIRST_PASS: 1.0, SECOND: 0.5},
    lm_scale=0.3,
    word_penalty=0.5,
    mixture={"lightrnn": 0.25, "ngram": 0.75},
)


def with_second_score(nbest: NBest) -> NBest:
    hypotheses = [
        each.with_scores({SECOND: float(len(each.words) * (place + 1))})
        for place, each in enumerate(nbest.hypotheses)
    ]
    return replace(nbest, hypotheses=tuple(hypotheses))


@pytest.fixture(scope="module")
def lists() -> list[NBest]:
    strange = NBest(
        "one",
        (
            *LISTS[0].hypotheses,
            Hypothesis("4", ("the", "strange", "cat"), {FIRST_PASS: -1.2}),
        ),
    )
    return [with_second_score(each) for each in (strange, *LISTS[1:])]


@pytest.fixture(scope="module")
def scored(lists: list[NBest], tmp_path_factory: pytest.TempPathFactory) -> ScoredLists:
    models: list[Any] = [make_model(), make_ngram(tmp_path_factory.mktemp("ngram"))]
    return score_lists(lists, models)


def word_error_rate(lists: list[NBest], scored: ScoredLists, weights: Weights) -> float:
    best = {each.utterance: each.hypotheses[0].words for each in rerank(lists, scored, weights)}
    wrong = sum(errors(REFERENCES[utterance], words) for utterance, words in best.items())
    return 100 * wrong / sum(map(len, REFERENCES.values()))


def changed(name: str, value: float) -> Weights:
    if name == f"scale of {SECOND}":
        return replace(WEIGHTS, scales={**WEIGHTS.scales, SECOND: value})
    if name.startswith("mixture of "):
        this = name.removeprefix("mixture of ")
        other = "ngram" if this == "lightrnn" else "lightrnn"
        return replace(WEIGHTS, mixture={this: value, other: 1 - value})
    return replace(WEIGHTS, **{name: value})


def test_every_point_is_the_rate_with_these_weights(
    lists: list[NBest], scored: ScoredLists
) -> None:
    curves = {each.name: each for each in tuning_curves(lists, REFERENCES, scored, WEIGHTS)}
    assert {f"scale of {SECOND}", "lm_scale", "word_penalty", "mixture of ngram"} <= set(curves)
    assert f"scale of {FIRST_PASS}" not in curves, "only ratios matter"
    for name, curve in curves.items():
        assert curve.values == tuple(sorted(curve.values)) and len(curve.values) >= 21
        for value, percent in zip(curve.values, curve.percents, strict=True):
            assert percent == pytest.approx(word_error_rate(lists, scored, changed(name, value))), (
                f"{name} = {value}"
            )
        assert curve.percent == pytest.approx(word_error_rate(lists, scored, WEIGHTS))
        assert curve.percents[curve.values.index(curve.chosen)] == curve.percent
    assert len({percent for curve in curves.values() for percent in curve.percents}) > 1


def test_models_that_are_not_used_have_no_curve_but_their_scale(
    lists: list[NBest], scored: ScoredLists
) -> None:
    curves = tuning_curves(lists, REFERENCES, scored, replace(WEIGHTS, lm_scale=0.0))
    names = [curve.name for curve in curves]
    assert names == [f"scale of {SECOND}", "lm_scale", "word_penalty"]
    assert curves[1].chosen == 0 and curves[1].values[-1] > 0
