"""A softmax over all words, with separate input and output embeddings or tied ones.

Shapes: N histories, M words to score, V vocabulary, D width.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.recurrent import BaselineSettings, OutputLayer, Recurrent, log_shares

_SCORES_AT_ONCE = 1 << 26  # 256 MiB of float32


class ScoresOfAll(OutputLayer):
    """An output layer with a score for each of the V words and a softmax over them."""

    size: int

    @abstractmethod
    def scores(self, hidden: Tensor) -> Tensor:
        """[N, V] float32 of histories [N, D]."""

    @property
    def history_floats(self) -> int:
        return 2 * self.size

    def log_probs(self, hidden: Tensor, parents: Tensor, words: Tensor) -> Tensor:
        result = torch.zeros(len(words), device=hidden.device)
        at_once = max(1, _SCORES_AT_ONCE // self.size)
        for begin in range(0, len(hidden), at_once):
            here = ((parents >= begin) & (parents < begin + at_once)).nonzero()[:, 0]
            log_probs = torch.log_softmax(self.scores(hidden[begin : begin + at_once]), -1)
            result[here] = log_probs[parents[here] - begin, words[here]]
        return result

    def loss(self, hidden: Tensor, words: Tensor) -> Tensor:
        """The softmax of the whole batch at once."""
        return nn.functional.cross_entropy(self.scores(hidden), words)


class FullOutput(ScoresOfAll):
    """A vector and a bias for each word."""

    def __init__(self, width: int, counts: np.ndarray) -> None:
        super().__init__()
        self.size = len(counts)
        self.words = nn.Linear(width, self.size)
        nn.init.normal_(self.words.weight, std=0.1)
        with torch.no_grad():
            self.words.bias.copy_(torch.as_tensor(log_shares(counts)))

    def scores(self, hidden: Tensor) -> Tensor:
        return self.words(hidden).float()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FullSoftmaxSettings(BaselineSettings):
    """Attributes:
    tied: whether input and output embeddings are the same.
    """

    tied: bool = False


class FullSoftmax(Recurrent):
    """The baseline with a full softmax."""

    name = "full softmax"
    Settings = FullSoftmaxSettings
    settings: FullSoftmaxSettings

    def make_output(self) -> FullOutput:
        return FullOutput(self.settings.hidden_dim, self.vocabulary.counts)

    def make_input(self) -> nn.Module:
        if not self.settings.tied:
            return super().make_input()
        assert isinstance(self.output, FullOutput)
        table = nn.Embedding(len(self.vocabulary), self.settings.hidden_dim)
        table.weight = self.output.words.weight
        return table
