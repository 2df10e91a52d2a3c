"""The network gives the numbers of its equations, whatever its settings and its table."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, make_model

from rescorer.models.lightrnn import LightRNN
from rescorer.models.lightrnn.reference import Reference
from rescorer.models.word_table import WordTable

SENTENCES = (["the", "cat", "sat", "on", "a", "mat"], [], ["strange", "dog"], ["the", "the", "the"])
TABLES = {
    "full": WordTable.shaped(11, 4, 3),
    "free cells": WordTable.shaped(11, 5, 4).shuffled(3),
    "free row": WordTable(6, 3, np.array([0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 16])),
}
SETTINGS: list[dict[str, Any]] = [
    {"two_step": two_step, "tied": tied, "residual_dim": residual_dim, "num_layers": num_layers}
    for two_step, tied, residual_dim, num_layers in product(
        (False, True), (False, True), (0, 5), (1, 2)
    )
] + [
    {"residual_row_score": False},
    {"cell_bias": False},
    {"residual_columns": 1},
    {"residual_dim": 3, "residual_columns": 2, "cell_bias": False, "tied": False},
]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_log_probs_are_those_of_the_equations(settings: dict[str, Any], table: WordTable) -> None:
    model = make_model(table=table, **settings)
    reference = Reference(model)
    for sentence in SENTENCES:
        wanted = reference.log_probs(sentence)
        assert model.logprob(sentence) == pytest.approx(sum(wanted), abs=2e-5)
        assert log_probs_in_training(model, sentence) == pytest.approx(wanted, abs=2e-5)


def log_probs_in_training(model: LightRNN, sentence: list[str]) -> list[float]:
    ids = torch.as_tensor([*model.vocabulary.encode(sentence), model.vocabulary.end_id])
    with torch.no_grad():
        return model(ids[:, None], model.start_states(1))[0][:, 0].tolist()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_loss_is_minus_the_mean_of_the_equations(settings: dict[str, Any]) -> None:
    model = make_model(table=TABLES["free cells"], sampled_softmax_size=0, **settings)
    wanted = Reference(model).log_probs(SENTENCES[0])
    ids = torch.as_tensor([*model.vocabulary.encode(SENTENCES[0]), model.vocabulary.end_id])
    loss, _ = model.loss(ids[:, None], model.start_states(1))
    assert float(loss.detach()) == pytest.approx(-np.mean(wanted), abs=2e-5)


@pytest.mark.parametrize("two_step", [False, True])
def test_the_equations_are_a_distribution(two_step: bool) -> None:
    reference = Reference(make_model(table=TABLES["free row"], two_step=two_step))
    state = reference.read(4, reference.start())
    total = sum(np.exp(reference.log_prob(word, state)) for word in range(len(WORDS)))
    assert total == pytest.approx(1, abs=1e-12)
