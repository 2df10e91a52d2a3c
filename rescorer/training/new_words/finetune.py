"""Fine-tuning on the sentences of new words, with replay of old text against forgetting.

Shapes: U streams, T words of each at a time, N words of a text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.settings import REQUIRED, check, setting


@dataclass(frozen=True)
class FineTuningSettings:
    """How a network is fine-tuned on example sentences and replayed text."""

    steps: int = setting(REQUIRED, "Training steps.", minimum=1)
    batch_size: int = setting(32, "Streams of text read side by side.", minimum=2)
    bptt: int = setting(35, "Words that gradients flow through.", minimum=1)
    example_share: float = setting(
        0.5,
        "Share of the streams that read examples; the others replay old text.",
        above=0,
        below=1,
    )
    lr: float = setting(2e-4, "Learning rate of the first step; it falls linearly to 0.", above=0)
    clip: float = setting(1.0, "Largest norm of the gradient.", above=0)
    replay_words: int = setting(
        65_536, "Words sampled from the old model if there is no old text.", minimum=1
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def example_streams(self) -> int:
        return min(max(1, round(self.example_share * self.batch_size)), self.batch_size - 1)

    @property
    def replayed_words(self) -> int:
        """Words of old text that the steps read."""
        return self.steps * self.bptt * (self.batch_size - self.example_streams)


class _Streams:
    """A text [N] as U streams that start at even distances and wrap around at its end."""

    def __init__(self, ids: np.ndarray, count: int) -> None:
        self.ids, self.starts = ids, np.arange(count) * len(ids) // count

    def read(self, begin: int, length: int) -> np.ndarray:
        """[T, U] int64 words of each stream, from its word `begin` on."""
        positions = self.starts + begin + np.arange(length)[:, None]
        return np.asarray(self.ids[positions % len(self.ids)], dtype=np.int64)


@torch.enable_grad()
def fine_tune(
    model: LightRNN,
    examples: np.ndarray,
    replay: np.ndarray,
    settings: FineTuningSettings,
    *,
    seed: int,
) -> None:
    """Train the model in place on both texts [N] of ids, each sentence followed by `</s>`.

    The weight of a text is its share of the streams, `example_share`, whatever its length.
    """
    count = settings.example_streams
    example_streams = _Streams(examples, count)
    replay_streams = _Streams(replay, settings.batch_size - count)
    optimiser = torch.optim.AdamW(
        model.parameters(), settings.lr, betas=(0.9, 0.99), weight_decay=0.0
    )
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)  # dropout is random
        model.train()
        state = model.start_states(settings.batch_size).detach()
        for step in range(settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * (1 - step / settings.steps)
            begin = step * settings.bptt
            parts = [
                example_streams.read(begin, settings.bptt),
                replay_streams.read(begin, settings.bptt),
            ]
            state = _step(model, optimiser, np.concatenate(parts, 1), state, settings.clip)
    optimiser.zero_grad(set_to_none=True)
    model.eval()


def _step(
    model: LightRNN,
    optimiser: torch.optim.Optimizer,
    words: np.ndarray,
    state: LightRNNState,
    clip: float,
) -> LightRNNState:
    """One optimiser step on words [T, U] after states [U]; returns the states after them."""
    log_probs, after = model(torch.as_tensor(words, device=model.device), state)
    optimiser.zero_grad()
    (-log_probs.mean()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimiser.step()
    return LightRNNState(*after).detach()
