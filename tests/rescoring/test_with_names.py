"""Expected names from Python."""

from dataclasses import replace

import pytest
from conftest import make_model
from tiny import nbest

import rescorer
from rescorer.errors import InputError
from rescorer.recognition.nbest import BIAS, FIRST_PASS, REPLACED, SOUND, SPELLING, TOTAL
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.weights import TunedWeights, Weights
from rescorer.rescoring.with_names import Names

LISTS = {"one": [("call marry ann", -1.0)], "two": [("call marry ann", -2.0)]}
SCALES = {FIRST_PASS: 1.0, SOUND: 1.0, SPELLING: 1.0, REPLACED: 0.0, BIAS: 50.0}
WEIGHTS = TunedWeights(*[Weights(SCALES, lm_scale=0.5, mixture={"lightrnn": 1.0})] * 2)


def best(names: Names) -> list[str]:
    results = rescorer.rescore_with_names(LISTS, make_model(), names, WEIGHTS)
    return [" ".join(each.hypotheses[0].words) for each in results]


@pytest.mark.parametrize(
    "names", [["mary ann"], [Name(("mary", "ann"))], ExpectedNames((Name(("mary", "ann")),))]
)
def test_names_of_all_utterances(names: Names) -> None:
    assert best(names) == ["call mary ann"] * 2


def test_names_by_utterance() -> None:
    assert best({"two": ["mary ann"]}) == ["call marry ann", "call mary ann"]


def test_scores_stand_beside_the_old_ones() -> None:
    results = rescorer.rescore_with_names(LISTS, make_model(), ["mary ann"], WEIGHTS)
    scores = results[1].hypotheses[0].scores
    assert scores[FIRST_PASS] == -2.0 and scores[REPLACED] == scores[BIAS] == 1.0
    parts = sum(SCALES[name] * scores[name] for name in SCALES)
    assert scores[TOTAL] == pytest.approx(parts + 0.5 * scores["lm"], abs=1e-4)


def test_a_name_is_not_pruned_before_the_model_has_judged_it() -> None:
    """Its own scores put it far outside the beam; two words that are unknown otherwise decide."""
    scales = {**SCALES, REPLACED: -60.0, BIAS: 0.0}
    weights = Weights(scales, lm_scale=1.0, unknown_penalty=100.0, mixture={"lightrnn": 1.0})
    results = rescorer.rescore_with_names(
        LISTS, make_model(), ["mary ann"], TunedWeights(weights, WEIGHTS.first_pass)
    )
    assert results[0].hypotheses[0].words == ("call", "mary", "ann")


def test_default_weights_and_references() -> None:
    given = [replace(nbest("u", ("call marry ann", -1.0)), reference=("call", "mary", "ann"))]
    (result,) = rescorer.rescore_with_names(given, make_model(), ["mary ann"], nbest=1)
    assert result.reference == ("call", "mary", "ann") and len(result.hypotheses) == 1


def test_lattices() -> None:
    given = list_lattices([nbest("u", ("call marry ann", -1.0))])
    lattices, models = rescorer.with_names(given, make_model(), ["mary ann"])
    (result,) = rescorer.rescore_lattices(lattices, models, WEIGHTS)
    assert result.best() == ("call", "mary", "ann")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("names.txt", "names given as one text, 'names.txt'"),
        ({"one": "mary ann"}, "names given as one text, 'mary ann'"),
        (["mary", " "], "a name without words"),
    ],
)
def test_wrong_names_are_refused(names: Names, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rescorer.with_names([], make_model(), names)


def test_wrong_lists_and_weights_are_refused() -> None:
    model = make_model()
    with pytest.raises(InputError, match="no n-best list"):
        rescorer.rescore_with_names({}, model, ["mary"])
    with pytest.raises(InputError, match="'u' has no hypotheses"):
        rescorer.rescore_with_names({"u": []}, model, ["mary"])
    plain = Weights({FIRST_PASS: 1.0}, mixture={"lightrnn": 1.0})
    with pytest.raises(InputError, match="the weights are for first_pass"):
        rescorer.rescore_with_names(LISTS, model, ["mary"], TunedWeights(plain, plain))
