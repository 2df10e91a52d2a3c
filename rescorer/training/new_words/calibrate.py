"""Calibration: biases that give new words their target mean probabilities over contexts.

Shapes: W words, G contexts, Q rows with new words (q of them at a time), S contexts of a row, R
rows, C columns, D width, L layers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from rescorer.chunks import chunks
from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.training.new_words.contexts import (
    CONTEXTS_AT_ONCE,
    in_rows,
    log_means,
    row_log_probs,
)

_LARGEST_ROW_SHARE = 0.5  # of the new words in a row that has old words
_ROUNDS = 30  # of iterative proportional fitting
_PRECISION = 1e-4  # nats of the last step of the fitting


@torch.no_grad()
def mean_probabilities(
    model: LightRNN, ids: np.ndarray, state: LightRNNState, *, draws: int = 256, seed: int = 1
) -> np.ndarray:
    """[W] mean of P(word | context) over contexts [L, G, D].

    The row's part is exact. The column's part is estimated in S contexts, sampled by P(row |
    context).
    """
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [W]
    text_rows = row_log_probs(model, state)
    means = log_means(text_rows)[rows[of_row]]
    for part, here, hidden in in_rows(model, rows, state, text_rows, draws, seed):
        log_probs = model.column_log_probs(hidden, here).double()  # [q, S, C]
        shares = torch.logsumexp(log_probs, 1) - math.log(hidden.shape[1])  # [q, C]
        inside = np.flatnonzero((of_row >= part.start) & (of_row < part.stop))
        columns = model.table.column_of[ids[inside]]
        means[inside] += shares.cpu().numpy()[of_row[inside] - part.start, columns]
    probabilities: np.ndarray = np.exp(means)
    return probabilities


@torch.no_grad()
def calibrate(
    model: LightRNN, targets: np.ndarray, state: LightRNNState, *, draws: int = 256, seed: int = 1
) -> None:
    """Set the biases of new words' cells, and of rows that hold no other words.

    In a row with old words the new ones together get at most half of the row's probability.

    Args:
        targets: [W] mean probabilities of the words with the highest ids.
        state: [L, G, D] contexts over which the mean is taken.
        draws: S.
    """
    ids = np.arange(len(model.vocabulary) - len(targets), len(model.vocabulary))  # [W]
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [W]
    masses = np.bincount(of_row, targets)  # [Q]
    alone = ~np.isin(rows, model.table.row_of[: ids[0]])  # rows without an old word
    _calibrate_rows(model, rows[alone], masses[alone], state)
    text_rows = row_log_probs(model, state)
    shares = masses / np.exp(log_means(text_rows)[rows])  # [Q]
    allowed = np.where(alone, 1.0, np.minimum(shares, _LARGEST_ROW_SHARE))
    # [Q, C] target share of each new word in its row
    wanted = np.full((len(rows), model.table.columns), 0.0)
    wanted[of_row, model.table.column_of[ids]] = targets / masses[of_row] * allowed[of_row]
    for part, here, hidden in in_rows(model, rows, state, text_rows, draws, seed):
        scores = model.column_scores(hidden, here)  # [q, S, C]
        share = torch.as_tensor(wanted[part], device=model.device, dtype=scores.dtype)  # [q, C]
        is_no_old_word = model.free[here] | (share > 0)[:, None]
        old = (scores + model.cell_bias[here]).masked_fill(is_no_old_word, -torch.inf)
        bias = _fitted_biases(scores, torch.logsumexp(old, -1), share)
        index = torch.as_tensor(rows[part], device=model.device)
        model.cell_bias[index] = torch.where(share > 0, bias, model.cell_bias[index])


def _calibrate_rows(
    model: LightRNN, rows: np.ndarray, masses: np.ndarray, state: LightRNNState
) -> None:
    """Set the biases of rows [Q] without old words: their mean probabilities become `masses`."""
    if not len(rows):
        return
    index = torch.as_tensor(rows, device=model.device)
    score_parts, rest_parts = [], []
    for chunk in chunks(state.hidden.shape[1], CONTEXTS_AT_ONCE):
        all_scores = model.row_scores(state.hidden[-1][chunk])  # [contexts, R]
        score_parts.append(all_scores[:, index])
        rest_parts.append(torch.logsumexp(all_scores.index_fill(1, index, -torch.inf), -1))
    scores, rest = torch.cat(score_parts), torch.cat(rest_parts)  # [G, Q], [G]
    share = torch.as_tensor(masses, device=model.device, dtype=scores.dtype)
    model.row_out.bias[index] += _fitted_biases(scores[None], rest[None], share[None])[0]


def _fitted_biases(scores: Tensor, rest: Tensor, share: Tensor) -> Tensor:
    """[q, C] biases that give items their target mean shares, by iterative proportional fitting.

    Args:
        scores: [q, S, C] scores of the items in S contexts, without biases.
        rest: [q, S] log-sum-exp of the scores of all other items; -inf if there are none.
        share: [q, C] target shares; an item of share 0 takes no part.
    """
    wanted = share.log()
    scores = scores.masked_fill((share == 0)[:, None], -torch.inf)
    bias = torch.zeros_like(share)
    for _ in range(_ROUNDS):
        logits = scores + bias[:, None]
        total = torch.logaddexp(torch.logsumexp(logits, -1), rest)  # [q, S]
        found = torch.logsumexp(logits - total[..., None], 1) - math.log(scores.shape[1])  # [q, C]
        step = torch.where(share > 0, wanted - found, 0.0)
        bias += step
        if step.abs().max() < _PRECISION:
            break
    return bias
