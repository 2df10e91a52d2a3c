"""Biases of an untrained network: logs of word frequencies, which training then need not learn.

Shapes: V vocabulary, R rows, C columns.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rescorer.models.word_table import WordTable


def row_biases(table: WordTable, counts: np.ndarray) -> Tensor:
    """[R] log of each row's share of the counts [V]. An empty row counts as one word seen once."""
    shares, least = _shares(counts)
    return _log(np.bincount(table.row_of, shares, table.rows), least)


def column_biases(table: WordTable, counts: np.ndarray) -> Tensor:
    """[C] log of each column's share of the counts [V]."""
    shares, least = _shares(counts)
    return _log(np.bincount(table.column_of, shares, table.columns), least)


def word_biases(counts: np.ndarray) -> Tensor:
    """[V] log of each word's share of the counts [V].

    A cell's bias is its word's share of all words, not of its row: the row's softmax sees only
    differences, and the bias stays valid when the word moves to another row.
    """
    return _log(*_shares(counts))


def head_word_log_odds(table: WordTable, counts: np.ndarray) -> Tensor:
    """[R] log odds of the row's head word, in the first column, against all other words of its row.

    An empty part counts as one word seen once.
    """
    is_head = table.column_of == 0
    head = np.bincount(table.row_of, counts * is_head, table.rows)
    others = np.bincount(table.row_of, counts * ~is_head, table.rows)
    return torch.as_tensor(np.log(np.maximum(head, 1) / np.maximum(others, 1))).float()


def _shares(counts: np.ndarray) -> tuple[np.ndarray, float]:
    """Shares [V] of counts, and the share of a word seen once."""
    total = counts.sum()
    return counts / total, float(1 / total)


def _log(shares: np.ndarray, least: float) -> Tensor:
    """Natural log of shares, each at least `least`."""
    return torch.as_tensor(np.log(np.maximum(shares, least))).float()
