"""The methods of rescored lattices, the weights before and after tuning, and what a next pass
reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from tiny import KNOWN, make_ngram
from tiny_lattices import all_paths, make_lattice, path_totals, random_lattice

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, GRAPH, NBest
from rescorer.rescoring import lattice_tuning
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import (
    best_words,
    default_weights,
    first_pass_weights,
    rescore_lattices,
    split_old_lm,
    without_old_lm,
)
from rescorer.rescoring.lattice_tuning import tune_lattices
from rescorer.rescoring.weights import TunedWeights, Weights

EXACT = ExpansionSettings(order=0, beam=math.inf, max_histories=0)
ARCS = [
    (0, 1, "the"),
    (0, 1, "a"),
    (1, 2, "cat"),
    (1, 2, "dog"),
    (2, 3, "sat"),
    (2, 3, "ran"),
    (2, 3, ""),
]


def named(scores: dict[str, list[float]], utterance: str = "u") -> Lattice:
    lattice = make_lattice(ARCS, [3], name=utterance)
    return replace(lattice, scores={name: np.array(values) for name, values in scores.items()})


def kaldi(utterance: str = "u", seed: int = 0) -> Lattice:
    draw = np.random.default_rng(seed)
    return named(
        {ACOUSTIC: (10 * draw.normal(size=8)).tolist(), GRAPH: draw.normal(size=8).tolist()},
        utterance,
    )


def test_the_new_model_shares_the_scale_of_an_old_one_that_is_no_better() -> None:
    old = {ACOUSTIC: [0.0, -1.0, -2.0, -1.0, -4.0, 0.0, -9.0, 0.0], GRAPH: [-5.0] * 8}
    tuned, reason = default_weights([named(old)], [make_model()])
    assert tuned.first_pass.scales == {ACOUSTIC: 0.1, GRAPH: 1.0} and tuned.first_pass.lm_scale == 0
    assert tuned.weights.scales == {ACOUSTIC: 0.1, GRAPH: 0.5} and tuned.weights.lm_scale == 0.5
    assert tuned.weights.mixture == {"lightrnn": 1.0} and "share" in reason


def test_an_old_model_that_is_better_keeps_its_scale() -> None:
    tuned, _ = default_weights([kaldi()], [make_model()])  # its graph scores are about 0: P = 1
    assert tuned.weights.scales == {ACOUSTIC: 0.1, GRAPH: 1.0} and 0 < tuned.weights.lm_scale < 0.5


def test_default_weights_take_the_files_own_scales() -> None:
    own = replace(
        named({ACOUSTIC: [0.0] * 8, FIRST_LM: [-5.0] * 8}),
        own_scales={ACOUSTIC: 0.08, FIRST_LM: 1.0},
        own_word_penalty=-0.5,
    )
    tuned, _ = default_weights([own], [make_model()])
    assert (
        tuned.first_pass.scales == {ACOUSTIC: 0.08, FIRST_LM: 1.0}
        and tuned.first_pass.word_penalty == -0.5
    )
    assert tuned.weights.scales == {ACOUSTIC: 0.08, FIRST_LM: 0.5} and tuned.weights.lm_scale == 0.5


def test_without_the_old_model_the_new_one_counts_in_full() -> None:
    lattice = without_old_lm(kaldi())
    assert lattice.score_names == (ACOUSTIC,)
    tuned, _ = default_weights([lattice], [make_model()])
    assert tuned.weights.scales == {ACOUSTIC: 0.1} and tuned.weights.lm_scale == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_the_old_model_comes_out_of_the_graph_score(tmp_path: Path, seed: int) -> None:
    """Where the graph score of each path holds the n-gram's, the two parts are found again."""
    ngram = make_ngram(tmp_path)
    drawn = random_lattice(np.random.default_rng(seed), 7, 17, KNOWN[:4])
    rest = replace(drawn, scores={ACOUSTIC: np.zeros(drawn.arcs), GRAPH: drawn.scores["score"]})
    weights = Weights({ACOUSTIC: 0.0, GRAPH: 0.0}, 1.0, mixture={ngram.name: 1.0})
    scored = next(rescore_lattices([rest], ngram, TunedWeights(weights, weights), EXACT)).lattice
    given = replace(
        scored,
        scores={
            ACOUSTIC: scored.scores[ACOUSTIC],
            GRAPH: scored.scores[GRAPH] + scored.scores[ngram.name],
        },
    )
    (split,) = split_old_lm([given], ngram, 1 << 26, ErrorCollector())
    paths = all_paths(split)
    assert len(paths) == len(all_paths(drawn))
    for path in paths:
        words = [
            split.symbols.words[label] for label in split.labels[path] if split.symbols.words[label]
        ]
        assert split.scores[FIRST_LM][path].sum() == pytest.approx(ngram.logprob(words), abs=1e-4)
    np.testing.assert_allclose(
        np.sort(path_totals(split.scores[GRAPH], paths)),
        np.sort(path_totals(rest.scores[GRAPH], all_paths(rest))),
        atol=1e-4,
    )
    assert without_old_lm(split).score_names == (ACOUSTIC, GRAPH)


def test_the_old_model_comes_out_once(tmp_path: Path) -> None:
    ngram = make_ngram(tmp_path)
    (split,) = split_old_lm([kaldi()], ngram, 1 << 26, ErrorCollector())
    with pytest.raises(InputError, match=r"graph, first_lm.*--old-lm-model"):
        list(split_old_lm([split], ngram, 1 << 26, ErrorCollector()))


def test_first_pass_words() -> None:
    lattice = named({ACOUSTIC: [1, 0, 1, 0, 0, 1, 0, 0], GRAPH: [0.0, 0.5, 0, 0, 0, 0, 0, 0]})
    assert best_words(lattice, Weights({ACOUSTIC: 1.0, GRAPH: 1.0}, 0.0)) == ("the", "cat", "ran")
    assert best_words(lattice, Weights({ACOUSTIC: 0.1, GRAPH: 1.0}, 0.0)) == ("a", "cat", "ran")
    assert best_words(lattice, Weights({ACOUSTIC: 1.0, GRAPH: 1.0}, 0.0, word_penalty=5.0)) == (
        "the",
        "cat",
    )


def test_the_next_pass_finds_the_same_totals(tmp_path: Path) -> None:
    models = [make_model(), make_ngram(tmp_path)]
    rescored = next(rescore_lattices([kaldi()], models, None, EXACT))
    lattice = rescored.as_first_pass(GRAPH)
    assert lattice.score_names == (ACOUSTIC, GRAPH)
    sums = sum(lattice.own_scales[name] * score for name, score in lattice.scores.items())
    np.testing.assert_allclose(sums, rescored.totals, atol=1e-9)
    assert set(lattice.scores[ACOUSTIC]) <= set(kaldi().scores[ACOUSTIC])
    np.testing.assert_allclose(lattice.arc_fields["posterior"], rescored.posteriors())
    alone = next(rescore_lattices([named({FIRST_PASS: [0.0] * 8})], models, None, EXACT))
    assert alone.as_first_pass(FIRST_LM).score_names == (FIRST_PASS,)


def test_n_best_of_an_empty_lattice_is_one_hypothesis_without_words() -> None:
    empty = replace(
        make_lattice([(0, 1, "the")], []), scores={ACOUSTIC: np.zeros(0), GRAPH: np.zeros(0)}
    )
    rescored = list(rescore_lattices([kaldi(), empty], make_model(), None, EXACT))[1]
    assert rescored.best() == () and rescored.minimum_bayes_risk().words == ()
    (hypothesis,) = rescored.n_best(5).hypotheses
    assert hypothesis.words == () and set(hypothesis.scores.values()) == {0.0}


def test_minimum_bayes_risk_knows_how_sure_it_is() -> None:
    rescored = next(rescore_lattices([kaldi()], make_model(), None, EXACT))
    chosen = rescored.minimum_bayes_risk()
    paths = all_paths(rescored.lattice)
    totals = path_totals(rescored.totals, paths)
    shares = np.exp(totals - totals.max()) / np.exp(totals - totals.max()).sum()
    labels = [
        [rescored.lattice.symbols.words[label] for label in rescored.lattice.labels[path]]
        for path in paths
    ]
    for place, word in enumerate(chosen.words):  # each path has one arc for each place
        truth = sum(
            share for share, spoken in zip(shares, labels, strict=True) if spoken[place] == word
        )
        assert chosen.confidences[place] == pytest.approx(truth, abs=1e-4)


def test_tuning_finds_the_model_that_knows(tmp_path: Path) -> None:
    """References are what the model likes best: tuned on some lattices, it corrects others."""
    model = make_ngram(tmp_path)
    lattices = [kaldi(f"u{seed}", seed) for seed in range(24)]
    by_model = TunedWeights(
        Weights({ACOUSTIC: 0.02, GRAPH: 0.0}, 3.0, mixture={model.name: 1.0}),
        first_pass_weights(lattices[0]),
    )
    truth = {
        each.lattice.utterance: each.best()
        for each in rescore_lattices(lattices, model, by_model, EXACT)
    }
    dev, test = lattices[:12], lattices[12:]
    tuned = tune_lattices(
        dev, {each.utterance: truth[each.utterance] for each in dev}, [model], EXACT
    ).weights
    found = {
        each.lattice.utterance: each.best() for each in rescore_lattices(test, model, tuned, EXACT)
    }
    before = {each.utterance: best_words(each, tuned.first_pass) for each in test}
    right = {
        name: sum(words[each.utterance] == truth[each.utterance] for each in test)
        for name, words in (("before", before), ("after", found))
    }
    assert right["after"] >= 10 > right["before"]


def turns_of(
    monkeypatch: pytest.MonkeyPatch, turns: Sequence[TunedWeights]
) -> list[set[tuple[str, ...]]]:
    """Let rounds of tuning find these weights, with one path a lattice.

    Returns:
        What the lists of each round hold, once it has begun.
    """
    seen: list[set[tuple[str, ...]]] = []
    coming = iter(turns)

    def tune_lists(lists: Sequence[NBest], *_: object, **__: object) -> TunedWeights:
        seen.append({hypothesis.words for nbest in lists for hypothesis in nbest.hypotheses})
        return next(coming)

    monkeypatch.setattr(lattice_tuning, "tune_lists", tune_lists)
    monkeypatch.setattr(lattice_tuning, "_TUNING_PATHS", 1)
    monkeypatch.setattr(lattice_tuning, "_TUNING_ROUNDS", len(turns))
    return seen


def scaled(model: LanguageModel, lattice: Lattice, acoustic: float, graph: float) -> TunedWeights:
    scales = {ACOUSTIC: acoustic, GRAPH: graph}
    weights = Weights(scales, 3.0, mixture={model.name: 1.0})
    return TunedWeights(weights, first_pass_weights(lattice))


def test_each_round_of_tuning_has_the_paths_of_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, lattices = make_ngram(tmp_path), [kaldi(f"u{seed}", seed) for seed in range(4)]
    weights = scaled(model, lattices[0], 0.02, 0.0)
    seen = turns_of(monkeypatch, [weights, weights])
    steps: list[tuple[str, int, int]] = []
    references = {each.utterance: () for each in lattices}
    tune_lattices(lattices, references, [model], EXACT, progress=lambda *step: steps.append(step))

    def best(used: TunedWeights) -> set[tuple[str, ...]]:
        return {each.best() for each in rescore_lattices(lattices, model, used, EXACT)}

    first = {best_words(each, weights.first_pass) for each in lattices}
    first |= best(default_weights(lattices, [model])[0])
    assert seen == [first, first | best(weights)]
    assert seen[0] != seen[1]
    assert sum("paths" in stage for stage, *_ in steps) == 3 * len(lattices)


@pytest.mark.parametrize("best", range(3))
def test_the_round_with_the_fewest_errors_of_the_lattices_wins(
    best: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, lattices = make_ngram(tmp_path), [kaldi(f"u{seed}", seed) for seed in range(4)]
    turns = [scaled(model, lattices[0], *scales) for scales in ((0.02, 0.0), (0.5, 0.1))]
    tried = [default_weights(lattices, [model])[0], *turns]
    references = {
        each.lattice.utterance: each.best()
        for each in rescore_lattices(lattices, model, tried[best], EXACT)
    }
    turns_of(monkeypatch, turns)
    tuned = tune_lattices(lattices, references, [model], EXACT)
    assert tuned.weights == tried[best]
    assert tuned.is_default == (best == 0)


@pytest.mark.parametrize("name", ["lm", "total", "ngram"])
def test_scores_whose_names_are_taken_are_refused_before_scoring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model, lattice = make_ngram(tmp_path), kaldi()
    named = replace(lattice, scores={**lattice.scores, name: np.zeros(lattice.arcs)}, own_scales={})

    def fail(*_: object) -> None:
        raise AssertionError("the model was called")

    monkeypatch.setattr(type(model), "start", fail)
    for use in (
        lambda: tune_lattices([named], {}, [model]),
        lambda: list(rescore_lattices([named], model)),
    ):
        with pytest.raises(InputError, match=f"utterance .* already has the scores {name};"):
            use()


def test_tuning_needs_a_path() -> None:
    with pytest.raises(InputError, match="no lattice with a path"):
        tune_lattices([make_lattice([(0, 1, "the")], [])], {}, [make_model()])
