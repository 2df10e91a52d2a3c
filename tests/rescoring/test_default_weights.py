"""Untuned weights: known by construction from planted scores, in any unit, and safe on real
lists.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from scipy.sparse import identity
from tiny import KNOWN, draw_sentences, make_ngram
from tiny_lattices import random_lattice

import rescorer
from rescorer.models.language_model import LanguageModel
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.nbest import ACOUSTIC, BIAS, FIRST_LM, FIRST_PASS, RANK, Hypothesis, NBest
from rescorer.reports.error_rate import error_rate
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.default_weights import (
    DefaultSettings,
    Untuned,
    choose_weights,
    recogniser_weights,
    untuned,
)
from rescorer.rescoring.lattice import default_weights, first_pass_weights, paths_list
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.nbest import rescore, score_lists
from rescorer.rescoring.prefix_tree import PathScores
from rescorer.rescoring.weights import ScoredLists, Weights
from rescorer.rescoring.word_kinds import WordKinds

DATA = os.environ.get("RESCORER_DATA")
WORDS = 10  # of every planted hypothesis, so that word penalties change nothing
PATTERN = [0.0, 2.0, -2.0, 4.0, -4.0]  # standard deviation √8; that of ranks 0 to 4 is √2
RANKS = [0.0, -1.0, -2.0, -3.0, -4.0]
SCALE = 0.15 * math.sqrt(2) / math.sqrt(8)


def planted(
    lists: int, scores: dict[str, list[float]], log_probs: list[float], *, unknown: float = 0.0
) -> tuple[list[NBest], ScoredLists]:
    """Lists that are all alike: scores and log P of their hypotheses, unknown words of each."""
    size = len(log_probs)
    names = tuple(scores)
    hypotheses = tuple(
        Hypothesis(str(k + 1), (f"w{k}",) * WORDS, {name: scores[name][k] for name in names})
        for k in range(size)
    )
    found = [NBest(f"u{u}", hypotheses) for u in range(lists)]
    total = lists * size
    kinds = WordKinds(np.zeros((total, 1)), np.full((total, 1), unknown), np.zeros((total, 1)))
    paths = PathScores(np.tile(log_probs, lists)[:, None], kinds, identity(total, format="csr"))
    raw = np.tile(np.array([scores[name] for name in names]).T, (lists, 1))
    lengths = np.full(total, WORDS)
    return found, ScoredLists(names, ("lm",), raw, lengths, np.arange(lists) * size, paths)


def shifted(nats: float) -> list[float]:
    """The pattern, with so many nats a word in the first hypothesis."""
    return [value - nats * (WORDS + 1) for value in PATTERN]


def best(chosen: Untuned) -> list[int]:
    """The place of the best hypothesis of each list."""
    totals = chosen.scored.totals(chosen.default.weights)
    return (chosen.scored.best(totals) - chosen.scored.begins).tolist()


def test_the_spreads_give_the_scale() -> None:
    chosen = untuned(*planted(9, {RANK: RANKS}, shifted(4.0)))
    weights = chosen.default.weights
    assert weights.scales == {RANK: 1.0} and weights.lm_scale == pytest.approx(SCALE)
    assert weights.word_penalty == pytest.approx(-1.2 * SCALE * 4.0 * 1.1)
    assert best(chosen) == [0] * 9 and "lm_scale 0.075" in chosen.default.reason


@pytest.mark.parametrize(("margin", "place"), [(12.0, 0), (14.0, 1)])
def test_ranks_yield_to_a_clear_preference_alone(margin: float, place: int) -> None:
    """A rank is worth 1 / 0.075 = 13.3 nats."""
    lists, scored = planted(9, {RANK: RANKS}, shifted(4.0))
    log_probs = scored.paths.log_probs.copy()
    log_probs[scored.begins[4] + 1] = log_probs[scored.begins[4]] + margin
    chosen = untuned(lists, replace(scored, paths=replace(scored.paths, log_probs=log_probs)))
    assert best(chosen) == [0] * 4 + [place] + [0] * 4


@pytest.mark.parametrize(
    ("nats", "unknown", "trust"),
    [
        (math.log(399), 0.3, 1.0),
        (math.log(1101), 0.0, 0.0),
        (math.log(math.sqrt(400 * 1100)), 0.0, 0.5),
        (4.0, 0.55, 0.5),
        (4.0, 0.8, 0.0),
    ],
)
def test_a_model_that_does_not_fit_has_a_smaller_scale(
    nats: float, unknown: float, trust: float
) -> None:
    chosen = untuned(*planted(5, {RANK: RANKS}, shifted(nats), unknown=unknown))
    assert chosen.default.weights.lm_scale == pytest.approx(trust * SCALE, abs=1e-9)
    kept = "first pass is kept: the language model does not fit" in chosen.default.reason
    assert kept == (trust == 0)


@pytest.mark.parametrize("scores", [[-3.0] * 5, [-1.0, -0.5, -3.0, -2.0, -4.0]])
def test_the_order_counts_where_scores_do_not_give_it(scores: list[float]) -> None:
    """Constant scores, and such as put another hypothesis first."""
    chosen = untuned(*planted(5, {FIRST_PASS: scores}, shifted(4.0)))
    assert chosen.default.weights.scales == {FIRST_PASS: 0.0, RANK: 1.0}
    assert chosen.default.weights.lm_scale == pytest.approx(SCALE) and best(chosen) == [0] * 5
    assert [hypothesis.scores[RANK] for hypothesis in chosen.lists[2].hypotheses] == RANKS
    assert chosen.default.reason.startswith("the scores do not give the order of the lists")


def test_scores_count_where_the_lists_are_shuffled() -> None:
    scores = [-2.0, -4.0, -1.0, -3.0, -0.5]
    chosen = untuned(*planted(5, {FIRST_PASS: scores}, shifted(4.0)))
    assert chosen.default.weights.scales == {FIRST_PASS: 1.0} and best(chosen) == [4] * 5


def test_an_old_model_that_is_no_better_shares_its_scale() -> None:
    acoustic = [-90.0, -100.0, -110.0, -120.0, -130.0]
    for old, share in ((-44.0 + 11 * 0.49, True), (-44.0 + 11 * 0.51, False), (-12.1 * 11, False)):
        lists, scored = planted(5, {ACOUSTIC: acoustic, FIRST_LM: [old] * 5}, shifted(4.0))
        weights = untuned(lists, scored).default.weights
        scale = 0.5 if share else 1.0
        assert weights.scales == {ACOUSTIC: 0.1, FIRST_LM: scale}
        assert weights.lm_scale == pytest.approx(0.5 if share else SCALE)


def test_acoustic_scores_alone_need_a_language_model() -> None:
    chosen = untuned(*planted(5, {ACOUSTIC: [-1.0, -2.0, -3.0, -4.0, -5.0]}, shifted(9.0)))
    assert chosen.default.weights.lm_scale == 1.0 and best(chosen) == [3] * 5


def test_nothing_to_choose_from() -> None:
    lists, scored = planted(3, {FIRST_PASS: [0.0]}, [-44.0])
    chosen = untuned(lists, scored)
    assert chosen.default.weights.lm_scale == 0 and "no choice" in chosen.default.reason
    assert chosen.lists is lists
    alone = untuned(lists, scored.without_models())
    assert alone.default.weights.lm_scale == 0 and "no language model" in alone.default.reason


def test_expected_words_are_not_the_first_pass() -> None:
    scores = {RANK: RANKS, BIAS: [0.0, 1.0, 0.0, 0.0, 0.0]}
    chosen = untuned(*planted(5, scores, shifted(4.0)))
    assert chosen.default.weights.scales == {RANK: 1.0, BIAS: 5.0}
    assert chosen.default.weights.lm_scale == pytest.approx(SCALE) and best(chosen) == [1] * 5


def random_lists(seed: int, count: int = 60) -> list[NBest]:
    draw = np.random.default_rng(seed)
    lists = []
    for number in range(count):
        sentences = list(dict.fromkeys(draw_sentences(7, 100 * seed + number, KNOWN)))
        scores = np.sort(draw.normal(size=len(sentences)))[::-1] * draw.choice([0.01, 1.0])
        lists.append(
            NBest(
                f"u{number}",
                tuple(
                    Hypothesis(str(k), words, {FIRST_PASS: float(score)})
                    for k, (words, score) in enumerate(zip(sentences, scores, strict=True))
                ),
            )
        )
    return lists


def in_other_units(lists: list[NBest], factor: float, shifts: np.ndarray) -> list[NBest]:
    return [
        replace(
            nbest,
            hypotheses=tuple(
                replace(each, scores={FIRST_PASS: factor * (each.scores[FIRST_PASS] + shift)})
                for each in nbest.hypotheses
            ),
        )
        for nbest, shift in zip(lists, shifts.tolist(), strict=True)
    ]


def test_units_and_shifts_change_nothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    model, lists = make_ngram(tmp_path), random_lists(1)
    words = [[each.words for each in nbest.hypotheses] for nbest in rescore(lists, model)]
    changed = sum(new[0] != old.hypotheses[0].words for new, old in zip(words, lists, strict=True))
    assert 0 < changed < len(lists) / 2
    for factor in 10 ** draw.uniform(-4, 4, 20):
        others = in_other_units(lists, float(factor), 100 * draw.normal(size=len(lists)))
        assert words == [
            [each.words for each in nbest.hypotheses] for nbest in rescore(others, model)
        ]


def test_lattices_are_judged_by_their_best_paths() -> None:
    """The same rule as for lists, at the recogniser's own scales and word penalty."""
    draw, models = np.random.default_rng(3), [make_model()]
    lattices = [
        replace(each, scores={FIRST_PASS: 5 * each.scores["score"]}, own_word_penalty=0.3)
        for each in (random_lattice(draw, 7, 14, KNOWN) for _ in range(20))
        if each.arcs
    ]
    tuned, reason = default_weights(lattices, models)
    first_pass = Weights({FIRST_PASS: 1.0}, 0.0, 0.3)
    assert tuned.first_pass == first_pass == first_pass_weights(lattices[0])
    lists = [
        paths_list(each, n_best(each, known_totals([each], first_pass), 5)) for each in lattices
    ]
    expected = choose_weights(score_lists(lists, models), first_pass)
    assert (tuned.weights, reason) == (expected.weights, expected.reason)
    assert 0 < tuned.weights.lm_scale < 0.5 and tuned.weights.word_penalty < 0.3
    greater = [
        replace(each, scores={FIRST_PASS: 1e3 * each.scores[FIRST_PASS]}, own_word_penalty=300.0)
        for each in lattices
    ]
    assert default_weights(greater, models)[0].weights.lm_scale == pytest.approx(
        1e3 * tuned.weights.lm_scale
    )


def test_recogniser_weights() -> None:
    assert recogniser_weights((ACOUSTIC, FIRST_LM, BIAS)) == Weights(
        {ACOUSTIC: 0.1, FIRST_LM: 1.0, BIAS: 0.0}, lm_scale=0.0
    )


@pytest.fixture(scope="module")
def english() -> list[LanguageModel]:
    return list(rescorer.open_vocabulary([rescorer.load()]))


@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
@pytest.mark.parametrize("unscored", [False, True])
def test_real_lists_do_not_get_worse(english: list[LanguageModel], unscored: bool) -> None:
    """5-best lists of a first pass with few errors, with its scores and with ranks alone."""
    lists = []
    for nbest in read_nbest(Path(DATA or "") / "nbest/kathleen-test.jsonl").lists[:300]:
        best_few = nbest.hypotheses[: DefaultSettings().best]
        lists.append(
            replace(
                nbest,
                hypotheses=tuple(
                    replace(each, scores={RANK: float(-k)} if unscored else each.scores)
                    for k, each in enumerate(best_few)
                ),
            )
        )
    references = [nbest.reference or () for nbest in lists]
    first, second = (
        error_rate(references, [nbest.hypotheses[0].words for nbest in each])
        for each in (lists, rescorer.rescore(lists, english))
    )
    assert first.words > 2000 and second.errors <= 1.02 * first.errors
