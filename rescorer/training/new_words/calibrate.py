"""How probable new words are: biases by which their mean probabilities over contexts are the wanted
ones.

Shapes: W words, G contexts, Q rows with new words (q of them at a time), S contexts of a row, R
rows, C columns, D width, L layers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.training.new_words.contexts import chunks, in_rows, log_means, row_log_probs

_MOST_OF_A_ROW = 0.5  # what new words may take of a row that old words are in
_ROUNDS = 30  # each a step of iterative proportional fitting


@torch.no_grad()
def mean_probabilities(
    model: LightRNN, ids: np.ndarray, state: LightRNNState, *, draws: int = 256, seed: int = 1
) -> np.ndarray:
    """[W] mean of P(word | context) over contexts [L, G, D].

    The row's part is exact; the column's is estimated in S contexts drawn as the row is probable in
    them.
    """
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [W]
    text_rows = row_log_probs(model, state)
    means = log_means(text_rows)[rows[of_row]]
    for part, here, hidden in in_rows(model, rows, state, text_rows, draws, seed):
        # [q, C]
        shares = torch.logsumexp(model.column_log_probs(hidden, here).double(), 1) - math.log(
            hidden.shape[1]
        )
        inside = np.flatnonzero((of_row >= part.start) & (of_row < part.stop))
        means[inside] += shares.cpu().numpy()[
            of_row[inside] - part.start, model.table.column_of[ids[inside]]
        ]
    probabilities: np.ndarray = np.exp(means)
    return probabilities


@torch.no_grad()
def calibrate(
    model: LightRNN, targets: np.ndarray, state: LightRNNState, *, draws: int = 256, seed: int = 1
) -> None:
    """Set the biases of the cells of the last W words, and of rows that hold no others, to mean
    probabilities [W].

    Of a row with old words the new ones together get no more than half.

    Args:
        targets: [W], of the words with the highest ids.
        state: [L, G, D] contexts over which the mean is taken.
        draws: S.
    """
    ids = np.arange(len(model.vocabulary) - len(targets), len(model.vocabulary))  # [W]
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [W]
    masses = np.bincount(of_row, targets)  # [Q]
    alone = ~np.isin(rows, model.table.row_of[: ids[0]])  # rows in which no old word is
    _calibrate_rows(model, rows[alone], masses[alone], state)
    text_rows = row_log_probs(model, state)
    shares = masses / np.exp(log_means(text_rows)[rows])  # [Q]
    allowed = np.where(alone, 1.0, np.minimum(shares, _MOST_OF_A_ROW))
    # [Q, C] share of its row that each new word gets
    wanted = np.full((len(rows), model.table.columns), 0.0)
    wanted[of_row, model.table.column_of[ids]] = targets / masses[of_row] * allowed[of_row]
    for part, here, hidden in in_rows(model, rows, state, text_rows, draws, seed):
        scores = model.column_scores(hidden, here)  # [q, S, C]
        share = torch.as_tensor(wanted[part], device=model.device, dtype=scores.dtype)  # [q, C]
        taken = (scores + model.cell_bias[here]).masked_fill(
            (model.free[here]) | (share > 0)[:, None], -torch.inf
        )
        bias = _fitted(scores, torch.logsumexp(taken, -1), share)
        index = torch.as_tensor(rows[part], device=model.device)
        model.cell_bias[index] = torch.where(share > 0, bias, model.cell_bias[index])


def _calibrate_rows(
    model: LightRNN, rows: np.ndarray, masses: np.ndarray, state: LightRNNState
) -> None:
    if not len(rows):
        return
    index = torch.as_tensor(rows, device=model.device)
    parts = []
    for chunk in chunks(state.hidden.shape[1]):
        scores = model.row_scores(state.hidden[-1][chunk])
        parts.append(
            (scores[:, index], torch.logsumexp(scores.index_fill(1, index, -torch.inf), -1))
        )
    scores, rest = (torch.cat(part) for part in zip(*parts, strict=True))  # [G, Q], [G]
    share = torch.as_tensor(masses, device=model.device, dtype=scores.dtype)
    model.row_out.bias[index] += _fitted(scores[None], rest[None], share[None])[0]


def _fitted(scores: Tensor, rest: Tensor, share: Tensor) -> Tensor:
    """[q, C] biases with which items of these scores [q, S, C] have these mean shares [q, C],
    beside the rest.

    Iterative proportional fitting. Items of share 0 are not there.

    Args:
        rest: [q, S] log of the sum of exp of all other scores; -inf where there are none.
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
        if step.abs().max() < 1e-4:
            break
    return bias
