"""Expected words: what they add to the total of every path of a lattice, and how much they are
worth.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import make_model
from tiny import KNOWN
from tiny_lattices import all_paths, random_lattice, words_of

from rescorer.errors import InputError
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import ACOUSTIC, BIAS
from rescorer.rescoring.bias import biased_lattices
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import default_weights, rescore_lattices
from rescorer.rescoring.lattice_tuning import tune_lattices
from rescorer.rescoring.weights import TunedWeights, Weights

EXACT = ExpansionSettings(order=0, beam=math.inf, max_histories=0)
NAMES = frozenset({"cat", "strange"})


def lattice(seed: int) -> Lattice:
    drawn = random_lattice(np.random.default_rng(seed), 6, 16, (*KNOWN[:4], "strange"))
    return replace(drawn, utterance=f"u{seed}", scores={ACOUSTIC: 10 * drawn.scores["score"]})


@pytest.mark.parametrize("seed", range(8))
def test_best_paths_of_lattices_are_those_of_all_paths(seed: int) -> None:
    """Held against every path of the lattice, with the language model asked sentence by
    sentence.
    """
    model, found = make_model(), lattice(seed)
    paths = all_paths(found)
    if not paths:
        pytest.skip("this draw has no path")
    weights = Weights(
        {ACOUSTIC: 0.1, BIAS: 3.0}, lm_scale=0.4, word_penalty=0.2, mixture={"lightrnn": 1.0}
    )
    totals = []
    for path in paths:
        words = words_of(found, path)
        totals.append(
            0.1 * found.scores[ACOUSTIC][path].sum()
            + 3.0 * sum(word in NAMES for word in words)
            + 0.4 * model.logprob(words)
            - 0.2 * len(words)
        )
    (result,) = rescore_lattices(
        biased_lattices([found], NAMES), model, TunedWeights(weights, weights), EXACT
    )
    best = result.n_best(1).hypotheses[0]
    assert best.scores["total"] == pytest.approx(max(totals), abs=1e-4)
    assert best.scores[BIAS] == sum(word in NAMES for word in best.words)


def test_lattices_may_have_different_symbol_tables() -> None:
    """Labels of one table mean nothing in another."""
    found = [each for each in map(lattice, range(6)) if each.arcs]
    for each in biased_lattices(found, NAMES):
        words = np.array([each.symbols.words[label] for label in each.labels])
        assert each.scores[BIAS].tolist() == np.isin(words, sorted(NAMES)).astype(float).tolist()


def test_the_scale_of_the_first_pass_is_zero() -> None:
    tuned, _ = default_weights(list(biased_lattices([lattice(0)], NAMES)), [make_model()])
    assert tuned.first_pass.scales == {ACOUSTIC: 0.1, BIAS: 0.0}
    assert tuned.weights.scales == {ACOUSTIC: 0.1, BIAS: 5.0}


@pytest.mark.usefixtures("quick_tuning")
def test_tuning_lattices_finds_a_scale() -> None:
    """Of two readings, whose scores say nothing, the one with the name was said: nothing but the
    scale tells.
    """
    found = [each for each in map(lattice, range(40)) if each.arcs]
    found = [replace(each, scores={ACOUSTIC: np.zeros(each.arcs)}) for each in found]
    references = {}
    for each in found:
        readings = [words_of(each, path) for path in all_paths(each)]
        references[each.utterance] = max(
            readings, key=lambda words: sum(word in NAMES for word in words)
        )
    biased = list(biased_lattices(found, NAMES))
    tuned = tune_lattices(biased, references, [make_model()], EXACT).weights
    assert tuned.weights.scales[BIAS] > 0.3


def test_scores_of_that_name_are_not_overwritten() -> None:
    biased = next(biased_lattices([lattice(0)], NAMES))
    with pytest.raises(InputError, match="has a score 'bias' already"):
        next(biased_lattices([biased], NAMES))


def test_a_string_is_refused() -> None:
    """A path, or a name, is a collection of letters: to count those would do nothing, in
    silence.
    """
    with pytest.raises(InputError, match=r"given as one text.*a set or a list of words"):
        list(biased_lattices([], "cat"))
