"""Log-probabilities of running text: one state across sentences, streams, and perplexity."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import make_model

from rescorer.models.running_text import log_probs_of, perplexity

IDS = np.array([2, 3, 5, 0, 8, 4, 6, 7, 0, 2, 4])  # </s> is 0


def one_by_one(ids: np.ndarray) -> list[float]:
    """log P of each id after `<s>` and all ids before it, without sentence boundaries."""
    model = make_model()
    state, zero, result = model.start(), torch.zeros(1, dtype=torch.int64), []
    for word in torch.as_tensor(ids)[:, None]:
        log_prob, state = model.advance(state, zero, word)
        result.append(float(log_prob))
    return result


@pytest.mark.parametrize("bptt", [1, 4, 256])
def test_the_state_is_carried_across_sentences(bptt: int) -> None:
    found = log_probs_of(make_model(), IDS, bptt=bptt)
    assert found == pytest.approx(one_by_one(IDS), abs=1e-5)


def test_streams_are_read_from_the_start_of_a_sentence() -> None:
    found = log_probs_of(make_model(), IDS, batch_size=2)  # streams of 6 and 5 ids
    assert found == pytest.approx(one_by_one(IDS[:6]) + one_by_one(IDS[6:]), abs=1e-5)


def test_perplexity() -> None:
    assert perplexity(np.log([0.5, 0.125])) == pytest.approx(4)
    assert perplexity(np.array([-1e6])) == math.inf
