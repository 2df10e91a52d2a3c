"""Rescoring n-best lists: the order, the scores that are added, the report, and what must not pass
silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_model
from tiny import KNOWN, LISTS, make_ngram, nbest

import rescorer
from rescorer.errors import InputError
from rescorer.recognition.nbest import ACOUSTIC, FIRST_PASS, Hypothesis, NBest
from rescorer.rescoring.nbest import report, rerank, score_lists, tune_lists
from rescorer.rescoring.tuning import TuningSettings
from rescorer.rescoring.weights import Weights


@pytest.fixture
def model() -> Any:
    return make_model()


def test_rerank(model: Any) -> None:
    weights = Weights({FIRST_PASS: 1.0}, lm_scale=2.0, word_penalty=0.5, mixture={"lightrnn": 1.0})
    result = rerank(LISTS, score_lists(LISTS, [model]), weights)
    assert [each.utterance for each in result] == ["one", "two", "three"]
    for before, after in zip(LISTS, result, strict=True):
        raw = {hypothesis.key: hypothesis for hypothesis in before.hypotheses}
        totals = [hypothesis.scores["total"] for hypothesis in after.hypotheses]
        assert totals == sorted(totals, reverse=True)
        assert sorted(raw) == sorted(hypothesis.key for hypothesis in after.hypotheses)
        for hypothesis in after.hypotheses:
            lm = model.logprob(hypothesis.words)
            first = raw[hypothesis.key].scores[FIRST_PASS]
            assert hypothesis.words == raw[hypothesis.key].words
            assert hypothesis.scores == {
                FIRST_PASS: first,
                "lightrnn": pytest.approx(lm, abs=1e-4),
                "lm": pytest.approx(lm, abs=1e-4),
                "total": pytest.approx(first + 2 * lm - 0.5 * len(hypothesis.words), abs=1e-3),
            }
    assert LISTS[0].hypotheses[0].scores == {FIRST_PASS: -1.0}, "raw scores are never touched"


def test_equal_totals_keep_the_order_of_the_recogniser(model: Any) -> None:
    lists = [nbest("u", ("the cat", -1.0), ("a dog", -0.5), ("on", -1.0), ("mat", -0.5))]
    weights = Weights({FIRST_PASS: 1.0}, lm_scale=0.0)
    (result,) = rerank(lists, score_lists(lists, [model]), weights)
    assert [hypothesis.key for hypothesis in result.hypotheses] == ["2", "4", "1", "3"]
    assert "lm" not in result.hypotheses[0].scores, "the mixture was not used"
    assert "lightrnn" in result.hypotheses[0].scores


def test_references_are_kept(model: Any) -> None:
    lists = [NBest("u", (Hypothesis("1", ("cat",), {FIRST_PASS: 0.0}),), ("dog",))]
    assert rescorer.rescore(lists, model)[0].reference == ("dog",)


def test_rescore_takes_a_mapping_or_lists(model: Any) -> None:
    mapping = {
        "one": [("the cat sat", -1.0), ("the cat ran", -1.5), ("a cat sat", -2.0)],
        "two": [("", -3.0), ("dog", -3.5)],
        "three": [("a dog ran", 0.0)],
    }
    assert rescorer.rescore(mapping, model) == rescorer.rescore(LISTS, model)
    one, small = (rescorer.rescore(LISTS, model, memory=memory) for memory in (1 << 30, 1))
    for first, second in zip(one, small, strict=True):
        assert [h.key for h in first.hypotheses] == [h.key for h in second.hypotheses]


def test_several_models(tmp_path: Path, model: Any) -> None:
    ngram = make_ngram(tmp_path)
    (best, *_), *_ = (each.hypotheses for each in rescorer.rescore(LISTS, [model, ngram]))
    assert {"lightrnn", "ngram", "lm", "total"} <= set(best.scores)
    assert min(best.scores["lightrnn"], best.scores["ngram"]) <= best.scores["lm"]
    assert best.scores["ngram"] == pytest.approx(ngram.logprob(best.words), abs=1e-4)


@pytest.mark.parametrize(
    ("hypotheses", "message"),
    [
        ({}, "no n-best list"),
        ({"u": []}, "utterance 'u' has no hypotheses"),
        ({"u": [("cat", float("nan"))]}, "not finite"),
        ({"u": [("cat", float("-inf"))]}, "not finite"),
        ([nbest("u", ("cat", 0.0)), nbest("v", ("cat", {ACOUSTIC: 0.0}))], "no score 'first_pass'"),
        ([nbest("u", ("cat", {"total": 0.0}))], "already have the scores total"),
    ],
)
def test_bad_lists(model: Any, hypotheses: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rescorer.rescore(hypotheses, model)


@pytest.mark.parametrize("name", ["lm", "total", "lightrnn"])
def test_names_that_are_taken_are_refused_before_any_scoring(
    model: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a model scored")

    monkeypatch.setattr(type(model), "start", fail)
    with pytest.raises(InputError, match=f"already have the scores {name};"):
        score_lists([nbest("u", ("cat", {FIRST_PASS: 0.0, name: 0.0}))], [model])


def random_lists(seed: int, count: int = 40) -> tuple[list[NBest], dict[str, tuple[str, ...]]]:
    """Lists in which the recogniser is right three times in four and words are random."""
    draw = np.random.default_rng(seed)
    lists, references = [], {}
    for number in range(count):
        texts = [tuple(str(word) for word in draw.choice(KNOWN, 4)) for _ in range(5)]
        hypotheses = tuple(
            Hypothesis(str(place), text, {FIRST_PASS: float(-place)})
            for place, text in enumerate(texts, start=1)
        )
        lists.append(NBest(f"u{number}", hypotheses))
        references[f"u{number}"] = (
            texts[0] if draw.random() < 0.75 else texts[int(draw.integers(5))]
        )
    return lists, references


@pytest.mark.parametrize("seed", range(3))
def test_tuning_is_never_worse_than_the_first_pass_on_its_own_lists(model: Any, seed: int) -> None:
    lists, references = random_lists(seed)
    scored = score_lists(lists, [model])
    tuned = tune_lists(lists, references, scored, TuningSettings(rounds=3, population=4))
    found = report(lists, references, scored, tuned, tuned.weights)
    errors = {name: rate.errors for name, rate in found.rows.items()}
    assert (
        errors["oracle"]
        <= errors["rescored"]
        <= errors["first pass, tuned word penalty"]
        <= errors["first pass"]
    )


def test_a_model_without_a_gain_has_scale_zero(model: Any) -> None:
    lists = [nbest(f"u{number}", ("the cat sat", 0.0), ("a dog ran", -1.0)) for number in range(5)]
    references = {each.utterance: ("the", "cat", "sat") for each in lists}
    scored = score_lists(lists, [model])
    tuned = tune_lists(lists, references, scored, TuningSettings(rounds=2, population=4))
    assert tuned.weights.lm_scale == 0 and tuned.weights.scales == tuned.first_pass.scales
    assert [each.hypotheses[0].key for each in rerank(lists, scored, tuned.weights)] == ["1"] * 5


@pytest.mark.parametrize("given", [True, False])
def test_tuning_weighs_words_that_came_after_the_training(model: Any, given: bool) -> None:
    """Their pseudo-counts may be too few for what is said here; how frequent others are, the
    training text told.
    """
    rare, other = sorted(("cat", "dog"), key=lambda word: float(model.logprob(["the", word])))
    model.added_words = frozenset([rare] if given else [])
    lists = [
        nbest(f"u{number}", (f"the {other}", -0.5), (f"the {rare}", -1.0)) for number in range(5)
    ]
    references = {each.utterance: ("the", rare) for each in lists}
    scored = score_lists(lists, [model])
    tuned = tune_lists(lists, references, scored, TuningSettings(rounds=10, population=8))
    found = report(lists, references, scored, tuned, tuned.weights)
    assert found.rows["rescored"].errors == (0 if given else 5)


def test_tuned_weights_serve_lists_with_the_same_scores_and_models_only(
    tmp_path: Path, model: Any
) -> None:
    lists, references = random_lists(0, count=6)
    tuned = tune_lists(
        lists, references, score_lists(lists, [model]), TuningSettings(rounds=2, population=4)
    )
    weights = Weights(tuned.weights.scales, 0.5, mixture=tuned.weights.mixture)
    with pytest.raises(InputError, match=r"models here are ngram, the weights are for lightrnn"):
        rescorer.rescore(lists, make_ngram(tmp_path), weights)
    with pytest.raises(
        InputError, match=r"scores here are acoustic, the weights are for first_pass"
    ):
        rescorer.rescore([nbest("u", ("cat", {ACOUSTIC: 0.0}))], model, weights)
