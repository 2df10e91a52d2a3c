"""Reallocation: the words are placed anew in the table, each where the trained network expects it.

Source: Li et al., NIPS 2016, section 3.3. Shapes: T words, U streams, V vocabulary, R rows, C columns, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rescorer.models.light_rnn import LightRNN
from rescorer.models.word_table import WordTable
from rescorer.training.assignment import Assignment, AssignmentSettings, assign
from rescorer.training.corpus import Corpus


@dataclass(frozen=True)
class ReallocationSettings:
    """How words are placed anew.

    Attributes:
        cost_words: at most so many words of the corpus, from its beginning, are read to measure the costs.
        min_gain: nats a token: a word stays in its cell unless another saves it more than this.
        carry_over: the vectors of a row become the mean, by counts, of what its words had; else they stay, which did
            better where it was measured (benchmarks/README.md): the costs were those of the vectors as they are.
        streams, unroll: how the corpus is read.
        assignment: how the least cost is sought.
    """

    cost_words: int = 20_000_000
    min_gain: float = 0.0
    carry_over: bool = False
    streams: int = 64
    unroll: int = 64
    assignment: AssignmentSettings = field(default_factory=AssignmentSettings)


@torch.no_grad()
def cell_costs(model: LightRNN, corpus: Corpus, settings: ReallocationSettings) -> tuple[np.ndarray, np.ndarray]:
    """What each word would cost in each row [V, R] and each column [V, C]: sums of −log P, nats, float32.

    The column's cost is measured after the word's present row, and a word brings the bias of its cell along. One pass
    over the corpus, O(N · (D² + D·(R + C))); memory V · (R + C) float32.
    """
    model.eval()
    size, table = len(model.vocabulary), model.table
    row_costs = torch.zeros(size, table.rows, device=model.device)
    column_costs = torch.zeros(size, table.columns, device=model.device)
    text = Corpus(corpus.ids[: settings.cost_words])
    count = max(1, min(settings.streams, len(text) // settings.unroll))
    streams = text.streams(count)  # [U, N / U]
    state = model.start_states(count)
    for begin in range(0, streams.shape[1], settings.unroll):
        words = torch.as_tensor(streams[:, begin : begin + settings.unroll].T.astype(np.int64), device=model.device)
        before_row, after_row, state = model.hidden_states(words, state)
        flat, rows, columns = words.flatten(), model.row_of[words], model.column_of[words]
        rows_true = model.row_log_probs(before_row).gather(-1, rows[..., None])
        columns_true = model.column_log_probs(after_row, rows).gather(-1, columns[..., None])
        row_costs.index_add_(0, flat, _costs(model.row_scores(before_row), rows, rows_true))
        column_costs.index_add_(0, flat, _costs(model.column_scores(after_row, rows), columns, columns_true))
    return row_costs.cpu().numpy(), column_costs.cpu().numpy()


def _costs(scores: Tensor, true: Tensor, true_log_probs: Tensor) -> Tensor:
    """[T · U, R or C] −log P of every row or column, of which the true one's is known, from plain scores.

    The softmax's normaliser is the same for all of them, and so is the bias that the word brings along; unlike the
    log-softmax, this also prices rows and columns that are empty now.
    """
    return (scores.gather(-1, true[..., None]) - true_log_probs - scores).flatten(0, 1)


@torch.no_grad()
def move(model: LightRNN, table: WordTable, *, carry_over: bool) -> None:
    """Put the words of a model in the cells of a table of the same shape.

    The bias of a cell goes with its word. With `carry_over` each row's vectors become the mean, weighted by counts,
    of those that its words had, and so do the columns'; without it they stay.
    """
    old = model.table
    weights = np.maximum(model.vocabulary.counts, 1).astype(np.float64)
    if model.settings.cell_bias:
        bias = model.cell_bias.flatten()
        moved = torch.zeros_like(bias)
        moved[torch.as_tensor(table.cells, device=bias.device)] = bias[torch.as_tensor(old.cells, device=bias.device)]
        model.cell_bias.copy_(moved.view_as(model.cell_bias))
    if carry_over:
        _carry(model.row_parameters(), _shares(old.row_of, table.row_of, weights, old.rows))
        _carry(model.column_parameters(), _shares(old.column_of, table.column_of, weights, old.columns))
    model.place(table)


def _shares(old: np.ndarray, new: np.ndarray, weights: np.ndarray, size: int) -> Tensor:
    """[size, size] of what the words in each new row (or column) came, by weight; an empty one keeps its own."""
    shares = np.zeros((size, size))
    np.add.at(shares, (new, old), weights)
    empty = shares.sum(1) == 0
    shares[empty, empty] = 1
    return torch.as_tensor(shares / shares.sum(1, keepdims=True), dtype=torch.float32)


def _carry(parameters: list[Tensor], shares: Tensor) -> None:
    for parameter in parameters:
        parameter.copy_(shares.to(parameter.device) @ parameter)


def reallocate(model: LightRNN, corpus: Corpus, settings: ReallocationSettings) -> Assignment:
    """Measure what each cell would cost each word, place the words at least cost, and move them."""
    row_costs, column_costs = cell_costs(model, corpus, settings)
    read = corpus.ids[: settings.cost_words]
    tokens = np.bincount(read, minlength=len(model.vocabulary))  # [V]
    result = assign(row_costs, column_costs, start=model.table.cells, settings=settings.assignment,
                    stay_bonus=settings.min_gain * tokens.astype(np.float32))
    move(model, WordTable(model.table.rows, model.table.columns, result.cells), carry_over=settings.carry_over)
    return result
