"""Biases of an untrained network are logs of word frequencies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rescorer.models.lightrnn import initial_biases
from rescorer.models.word_table import WordTable

# Rows: words 0 and 1; word 2, not in the first column; no word.
TABLE = WordTable(3, 2, np.array([0, 1, 3]))
COUNTS = np.array([5.0, 2.0, 3.0])


def logs(*shares: float) -> torch.Tensor:
    return torch.tensor([math.log(share) for share in shares])


def test_rows_and_columns() -> None:
    rows = initial_biases.row_biases(TABLE, COUNTS)
    torch.testing.assert_close(rows, logs(0.7, 0.3, 0.1))  # the empty row as a word seen once
    columns = initial_biases.column_biases(TABLE, COUNTS)
    torch.testing.assert_close(columns, logs(0.5, 0.5))


def test_words() -> None:
    torch.testing.assert_close(initial_biases.word_biases(COUNTS), logs(0.5, 0.2, 0.3))


@pytest.mark.parametrize(("row", "odds"), [(0, 5 / 2), (1, 1 / 3), (2, 1)])
def test_head_words(row: int, odds: float) -> None:
    found = initial_biases.head_word_log_odds(TABLE, COUNTS)
    assert float(found[row]) == pytest.approx(math.log(odds), abs=1e-6)
