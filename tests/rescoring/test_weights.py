"""Totals of hypotheses under weights, files of weights, and tuning on planted weights."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from rescorer.errors import InputError
from rescorer.recognition.nbest import BIAS
from rescorer.rescoring import tuning
from rescorer.rescoring.prefix_tree import PathScores
from rescorer.rescoring.tuning import TuningSettings
from rescorer.rescoring.weights import ScoredLists, TunedWeights, Weights
from rescorer.rescoring.word_kinds import WordKinds

QUICK = TuningSettings(rounds=15, population=8)


def lists_of(
    raw: np.ndarray,
    lengths: np.ndarray,
    log_probs: np.ndarray,
    size: int,
    unknown: np.ndarray | None = None,
    log_spellings: np.ndarray | None = None,
    new: np.ndarray | None = None,
) -> ScoredLists:
    """Lists of `size` hypotheses, one node a hypothesis; raw [H, names], all others [H, K]."""
    count = len(raw)
    unknown = np.zeros_like(log_probs, dtype=bool) if unknown is None else unknown
    new = np.zeros_like(log_probs, dtype=bool) if new is None else new
    log_spellings = np.zeros_like(log_probs) if log_spellings is None else log_spellings
    return ScoredLists(
        tuple(f"score{k}" for k in range(raw.shape[1])),
        tuple(f"model{k}" for k in range(log_probs.shape[1])),
        raw,
        lengths,
        np.arange(0, count, size),
        PathScores(log_probs, WordKinds(log_spellings, unknown, new), csr_matrix(np.eye(count))),
    )


# Two utterances of two and one hypotheses; the first hypothesis has two words, each with its </s>.
BY_HAND = ScoredLists(
    ("acoustic", "graph"),
    ("network", "ngram"),
    np.array([[-100.0, -3.0], [-110.0, -1.0], [-50.0, 0.0]]),
    np.array([2, 1, 0]),
    np.array([0, 2]),
    PathScores(
        np.log([[0.5, 0.25], [0.1, 0.2], [0.4, 0.3], [0.01, 0.02]]),
        WordKinds(
            np.log([[1, 1], [0.2, 1], [1, 1], [1, 1]]),
            np.array([[False, False], [True, False], [False, False], [False, False]]),
            np.array([[False, False], [False, True], [False, False], [False, False]]),
        ),
        csr_matrix([[1.0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 1]]),
    ),
)
WEIGHTS = Weights(
    {"acoustic": 0.1, "graph": 2.0},
    lm_scale=0.5,
    word_penalty=0.25,
    unknown_penalty=1.0,
    spelling_scale=0.5,
    mixture={"network": 0.75, "ngram": 0.25},
)


def test_totals_by_hand() -> None:
    # The network does not know the second word: <unk> has 0.5, and of that the word has 0.2, whose
    # root counts.
    unknown = 0.75 * 0.5 * np.sqrt(0.2) * np.exp(-1) + 0.25 * 0.2
    nodes = np.log(
        [0.75 * 0.5 + 0.25 * 0.25, unknown, 0.75 * 0.4 + 0.25 * 0.3, 0.75 * 0.01 + 0.25 * 0.02]
    )
    lm = [nodes[:3].sum(), nodes[0] + nodes[2], nodes[3]]
    assert BY_HAND.lm_scores(WEIGHTS) == pytest.approx(lm)
    assert BY_HAND.totals(WEIGHTS) == pytest.approx(
        [
            -10 - 6 + 0.5 * lm[0] - 0.5,
            -11 - 2 + 0.5 * lm[1] - 0.25,
            -5 + 0.5 * lm[2],
        ]
    )
    linear = np.log([[0.5, 0.25], [0.5 * np.sqrt(0.2) / np.e, 0.2], [0.4, 0.3], [0.01, 0.02]])
    assert BY_HAND.lm_scores(
        replace(WEIGHTS, mixture_kind="log-linear", mixture={"network": 2.0, "ngram": 0.5})
    ) == (pytest.approx(BY_HAND.paths.paths @ (linear @ [2.0, 0.5])))


@pytest.mark.parametrize(("scale", "network"), [(1.0, 0.1), (0.0, 0.5)])
def test_the_spelling_counts_in_full_or_not_at_all(scale: float, network: float) -> None:
    weights = replace(WEIGHTS, unknown_penalty=0.0, spelling_scale=scale)
    nodes = np.log([0.4375, 0.75 * network + 0.05, 0.375, 0.0125])
    assert BY_HAND.lm_scores(weights) == pytest.approx(BY_HAND.paths.paths @ nodes)


def test_new_words_have_a_penalty() -> None:
    """The second word was added to the n-gram after training."""
    weights = replace(WEIGHTS, unknown_penalty=0.0, spelling_scale=1.0, new_word_penalty=-2.0)
    nodes = np.log([0.4375, 0.075 + 0.05 * np.exp(2), 0.375, 0.0125])
    assert BY_HAND.lm_scores(weights) == pytest.approx(BY_HAND.paths.paths @ nodes)


@pytest.mark.parametrize("model", [0, 1])
def test_of_a_single_model_sums_of_sentences_do(model: int) -> None:
    """The sum over words of the weighted scores."""
    paths, name = BY_HAND.paths, BY_HAND.model_names[model]
    kinds = WordKinds(
        *(
            each[:, [model]]
            for each in (paths.kinds.log_spellings, paths.kinds.unknown, paths.kinds.new)
        )
    )
    alone = replace(
        BY_HAND,
        model_names=(name,),
        paths=PathScores(paths.log_probs[:, [model]], kinds, paths.paths),
    )
    weights = replace(WEIGHTS, mixture={name: 1.0}, new_word_penalty=-2.0)
    second = [0.5 * np.sqrt(0.2) / np.e, 0.2 * np.exp(2)][model]
    nodes = np.log([[0.5, second, 0.4, 0.01], [0.25, second, 0.3, 0.02]][model])
    assert alone.lm_scores(weights) == pytest.approx(paths.paths @ nodes)


def test_without_a_language_model() -> None:
    muted = Weights({"acoustic": 1.0, "graph": 0.0}, lm_scale=0.0, word_penalty=-3.0)
    assert BY_HAND.totals(muted).tolist() == [-94.0, -107.0, -50.0]
    alone = BY_HAND.without_models()
    assert alone.model_names == () and alone.totals(muted).tolist() == [-94.0, -107.0, -50.0]


def test_best_is_the_first_of_equal_ones() -> None:
    assert BY_HAND.best(np.array([1.0, 1.0, 0.0])).tolist() == [0, 2]
    assert BY_HAND.best(np.array([1.0, 2.0, 0.0])).tolist() == [1, 2]
    assert BY_HAND.owners.tolist() == [0, 0, 1]


def test_weights_for_other_scores_or_models_name_both_sides() -> None:
    with pytest.raises(
        InputError, match=r"scores here are acoustic, graph, the weights are for first_pass.*--tune"
    ):
        BY_HAND.totals(replace(WEIGHTS, scales={"first_pass": 1.0}))
    with pytest.raises(
        InputError, match=r"models here are network, ngram, the weights are for ngram.*--tune"
    ):
        BY_HAND.totals(replace(WEIGHTS, mixture={"ngram": 1.0}))
    with pytest.raises(
        InputError, match=r"models here are network, ngram, the weights are for none"
    ):
        BY_HAND.totals(replace(WEIGHTS, mixture={}))


def test_default() -> None:
    weights = Weights.default(("acoustic", "graph"), ("a", "b"))
    assert weights == Weights({"acoustic": 0.1, "graph": 1.0}, 0.0, mixture={"a": 0.5, "b": 0.5})
    assert Weights.default(("first_pass",), ()).lm_scale == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scales": {"a": float("nan")}}, "finite"),
        ({"lm_scale": float("inf")}, "finite"),
        ({"word_penalty": "1"}, "finite"),
        ({"spelling_scale": -0.1}, "spelling_scale = -0.1: expected 0 to 1"),
        ({"spelling_scale": 1.5}, "spelling_scale = 1.5: expected 0 to 1"),
        ({"spelling_scale": float("nan")}, "finite"),
        ({"mixture_kind": "cubic"}, "mixture_kind 'cubic'"),
        ({"mixture": {"a": -0.5, "b": 1.5}}, "below 0"),
        ({"mixture": {"a": 0.5, "b": 0.4}}, "sum to 0.9"),
    ],
)
def test_bad_weights(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(WEIGHTS, **change)


def tune(
    lists: ScoredLists, errors: np.ndarray, settings: TuningSettings, kind: str = "linear"
) -> Weights:
    return tuning.tune(lists, errors, settings, kind=kind).weights


def errors_after(lists: ScoredLists, errors: np.ndarray, weights: Weights) -> int:
    return int(errors[lists.best(lists.totals(weights))].sum())


def planted(
    seed: int, count: int = 150, size: int = 5
) -> tuple[ScoredLists, np.ndarray, np.ndarray]:
    """Lists whose best hypothesis is that of raw + 0.7 · other + 0.9 · log P − 2 · words, and
    errors that follow.
    """
    draw = np.random.default_rng(seed)
    raw = draw.normal(0, 5, (count * size, 2))
    lengths = draw.integers(1, 8, count * size)
    log_probs = draw.normal(-10, 5, (count * size, 1))
    truth = raw @ [1.0, 0.7] + 0.9 * log_probs[:, 0] - 2.0 * lengths
    order = np.argsort(np.argsort(-truth.reshape(count, size)))
    return lists_of(raw, lengths, log_probs, size), order.reshape(-1), truth


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_score_that_tells_nothing_apart_keeps_its_scale(value: float) -> None:
    """As of expected words of which no hypothesis holds one: any other would do as well here, and
    harm elsewhere.
    """
    lists, errors, _ = planted(3, count=20)
    silent = replace(
        lists,
        score_names=(*lists.score_names, BIAS),
        raw=np.pad(lists.raw, ((0, 0), (0, 1)), constant_values=value),
    )
    assert tune(silent, errors, QUICK).scales[BIAS] == 5.0
    telling = replace(silent, raw=np.concatenate([lists.raw, errors[:, None] < 2], 1))
    assert tune(telling, errors, QUICK).scales[BIAS] != 5.0


def test_tuning_finds_planted_weights() -> None:
    lists, errors, _ = planted(0)
    weights = tune(lists, errors, TuningSettings())
    assert weights.scales["score0"] == 1.0, "only ratios matter: the first scale is fixed"
    assert weights.scales["score1"] == pytest.approx(0.7, abs=0.15)
    assert weights.lm_scale == pytest.approx(0.9, abs=0.15)
    assert weights.word_penalty == pytest.approx(2.0, abs=0.5)
    other, other_errors, _ = planted(1)
    default = Weights.default(lists.score_names, lists.model_names)
    assert errors_after(other, other_errors, weights) < 0.2 * errors_after(
        other, other_errors, default
    )


def test_tuning_is_deterministic_and_changes_nothing() -> None:
    lists, errors, _ = planted(2, count=20)
    raw = lists.raw.copy()
    assert tune(lists, errors, QUICK) == tune(lists, errors, QUICK)
    assert np.array_equal(lists.raw, raw)


def test_tuning_finds_the_useful_model_and_the_unknown_penalty() -> None:
    draw = np.random.default_rng(3)
    count, size = 100, 4
    wrong = np.tile(np.arange(size), count)
    useful, useless = -3.0 * wrong - 5, draw.normal(-10, 5, count * size)
    order = draw.permuted(np.arange(count * size).reshape(count, size), axis=1).reshape(-1)
    lists = lists_of(
        draw.normal(0, 1, (count * size, 1)),
        np.ones(count * size),
        np.stack([useless, useful], 1)[order],
        size,
    )
    weights = tune(lists, wrong[order], TuningSettings(rounds=20), kind="log-linear")
    assert weights.mixture["model1"] > 0.9 and weights.lm_scale > 0.5
    assert sum(weights.mixture.values()) == pytest.approx(1)
    assert weights.unknown_penalty == 0 and weights.spelling_scale == 1, "no word is unknown"
    # Only an unknown word distinguishes a wrong hypothesis.
    unknown = (wrong[order] > 0)[:, None]
    nothing = np.zeros((count * size, 1))
    lists = lists_of(nothing, np.ones(count * size), nothing - 5, size, unknown)
    assert errors_after(lists, wrong[order], tune(lists, wrong[order], QUICK)) == 0


def test_tuning_finds_the_penalty_of_new_words() -> None:
    """The penalty is 0 without new words, and separate from that of unknown words."""
    draw = np.random.default_rng(6)
    count, size = 150, 5
    raw, log_probs = draw.normal(0, 5, (count * size, 1)), draw.normal(-10, 5, (count * size, 1))
    kind = draw.integers(3, size=(count * size, 1))
    truth = (raw + log_probs - 4 * (kind == 1) + 6 * (kind == 2)).reshape(count, size)
    wrong = np.argsort(np.argsort(-truth)).reshape(-1)
    lists = lists_of(raw, np.ones(count * size), log_probs, size, kind == 1, new=kind == 2)
    found = tune(lists, wrong, TuningSettings())
    assert found.unknown_penalty == pytest.approx(
        4, abs=0.5
    ) and found.new_word_penalty == pytest.approx(-6, abs=0.5)
    assert (
        tune(
            lists_of(raw, np.ones(count * size), log_probs, size, kind == 1), wrong, QUICK
        ).new_word_penalty
        == 0
    )


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0])
def test_tuning_finds_how_much_of_the_spelling_counts(scale: float) -> None:
    draw = np.random.default_rng(5)
    count, size = 150, 5
    raw, closed = draw.normal(0, 5, (count * size, 1)), draw.normal(-10, 5, (count * size, 1))
    unknown = draw.random((count * size, 1)) < 0.5
    spellings = draw.uniform(-60, -20, (count * size, 1)) * unknown
    truth = (raw + 0.9 * (closed + scale * spellings - 4 * unknown)).reshape(count, size)
    wrong = np.argsort(np.argsort(-truth)).reshape(-1)
    lists = lists_of(raw, np.ones(count * size), closed + spellings, size, unknown, spellings)
    assert tune(lists, wrong, TuningSettings()).spelling_scale == pytest.approx(scale, abs=0.1)


@pytest.mark.parametrize("names", [0, 1, 2])
@pytest.mark.parametrize("models", [0, 1, 3])
def test_any_number_of_scores_and_models_can_be_tuned(names: int, models: int) -> None:
    draw = np.random.default_rng(4)
    lists = lists_of(
        draw.normal(size=(12, names)), np.ones(12), draw.normal(-5, 1, (12, models)), 3
    )
    weights = tune(lists, draw.integers(0, 3, 12), TuningSettings(rounds=2, population=4))
    assert set(weights.scales) == set(lists.score_names) and set(weights.mixture) == set(
        lists.model_names
    )
    assert len(lists.totals(weights)) == 12


def test_round_trip(tmp_path: Path) -> None:
    tuned = TunedWeights(
        WEIGHTS, Weights({"acoustic": 0.1, "graph": 1.0}, lm_scale=0.0, word_penalty=-2.0)
    )
    tuned.save(tmp_path / "w.json")
    assert TunedWeights.load(tmp_path / "w.json") == tuned


def test_files_without_a_spelling_scale_count_spellings_in_full(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    TunedWeights(WEIGHTS, WEIGHTS).save(path)
    path.write_text(path.read_text().replace('"spelling_scale": 0.5,', ""))
    assert TunedWeights.load(path).weights == replace(WEIGHTS, spelling_scale=1.0)


GOOD = {"scales": {"a": 1.0}, "lm_scale": 0.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '"text"',
        "{}",
        '{"weights": {}}',
        "[" * 100_000,
        json.dumps({"weights": GOOD}),
        json.dumps({"first_pass": GOOD}),
        json.dumps({"weights": [1], "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "more": 1}, "first_pass": GOOD}),
        json.dumps({"weights": {"scales": [1]}, "first_pass": GOOD}),
        json.dumps({"weights": {"scales": {"a": "1"}}, "first_pass": GOOD}),
        json.dumps({"weights": {"scales": {"a": None}}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "mixture": 1}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "mixture_kind": ["linear"]}, "first_pass": GOOD}),
        '{"weights": {"scales": {"a": NaN}}, "first_pass": {"scales": {}}}',
        json.dumps({"weights": {**GOOD, "scales": {"a": 1e308}}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "scales": {"a": -2e30}}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "scales": {"a": True}}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "scales": {"a": [1.0]}}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "scales": "a"}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "word_penalty": "0"}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "mixture": {"m": {"m": 1.0}}}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "mixture_kind": None}, "first_pass": GOOD}),
        json.dumps({"weights": {**GOOD, "lm_scale": 0.5}, "first_pass": GOOD}),
        json.dumps({"weights": GOOD, "first_pass": {**GOOD, "lm_scale": 0.5}}),
        json.dumps({"weights": GOOD, "first_pass": {**GOOD, "scales": {"b": 1.0}}}),
        json.dumps({"weights": GOOD, "first_pass": {**GOOD, "scales": {}}}),
        '{"weights": {"scales": {"a": 1, "a": 2}, "lm_scale": 0}, '
        '"first_pass": {"scales": {"a": 1}, "lm_scale": 0}}',
        '{"weights": {"scales": {"a": 1' + "0" * 400 + '}}, "first_pass": {"scales": {}}}',
    ],
)
def test_bad_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"w.json.*remedy: make it with `rescore --tune`"):
        TunedWeights.load(path)


def test_good_files(tmp_path: Path) -> None:
    """The valid counterparts of the bad files above."""
    (tmp_path / "w.json").write_text(json.dumps({"weights": GOOD, "first_pass": GOOD}))
    assert TunedWeights.load(tmp_path / "w.json").weights == Weights({"a": 1.0}, lm_scale=0.0)


def test_damaged_files_give_a_message_or_totals(tmp_path: Path) -> None:
    lists = lists_of(
        np.array([[1.0, 2.0], [0.5, 3.0]]), np.ones(2), np.array([[-5.0, -4.0], [-6.0, -3.0]]), 2
    )
    weights = Weights(
        dict.fromkeys(lists.score_names, 0.5), mixture=dict.fromkeys(lists.model_names, 0.5)
    )
    TunedWeights(weights, replace(weights, lm_scale=0.0, mixture={})).save(tmp_path / "w.json")
    whole, chance, loaded = (tmp_path / "w.json").read_text(), random.Random(1), 0
    values = [
        "1e308",
        "-1e308",
        "1e999",
        "NaN",
        "true",
        "null",
        '"1"',
        "[]",
        "{}",
        "0",
        "-1",
        '{"a": 1}',
        "9" * 5000,
        "0.25",
        "3.5",
    ]
    for _ in range(500):
        found = list(re.finditer(r'[0-9.]+|"[^"]*"|[{},:]', whole))
        place = chance.choice(found)
        (tmp_path / "w.json").write_text(
            whole[: place.start()]
            + chance.choice([*values, place[0] * 2, ""])
            + whole[place.end() :]
        )
        try:
            tuned = TunedWeights.load(tmp_path / "w.json")
            assert np.isfinite(lists.totals(tuned.weights)).all()
            assert np.isfinite(lists.without_models().totals(tuned.first_pass)).all()
            loaded += 1
        except InputError as error:
            assert "remedy" in str(error) and "\n" not in str(error)
    assert loaded > 5


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_bytes(b"\xff\xfe{}")
    for path in (tmp_path / "w.json", tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match=r"remedy"):
            TunedWeights.load(path)
