"""Fine-tuning on the sentences of new words, with replay of old text against forgetting.

Shapes: U streams, T words of each at a time, N words of a text.
"""

from __future__ import annotations

import numpy as np
import torch

from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.training.settings import FineTuningSettings


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
    steps: int,
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
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * (1 - step / steps)
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
