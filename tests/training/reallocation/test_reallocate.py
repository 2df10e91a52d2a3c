"""Reallocation against loops over tokens and cells, and what a move may and may not change."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model, make_vocabulary

from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation.costs import cell_costs
from rescorer.training.reallocation.reallocate import move, reallocate
from rescorer.training.settings import AssignmentSettings, ReallocationSettings

ONE_STREAM = ReallocationSettings(batch_size=1, bptt=10)
TABLES = {
    "full": WordTable.shaped(12, 3, 4).shuffled(0),
    "free cells": WordTable.shaped(10, 3, 4).shuffled(0),
    "free row": WordTable(4, 4, np.array([0, 1, 2, 3, 8, 9, 10, 11, 12, 14])),
}
KINDS = [
    {"residual_dim": 2 * own, "cell_bias": bias, "tied": tied, "two_step": two_step}
    for own, bias, tied, two_step in itertools.product((True, False), repeat=4)
]


def corpus_of(size: int, length: int = 101) -> Corpus:
    return Corpus(np.random.default_rng(3).integers(0, size, length).astype(np.uint32))


def model_of(table: WordTable, **settings: Any) -> LightRNN:
    return make_model(len(table.cells), table, **settings)


def costs_of(
    model: LightRNN, corpus: Corpus, batch_size: int = 1, bptt: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """[V, R] and [V, C]"""
    costs = cell_costs(model, corpus, batch_size=batch_size, bptt=bptt)
    every = slice(None)
    return costs.rows.block(every, every), costs.columns.block(every, every)


def total_probability(model: LightRNN) -> float:
    size = len(model.vocabulary)
    with torch.no_grad():
        words = torch.stack([torch.full((size,), 3), torch.arange(size)]).to(model.device)
        return float(model(words, model.start_states(size))[0][-1].double().exp().sum())


# ---- what each cell would cost ----


@pytest.mark.parametrize("num_layers", [1, 2])
def test_costs_of_the_paper(num_layers: int) -> None:
    """l_r(w, i): the sum over w's occurrences of −log P(row i); l_c(w, j) likewise, after w's
    present row.
    """
    model = model_of(TABLES["full"], residual_dim=0, cell_bias=False, num_layers=num_layers)
    corpus = corpus_of(12)
    rows, columns = np.zeros((12, 3)), np.zeros((12, 4))
    state = model.start_states(1)
    with torch.no_grad():
        for word in corpus.ids.tolist():
            before, after, state = model.hidden_states(torch.tensor([[word]]), state)
            row = int(model.row_of[word])
            for i in range(3):
                rows[word, i] -= model.row_log_probs(before[0, 0])[i].item()
            for j in range(4):
                columns[word, j] -= model.column_log_probs(after[0], torch.tensor([row]))[
                    0, j
                ].item()
    found = costs_of(model, corpus)
    np.testing.assert_allclose(found[0], rows, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], columns, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_costs_with_free_cells_gates_and_biases(table: WordTable, kind: dict[str, bool]) -> None:
    """−log of the softmax over the taken cells; biases and residual embeddings move with words."""
    model = model_of(table, **kind)
    size = len(table.cells)
    corpus = corpus_of(size, 60)
    rows, columns = np.zeros((size, table.rows)), np.zeros((size, table.columns))
    state = model.start_states(1)
    with torch.no_grad():
        for word in corpus.ids.tolist():
            before, after, state = model.hidden_states(torch.tensor([[word]]), state)
            row, column = divmod(int(table.cells[word]), table.columns)
            # empty rows have costs too
            plain = model.row_out(before[0, 0]).double()
            scores = model.row_scores(before[0, 0]).double()
            # The residual row score of a word's current row does not change.
            rows[word] += (scores.logsumexp(0) - (scores - plain)[row] - plain).numpy()
            plain = model.column_scores(after[0], torch.tensor([row]))[0].double()
            bias = (
                model.cell_bias[row].double() if kind["cell_bias"] else torch.zeros(table.columns)
            )
            own = (
                model._residual_scores(after[0], torch.tensor([row]))[0].double()
                if kind["residual_dim"]
                else plain * 0
            )
            elsewhere = plain - own + own[column]
            columns[word] += (
                (plain + bias)[~model.free[row]].logsumexp(0) - elsewhere - bias[column]
            ).numpy()
    found = costs_of(model, corpus)
    np.testing.assert_allclose(found[0], rows, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], columns, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_costs_of_the_present_cells_are_the_loss(table: WordTable, kind: dict[str, bool]) -> None:
    """One stream or many, whatever the bptt."""
    model = model_of(table, **kind)
    size = len(table.cells)
    corpus = corpus_of(size, 120)
    for batch_size, bptt in ((1, 7), (1, 200), (4, 9)):
        words = torch.as_tensor(corpus.batchify(batch_size).T.astype(np.int64))
        with torch.no_grad():
            loss = -model(words, model.start_states(batch_size))[0].sum().item()
        rows, columns = costs_of(model, corpus, batch_size, bptt)
        every = np.arange(size)
        found = rows[every, table.row_of].sum() + columns[every, table.column_of].sum()
        assert found == pytest.approx(loss, rel=1e-4)


def test_costs_are_two_arrays_of_float32() -> None:
    rows, columns = costs_of(model_of(TABLES["free cells"]), corpus_of(10))
    assert (rows.dtype, columns.dtype) == (np.float32, np.float32)
    assert (rows.shape, columns.shape) == ((10, 3), (10, 4))
    assert np.isfinite(rows).all() and np.isfinite(columns).all()


def test_costs_leave_the_model_alone_and_ignore_dropout() -> None:
    model = model_of(TABLES["full"], dropout=0.5).train()
    before = copy.deepcopy(model.state_dict())
    first, second = (costs_of(model.train(), corpus_of(12)) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_unseen_words_cost_nothing() -> None:
    model = model_of(TABLES["full"])
    rows, columns = costs_of(model, Corpus(np.array([4, 4, 5] * 10, dtype=np.uint32)))
    seen = (rows.any(1) & columns.any(1)).nonzero()[0]
    assert seen.tolist() == [4, 5]
    assert not rows[[0, 7, 11]].any() and not columns[[0, 7, 11]].any()


def test_costs_on_another_device(device: str) -> None:
    expected = costs_of(model_of(TABLES["free cells"]), corpus_of(10))
    found = costs_of(model_of(TABLES["free cells"]).to(device), corpus_of(10))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


# ---- moving ----


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_move_to_where_they_are_changes_nothing(table: WordTable, kind: dict[str, bool]) -> None:
    model = model_of(table, **kind)
    with torch.no_grad():
        if model.settings.cell_bias:
            model.cell_bias[model.free] = 0  # what a free cell has belongs to no word
        for own in model.residual_parameters():
            own.view(table.rows, table.columns, -1)[model.free] = 0
    before = copy.deepcopy(model.state_dict())
    move(model, WordTable(table.rows, table.columns, table.cells.copy()))
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_biases_of_cells_move_with_the_words() -> None:
    model = model_of(TABLES["free cells"])
    before = model.cell_bias.detach().clone().flatten()
    old, new = model.table, WordTable.shaped(10, 3, 4).shuffled(9)
    move(model, new)
    after = model.cell_bias.detach().flatten()
    for word in range(10):
        assert after[new.cells[word]] == before[old.cells[word]]
    assert (model.cell_bias[model.free] == 0).all()


def test_embeddings_of_rows_and_columns_stay() -> None:
    model = model_of(TABLES["full"], residual_dim=2)
    before = copy.deepcopy(model.state_dict())
    move(model, WordTable.shaped(12, 3, 4).shuffled(5))
    changed = {
        name for name, value in before.items() if not torch.equal(value, model.state_dict()[name])
    }
    assert changed == {
        "cell_bias",
        "residual_in",
        "residual_out",
        "row_out.bias",
        "head_word_log_odds",
    }


def test_biases_of_rows_follow_the_words() -> None:
    """A frequent word takes its row's share of the probability along: biases are the logs of the
    shares again.
    """
    model = LightRNN(LightRNNSettings(hidden_dim=6), make_vocabulary(12), TABLES["full"])
    table = WordTable.shaped(12, 3, 4).shuffled(5)
    move(model, table)
    counts = np.maximum(model.vocabulary.counts, 1)
    found, expected = model.row_out.bias.detach().numpy(), np.log(np.bincount(table.row_of, counts))
    # one more of each at the beginning
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=0.02)
    of_words = model.cell_bias.detach().numpy().ravel()[table.cells]
    np.testing.assert_allclose(of_words, np.log((counts + 1) / (counts + 1).sum()), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_move_is_still_a_distribution(table: WordTable, kind: dict[str, bool]) -> None:
    model = model_of(table, **kind)
    for seed in range(3):
        move(model, table.shuffled(seed))
        assert total_probability(model) == pytest.approx(1, abs=1e-5)


# ---- both ----


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_reallocate(table: WordTable) -> None:
    model = model_of(table)
    size = len(table.cells)
    corpus = corpus_of(size, 400)
    rows, columns = costs_of(model, corpus)
    every = np.arange(size)
    result = reallocate(model, corpus, ONE_STREAM)
    assert model.table.cells.tolist() == result.cells.tolist()
    assert (model.table.rows, model.table.columns) == (table.rows, table.columns)
    before = float((rows[every, table.row_of] + columns[every, table.column_of]).sum())
    after = float((rows[every, model.table.row_of] + columns[every, model.table.column_of]).sum())
    assert result.cost == pytest.approx(after, rel=1e-5) and after <= before
    assert result.moved == int((model.table.cells != table.cells).sum())
    assert total_probability(model) == pytest.approx(1, abs=1e-5)


def test_reallocate_on_another_device(device: str) -> None:
    corpus = corpus_of(12, 400)
    settings = ReallocationSettings(batch_size=1, assignment=AssignmentSettings(exact_limit=0))
    here, there = model_of(TABLES["full"]), model_of(TABLES["full"]).to(device)
    expected = reallocate(here, corpus, settings).cost
    assert reallocate(there, corpus, settings).cost == pytest.approx(expected, rel=1e-3)
    assert there.row_of.device.type == device and total_probability(there) == pytest.approx(
        1, abs=1e-5
    )


def test_least_cost_by_trying_every_table() -> None:
    table = WordTable.shaped(6, 2, 3)
    model = model_of(table)
    corpus = corpus_of(6, 200)
    rows, columns = costs_of(model, corpus)
    costs = (rows[:, :, None] + columns[:, None, :]).reshape(6, 6).astype(np.float64)
    best = min(
        sum(costs[word, cell] for word, cell in enumerate(cells))
        for cells in itertools.permutations(range(6))
    )
    assert reallocate(model, corpus, ONE_STREAM).cost == pytest.approx(best, rel=1e-6)


def test_least_gain_for_a_move() -> None:
    corpus = corpus_of(12, 400)
    moved = []
    for gain in (0.0, 0.2, math.exp(10)):
        model = model_of(TABLES["full"])
        moved.append(
            reallocate(
                model, corpus, ReallocationSettings(batch_size=1, bptt=10, min_gain=gain)
            ).moved
        )
    assert moved[0] >= moved[1] >= moved[2] == 0 and moved[0] > 0


def test_a_cell_that_is_cheap_for_all_moves_nobody() -> None:
    model = model_of(WordTable.shaped(4, 2, 2), residual_dim=0, cell_bias=False)
    corpus = Corpus(np.array([0, 1, 2, 3] * 25, dtype=np.uint32))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.column_out.bias.copy_(torch.tensor([1.0, 0.0]))
    before = model.table.cells.tolist()
    result = reallocate(model, corpus, ReallocationSettings(batch_size=1, min_gain=0.01))
    assert result.moved == 0 and model.table.cells.tolist() == before


def test_search_settings_reach_the_search() -> None:
    corpus = corpus_of(12, 400)
    results = []
    for limit in (0, 1000):
        model = model_of(TABLES["full"])
        settings = ReallocationSettings(
            batch_size=1, assignment=AssignmentSettings(exact_limit=limit)
        )
        results.append(reallocate(model, corpus, settings))
    by_dual_ascent, exact = ({stage for stage, _, _ in result.history} for result in results)
    assert by_dual_ascent != exact
    assert results[0].cost >= results[1].cost - 1e-3
