"""The search for weights: whatever the unit of the scores, by brute force, and reported as it
goes.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from rescorer.progress import ProgressDisplay
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.nbest import REPLACED, SOUND
from rescorer.rescoring import dominated, tuning_loss
from rescorer.rescoring.linear_features import linear_features
from rescorer.rescoring.nbest import hypothesis_errors
from rescorer.rescoring.prefix_tree import PathScores
from rescorer.rescoring.search_space import SearchSpace
from rescorer.rescoring.tuning import TuningSettings, tune
from rescorer.rescoring.weights import ScoredLists, Weights
from rescorer.rescoring.word_kinds import WordKinds

QUICK = TuningSettings(rounds=12, population=8)
RESCALINGS = 20
DATA = os.environ.get("RESCORER_DATA")


def make_lists(
    seed: int, names: int, models: int, sizes: list[int]
) -> tuple[ScoredLists, np.ndarray]:
    """Random lists of words on nodes that some of them share; errors follow the first score and the
    first model.
    """
    draw = np.random.default_rng(seed)
    count, nodes = sum(sizes), 3 * sum(sizes)
    lengths = draw.integers(1, 7, count)
    places = [draw.choice(nodes, length, replace=False) for length in lengths]
    rows = np.repeat(np.arange(count), lengths)
    paths = csr_matrix((np.ones(len(rows)), (rows, np.concatenate(places))), shape=(count, nodes))
    unknown = draw.random((nodes, models)) < 0.2
    spellings = draw.uniform(-30, -5, (nodes, models)) * unknown
    log_probs = draw.normal(-6, 2, (nodes, models)) + spellings
    new = ~unknown & (draw.random((nodes, models)) < 0.1)
    raw = draw.normal(0, 5, (count, names))
    begins = np.cumsum(sizes) - sizes
    lists = ScoredLists(
        tuple(f"score{k}" for k in range(names)),
        tuple(f"model{k}" for k in range(models)),
        raw,
        lengths,
        begins,
        PathScores(log_probs, WordKinds(spellings, unknown, new), paths),
    )
    quality = raw.sum(1) + (paths @ log_probs).sum(1) + 5.0 * lengths + draw.normal(0, 3, count)
    errors = np.concatenate(
        [np.argsort(np.argsort(-part)) for part in np.split(quality, begins[1:])]
    )
    return lists, np.minimum(errors, 4)


def best(lists: ScoredLists, weights: Weights) -> list[int]:
    return [int(place) for place in lists.best(lists.totals(weights))]


def of_sizes(seed: int, count: int = 40) -> list[int]:
    return np.random.default_rng(seed).integers(1, 9, count).tolist()


@pytest.mark.parametrize(
    ("names", "models", "kind"),
    [
        (1, 0, "linear"),
        (2, 1, "linear"),
        (3, 2, "log-linear"),
        (2, 2, "linear"),
    ],
)
def test_units_of_scores_do_not_matter(names: int, models: int, kind: str) -> None:
    """Each raw score times 1e-4 to 1e4 and shifted in each list: the same hypotheses, also of other
    lists.
    """
    lists, errors = make_lists(names, names, models, of_sizes(names))
    expected = best(lists, tune(lists, errors, QUICK, kind=kind).weights)
    assert len(set(expected) - set(lists.begins)) > 5, "weights change choices"
    draw = np.random.default_rng(0)
    for _ in range(RESCALINGS):
        factors = 10 ** draw.uniform(-4, 4, names)
        shifts = draw.normal(0, 50, (len(lists.begins), names))[lists.owners]
        scaled = replace(lists, raw=(lists.raw + shifts) * factors)
        weights = tune(scaled, errors, QUICK, kind=kind).weights
        assert best(scaled, weights) == expected
        assert best(replace(lists, raw=lists.raw * factors), weights) == expected, (
            "shifts are not in the weights"
        )


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_weights_reach_a_model_beside_tiny_or_huge_scores(unit: float) -> None:
    """The model alone tells right from wrong; the first score keeps its default scale all the
    same.
    """
    lists, _ = make_lists(5, 1, 1, [5] * 60)
    lm = lists.sums[0][:, 0]
    errors = np.concatenate(
        [np.argsort(np.argsort(-part)) for part in np.split(lm, lists.begins[1:])]
    )
    scaled = replace(lists, raw=lists.raw * unit)
    weights = tune(scaled, errors, TuningSettings(rounds=30)).weights
    assert weights.scales["score0"] == 1.0
    assert errors[best(scaled, weights)].sum() <= 0.1 * errors[lists.begins].sum()


def test_a_constant_first_score_leaves_the_next_as_the_measure() -> None:
    lists, errors = make_lists(6, 2, 1, of_sizes(6))
    still = replace(
        lists, raw=np.column_stack([np.full(len(lists.raw), 3.0), lists.raw[:, 1] * 1e-4])
    )
    weights = tune(still, errors, QUICK).weights
    assert weights.scales == {"score0": 1.0, "score1": 1.0} and 0 < weights.lm_scale < 1


@pytest.mark.parametrize("wrong", [0.9, 0.1])
def test_replacements_may_be_probable_or_improbable(wrong: float) -> None:
    """Lists of what was written and of a replacement that `sound` neither favours nor excludes: the
    share of wrong ones decides the sign of the scale.
    """
    draw = np.random.default_rng(3)
    lists, _ = make_lists(3, 2, 0, [2] * 200)
    is_replaced = np.tile([0.0, 1.0], 200)
    sound = draw.normal(0, 1, 400) * is_replaced
    named = replace(
        lists,
        score_names=(SOUND, REPLACED),
        raw=np.column_stack([sound, is_replaced]),
        lengths=np.full(400, 3),
    )
    is_wrong = np.repeat(draw.random(200) < wrong, 2)
    errors = np.where(is_wrong, is_replaced, 1 - is_replaced).astype(np.int64)
    weights = tune(named, errors, QUICK).weights
    assert weights.scales[SOUND] == pytest.approx(1.0)
    assert np.sign(weights.scales[REPLACED]) == np.sign(0.5 - wrong)
    unsigned = replace(weights, scales={**weights.scales, REPLACED: 0.0})
    assert errors[best(named, weights)].sum() < 40 < 80 < errors[best(named, unsigned)].sum()


def test_scores_that_differ_by_rounding_tell_nothing_apart() -> None:
    lists, errors = make_lists(7, 2, 1, of_sizes(7))
    noise = np.random.default_rng(0).normal(0, 1e-13, len(lists.raw))
    noisy = replace(lists, raw=np.column_stack([lists.raw[:, 0], 100 + noise]))
    assert tune(noisy, errors, QUICK).weights.scales["score1"] == 1.0


@pytest.mark.parametrize(
    ("models", "kind"), [(0, "linear"), (1, "linear"), (2, "log-linear"), (3, "linear")]
)
def test_the_loss_is_that_of_the_weights(models: int, kind: str) -> None:
    """By brute force from `ScoredLists.totals`; but for a constant, and what never wins."""
    lists, errors = make_lists(8, 2, models, of_sizes(8))
    space = SearchSpace.of(lists, kind)
    loss = tuning_loss.TuningLoss(lists, errors, space)
    draw = np.random.default_rng(1)
    low, high = np.array(space.bounds).T
    points = draw.uniform(low, high, (70, len(low)))  # more than are worked on at a time
    found = loss(points.T)
    linear = kind == "log-linear" or models < 2
    useful = dominated.useful_hypotheses(lists, linear_features(lists, space.units, linear), linear)
    fewest = np.minimum.reduceat(errors, lists.begins)
    for point, value in zip(points, found, strict=True):
        weights = space.weights(point)
        # In spreads all shares sum to 1: so scaled, the first raw score has its share of its
        # spread.
        share = space.candidates(point[None]).raw[0, 0] / space.units.raw[0]
        totals = lists.totals(weights) * share / tuning_loss._TEMPERATURE
        expected = 0.0
        for u, (begin, end) in enumerate(pairwise([*lists.begins, len(totals)])):
            some = np.flatnonzero(useful[begin:end]) + begin
            for sharpness in (1, 2**tuning_loss._SHARPENINGS):
                shares = np.exp(sharpness * (totals[some] - totals[some].max()))
                expected += float((shares * (errors[some] - fewest[u])).sum() / shares.sum()) / 2
        constant = sum(
            errors[begin:end][useful[begin:end]].min() - fewest[u]
            for u, (begin, end) in enumerate(pairwise([*lists.begins, len(totals)]))
            if len(set(errors[begin:end][useful[begin:end]])) == 1
        )
        assert value + constant == pytest.approx(expected, rel=2e-3, abs=2e-2)


@pytest.mark.parametrize(("models", "kind"), [(1, "linear"), (2, "log-linear"), (2, "linear")])
def test_what_is_left_out_never_wins(models: int, kind: str) -> None:
    """Words that repeat with other scores, lists of many: thousands of weights, none of which
    chooses one of those.
    """
    lists, _ = make_lists(9, 2, models, [30] * 6)
    twice = np.concatenate([np.arange(len(lists.raw))] * 2)
    order = np.argsort(lists.owners[twice], kind="stable")
    rows = twice[order]
    draw = np.random.default_rng(2)
    noise = draw.normal(0, 2, (len(rows), 2)) * (order >= len(lists.raw))[:, None]
    longer = replace(
        lists,
        raw=lists.raw[rows] + noise,
        lengths=lists.lengths[rows],
        begins=lists.begins * 2,
        paths=replace(lists.paths, paths=lists.paths.paths[rows]),
    )
    space = SearchSpace.of(longer, kind)
    linear = kind == "log-linear" or models < 2
    useful = dominated.useful_hypotheses(
        longer, linear_features(longer, space.units, linear), linear
    )
    assert 0.1 < (~useful).mean() < 0.95
    low, high = np.array(space.bounds).T
    for point in draw.uniform(low, high, (1000, len(low))):
        assert useful[best(longer, space.weights(point))].all()


def test_of_equal_hypotheses_the_first_stays() -> None:
    fixed = np.array([[0], [0], [0], [0], [1], [1]])
    values = np.array([[1.0, 2], [1, 2], [0, 2], [2, 1], [0, 0], [0, 0]])
    assert dominated.dominated(fixed, values).tolist() == [False, True, True, False, False, True]


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_dominated_rows_by_brute_force(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(columns)
    monkeypatch.setattr(dominated, "_PAIRS", 200)
    fixed, values = draw.integers(0, 3, (300, 2)), draw.integers(0, 6, (300, columns)).astype(float)
    expected = [
        any(
            (fixed[j] == fixed[i]).all()
            and (values[j] >= values[i]).all()
            and (j < i or (values[j] > values[i]).any())
            for j in range(300)
        )
        for i in range(300)
    ]
    assert dominated.dominated(fixed, values).tolist() == expected


def test_what_no_hypothesis_tells_apart_has_no_penalty() -> None:
    lists, errors = make_lists(4, 1, 0, of_sizes(4))
    assert (
        tune(replace(lists, lengths=np.full(len(lists.raw), 4)), errors, QUICK).weights.word_penalty
        == 0
    )


def test_a_bound_that_is_reached_is_named() -> None:
    """Whatever the scores, the longest hypothesis is right: no penalty is low enough."""
    draw = np.random.default_rng(3)
    count, size = 60, 6
    lengths = np.tile(np.arange(size), count)
    raw = -np.outer(10.0 * lengths + draw.normal(0, 1, count * size), [1.0])
    lists = ScoredLists(
        ("score0",),
        (),
        raw,
        lengths,
        np.arange(0, count * size, size),
        PathScores(
            np.zeros((1, 0)),
            WordKinds(*[np.zeros((1, 0))] * 3),
            csr_matrix(np.ones((count * size, 1))),
        ),
    )
    small = replace(lists, raw=raw * 10 ** np.linspace(0, 3, count).repeat(size)[:, None])
    assert tune(small, size - 1 - lengths, TuningSettings(rounds=40)).at_bounds == ("word penalty",)
    assert tune(*make_lists(4, 1, 0, of_sizes(4)), QUICK).at_bounds == ()


def test_progress_is_told_in_every_generation() -> None:
    steps: list[tuple[str, int, int]] = []
    lists, errors = make_lists(4, 1, 1, of_sizes(4))
    tune(lists, errors, QUICK, progress=lambda *step: steps.append(step), stage="weights")
    assert steps[0] == ("weights", 0, 12) and steps[-1] == ("weights", 12, 12)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps) and len(steps) > 5


def test_plain_lines_tell_the_time_left() -> None:
    lines: list[str] = []
    seconds = iter(range(0, 1000, 5))
    with ProgressDisplay(
        lines.append, terminal=False, clock=lambda: float(next(seconds))
    ) as progress:
        for done in range(9):
            progress("weights", done, 8)
    assert lines[:2] == ["weights: 12 %, 00:35 left", "weights: 25 %, 00:30 left"]
    assert lines[-1] == "weights: 100 %, 00:00 left"


def test_a_log_gets_few_lines_of_a_long_stage() -> None:
    lines: list[str] = []
    seconds = iter(range(100_000))
    with ProgressDisplay(
        lines.append, terminal=False, clock=lambda: float(next(seconds))
    ) as progress:
        for done in range(0, 10_001):
            progress("training", done, 10_000)
    assert len(lines) == 20 and lines[0] == "training: 5 %, 2:38:20 left"


def test_the_time_left_of_a_resumed_stage_counts_from_there() -> None:
    lines: list[str] = []
    seconds = iter(range(0, 1000, 10))
    with ProgressDisplay(
        lines.append, terminal=False, clock=lambda: float(next(seconds))
    ) as progress:
        for done in (80, 90, 100):
            progress("training", done, 100)
    assert lines == ["training: 90 %, 00:10 left", "training: 100 %, 00:00 left"]


def test_a_terminal_has_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(print, terminal=True) as progress:
        for done in range(5):
            progress("weights", done, 4)
    captured = capsys.readouterr()
    assert "weights" in captured.err and "0/4" in captured.err and captured.out == ""


@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_scores_averaged_per_word_tune_as_well_in_any_unit() -> None:
    """Of real lists: the first pass alone, so that no model is called."""
    lists = read_nbest(Path(DATA or "") / "nbest" / "kathleen-dev.jsonl").lists[:150]
    hypotheses = [hypothesis for each in lists for hypothesis in each.hypotheses]
    errors = hypothesis_errors(lists, {each.utterance: each.reference or () for each in lists})
    lengths = np.array([len(hypothesis.words) for hypothesis in hypotheses])
    sizes = np.array([len(each.hypotheses) for each in lists])
    raw = np.array([hypothesis.scores["first_pass"] for hypothesis in hypotheses]) / np.maximum(
        lengths, 1
    )
    scored = ScoredLists(
        ("first_pass",),
        (),
        raw[:, None],
        lengths,
        np.cumsum(sizes) - sizes,
        PathScores(
            np.zeros((1, 0)), WordKinds(*[np.zeros((1, 0))] * 3), csr_matrix(np.ones((len(raw), 1)))
        ),
    )
    settings = TuningSettings(rounds=20)
    chosen = [
        best(each, tune(each, errors, settings).weights)
        for each in (replace(scored, raw=raw[:, None] * factor) for factor in (1, 20, 1e-4))
    ]
    assert chosen[0] == chosen[1] == chosen[2]
    assert errors[chosen[0]].sum() <= errors[scored.begins].sum()
