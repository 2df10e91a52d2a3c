"""Calibration: new words get their target mean probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import make_model
from tiny_new_words import NEW, TABLES, added, distributions, total

from rescorer.models.word_table import WordTable
from rescorer.training.new_words.add_words import add_words
from rescorer.training.new_words.calibrate import _fitted_biases, mean_probabilities
from rescorer.training.new_words.contexts import sample_text
from rescorer.training.settings import NewWordSettings


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_mean_probability_is_what_the_count_asks_for(table: WordTable) -> None:
    model = make_model(11, table)
    counts = np.array([1.0, 2.0, 4.0, 0.5])
    new, report = add_words(model, NEW, counts, settings=NewWordSettings(text_words=16384))
    targets = counts / (model.vocabulary.counts.sum() + counts.sum())
    with torch.no_grad():
        text = sample_text(model, 16384, seed=77).ids
        words = torch.as_tensor(text)
        size = text.shape[1]
        before = torch.cat([new.vocabulary.end_id * torch.ones(1, size, dtype=torch.int64), words])[
            :-1
        ]
        state, means = new.start_states(size), torch.zeros(4, dtype=torch.float64)
        for step in range(len(before)):
            if step:
                state = new(before[step : step + 1], state)[1]
            for number in range(4):
                word = torch.full((1, size), 11 + number)
                means[number] += new(word, state)[0].double().exp().mean() / len(before)
    np.testing.assert_allclose(means.numpy(), targets, rtol=0.05)
    assert report.target_mass == pytest.approx(targets.sum())
    assert report.mass == pytest.approx(targets.sum(), rel=0.05)
    found = mean_probabilities(new, np.arange(11, 15), sample_text(model, 16384, seed=77).state)
    np.testing.assert_allclose(found, means.numpy(), rtol=0.05)


def test_more_than_a_row_can_give() -> None:
    """New words never take more than half of a row of old words, whatever their counts."""
    model = make_model(11, TABLES["free cells"])
    new = added(model, ["emu"], count=1e9)
    before, after = distributions(model).double(), distributions(new).double()
    assert (total(new) - 1).abs().max() < 1e-5
    same_row = new.table.row_of[:11] == new.table.row_of[11]
    torch.testing.assert_close(after[:, :11][:, ~same_row], before[:, ~same_row], atol=1e-4, rtol=0)
    assert 0.2 < (before - after[:, :11])[:, same_row].exp().mean() - 1 < 3


def test_mean_probabilities_of_all_words_sum_to_one() -> None:
    model = make_model(11, TABLES["free cells"])
    state = sample_text(model, 1024, seed=3).state
    assert mean_probabilities(model, np.arange(11), state).sum() == pytest.approx(1, abs=1e-5)


def test_fitted_biases_in_one_context_have_a_closed_form() -> None:
    """Items of scores s and a rest r: exp(s + b) : exp(r) is as share : 1 - all shares."""
    scores = torch.tensor([[[0.3, -1.2, 2.0]]])  # [q, S, C]
    rest, share = torch.tensor([[0.7]]), torch.tensor([[0.1, 0.3, 0.0]])
    found = _fitted_biases(scores, rest, share)[0]
    expected = torch.log(share / 0.6) + rest - scores[0]
    torch.testing.assert_close(found[:2], expected[0, :2], atol=1e-3, rtol=0)
