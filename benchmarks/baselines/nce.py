"""Noise-contrastive estimation: a classifier tells the word from K noise words.

Its scores approximate log-probabilities without a normaliser.

Source: Mnih, Teh: A fast and simple algorithm for training neural probabilistic language models,
ICML 2012, with the normaliser fixed to 1 and the noise shared by a batch. With Δ(w) = score_w −
log(K · Pn(w)), Pn the noise:

    minimised: −log σ(Δ(word)) − Σ_j log σ(−Δ(noise_j))

Shapes: N histories, K samples.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from benchmarks.baselines.recurrent import Recurrent
from benchmarks.baselines.sampled_softmax import SampledOutput, SampledSettings


class NCEOutput(SampledOutput):
    """The output layer."""

    def objective(self, true: Tensor, drawn: Tensor, words: Tensor, samples: Tensor) -> Tensor:
        log_noise = self.log_proposal + math.log(self.samples)
        of_word = nn.functional.softplus(log_noise[words] - true)  # −log σ(Δ)
        of_noise = nn.functional.softplus(drawn - log_noise[samples])  # −log σ(−Δ)
        return (of_word + of_noise.sum(1)).mean()


class NCE(Recurrent):
    """The baseline."""

    name = "NCE"
    Settings = SampledSettings
    settings: SampledSettings

    def make_output(self) -> NCEOutput:
        return NCEOutput(self.settings, self.vocabulary.counts)
