"""Contexts: states after histories, sampled text, and contexts in proportion to a row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import make_model
from tiny_new_words import TABLES

from rescorer.training.new_words.contexts import (
    draw_contexts,
    log_means,
    row_log_probs,
    sample_text,
    states_after,
)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_states_after_histories(num_layers: int) -> None:
    model = make_model(11, num_layers=num_layers)
    histories = [
        np.array(ids, dtype=np.int64) for ids in ([3, 4, 5], [], [7], [2, 2, 2, 9, 1])
    ] * 100
    found = states_after(model, histories)
    for index in (0, 1, 2, 3, 399):
        with torch.no_grad():
            expected = model.start_states(1)
            if len(histories[index]):
                expected = model(torch.as_tensor(histories[index])[:, None], expected)[1]
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine[:, index], theirs[:, 0], atol=1e-5, rtol=0)


def test_sampled_text_is_distributed_as_the_model_says() -> None:
    model = make_model(11, TABLES["free cells"])
    text = sample_text(model, 20_000, seed=5)
    assert text.ids.min() >= 0
    first = np.bincount(sample_text(model, 256, seed=5).ids[0], minlength=11)
    assert first.sum() == 256
    # [R] what the rows' probabilities sum to
    expected = row_log_probs(model, text.state).exp().sum(0).numpy()
    found = np.bincount(model.table.row_of[text.ids.ravel()], minlength=4)
    assert (np.abs(found - expected) < 5 * np.sqrt(expected) + 1).all()
    assert np.array_equal(sample_text(model, 300, seed=5).ids, sample_text(model, 300, seed=5).ids)


def test_contexts_are_drawn_in_exact_proportion() -> None:
    """Systematic sampling: shares of 1/2, 1/4 and 1/4 give 4, 2 and 2 of 8 draws, for any seed."""
    log_probs = torch.log(torch.tensor([[0.2, 0.03], [0.1, 0.03], [0.1, 0.06]]))  # [G, Q]
    for seed in range(20):
        drawn = draw_contexts(log_probs, 8, torch.Generator().manual_seed(seed))
        assert torch.bincount(drawn[0], minlength=3).tolist() == [4, 2, 2]
        assert torch.bincount(drawn[1], minlength=3).tolist() == [2, 2, 4]


def test_log_means() -> None:
    found = log_means(torch.log(torch.tensor([[0.5, 0.1], [0.25, 0.3]])))
    np.testing.assert_allclose(np.exp(found), [0.375, 0.2], rtol=1e-6)
