"""Training with sampled words: a step reads the embeddings of its words and of K sampled words.

The K words are sampled once for all histories of a batch, with replacement, by the words' shares of
the training text to the power alpha. Evaluation is an exact softmax over all words.

Shapes: N histories, V vocabulary, D width, K samples.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.full_softmax import ScoresOfAll
from benchmarks.baselines.recurrent import BaselineSettings, Recurrent, biases, log_shares, vectors
from rescorer.training.embedding_init import project


@dataclass(frozen=True)
class SampledSettings(BaselineSettings):
    """Attributes:
    samples: K, number of words sampled for a batch.
    alpha: exponent of the words' shares; 1: as frequent as in the text, 0: uniform.
    ppmi_init: whether input and output embeddings are initialised with PPMI-SVD embeddings, as
        LightRNN's are.
    """

    samples: int = 1000
    alpha: float = 1.0
    ppmi_init: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples < 1:
            raise ValueError(f"samples = {self.samples}: expected at least 1")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha = {self.alpha}: expected 0 ≤ alpha ≤ 1")
        if self.ppmi_init not in (False, True):
            raise ValueError(f"ppmi_init = {self.ppmi_init}: expected true or false")


def init_embeddings(model: Recurrent, vectors: np.ndarray) -> None:
    """Set the input and output embeddings from PPMI-SVD embeddings [V, F]."""
    output = model.output
    assert isinstance(model.input, nn.Embedding) and isinstance(output, SampledOutput)
    with torch.no_grad():
        first = project(torch.as_tensor(vectors), model.settings.hidden_dim)
        model.input.weight.copy_(first)
        output.vectors.weight.copy_(first)


class SampledOutput(ScoresOfAll):
    """The common part of BlackOut and NCE; a subclass defines the objective."""

    log_proposal: Tensor  # [V]
    cumulative: Tensor  # [V] float64

    def __init__(self, settings: SampledSettings, counts: np.ndarray) -> None:
        super().__init__()
        self.size, self.samples = len(counts), settings.samples
        self.vectors, self.bias = (
            vectors(self.size, settings.hidden_dim),
            biases(log_shares(counts)),
        )
        proposal = np.exp(settings.alpha * log_shares(counts).astype(np.float64))
        proposal /= proposal.sum()
        self.register_buffer(
            "log_proposal", torch.as_tensor(np.log(proposal)).float(), persistent=False
        )
        self.register_buffer("cumulative", torch.as_tensor(np.cumsum(proposal)), persistent=False)

    def scores(self, hidden: Tensor) -> Tensor:
        return nn.functional.linear(hidden, self.vectors.weight, self.bias.weight[:, 0]).float()

    def draw(self) -> Tensor:
        """[K] sampled words."""
        at = torch.rand(self.samples, dtype=torch.float64, device=self.cumulative.device)
        return torch.searchsorted(self.cumulative, at).clamp_(max=self.size - 1)

    def loss(self, hidden: Tensor, words: Tensor) -> Tensor:
        samples = self.draw()
        rows = torch.cat([words, samples])
        table, bias = self.vectors(rows), self.bias(rows)[:, 0]
        count = len(words)
        true = (hidden.float() * table[:count]).sum(-1) + bias[:count]  # [N]
        drawn = nn.functional.linear(hidden, table[count:], bias[count:]).float()  # [N, K]
        return self.objective(true, drawn, words, samples)

    @abstractmethod
    def objective(self, true: Tensor, drawn: Tensor, words: Tensor, samples: Tensor) -> Tensor:
        """The mean over histories, from scores of the next words [N] and of sampled ones [N, K]."""
