"""Slim embeddings: a word's vector is K parts in a row, and random groups of words share each part.

Source: Li, Kulhanek, Wang, Zhao, Wu: Slim embedding layers for recurrent neural language models,
AAAI 2018. Input and output have separate parts. The score of a word is the sum of the scores of its
parts, which are computed once for a history and gathered for all words.

Shapes: N histories, V vocabulary, D width, K parts of a vector, P different parts in each place,
d = D / K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.full_softmax import ScoresOfAll
from benchmarks.baselines.recurrent import BaselineSettings, Recurrent, log_shares

# Gathering is fast while the scores of the parts are in the processor's cache.
_HISTORIES_AT_ONCE = 16
_SCORES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class SlimEmbeddingSettings(BaselineSettings):
    """Attributes:
    parts: K, parts of a word's vector.
    sharing: number of words that share a part.
    assignment_seed: seed of the random groups of words.
    """

    parts: int = 8
    sharing: int = 20
    assignment_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("parts", "sharing"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least 1")
        if self.hidden_dim % self.parts:
            raise ValueError(
                f"parts = {self.parts}: expected a divisor of the width {self.hidden_dim}"
            )


class SlimVectors(nn.Module):
    """[V, D] vectors made of parts."""

    rows: Tensor  # [V, K] the parts of each word, as rows of the pool

    def __init__(self, settings: SlimEmbeddingSettings, size: int, seed: int) -> None:
        super().__init__()
        self.parts, self.each = settings.parts, -(-size // settings.sharing)  # K, P
        # [K P, d]
        self.pool = nn.Parameter(
            torch.empty(self.parts * self.each, settings.hidden_dim // self.parts)
        )
        nn.init.normal_(self.pool, std=0.1)
        draw = np.random.default_rng([settings.assignment_seed, seed])
        rows = [
            place * self.each + draw.permutation(size) % self.each for place in range(self.parts)
        ]
        self.register_buffer("rows", torch.as_tensor(np.stack(rows, 1)), persistent=False)

    def forward(self, words: Tensor) -> Tensor:
        """[..., D] of words [...]."""
        return nn.functional.embedding(self.rows[words], self.pool).flatten(-2)

    def scores(self, hidden: Tensor) -> Tensor:
        """[N, V] products of histories [N, D] with every word's vector."""
        pieces = hidden.view(len(hidden), self.parts, -1).permute(1, 2, 0)  # [K, d, N]
        # [K, P, N]
        of_parts = torch.bmm(self.pool.view(self.parts, self.each, -1).to(hidden.dtype), pieces)
        return nn.functional.embedding_bag(self.rows, of_parts.flatten(0, 1).float(), mode="sum").T


class SlimOutput(ScoresOfAll):
    """Slim vectors and a bias for each word."""

    def __init__(self, settings: SlimEmbeddingSettings, counts: np.ndarray) -> None:
        super().__init__()
        self.size = len(counts)
        self.words = SlimVectors(settings, self.size, seed=1)
        self.bias = nn.Parameter(torch.as_tensor(log_shares(counts)))

    def scores(self, hidden: Tensor) -> Tensor:
        return self.words.scores(hidden) + self.bias

    def loss(self, hidden: Tensor, words: Tensor) -> Tensor:
        at_once = max(_HISTORIES_AT_ONCE, _SCORES_AT_ONCE // self.size)
        parts = [
            nn.functional.cross_entropy(self.scores(some), after, reduction="sum")
            for some, after in zip(
                torch.split(hidden, at_once), torch.split(words, at_once), strict=True
            )
        ]
        return torch.stack(parts).sum() / len(words)


class SlimEmbedding(Recurrent):
    """The baseline."""

    name = "slim embedding"
    Settings = SlimEmbeddingSettings
    settings: SlimEmbeddingSettings

    def make_output(self) -> SlimOutput:
        return SlimOutput(self.settings, self.vocabulary.counts)

    def make_input(self) -> SlimVectors:
        return SlimVectors(self.settings, len(self.vocabulary), seed=0)
