"""Fine-tuning on the sentences of new words, beside old text that keeps the rest of the model where it is.

Shapes: U streams, T words of each at a time, N words of a text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from rescorer.models.lightrnn import LightRNN, LightRNNState


@dataclass(frozen=True)
class FineTuningSettings:
    """How a model is trained on.

    Attributes:
        steps: of Adam, on all parameters.
        batch_size: U, read side by side.
        bptt: T, words through which gradients flow.
        example_share: of the streams, those that read the examples; the others replay old text.
        lr: at the first step; it falls to 0 along a line.
        clip: the largest norm of the gradient.
        replay_words: at most so many are sampled from the old model where there is no old text.
    """

    steps: int
    batch_size: int = 32
    bptt: int = 35
    example_share: float = 0.5
    lr: float = 2e-4
    clip: float = 1.0
    replay_words: int = 65_536

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 2), ("bptt", 1), ("replay_words", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least {least}")
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)}: expected more than 0")
        if not 0 < self.example_share < 1:
            raise ValueError(f"example_share = {self.example_share}: expected more than 0 and less than 1")

    @property
    def example_streams(self) -> int:
        return min(max(1, round(self.example_share * self.batch_size)), self.batch_size - 1)

    @property
    def replayed_words(self) -> int:
        """Words of old text that the steps read."""
        return self.steps * self.bptt * (self.batch_size - self.example_streams)


class _Streams:
    """A text [N] as U streams that begin at even distances and go round for ever."""

    def __init__(self, ids: np.ndarray, count: int) -> None:
        self.ids, self.starts = ids, np.arange(count) * len(ids) // count

    def read(self, begin: int, length: int) -> np.ndarray:
        """[T, U] int64 words of each stream from its word `begin`."""
        places = self.starts + begin + np.arange(length)[:, None]
        return np.asarray(self.ids[places % len(self.ids)], dtype=np.int64)


@torch.enable_grad()
def fine_tune(
    model: LightRNN, examples: np.ndarray, replay: np.ndarray, settings: FineTuningSettings, *, seed: int
) -> None:
    """Train the model in place on both texts [N] of ids, each sentence followed by `</s>`.

    Both count by the words that are read of them, so by `example_share`, however long they are.
    """
    mine = settings.example_streams
    batch_size = _Streams(examples, mine), _Streams(replay, settings.batch_size - mine)
    optimiser = torch.optim.AdamW(model.parameters(), settings.lr, betas=(0.9, 0.99), weight_decay=0.0)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)  # of the dropout
        model.train()
        state = model.start_states(settings.batch_size).detach()
        for step in range(settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * (1 - step / settings.steps)
            words = np.concatenate([text.read(step * settings.bptt, settings.bptt) for text in batch_size], 1)
            state = _step(model, optimiser, words, state, settings.clip)
    optimiser.zero_grad(set_to_none=True)
    model.eval()


def _step(
    model: LightRNN, optimiser: torch.optim.Optimizer, words: np.ndarray, state: LightRNNState, clip: float
) -> LightRNNState:
    """One step on words [T, U] after histories [U]; returns the histories after them."""
    log_probs, after = model(torch.as_tensor(words, device=model.device), state)
    optimiser.zero_grad()
    (-log_probs.mean()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()
    return LightRNNState(*after).detach()
