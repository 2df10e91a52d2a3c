"""Tables and settings of small LightRNNs that several test modules share."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from conftest import make_model
from torch import Tensor

from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_table import WordTable

SIZE = 11  # words


def tables() -> dict[str, WordTable]:
    """Tables of different shapes, keyed by their peculiarity."""
    # rows 1 and 3 hold no word
    whole_row = WordTable(5, 4, np.array([0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 19]))
    # column 2 holds no word
    whole_column = WordTable(6, 3, np.array([0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15]))
    return {
        "square": WordTable.shaped(9),
        "rectangle": WordTable.shaped(SIZE, 3, 4).shuffled(1),
        "free cells": WordTable.shaped(SIZE, 3, 9).shuffled(1),
        "free row": whole_row,
        "free column": whole_column,
        "one row": WordTable.shaped(SIZE, 1),
        "one column": WordTable.shaped(SIZE, SIZE),
    }


def variants() -> list[dict[str, Any]]:
    names = "cell_bias", "tied", "two_step", "num_layers"
    kinds = itertools.product((True, False), (True, False), (True, False), (1, 2))
    # Residual embeddings in all columns of most tables, in the first two columns, or in none.
    residuals = itertools.cycle(
        [{"residual_dim": 3}, {"residual_dim": 2, "residual_columns": 2}, {"residual_dim": 0}]
    )
    return [
        {**dict(zip(names, kind, strict=True)), **next(residuals), "dropout": 0.3} for kind in kinds
    ]


def named(settings: dict[str, Any]) -> str:
    return " ".join(
        [*(name for name, value in settings.items() if value is True), str(settings["num_layers"])]
    )


def model_of(table: WordTable, **settings: Any) -> LightRNN:
    return make_model(len(table.cells), table, **settings)


def next_log_probs(model: LightRNN, history: list[int]) -> Tensor:
    """[V] of every word after a history, by one forward pass for each word."""
    size = len(model.vocabulary)
    words = torch.tensor([[*history, word] for word in range(size)]).T.to(model.device)  # [T, V]
    with torch.no_grad():
        return model(words, model.start_states(size))[0][-1].cpu()
