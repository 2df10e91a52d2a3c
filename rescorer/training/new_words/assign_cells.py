"""Which free cell each new word gets: what rows and columns cost in its contexts, and the cheapest
seating of all.

Shapes: W new words, N contexts, G contexts of sampled text, E edges (word, context), R rows, C
columns, Q rows and K columns with open cells, S contexts of a row, D width.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from rescorer.models.lightrnn import LightRNN
from rescorer.training.new_words.context_sets import ContextSets, ContextSettings
from rescorer.training.new_words.contexts import SampledText, chunks, in_rows, log_means
from rescorer.training.new_words.free_cells import FreeCells, find_free_cells
from rescorer.training.reallocation.assign import AssignmentSettings, assign

# how much of its rarity counts for a cell; 0.5 and 1 did worse with names (0 far worse)
_MARGINAL_WEIGHT = 0.7
# words × cells up to which the assignment is exact; with twice as many, near ties take seconds
_EXACT = 1_000_000
# Else by prices; of 2,000 words that cost 1 % more than the least, and a tenth of the time.
_DUAL_ASCENT: dict[str, Any] = {"temperatures": (0.1, 0.05, 0.02), "candidates": 64}
# and of so many words × rows × columns, the hasty number
_ITERATIONS, _HASTY, _LARGE = 25, 8, 500_000_000


class CellAssignment:
    """The costs of one list of new words in one model, and where they are to go."""

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
        self.model, self.context_sets, self.text, self.text_rows = (
            model,
            context_sets,
            text,
            text_rows,
        )
        self.settings = settings
        # [W, R]
        self.row_costs = _row_costs(
            model, context_sets, int(context_sets.words.max()) + 1, log_means(text_rows)
        )

    def room(self, grow: str) -> FreeCells:
        """Cells for all of the words."""
        return find_free_cells(self.model.table, self.row_costs, self._column_costs, grow)

    def cells(self, room: FreeCells) -> np.ndarray:
        """[W] cells of the new table: by rows first, then, by what columns cost after those rows,
        all anew.
        """
        sources = room.source_rows[room.rows]  # [Q]
        costs = np.ascontiguousarray(self.row_costs[:, sources], dtype=np.float32)
        how = _assignment(len(costs), room.open, self.settings.seed)
        nothing = np.zeros((len(costs), len(room.columns)), np.float32)  # [W, K]
        device = self.model.device
        first = assign(costs, nothing, free_cells=room.open, settings=how, device=device).cells
        column_costs = self._column_costs(sources[first // len(room.columns)])  # [W, C]
        # [W, K]
        column_costs = np.ascontiguousarray(column_costs[:, room.source_columns[room.columns]])
        cells = assign(
            costs, column_costs, start=first, free_cells=room.open, settings=how, device=device
        ).cells
        rows, columns = np.divmod(cells, len(room.columns))
        found: np.ndarray = room.rows[rows] * len(room.source_columns) + room.columns[columns]
        return found

    def _column_costs(self, rows: np.ndarray) -> np.ndarray:
        """[W, C] mean cost of each column in the contexts of each word, after the old row [W] that
        it is to be in.
        """
        distinct, of_word = np.unique(rows, return_inverse=True)
        log_marginals = _column_log_means(
            self.model, distinct, self.text, self.text_rows, self.settings
        )
        return _column_costs(self.model, self.context_sets, rows, log_marginals[of_word])


def _assignment(words: int, free_cells: np.ndarray, seed: int) -> AssignmentSettings:
    exact = words if words * int(free_cells.sum()) <= _EXACT else 0
    iterations = _ITERATIONS if words * free_cells.size <= _LARGE else _HASTY
    return AssignmentSettings(
        exact_limit=exact, block_size=words, iterations=iterations, seed=seed, **_DUAL_ASCENT
    )


def _row_costs(
    model: LightRNN, context_sets: ContextSets, words: int, log_marginals: np.ndarray
) -> np.ndarray:
    """[W, R] mean cost of each row in the contexts of each word; 0 for a row without a word, which
    has none.

    Args:
        log_marginals: [R] log of the mean probability of each row; −inf for a row without a word.
    """
    total = context_sets.state.hidden.shape[1]
    edges = csr_matrix(
        (context_sets.weights, (context_sets.contexts, context_sets.words)), (total, words)
    )
    costs = np.zeros((words, model.table.rows), dtype=np.float32)
    means = torch.as_tensor(log_marginals, dtype=torch.float32, device=model.device)
    for chunk in chunks(total):
        here = _costs(model.row_log_probs(context_sets.state.hidden[-1][chunk]), means)  # [n, R]
        costs += edges[chunk].T @ here.masked_fill(means.isinf(), 0).cpu().numpy()
    return costs


def _costs(log_probs: Tensor, log_marginals: Tensor) -> Tensor:
    """What a row or a column costs in a context where it has this log P, if in general it has that.

    A plain −log P would favour what is frequent; but how frequent a word is, its biases say, so its
    cell need only be more probable in the word's contexts than elsewhere. With few contexts that
    would reward chance: hence the part.
    """
    return _MARGINAL_WEIGHT * log_marginals - log_probs


def _column_costs(
    model: LightRNN, context_sets: ContextSets, rows: np.ndarray, log_marginals: np.ndarray
) -> np.ndarray:
    """[W, C] mean cost of each column in the contexts of each word, after the row [W] that it is to
    be in.

    Args:
        log_marginals: [W, C] log of the mean probability of each column after that row.
    """
    means = torch.as_tensor(log_marginals, device=model.device)
    costs = torch.zeros(len(rows), model.table.columns, device=model.device)
    for chunk in chunks(len(context_sets.words)):
        words, contexts, weights, row = (
            torch.as_tensor(part, device=model.device)
            for part in (
                context_sets.words[chunk],
                context_sets.contexts[chunk],
                context_sets.weights[chunk],
                rows[context_sets.words[chunk]],
            )
        )
        after_row, _ = model.read_rows(row, context_sets.state.take(contexts))
        here = _costs(_open_column_log_probs(model, after_row, row), means[words])  # [n, C]
        costs.index_add_(0, words, here * weights[:, None])
    return costs.cpu().numpy()


def _open_column_log_probs(model: LightRNN, hidden: Tensor, rows: Tensor) -> Tensor:
    """[..., C] log P of the columns after rows [...], of each as if its cell held a word with no
    bias.
    """
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
    """[Q, C] log of the mean probability of each column in the contexts of each row."""
    parts = [
        torch.logsumexp(_open_column_log_probs(model, hidden, here), 1) - math.log(hidden.shape[1])
        for _, here, hidden in in_rows(
            model, rows, text.state, text_rows, settings.row_contexts, settings.seed
        )
    ]
    return torch.cat(parts).cpu().numpy()
