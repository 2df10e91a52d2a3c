"""torch's adaptive softmax: frequent words in the head, others in clusters of ever shorter vectors.

Source: Grave, Joulin, Cissé, Grangier, Jégou: Efficient softmax approximation for GPUs, ICML 2017.
Shapes: N histories, M words to score, V vocabulary, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.recurrent import BaselineSettings, OutputLayer, Recurrent, log_shares

_WORDS_AT_ONCE = 1024


@dataclass(frozen=True)
class AdaptiveSoftmaxSettings(BaselineSettings):
    """Attributes:
    shares: shares of the training text, rising; a cluster ends where its words and all more
        frequent ones make up its share.
    shrink: each cluster's vectors are shorter than those of the one before by this factor.
    """

    shares: tuple[float, ...] = (0.85, 0.95, 0.99)
    shrink: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shares", tuple(self.shares))  # a file gives a list
        if not self.shares or sorted({0.0, *self.shares, 1.0}) != [0.0, *self.shares, 1.0]:
            raise ValueError(f"shares = {self.shares}: expected rising numbers between 0 and 1")
        if not self.shrink >= 1:
            raise ValueError(f"shrink = {self.shrink}: expected at least 1")
        if self.hidden_dim < self.shrink ** len(self.shares):
            raise ValueError(
                f"hidden_dim = {self.hidden_dim}: nothing is left of it in the last of "
                f"{len(self.shares)} clusters"
            )


class AdaptiveOutput(OutputLayer):
    """torch.nn.AdaptiveLogSoftmaxWithLoss; word ids are by frequency, as it expects them."""

    def __init__(self, settings: AdaptiveSoftmaxSettings, counts: np.ndarray) -> None:
        super().__init__()
        ends = cutoffs(counts, settings.shares)
        self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(
            settings.hidden_dim, len(counts), ends, settings.shrink, head_bias=True
        )
        for layer in (self.adaptive.head, *self.adaptive.tail):
            layer.register_forward_hook(_in_float32)
        shares = np.logaddexp.reduceat(log_shares(counts), ends)  # of the clusters
        with torch.no_grad():
            self.adaptive.head.bias.copy_(
                torch.as_tensor(np.append(log_shares(counts)[: ends[0]], shares))
            )

    @property
    def history_floats(self) -> int:
        return 2 * int(self.adaptive.n_classes)

    def log_probs(self, hidden: Tensor, parents: Tensor, words: Tensor) -> Tensor:
        parts = [
            self.adaptive(hidden[before].float(), after).output
            for before, after in zip(
                torch.split(parents, _WORDS_AT_ONCE),
                torch.split(words, _WORDS_AT_ONCE),
                strict=True,
            )
        ]
        return torch.cat(parts)

    def loss(self, hidden: Tensor, words: Tensor) -> Tensor:
        return self.adaptive(hidden.float(), words).loss  # type: ignore[no-any-return]


def _in_float32(layer: nn.Module, inputs: tuple[Tensor, ...], scores: Tensor) -> Tensor:
    """The softmax in float32: under autocast torch's layer would compute it in bfloat16."""
    return scores.float()


def cutoffs(counts: np.ndarray, shares: tuple[float, ...]) -> list[int]:
    """The numbers of most frequent words that make up these shares of the text.

    Two of them differ by at least one word.
    """
    mass = np.cumsum(counts + 1) / (counts + 1).sum()
    ends = np.searchsorted(mass, shares) + 1 + np.arange(len(shares))
    return sorted(
        {int(end) for end in np.minimum(ends, len(counts) - 1 - np.arange(len(shares))[::-1])}
    )


class AdaptiveSoftmax(Recurrent):
    """The baseline."""

    name = "adaptive softmax"
    Settings = AdaptiveSoftmaxSettings
    settings: AdaptiveSoftmaxSettings

    def make_output(self) -> AdaptiveOutput:
        return AdaptiveOutput(self.settings, self.vocabulary.counts)
