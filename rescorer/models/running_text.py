"""Log-probabilities and perplexity of running text, with the state carried across sentences."""

from __future__ import annotations

import math

import numpy as np
import torch

from rescorer.models.trainable import Trainable

_MAX_NATS = 700.0  # exp of more overflows float64


@torch.no_grad()
def log_probs_of(
    model: Trainable, ids: np.ndarray, *, batch_size: int = 1, bptt: int = 256
) -> np.ndarray:
    """[N] log P of each id of a text [N]; the state is carried across sentences.

    The text is cut into `batch_size` streams that are read together, each from `<s>`. More streams
    are faster, but the words after a cut have a shorter history.
    """
    model.eval()
    length = math.ceil(len(ids) / batch_size)
    # The last stream is padded with </s>, whose scores are dropped.
    padded = np.full(batch_size * length, model.vocabulary.end_id, dtype=np.int64)
    padded[: len(ids)] = ids
    # [N/U, U]
    words = torch.as_tensor(padded.reshape(batch_size, length).T.copy(), device=model.device)
    state, parts = model.start_states(batch_size), []
    for begin in range(0, length, bptt):
        log_probs, state = model(words[begin : begin + bptt], state)
        parts.append(log_probs.cpu().double())
    return torch.cat(parts).T.reshape(-1)[: len(ids)].numpy()


def perplexity(log_probs: np.ndarray) -> float:
    """exp of the mean of −log P over all words and `</s>`; infinite if it overflows."""
    mean = -float(np.mean(log_probs))
    return math.exp(mean) if mean < _MAX_NATS else math.inf
