"""Similar words by their suffixes and prefixes."""

from __future__ import annotations

import numpy as np
import pytest

from rescorer.training.affixes import affix_weights, affixes, sample_similar_words


def test_affixes_and_samples() -> None:
    assert affixes("abcdef") == ["-bcdef", "-cdef", "-def", "-ef", "abcde-", "abcd-", "abc-"]
    assert affixes("ab") == []
    known = [("nashville", 5), ("knoxville", 6), ("running", 7)]
    drawn = sample_similar_words(
        ["jacksonville", "xx"], known, np.array([9]), 200, np.random.default_rng(0)
    )
    assert drawn.shape == (2, 200) and set(drawn[0]) <= {5, 6, 9} and set(drawn[1]) == {9}
    assert (drawn[0] != 9).mean() > 0.3


def test_weights_grow_with_letters_and_with_known_words() -> None:
    weights = affix_weights(np.array([2, 3, 3]), np.array([4, 4, 12]))
    assert weights.tolist() == [2, 4, 6]  # 2^letters times 1/2, 1/2, 3/4


def test_half_of_the_draws_share_an_affix() -> None:
    """Half of the draws come from words with the same suffix, the others from the rest."""
    known = [("oxville", 1), *((f"{letter}{letter}ly", 2) for letter in "abcd")]
    drawn = sample_similar_words(
        ["zzville", "zzzly"], known, np.array([9]), 4000, np.random.default_rng(0)
    )
    assert (drawn == 9).mean() == pytest.approx(0.5, abs=0.02)
    assert set(drawn[0].tolist()) == {1, 9} and set(drawn[1].tolist()) == {2, 9}
