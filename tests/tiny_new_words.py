"""Tiny models with added words, and the distributions of a model over all its words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_table import WordTable
from rescorer.training.new_words.add_words import add_words
from rescorer.training.settings import NewWordSettings

QUICK = NewWordSettings(text_words=2048, row_contexts=64)
COLUMNS = NewWordSettings(text_words=2048, row_contexts=64, grow="columns")
TABLES = {
    "free cells": WordTable.shaped(11, 4, 4).shuffled(0),
    "full": WordTable.shaped(11, 11, 1),
    "one free": WordTable.shaped(11, 4, 3).shuffled(1),
    "free row": WordTable(4, 4, np.array([0, 1, 2, 3, 8, 9, 10, 11, 12, 14, 15])),
}
KINDS = [
    {"residual_dim": own, "residual_columns": 2, "tied": tied, "num_layers": num_layers}
    for own, tied, num_layers in itertools.product((0, 2), (True, False), (1, 2))
]
NEW = ("emu", "yak", "gnu", "ibis")


def added(
    model: LightRNN, words: Sequence[str] = NEW, count: float = 1.0, **options: Any
) -> LightRNN:
    options.setdefault("settings", QUICK)
    return add_words(model, words, np.full(len(words), count), **options)[0]


def distributions(model: LightRNN, seed: int = 3, length: int = 12) -> torch.Tensor:
    """[length, V] log P of every word after the beginnings of a random text of old words."""
    words = torch.as_tensor(np.random.default_rng(seed).integers(0, 11, length))
    size = len(model.vocabulary)
    with torch.no_grad():
        text = torch.cat([words[None].T.expand(length, size), torch.arange(size)[None]])
        return torch.stack(
            [
                model(torch.cat([text[:end], text[-1:]]), model.start_states(size))[0][-1]
                for end in range(length)
            ]
        )


def total(model: LightRNN) -> torch.Tensor:
    return distributions(model).double().exp().sum(1)
