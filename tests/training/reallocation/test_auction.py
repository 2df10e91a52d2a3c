import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation import auction
from rescorer.training.reallocation.auction import auction_assignment


def gains_of(words: int, positions: int, seed: int = 1) -> np.ndarray:
    """Cosines of random directions, like those of words and rows."""
    generator = np.random.default_rng(seed)
    sides = [generator.normal(size=(number, 10)) for number in (words, positions)]
    one, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return (one @ other.T).astype(np.float32)


def optimum_of(gains: np.ndarray) -> float:
    return float(gains[linear_sum_assignment(gains, maximize=True)].sum())


def total_gain(gains: np.ndarray) -> float:
    """Total gain of the auction, whose positions are all different."""
    positions = auction_assignment(gains)
    assert (
        len(set(positions.tolist())) == len(gains)
        and positions.min() >= 0
        and positions.max() < gains.shape[1]
    )
    return float(gains[np.arange(len(gains)), positions].sum())


@pytest.mark.parametrize(("words", "positions"), [(1, 1), (3, 5), (60, 60)])
def test_few_words_get_the_optimum(words: int, positions: int) -> None:
    gains = gains_of(words, positions)
    assert total_gain(gains) == pytest.approx(optimum_of(gains), abs=1e-4)


@pytest.mark.parametrize(("words", "positions"), [(300, 300), (200, 300)])
def test_total_gain_is_within_one_increment_a_word_of_the_optimum(
    words: int, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auction, "_EXACT", 0)
    monkeypatch.setattr(auction, "_CANDIDATES", positions)
    monkeypatch.setattr(auction, "_ROUNDS", 100_000)
    gains = gains_of(words, positions)
    assert optimum_of(gains) - words * auction._INCREMENT <= total_gain(gains) < optimum_of(gains)


def test_many_words_get_nearly_the_optimum() -> None:
    gains = gains_of(2000, 2000)
    assert 0.99 * optimum_of(gains) < total_gain(gains) < optimum_of(gains)


def test_words_with_equal_gains_get_different_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auction, "_EXACT", 4)
    monkeypatch.setattr(auction, "_CANDIDATES", 3)
    equal = np.tile(gains_of(1, 50), (50, 1))
    assert total_gain(equal) == pytest.approx(equal[0].sum(), abs=1e-4)
    assert total_gain(np.zeros((50, 60), np.float32)) == 0
