"""Rescored lattices against every path of theirs scored as a sentence of a list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from tiny import KNOWN, make_ngram
from tiny_lattices import all_paths, make_lattice, path_totals, random_lattice, words_of

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END, LanguageModel
from rescorer.models.open_vocabulary import open_vocabulary
from rescorer.models.spelling import Spelling
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import NBest
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import RescoredLattice, rescore_lattices
from rescorer.rescoring.nbest import LM_SCORE, rerank, score_lists
from rescorer.rescoring.prefix_tree import score_sentences
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import TunedWeights, Weights

EXACT = ExpansionSettings(order=0, beam=math.inf, max_histories=0)
VOCABULARY = (*KNOWN[:5], "strange", "<unk>")
BUDGET = 1 << 26


def lattices(count: int = 12, states: int = 7, arcs: int = 17, seed: int = 0) -> list[Lattice]:
    draw = np.random.default_rng(seed)
    drawn = [random_lattice(draw, states, arcs, VOCABULARY) for _ in range(count)]
    return [replace(lattice, utterance=f"u{place}") for place, lattice in enumerate(drawn)]


def two_models(folder: Path) -> list[LanguageModel]:
    """Their unknown words are spelled out, and the spelling counts by half: see `weights_for`. One
    came later.
    """
    model = make_model()
    model.added_words = frozenset(VOCABULARY[:1])
    model.spelling = Spelling({"▁": math.log(0.999)}, 0.0)
    return open_vocabulary([model, make_ngram(folder)])


def weights_for(models: Sequence[LanguageModel], kind: str = "linear") -> TunedWeights:
    shares = dict(
        zip([model.name for model in models], ([1.0], [0.6, 0.4])[len(models) - 1], strict=True)
    )
    weights = Weights({"score": 0.7}, 0.8, 0.2, 0.5, 0.5, shares, kind, -0.25)
    return TunedWeights(weights, Weights({"score": 1.0}, lm_scale=0.0))


def sentence_totals(
    models: Sequence[LanguageModel], weights: Weights, sentences: Sequence[Sequence[str]]
) -> np.ndarray:
    """[sentences] lm_scale · log P − word penalties of each sentence, by the n-best engine."""
    scores = score_sentences(sentences, models, BUDGET)
    mixed = weights.mixed(scores.log_probs, scores.kinds, [model.name for model in models])
    lengths = np.array([len(words) for words in sentences])
    return scores.paths @ mixed * weights.lm_scale - weights.word_penalty * lengths


def expected_totals(
    lattice: Lattice, models: Sequence[LanguageModel], weights: Weights
) -> list[float]:
    """The total of every path, each scored as a sentence of a list."""
    raw = weights.scales["score"] * lattice.scores["score"]
    paths = all_paths(lattice)
    if not paths:
        return []
    new = sentence_totals(models, weights, [words_of(lattice, path) for path in paths])
    return [float(raw[path].sum() + total) for path, total in zip(paths, new, strict=True)]


@pytest.mark.parametrize("kind", ["linear", "log-linear"])
@pytest.mark.parametrize("seed", range(4))
def test_exact_totals_equal_every_path_scored_as_a_sentence(
    tmp_path: Path, seed: int, kind: str
) -> None:
    models = two_models(tmp_path)
    weights = weights_for(models, kind)
    old = lattices(seed=seed)
    paths = 0
    for lattice, rescored in zip(old, rescore_lattices(old, models, weights, EXACT), strict=True):
        found = path_totals(rescored.totals, all_paths(rescored.lattice))
        expected = expected_totals(lattice, models, weights.weights)
        np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-4)
        paths += len(expected)
    assert paths > 50


def test_every_device_gives_the_same(device: str) -> None:
    model = make_model()
    old, weights = lattices(), weights_for([model])
    here = [rescored.totals for rescored in rescore_lattices(old, model, weights, EXACT)]
    there = [
        rescored.totals for rescored in rescore_lattices(old, model.to(device), weights, EXACT)
    ]
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_best_path_and_n_best_equal_enumeration(tmp_path: Path) -> None:
    models = two_models(tmp_path)
    weights = weights_for(models)
    old = lattices()
    for lattice, rescored in zip(old, rescore_lattices(old, models, weights, EXACT), strict=True):
        best: dict[tuple[str, ...], float] = {}
        totals = expected_totals(lattice, models, weights.weights)
        for path, total in zip(all_paths(lattice), totals, strict=True):
            words = words_of(lattice, path)
            best[words] = max(total, best.get(words, -math.inf))
        ranked = sorted(best.items(), key=lambda pair: -pair[1])
        if not ranked:
            assert rescored.best() == () and not rescored.lattice.states
            continue
        assert rescored.best() == ranked[0][0]
        hypotheses = rescored.n_best(10).hypotheses
        assert [h.words for h in hypotheses] == [words for words, _ in ranked[:10]]
        np.testing.assert_allclose(
            [h.scores["total"] for h in hypotheses], [t for _, t in ranked[:10]], atol=1e-4
        )


def test_a_list_and_its_lattice_agree(tmp_path: Path) -> None:
    models = two_models(tmp_path)
    weights = weights_for(models)
    old = [lattice for lattice in lattices() if lattice.states]
    rescored = list(rescore_lattices(old, models, weights, EXACT))
    from_lattices = [each.n_best(1000) for each in rescored]
    raw = [
        NBest(
            nbest.utterance,
            tuple(replace(h, scores={"score": h.scores["score"]}) for h in nbest.hypotheses),
        )
        for nbest in from_lattices
    ]
    from_lists = rerank(raw, score_lists(raw, models), weights.weights)
    for one, other in zip(from_lattices, from_lists, strict=True):
        assert [h.words for h in one.hypotheses] == [h.words for h in other.hypotheses]
        for a, b in zip(one.hypotheses, other.hypotheses, strict=True):
            assert {
                name: pytest.approx(score, abs=1e-4) for name, score in a.scores.items()
            } == dict(b.scores)


def test_posteriors_are_those_of_the_paths(tmp_path: Path) -> None:
    models = two_models(tmp_path)
    weights = weights_for(models)
    for rescored in rescore_lattices(lattices(), models, weights, EXACT):
        lattice, posteriors = rescored.lattice, rescored.posteriors()
        for state in range(1, lattice.states):  # the arcs over a cut before a state
            over = (lattice.sources < state) & (lattice.targets >= state)
            assert posteriors[over].sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_merging_is_exact_where_the_model_looks_back_no_farther(tmp_path: Path, order: int) -> None:
    ngram = make_ngram(tmp_path)  # a bigram
    settings = ExpansionSettings(order=order, beam=math.inf, max_histories=0)
    old, weights = lattices(), weights_for([ngram])
    exact = list(rescore_lattices(old, ngram, weights, EXACT))
    merged = list(rescore_lattices(old, ngram, weights, settings))
    assert sum(each.lattice.states for each in merged) < sum(each.lattice.states for each in exact)
    for one, other in zip(exact, merged, strict=True):
        found = path_totals(other.totals, all_paths(other.lattice))
        same = np.allclose(
            np.sort(path_totals(one.totals, all_paths(one.lattice))), np.sort(found), atol=1e-4
        )
        # a unigram's histories are too few for a bigram: nothing is promised
        assert same or order == 1
        if order > 1:
            assert other.best() == one.best()


def test_merged_histories_share_their_last_words() -> None:
    """Two ways to one state, alike in their last word: N = 2 keeps one state for them, N = 3
    two.
    """
    lattice = make_lattice([(0, 1, "the"), (0, 1, "a"), (1, 2, "cat"), (2, 3, "sat")], [3])
    model = make_model()
    sizes = {}
    for order in (0, 1, 2, 3, 4):
        settings = ExpansionSettings(order, math.inf, 0)
        sizes[order] = next(
            rescore_lattices([lattice], model, weights_for([model]), settings)
        ).lattice.states
    assert sizes == {1: 5, 2: 6, 3: 7, 4: 8, 0: 8}


def test_the_best_history_stands_for_the_merged(tmp_path: Path) -> None:
    """After the merge, words are scored as after the better of the two histories."""
    lattice = make_lattice(
        [(0, 1, "the"), (0, 1, "a"), (1, 2, "cat"), (2, 3, "sat")], [3], [9.0, 0, 0, 0, 0]
    )
    model = make_model()
    settings = ExpansionSettings(order=1, beam=math.inf, max_histories=0)
    rescored = next(rescore_lattices([lattice], model, weights_for([model]), settings))
    by_word = dict(
        zip(
            [
                rescored.lattice.symbols.words[label] or SENTENCE_END
                for label in rescored.lattice.labels
            ],
            rescored.lattice.scores["lightrnn"],
            strict=True,
        )
    )
    assert by_word["cat"] == pytest.approx(
        model.logprob(["the", "cat"], end=False) - model.logprob(["the"], end=False), abs=1e-5
    )
    assert by_word[SENTENCE_END] == pytest.approx(
        model.logprob(["the", "cat", "sat"]) - model.logprob(["the", "cat", "sat"], end=False),
        abs=1e-5,
    )


def test_max_histories_bounds_every_state() -> None:
    model, weights = make_model(), weights_for([make_model()])
    old = lattices(20)
    for most in (1, 2, 3):
        settings = ExpansionSettings(order=0, beam=math.inf, max_histories=most)
        for lattice, rescored in zip(
            old, rescore_lattices(old, model, weights, settings), strict=True
        ):
            assert rescored.lattice.states <= max(0, most * (lattice.states - 2) + 2)
            assert bool(rescored.lattice.states) == bool(lattice.states)


def test_a_narrow_beam_keeps_a_path_and_drops_others() -> None:
    model, weights = make_model(), weights_for([make_model()])
    old = lattices(20)
    arcs = {}
    for beam in (1e-9, 1.0, 4.0, math.inf):
        rescored = list(rescore_lattices(old, model, weights, ExpansionSettings(0, beam, 0)))
        assert [bool(each.lattice.states) for each in rescored] == [
            bool(lattice.states) for lattice in old
        ]
        arcs[beam] = sum(each.lattice.arcs for each in rescored)
    assert arcs[1e-9] < arcs[1.0] < arcs[4.0] < arcs[math.inf]
    first_pass = [Trellis.of([each]).best_paths(each.scores["score"])[0] for each in old]
    narrow = rescore_lattices(old, model, weights, ExpansionSettings(0, 1e-9, 0))
    for lattice, path, rescored in zip(old, first_pass, narrow, strict=True):
        if lattice.states:  # what is left goes along the first pass's best path
            assert rescored.best() == words_of(lattice, path.tolist())


@pytest.mark.parametrize(
    "settings",
    [
        ExpansionSettings(0, math.inf, 1),
        ExpansionSettings(3, 2.0, 0),
        ExpansionSettings(0, 1.0, 2),
        ExpansionSettings(0, 2.0, 2, compact=True),
        ExpansionSettings(0, math.inf, 0, compact=True),
    ],
)
def test_histories_are_given_up_and_no_words_are_lost(settings: ExpansionSettings) -> None:
    """What the first pass's beam leaves of the lattice is all there, and no path beats the best
    one.
    """
    model, weights = make_model(), weights_for([make_model()])
    old = lattices(10)
    exact = rescore_lattices(old, model, weights, EXACT)
    for lattice, full, rescored in zip(
        old, exact, rescore_lattices(old, model, weights, settings), strict=True
    ):
        through = Trellis.of([lattice]).through(lattice.scores["score"], "best")
        kept = set(
            np.flatnonzero(
                through >= through.max(initial=-math.inf) - settings.beam - 1e-6
            ).tolist()
        )
        expected = {words_of(lattice, path) for path in all_paths(lattice) if kept.issuperset(path)}
        found = {words_of(rescored.lattice, path) for path in all_paths(rescored.lattice)}
        # the new arcs are others: sure are the paths that lie within the beam as a whole
        if settings.compact:
            sums = path_totals(lattice.scores["score"], all_paths(lattice))
            near = sums >= sums.max(initial=-math.inf) - settings.beam
            expected = {
                words_of(lattice, path)
                for path, is_near in zip(all_paths(lattice), near, strict=True)
                if is_near
            }
        assert expected <= found and (settings.compact or found == expected)
        if lattice.states:
            best = max(path_totals(rescored.totals, all_paths(rescored.lattice)))
            assert best <= max(path_totals(full.totals, all_paths(full.lattice))) + 1e-4


@pytest.mark.parametrize("compact", [False, True])
def test_paths_near_the_best_have_totals_of_their_own_history(compact: bool) -> None:
    """The beam leaves all arcs and histories, but those that are far from the best path merge in
    the end.
    """
    model, weights = make_model(), weights_for([make_model()])
    old = lattices(10)
    limits = ExpansionSettings(0, 12.0, 0, compact)
    near = merged = 0
    exact = list(rescore_lattices(old, model, weights, EXACT))
    for full, rescored in zip(exact, rescore_lattices(old, model, weights, limits), strict=True):
        found, expected = best_by_words(rescored), best_by_words(full)
        assert found.keys() == expected.keys()
        top = max(expected.values(), default=0.0)
        for words, total in expected.items():
            if total >= top - limits.apart:
                assert found[words] == pytest.approx(total, abs=1e-4)
                near += 1
        merged += full.lattice.states > rescored.lattice.states
    assert near > 20 and merged


def best_by_words(rescored: RescoredLattice) -> dict[tuple[str, ...], float]:
    best: dict[tuple[str, ...], float] = {}
    paths = all_paths(rescored.lattice)
    for path, total in zip(paths, path_totals(rescored.totals, paths), strict=True):
        words = words_of(rescored.lattice, path)
        best[words] = max(total, best.get(words, -math.inf))
    return best


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("settings", [EXACT, ExpansionSettings(3, 4.0, 3)])
def test_batches_do_not_matter(tmp_path: Path, size: int, settings: ExpansionSettings) -> None:
    models = two_models(tmp_path)
    old, weights = lattices(), weights_for(models)
    together = list(rescore_lattices(old, models, weights, settings))
    apart = [
        each
        for begin in range(0, len(old), size)
        for each in rescore_lattices(old[begin : begin + size], models, weights, settings)
    ]
    assert_alike(together, apart)


def assert_alike(one: Sequence[RescoredLattice], other: Sequence[RescoredLattice]) -> None:
    for a, b in zip(one, other, strict=True):
        assert a.lattice.utterance == b.lattice.utterance and a.best() == b.best()
        assert (a.lattice.states, a.lattice.arcs) == (b.lattice.states, b.lattice.arcs)
        np.testing.assert_allclose(np.sort(a.totals), np.sort(b.totals), atol=1e-4)


def test_memory_does_not_change_the_result_and_too_little_is_told() -> None:
    model = make_model()
    old, weights = lattices(30), weights_for([model])
    plenty = list(rescore_lattices(old, model, weights, EXACT))
    needed = next(
        size
        for size in (1 << power for power in range(10, 27))
        if not too_little(old, model, weights, size)
    )
    assert needed < BUDGET // 8
    assert_alike(plenty, list(rescore_lattices(old, model, weights, EXACT, needed)))
    collector = ErrorCollector(skip=True)
    kept = list(rescore_lattices(old, model, weights, EXACT, needed // 4, collector))
    assert kept and collector.errors and len(kept) + len(collector.errors) == len(old)
    assert "raise --memory" in str(collector.errors[0])


def too_little(
    old: Sequence[Lattice], model: LanguageModel, weights: TunedWeights, memory: int
) -> bool:
    try:
        list(rescore_lattices(old, model, weights, EXACT, memory))
    except InputError:
        return True
    return False


def test_a_sentence_mark_inside_is_silence_and_the_end_is_scored(tmp_path: Path) -> None:
    ngram = make_ngram(tmp_path)
    lattice = make_lattice([(0, 1, "<s>"), (1, 2, "the"), (2, 3, "</s>")], [3])
    rescored = next(rescore_lattices([lattice], ngram, weights_for([ngram]), EXACT))
    assert rescored.best() == ("the",)
    assert rescored.lattice.scores[LM_SCORE].sum() == pytest.approx(
        ngram.logprob(["the"]), abs=1e-5
    )


def test_raw_scores_stay_and_weights_must_fit(tmp_path: Path) -> None:
    model = make_model()
    lattice = next(each for each in lattices() if each.states)
    rescored = next(rescore_lattices([lattice], model, weights_for([model]), EXACT))
    assert set(rescored.lattice.scores) == {"score", "lightrnn", "lm"}
    assert set(rescored.lattice.scores["score"].tolist()) <= set(lattice.scores["score"].tolist())
    other = TunedWeights(
        Weights({"acoustic": 1.0}, mixture={"lightrnn": 1.0}), Weights({"acoustic": 1.0})
    )
    with pytest.raises(InputError, match="the scores here are score, the weights are for acoustic"):
        list(rescore_lattices([lattice], model, other))
    with pytest.raises(InputError, match="no language model"):
        list(rescore_lattices([lattice], []))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"order": -1}, "order"),
        ({"beam": 0.0}, "beam"),
        ({"beam": math.nan}, "beam"),
        ({"max_histories": -1}, "max_histories"),
    ],
)
def test_settings_check_themselves(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExpansionSettings(**wrong)  # type: ignore[arg-type]
