"""Running text under a network: one pass with the state carried across sentences, and standard
perplexity.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from rescorer.models.trainable import Trainable

_MOST_NATS = 700.0  # exp of more is no float64


@torch.no_grad()
def log_probs_of(
    model: Trainable, ids: np.ndarray, *, batch_size: int = 1, bptt: int = 256
) -> np.ndarray:
    """[N] log P of every id of a text [N], the state carried from the first to the last, across
    sentences.

    With more than one stream the text is cut in so many pieces, each read from `<s>`: quicker, and
    each id is still scored exactly once, but the words after a cut know less of what came before.
    """
    model.eval()
    length = math.ceil(len(ids) / batch_size)
    # The last stream may be shorter: it is filled with </s>, whose scores are dropped.
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
    """exp of the mean of −log P over every word and `</s>`; infinite where that is no number."""
    mean = -float(np.mean(log_probs))
    return math.exp(mean) if mean < _MOST_NATS else math.inf
