"""Compares mixtures with brute force, and fitted weights with those of known mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN, LanguageModel
from rescorer.models.mixture import KINDS, Mixture, combine, fit_linear

WORDS = ["a", "b", "c", SENTENCE_END, UNKNOWN]


class Bigram:
    """A toy model: a random [V, V] table; its state is the last word of each history."""

    name = "toy"

    def __init__(self, words: Sequence[str], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.words = list(words)
        self.table = torch.randn(len(words), len(words), generator=generator).log_softmax(-1)

    def encode(self, words: Sequence[str]) -> Tensor:
        unknown = self.words.index(UNKNOWN)
        ids = [self.words.index(word) if word in self.words else unknown for word in words]
        return torch.tensor(ids, dtype=torch.int64)

    def knows(self, words: Sequence[str]) -> np.ndarray:
        return np.array([word in self.words for word in words], dtype=bool)

    def start(self) -> Tensor:
        return self.encode([SENTENCE_END])

    def score(self, state: Tensor, parents: Tensor, words: Tensor) -> Tensor:
        return self.table[state[parents], words]

    def advance(self, state: Tensor, parents: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        return self.score(state, parents, words), words


@pytest.fixture
def models() -> list[Bigram]:
    """Three models with different word ids."""
    return [Bigram(WORDS, 1), Bigram(WORDS[::-1], 2), Bigram(WORDS[2:] + WORDS[:2], 3)]


def by_hand(
    models: Sequence[Bigram], weights: Sequence[float], kind: str, history: str, word: str
) -> float:
    each = [float(m.table[m.words.index(history), m.words.index(word)]) for m in models]
    if kind == "linear":
        return float(np.log(sum(w * np.exp(x) for w, x in zip(weights, each, strict=True))))
    return sum(w * x for w, x in zip(weights, each, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [[0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [1.0, 0.0, 0.0]])
def test_by_hand(models: list[Bigram], weights: list[float], kind: str) -> None:
    mixture = Mixture(models, weights, kind)
    assert isinstance(mixture, LanguageModel)
    first = mixture.encode(WORDS)
    assert first.shape == (len(WORDS), len(models))
    log_probs, state = mixture.advance(
        mixture.start(), torch.zeros(len(WORDS), dtype=torch.int64), first
    )
    assert log_probs.dtype == torch.float32
    expected = [by_hand(models, weights, kind, SENTENCE_END, word) for word in WORDS]
    assert log_probs.tolist() == pytest.approx(expected, abs=1e-5)
    parents = torch.tensor([2, 0, 2])
    log_probs = mixture.score(state, parents, mixture.encode(["b", "a", UNKNOWN]))
    expected = [
        by_hand(models, weights, kind, h, w) for h, w in [("c", "b"), ("a", "a"), ("c", UNKNOWN)]
    ]
    assert log_probs.tolist() == pytest.approx(expected, abs=1e-5)
    assert torch.equal(
        log_probs, mixture.advance(state, parents, mixture.encode(["b", "a", UNKNOWN]))[0]
    )


def test_linear_sums_to_one(models: list[Bigram]) -> None:
    mixture = Mixture(models, [0.2, 0.5, 0.3])
    words, zero = mixture.encode(WORDS), torch.zeros(len(WORDS), dtype=torch.int64)
    log_probs, state = mixture.advance(mixture.start(), zero, words)
    for history in range(len(WORDS)):
        log_probs = mixture.score(state, zero + history, words)
        assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_weight_one_is_the_model_itself(models: list[Bigram], kind: str) -> None:
    mixture, alone = Mixture(models, [0.0, 1.0, 0.0], kind), models[1]
    zero = torch.zeros(len(WORDS), dtype=torch.int64)
    found = mixture.score(mixture.start(), zero, mixture.encode(WORDS))
    torch.testing.assert_close(found, alone.score(alone.start(), zero, alone.encode(WORDS)))


def test_knows_what_any_model_knows() -> None:
    mixture = Mixture(
        [Bigram(["a", SENTENCE_END, UNKNOWN], 1), Bigram(["b", SENTENCE_END, UNKNOWN], 2)],
        [0.5, 0.5],
    )
    assert mixture.knows(["a", "b", "c", SENTENCE_START]).tolist() == [True, True, False, False]
    assert mixture.knows([]).shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_combine_edges(kind: str, dtype: torch.dtype) -> None:
    low = -torch.inf
    log_probs = torch.tensor(
        [[-1.0, low], [low, -1.0], [low, low], [-500.0, -1.0], [-1.0, -500.0]], dtype=dtype
    )
    first = combine(log_probs, torch.tensor([1.0, 0.0], dtype=dtype), kind)
    assert first.tolist() == [-1.0, low, low, -500.0, -1.0]
    both = combine(log_probs, torch.tensor([0.5, 0.5], dtype=dtype), kind)
    half = -1 + np.log(0.5)
    expected = (
        [half, half, low, half, half] if kind == "linear" else [low, low, low, -250.5, -250.5]
    )
    assert both.tolist() == pytest.approx(expected)
    assert both.dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_combine_many_settings_at_once(kind: str) -> None:
    log_probs, weights = torch.randn(7, 3).log_softmax(-1), torch.rand(5, 1, 3)
    together = combine(log_probs, weights, kind)
    assert together.shape == (5, 7)
    for one, own in zip(together, weights, strict=True):
        torch.testing.assert_close(one, combine(log_probs, own[0], kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
def test_combine_gradients(kind: str, weights: list[float]) -> None:
    """Compares with derivatives by hand, because at weight 0 finite differences are one-sided."""
    log_probs = torch.randn(4, 3, dtype=torch.float64).log_softmax(-1).requires_grad_()
    at = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    by_log_probs, by_weights = torch.autograd.grad(
        combine(log_probs, at, kind).sum(), [log_probs, at]
    )
    if kind == "linear":
        mixed = (at * log_probs.exp()).sum(-1, keepdim=True)
        torch.testing.assert_close(by_weights, (log_probs.exp() / mixed).sum(0))
        torch.testing.assert_close(by_log_probs, at * log_probs.exp() / mixed)
    else:
        torch.testing.assert_close(by_weights, log_probs.sum(0))
        torch.testing.assert_close(by_log_probs, at.expand(4, 3))


@pytest.mark.parametrize(
    ("weights", "kind", "message"),
    [
        ([0.5, 0.6, 0.0], "linear", "sum to 1.1"),
        ([1.5, -0.5, 0.0], "linear", "at least 0"),
        ([float("nan"), 0.5, 0.5], "log-linear", "finite"),
        ([0.5, 0.5], "linear", "3 models and 2 weights"),
        ([0.2, 0.5, 0.3], "loglinear", "log-linear"),
    ],
)
def test_bad_settings(models: list[Bigram], weights: list[float], kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Mixture(models, weights, kind)


def test_bad_combinations() -> None:
    with pytest.raises(InputError, match="log-linear"):
        combine(torch.zeros(1, 1), torch.ones(1), "geometric")
    with pytest.raises(InputError, match="0 models"):
        Mixture([], [])
    Mixture([Bigram(WORDS, 1)], [3.0], "log-linear")  # log-linear weights may sum to anything


@pytest.mark.parametrize(
    "true_weights", [[1.0], [0.3, 0.7], [0.05, 0.25, 0.6, 0.1], [0.0, 0.5, 0.5]]
)
def test_fit_recovers_a_known_mixture(true_weights: list[float]) -> None:
    """Words of a mixture of distributions over 50 words, in proportion to their probabilities."""
    rng = np.random.default_rng(5)
    models = rng.dirichlet(np.full(50, 0.3), size=len(true_weights))  # [K, 50]
    counts = np.round(1e5 * (np.array(true_weights) @ models)).astype(int)
    log_probs = np.log(np.repeat(models, counts, axis=1).T)  # [T, K]
    weights = fit_linear(log_probs)
    assert weights.sum() == pytest.approx(1)
    assert weights == pytest.approx(true_weights, abs=2e-3)


def test_fit_is_monotone_and_best() -> None:
    rng = np.random.default_rng(6)
    # exp of these underflows
    log_probs = np.log(rng.dirichlet([0.5, 1, 1, 2], size=500)) - 300

    def likelihood(weights: np.ndarray) -> float:
        return float(combine(torch.tensor(log_probs), torch.tensor(weights), "linear").mean())

    path = [likelihood(fit_linear(log_probs, max_rounds=rounds)) for rounds in range(30)]
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(path))
    best = likelihood(fit_linear(log_probs, tolerance=1e-9))
    assert best >= max(likelihood(weights) for weights in rng.dirichlet(np.ones(4), size=2000))
    assert best >= path[-1]


def test_fit_ignores_a_hopeless_model() -> None:
    log_probs = np.array([[-1.0, -np.inf, -2.0], [-2.0, -np.inf, -1.0]])
    assert fit_linear(log_probs) == pytest.approx([0.5, 0, 0.5])


@pytest.mark.parametrize(
    ("log_probs", "message"),
    [
        (np.zeros((0, 2)), "shape"),
        (np.zeros(3), "shape"),
        (np.array([[-1.0, -2.0], [-np.inf, -np.inf]]), "word 1 "),
        (np.array([[-1.0, np.nan]]), "word 0 "),
    ],
)
def test_fit_bad_input(log_probs: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_linear(log_probs)
