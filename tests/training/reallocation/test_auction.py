import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation import auction
from rescorer.training.reallocation.auction import auction_assignment


def gains_of(words: int, places: int, seed: int = 1) -> np.ndarray:
    """Cosines of random directions, as of words and rows."""
    generator = np.random.default_rng(seed)
    sides = [generator.normal(size=(number, 10)) for number in (words, places)]
    one, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return (one @ other.T).astype(np.float32)


def most_of(gains: np.ndarray) -> float:
    return float(gains[linear_sum_assignment(gains, maximize=True)].sum())


def gained(gains: np.ndarray) -> float:
    """What the places by auction gain, all different."""
    places = auction_assignment(gains)
    assert (
        len(set(places.tolist())) == len(gains)
        and places.min() >= 0
        and places.max() < gains.shape[1]
    )
    return float(gains[np.arange(len(gains)), places].sum())


@pytest.mark.parametrize(("words", "places"), [(1, 1), (3, 5), (60, 60)])
def test_few_words_gain_the_most_that_they_can(words: int, places: int) -> None:
    gains = gains_of(words, places)
    assert gained(gains) == pytest.approx(most_of(gains), abs=1e-4)


@pytest.mark.parametrize(("words", "places"), [(300, 300), (200, 300)])
def test_where_all_bid_for_all_they_end_within_a_raise_each_of_the_most(
    words: int, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auction, "_EXACT", 0)
    monkeypatch.setattr(auction, "_WANTED", places)
    monkeypatch.setattr(auction, "_ROUNDS", 100_000)
    gains = gains_of(words, places)
    assert most_of(gains) - words * auction._RAISE <= gained(gains) < most_of(gains)


def test_many_words_gain_nearly_the_most() -> None:
    gains = gains_of(2000, 2000)
    assert 0.99 * most_of(gains) < gained(gains) < most_of(gains)


def test_words_that_all_want_the_same_places_have_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auction, "_EXACT", 4)
    monkeypatch.setattr(auction, "_WANTED", 3)
    alike = np.tile(gains_of(1, 50), (50, 1))
    assert gained(alike) == pytest.approx(alike[0].sum(), abs=1e-4)
    assert gained(np.zeros((50, 60), np.float32)) == 0
