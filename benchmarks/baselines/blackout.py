"""BlackOut: a weighted softmax over the word and K sampled words, trained to tell them apart.

Source: Ji, Vishwanathan, Satish, Anderson, Dubey: BlackOut: Speeding up recurrent neural network
language models with very large vocabularies, ICLR 2016. With q_i = 1 / Q(i), Q the proposal, S the
sampled words without i:

    p(i) = q_i exp(score_i) / (q_i exp(score_i) + Σ_{j ∈ S} q_j exp(score_j))
    minimised: −log p(i) − Σ_{j ∈ S} log(1 − p(j))

Shapes: N histories, K samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.baselines.recurrent import Recurrent
from benchmarks.baselines.sampled_softmax import SampledOutput, SampledSettings

_ALMOST_SURE = -1e-6  # log p beyond which log(1 − p) would leave float32


@dataclass(frozen=True)
class BlackOutSettings(SampledSettings):
    """The proposal's alpha is near that of the paper's best figures (0.4 on a large text)."""

    alpha: float = 0.4


class BlackOutOutput(SampledOutput):
    """The output layer."""

    def objective(self, true: Tensor, drawn: Tensor, words: Tensor, samples: Tensor) -> Tensor:
        drawn = drawn - self.log_proposal[samples]
        drawn = drawn.masked_fill(words[:, None] == samples, -torch.inf)
        log_p = torch.log_softmax(
            torch.cat([(true - self.log_proposal[words])[:, None], drawn], 1), 1
        )
        others = torch.log1p(-torch.exp(log_p[:, 1:].clamp(max=_ALMOST_SURE)))
        return -(log_p[:, 0] + others.sum(1)).mean()


class BlackOut(Recurrent):
    """The baseline."""

    name = "BlackOut"
    Settings = BlackOutSettings
    settings: BlackOutSettings

    def make_output(self) -> BlackOutOutput:
        return BlackOutOutput(self.settings, self.vocabulary.counts)
