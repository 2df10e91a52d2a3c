"""Cell assignment, against costs that are computed one by one and the best of all free cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from conftest import make_model

from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_table import WordTable
from rescorer.training.new_words import assign_cells
from rescorer.training.new_words.assign_cells import CellAssignment
from rescorer.training.new_words.context_sets import ContextSets
from rescorer.training.new_words.contexts import row_log_probs, sample_text
from rescorer.training.settings import ContextSettings

TABLE = WordTable.shaped(11, 4, 4).shuffled(0)
SETTINGS = ContextSettings(text_words=512, row_contexts=64)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def make_assignment(
    model: LightRNN, words: list[int], contexts: list[int], weights: list[float]
) -> CellAssignment:
    text = sample_text(model, SETTINGS.text_words, 1)
    context_sets = ContextSets(
        text.state, np.array(words), np.array(contexts), np.array(weights, np.float32)
    )
    return CellAssignment(model, context_sets, text, row_log_probs(model, text.state), SETTINGS)


def test_row_costs_are_weighted_means_over_a_words_contexts() -> None:
    model = make_model(11, TABLE)
    found = make_assignment(model, [0, 0, 1], [7, 300, 40], [0.25, 0.75, 1.0])
    log_probs = found.text_rows.double().numpy()  # [G, R]
    log_means = np.log(np.exp(log_probs).mean(0))
    costs = 0.7 * log_means - log_probs
    expected = np.stack([0.25 * costs[7] + 0.75 * costs[300], costs[40]])
    np.testing.assert_allclose(found.row_costs, expected, atol=1e-4)


@pytest.mark.parametrize("context", [0, 100, 333])
def test_one_word_gets_the_cheapest_free_cell(context: int) -> None:
    model = make_model(11, TABLE)
    assignment = make_assignment(model, [0], [context], [1.0])
    free = assignment.find_free_cells("no")
    (cell,) = assignment.cells(free).tolist()
    is_free = TABLE.words.ravel() < 0
    assert is_free[cell]
    row_costs = np.repeat(assignment.row_costs[0], 4)  # of each cell
    source = int(np.where(is_free, row_costs, np.inf).argmin()) // 4
    column_costs = np.tile(assignment._column_costs(np.array([source]))[0], 4)
    assert cell == int(np.where(is_free, row_costs + column_costs, np.inf).argmin())


def test_column_costs_are_as_if_each_cell_held_an_unbiased_word() -> None:
    model = make_model(11, TABLE)
    assignment = make_assignment(model, [0], [5], [1.0])
    row = 2
    state = assignment.text.state.take(torch.tensor([5]))
    after_row, _ = model.read_rows(torch.tensor([row]), state)
    scores = model.column_scores(after_row, torch.tensor([row]))[0].double().numpy()
    biases = model.cell_bias[row].detach().double().numpy()
    taken = TABLE.words[row] >= 0
    log_probs = scores - np.log(np.exp((scores + biases)[taken]).sum())
    found = assignment._column_costs(np.array([row]))[0]
    log_means = assign_cells._column_log_means(
        model, np.array([row]), assignment.text, assignment.text_rows, SETTINGS
    )[0]
    np.testing.assert_allclose(found, 0.7 * log_means - log_probs, atol=1e-4)


def test_words_get_different_cells() -> None:
    """All five free cells are taken, though all words have the same context."""
    model = make_model(11, TABLE)
    assignment = make_assignment(model, [0, 1, 2, 3, 4], [9] * 5, [1.0] * 5)
    cells = assignment.cells(assignment.find_free_cells("no"))
    assert sorted(cells.tolist()) == np.flatnonzero(TABLE.words.ravel() < 0).tolist()
