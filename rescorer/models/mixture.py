"""Word-by-word mixtures of language models: linear (of probabilities) and log-linear (of logs)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel

# Shapes: N histories, M words to score, K models, T words of a text.

# The state of each model.
MixtureState = tuple[object, ...]

KINDS = ("linear", "log-linear")
_SUM_TOLERANCE = 1e-6


def combine(log_probs: Tensor, weights: Tensor, kind: str) -> Tensor:
    """The mixture's log-probabilities, from those of its models.

    - linear: log Σ_k weights_k · exp(log_probs_k), a distribution if the weights sum to 1.
    - log-linear: Σ_k weights_k · log_probs_k, a score that is not normalised over the vocabulary.

    A model of weight 0 has no effect, even if its log-probability is -inf. The result is
    differentiable in both arguments, also at weight 0.

    Args:
        log_probs: [..., K] natural logs.
        weights: [K], or any shape that broadcasts against log_probs, such as [G, 1, K] for G
            settings at once.
        kind: "linear" or "log-linear".

    Returns:
        [...], of the wider dtype of the two.

    Raises:
        InputError: another kind.
    """
    if kind == "linear":
        return _combine_linear(log_probs, weights)
    if kind == "log-linear":
        impossible_but_unused = (weights == 0) & torch.isinf(log_probs)
        return (weights * log_probs.masked_fill(impossible_but_unused, 0.0)).sum(-1)
    raise InputError(f"mixture kind {kind!r}", expected=" or ".join(KINDS))


def _combine_linear(log_probs: Tensor, weights: Tensor) -> Tensor:
    # The largest log-probability of nonzero weight is subtracted before exp and added after log.
    # It cancels, so no gradient flows through it.
    top = log_probs.detach().masked_fill(weights == 0, -torch.inf).amax(-1, keepdim=True)
    top = top.clamp(min=torch.finfo(top.dtype).min)
    # Only models of weight 0 can exceed the top: the clamp prevents 0 · inf.
    probs = torch.exp((log_probs - top).clamp(max=80.0))
    return torch.log((weights * probs).sum(-1)) + top.squeeze(-1)


class Mixture(LanguageModel[MixtureState]):
    """Several LanguageModels as one. Its ids are [n, K], a column for each model; its state is K
    states.

    The models give ids of shape [n], so a mixture cannot contain a mixture. Each model stays on its
    device. The mixture's results are on the first device that is not the host.

    A linear mixture is a distribution if its models share one vocabulary: a model gives an unknown
    word the probability of `<unk>`.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        weights: Sequence[float],
        kind: str = "linear",
        name: str = "mixture",
    ) -> None:
        """Mix `models` with one nonnegative weight each; linear weights sum to 1.

        Raises:
            InputError: the weights or the kind do not fit.
        """
        _check_weights(len(models), weights, kind)
        self.name = name
        self.kind = kind
        self.models = tuple(models)
        self.weights = torch.tensor(weights, dtype=torch.float64)

    @property
    def history_bytes(self) -> int:
        return sum(model.history_bytes for model in self.models)

    @property
    def state_bytes(self) -> int:
        return sum(model.state_bytes for model in self.models)

    @property
    def words(self) -> Sequence[str] | None:
        """The vocabulary of the first model that can list its words."""
        return next((model.words for model in self.models if model.words is not None), None)

    def encode(self, words: Sequence[str]) -> Tensor:
        """[len(words), K] the ids of each model."""
        return torch.stack([model.encode(words) for model in self.models], dim=1)

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words at least one model knows."""
        return np.asarray(np.any([model.knows(words) for model in self.models], axis=0))

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words at least one model was trained with."""
        return np.asarray(np.any([model.has_learnt(words) for model in self.models], axis=0))

    def start(self) -> MixtureState:
        """The history `<s>` of each model."""
        return tuple(model.start() for model in self.models)

    def score(self, state: MixtureState, parents: Tensor, words: Tensor) -> Tensor:
        """[M] the mixture's log-probability of words[m] ([M, K], from encode) after history
        parents[m].
        """
        return self._mix(
            [model.score(own, parents, words[:, k]) for k, (model, own) in self._with(state)]
        )

    def advance(
        self, state: MixtureState, parents: Tensor, words: Tensor
    ) -> tuple[Tensor, MixtureState]:
        """`score`, and the states of the M longer histories."""
        advanced = [
            model.advance(own, parents, words[:, k]) for k, (model, own) in self._with(state)
        ]
        return self._mix([log_probs for log_probs, _ in advanced]), tuple(
            longer for _, longer in advanced
        )

    def extend(self, state: MixtureState, parents: Tensor, words: Tensor) -> MixtureState:
        """The longer histories of each model."""
        return tuple(
            model.extend(own, parents, words[:, k]) for k, (model, own) in self._with(state)
        )

    def select(self, state: MixtureState, index: Tensor) -> MixtureState:
        """The histories at index [M] of each model's state."""
        return tuple(model.select(own, index) for _, (model, own) in self._with(state))

    def join(self, states: Sequence[MixtureState]) -> MixtureState:
        """The concatenated histories of several states, model by model."""
        return tuple(
            model.join(own)
            for model, own in zip(self.models, zip(*states, strict=True), strict=True)
        )

    def _with(self, state: MixtureState) -> Iterator[tuple[int, tuple[LanguageModel, object]]]:
        """(k, (model, its state)) of each model."""
        return enumerate(zip(self.models, state, strict=True))

    def _mix(self, log_probs: Sequence[Tensor]) -> Tensor:
        """[M] the mixture of K tensors [M], computed in float64, returned in the models' dtype."""
        device = next(
            (each.device for each in log_probs if each.device.type != "cpu"), torch.device("cpu")
        )
        together = torch.stack([each.to(device) for each in log_probs], dim=-1)  # [M, K]
        return combine(together.double(), self.weights.to(device), self.kind).to(together.dtype)


def _check_weights(models: int, weights: Sequence[float], kind: str) -> None:
    if kind not in KINDS:
        raise InputError(f"mixture kind {kind!r}", expected=" or ".join(KINDS))
    if not models or models != len(weights):
        raise InputError(
            f"{models} models and {len(weights)} weights",
            expected="one weight for each of one or more models",
        )
    if not all(0 <= weight < float("inf") for weight in weights):
        raise InputError(
            f"mixture weights {list(weights)}", expected="finite numbers of at least 0"
        )
    if kind == "linear" and abs(sum(weights) - 1) > _SUM_TOLERANCE:
        raise InputError(
            f"linear mixture weights {list(weights)} sum to {sum(weights):.6g}",
            expected="a sum of 1",
            remedy="divide each by their sum",
        )


def fit_linear(
    log_probs: np.ndarray, tolerance: float = 1e-7, max_rounds: int = 10_000
) -> np.ndarray:
    """The linear mixture weights that maximise the probability of a validation text.

    The method is expectation-maximisation. The problem is concave, so it converges to the optimum.
    With g_k = mean_t P_k(t) / P_mix(t), no weights gain more than log(max_k g_k) nats a word: this
    bound is the stopping criterion.

    Args:
        log_probs: [T, K] natural log P_k(word t | its history).
        tolerance: largest loss in nats a word, unless max_rounds stops the search earlier.
        max_rounds: largest number of rounds.

    Returns:
        [K] float64 weights, which sum to 1.

    Raises:
        InputError: no word, no model, or a word of probability 0 under every model.
    """
    log_probs = np.asarray(log_probs, dtype=np.float64)
    if log_probs.ndim != 2 or not log_probs.size:
        raise InputError(
            f"log-probabilities of shape {log_probs.shape}",
            expected="at least one word and one model",
        )
    top = log_probs.max(axis=1, keepdims=True)
    if not np.isfinite(top).all():
        word = np.flatnonzero(~np.isfinite(top))[0]
        raise InputError(
            f"word {word} of the validation text has no finite log-probability",
            expected="each word possible under one of the models",
            remedy="leave such words out",
        )
    probs = np.exp(log_probs - top)  # [T, K]; the factor of each row cancels
    weights = np.full(probs.shape[1], 1 / probs.shape[1])
    for _ in range(max_rounds):
        gains = (1 / (probs @ weights)) @ probs / len(probs)  # [K] g
        if np.log(gains.max()) <= tolerance:
            break
        weights *= gains
    return np.asarray(weights / weights.sum())
