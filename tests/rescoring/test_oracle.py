"""The oracle against every path."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_lattices import all_paths, make_lattice, random_lattice, words_of

from rescorer.recognition.normalisers import normaliser
from rescorer.reports.error_rate import errors
from rescorer.rescoring.oracle import in_style, oracle_words

WORDS = ("a", "b", "c", "d")


@pytest.mark.parametrize("seed", range(40))
def test_is_the_nearest_path(seed: int) -> None:
    draw = np.random.default_rng(seed)
    lattice = random_lattice(draw, 7, 16, WORDS)
    reference = tuple(draw.choice(["a", "b", "c", "x"], draw.integers(0, 6)).tolist())
    heard = oracle_words(lattice, reference)
    sentences = {words_of(lattice, path) for path in all_paths(lattice)}
    if not sentences:
        assert heard == () and not lattice.states
        return
    assert heard in sentences
    assert errors(reference, heard) == min(errors(reference, sentence) for sentence in sentences)


@pytest.mark.parametrize("seed", range(40))
def test_is_the_nearest_path_in_one_style(seed: int) -> None:
    """Words that become none, one or several."""
    draw = np.random.default_rng(seed)
    spoken = normaliser("spoken")
    lattice = random_lattice(draw, 7, 16, ("A!", "b.", "20", "250", "...", "B"))
    reference = tuple(draw.choice(["a", "b", "twenty", "two", "and"], draw.integers(0, 6)).tolist())
    heard = oracle_words(in_style(lattice, spoken), reference)
    sentences = {spoken(words_of(lattice, path)) for path in all_paths(lattice)} or {()}
    assert heard in sentences
    assert errors(reference, heard) == min(errors(reference, sentence) for sentence in sentences)


def test_small_cases() -> None:
    lattice = make_lattice([(0, 1, "a"), (1, 2, ""), (0, 2, "b")], [2])
    assert oracle_words(lattice, ("b",)) == ("b",)
    assert oracle_words(lattice, ("a", "z")) == ("a",)
    assert oracle_words(lattice, ()) in (("a",), ("b",))
    assert oracle_words(make_lattice([(0, 1, "a")], []), ("a",)) == ()
