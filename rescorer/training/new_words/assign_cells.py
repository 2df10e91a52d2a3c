"""Cell assignment: each new word gets a free cell, at the least total cost in the context sets.

Shapes: W new words, N contexts, G contexts of sampled text, E edges (word, context), R rows, C
columns, Q rows and K columns with free cells, S contexts of a row, D width.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from rescorer.chunks import chunks
from rescorer.models.lightrnn import LightRNN
from rescorer.training.new_words.context_sets import ContextSets
from rescorer.training.new_words.contexts import (
    CONTEXTS_AT_ONCE,
    SampledText,
    in_rows,
    log_means,
)
from rescorer.training.new_words.free_cells import FreeCells, find_free_cells
from rescorer.training.reallocation.assign import assign
from rescorer.training.settings import AssignmentSettings, ContextSettings

# Weight of the log mean probability of a row or column in the costs. With names, the perplexity is
# higher with 0.5 and 1, and much higher with 0.
_MARGINAL_WEIGHT = 0.7
# Words × free cells up to which the assignment is exact: with twice as many, near ties take
# seconds.
_EXACT = 1_000_000
# Settings of the dual ascent beyond that. With 2,000 words the cost is 1 % above the optimum, in a
# tenth of the time.
_TEMPERATURES = (0.1, 0.05, 0.02)
_CANDIDATES = 64
_ITERATIONS = 25
_FEW_ITERATIONS = 8  # beyond so many words × rows × columns:
_LARGE = 500_000_000


class CellAssignment:
    """Assigns the new words of one list to cells of one model."""

    def __init__(
        self,
        model: LightRNN,
        context_sets: ContextSets,
        text: SampledText,
        text_rows: Tensor,
        settings: ContextSettings,
    ) -> None:
        """
        Args:
            text_rows: [G, R] log P of the rows in the contexts of the text.
        """
        self.model, self.context_sets, self.settings = model, context_sets, settings
        self.text, self.text_rows = text, text_rows
        words = int(context_sets.words.max()) + 1  # W
        self.row_costs = _row_costs(model, context_sets, words, log_means(text_rows))  # [W, R]

    def find_free_cells(self, grow: str) -> FreeCells:
        """Free cells for all of the words, in a table that may have grown."""
        return find_free_cells(self.model.table, self.row_costs, self._column_costs, grow)

    def cells(self, free: FreeCells) -> np.ndarray:
        """[W] a cell of the new table for each word.

        The first assignment uses the costs of rows only. Then the costs of columns are computed
        after the rows that the words have, and the second assignment uses both.
        """
        source_rows = free.source_rows[free.rows]  # [Q]
        source_columns = free.source_columns[free.columns]  # [K]
        row_costs = np.ascontiguousarray(self.row_costs[:, source_rows], dtype=np.float32)
        no_costs = np.zeros((len(row_costs), len(free.columns)), np.float32)  # [W, K]
        settings = _assignment_settings(len(row_costs), free.is_free, self.settings.seed)
        device = self.model.device
        first = assign(
            row_costs, no_costs, free_cells=free.is_free, settings=settings, device=device
        ).cells
        column_costs = self._column_costs(source_rows[first // len(free.columns)])  # [W, C]
        column_costs = np.ascontiguousarray(column_costs[:, source_columns])  # [W, K]
        cells = assign(
            row_costs,
            column_costs,
            start=first,
            free_cells=free.is_free,
            settings=settings,
            device=device,
        ).cells
        rows, columns = np.divmod(cells, len(free.columns))
        table_cells: np.ndarray = free.rows[rows] * len(free.source_columns) + free.columns[columns]
        return table_cells

    def _column_costs(self, rows: np.ndarray) -> np.ndarray:
        """[W, C] mean cost of each column in each word's contexts, after the word's old row [W]."""
        distinct, of_word = np.unique(rows, return_inverse=True)
        log_marginals = _column_log_means(
            self.model, distinct, self.text, self.text_rows, self.settings
        )
        return _column_costs(self.model, self.context_sets, rows, log_marginals[of_word])


def _assignment_settings(words: int, is_free: np.ndarray, seed: int) -> AssignmentSettings:
    is_exact = words * int(is_free.sum()) <= _EXACT
    is_large = words * is_free.size > _LARGE
    return AssignmentSettings(
        exact_limit=words if is_exact else 0,
        block_size=words,
        temperatures=_TEMPERATURES,
        iterations=_FEW_ITERATIONS if is_large else _ITERATIONS,
        candidates=_CANDIDATES,
        seed=seed,
    )


def _row_costs(
    model: LightRNN, context_sets: ContextSets, words: int, log_marginals: np.ndarray
) -> np.ndarray:
    """[W, R] mean cost of each row in each word's contexts; 0 for a row without a word.

    Args:
        log_marginals: [R] log of the mean probability of each row; −inf for a row without a word.
    """
    total = context_sets.state.hidden.shape[1]
    edges = csr_matrix(
        (context_sets.weights, (context_sets.contexts, context_sets.words)), (total, words)
    )
    costs = np.zeros((words, model.table.rows), dtype=np.float32)
    means = torch.as_tensor(log_marginals, dtype=torch.float32, device=model.device)
    for chunk in chunks(total, CONTEXTS_AT_ONCE):
        here = _costs(model.row_log_probs(context_sets.state.hidden[-1][chunk]), means)  # [n, R]
        costs += edges[chunk].T @ here.masked_fill(means.isinf(), 0).cpu().numpy()
    return costs


def _costs(log_probs: Tensor, log_marginals: Tensor) -> Tensor:
    """Cost of a row or column with this log P in a context and this log mean probability.

    A plain −log P would favour frequent rows. But the biases set the frequency of a word, so its
    row should be more probable in the word's contexts than elsewhere. With few contexts the full
    log mean would overfit to chance, so it counts in part.
    """
    return _MARGINAL_WEIGHT * log_marginals - log_probs


def _column_costs(
    model: LightRNN, context_sets: ContextSets, rows: np.ndarray, log_marginals: np.ndarray
) -> np.ndarray:
    """[W, C] mean cost of each column in each word's contexts, after the word's row [W].

    Args:
        log_marginals: [W, C] log of the mean probability of each column after that row.
    """
    means = torch.as_tensor(log_marginals, device=model.device)
    costs = torch.zeros(len(rows), model.table.columns, device=model.device)
    for chunk in chunks(len(context_sets.words), CONTEXTS_AT_ONCE):
        words = torch.as_tensor(context_sets.words[chunk], device=model.device)
        contexts = torch.as_tensor(context_sets.contexts[chunk], device=model.device)
        weights = torch.as_tensor(context_sets.weights[chunk], device=model.device)
        row = torch.as_tensor(rows[context_sets.words[chunk]], device=model.device)
        after_row, _ = model.read_rows(row, context_sets.state.take(contexts))
        here = _costs(_unbiased_column_log_probs(model, after_row, row), means[words])  # [n, C]
        costs.index_add_(0, words, here * weights[:, None])
    return costs.cpu().numpy()


def _unbiased_column_log_probs(model: LightRNN, hidden: Tensor, rows: Tensor) -> Tensor:
    """[..., C] log P of the columns after rows [...], each as if its cell held an unbiased word."""
    scores = model.column_scores(hidden, rows)
    taken = (scores + model.cell_bias[rows]).masked_fill(model.free[rows], -torch.inf)
    return scores - torch.logsumexp(taken, -1, keepdim=True)


def _column_log_means(
    model: LightRNN,
    rows: np.ndarray,
    text: SampledText,
    text_rows: Tensor,
    settings: ContextSettings,
) -> np.ndarray:
    """[Q, C] log of the mean probability of each column in each row's contexts."""
    parts = []
    for _, here, hidden in in_rows(
        model, rows, text.state, text_rows, settings.row_contexts, settings.seed
    ):
        log_probs = _unbiased_column_log_probs(model, hidden, here)  # [q, S, C]
        parts.append(torch.logsumexp(log_probs, 1) - math.log(hidden.shape[1]))
    return torch.cat(parts).cpu().numpy()
