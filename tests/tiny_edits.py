"""The least cost of edits, without tricks; random costs and sequences of phones."""

from __future__ import annotations

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences

PHONES = 5


def edit_cost(entry: np.ndarray, span: np.ndarray, costs: EditCosts) -> float:
    """The least cost of editing an entry into a span: the whole table, cell by cell."""
    table = np.full((len(entry) + 1, len(span) + 1), np.inf)
    table[0, 0] = 0
    for i, j in np.ndindex(table.shape):
        if i:
            table[i, j] = min(table[i, j], table[i - 1, j] + costs.deletion[entry[i - 1]])
        if j:
            table[i, j] = min(table[i, j], table[i, j - 1] + costs.insertion[span[j - 1]])
        if i and j:
            substitution = costs.substitution[entry[i - 1], span[j - 1]]
            table[i, j] = min(table[i, j], table[i - 1, j - 1] + substitution)
        if costs.merge is not None and i > 1 and j:
            merge = costs.merge[entry[i - 2], entry[i - 1], span[j - 1]]
            table[i, j] = min(table[i, j], table[i - 2, j - 1] + merge)
        if costs.split is not None and i and j > 1:
            split = costs.split[entry[i - 1], span[j - 2], span[j - 1]]
            table[i, j] = min(table[i, j], table[i - 1, j - 2] + split)
    return float(table[-1, -1])


def random_sequences(rng: np.random.Generator, number: int) -> PhoneSequences:
    """Some of them empty."""
    return PhoneSequences.pack([rng.integers(0, PHONES, rng.integers(0, 9)) for _ in range(number)])


def random_costs(rng: np.random.Generator, merges: bool) -> EditCosts:
    def some(*shape: int) -> np.ndarray:
        return np.where(rng.random(shape) < 0.2, np.inf, rng.uniform(1, 5, shape))

    substitution = some(PHONES, PHONES)
    np.fill_diagonal(substitution, rng.uniform(0, 0.3, PHONES))
    three = (PHONES,) * 3
    merge, split = (some(*three), some(*three)) if merges else (None, None)
    return EditCosts(substitution, some(PHONES), some(PHONES), merge, split)
