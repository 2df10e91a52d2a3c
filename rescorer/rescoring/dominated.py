"""Hypotheses that no weights can make the best of their list.

Shapes: H hypotheses of all lists, N rows, F features.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from rescorer.rescoring.linear_features import LinearFeatures
from rescorer.rescoring.weights import ScoredLists

_PAIRS = 1 << 22  # pairs of hypotheses compared at a time


def useful_hypotheses(lists: ScoredLists, columns: LinearFeatures, linear: bool) -> np.ndarray:
    """[H] bool, False for hypotheses that cannot win for any weights.

    Another hypothesis of the list is always better than such a hypothesis, or equal and before it.
    A linear mixture of several models is compared only between hypotheses with the same words,
    which have the same probability.
    """
    fixed = [
        lists.owners,
        *columns.values.T[columns.signs == 0],
        *([] if linear else [_path_numbers(lists)]),
    ]
    signed = columns.signs != 0
    return ~dominated(np.stack(fixed, -1), columns.values[:, signed] * columns.signs[signed])


def dominated(fixed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[N] bool, True for dominated rows.

    A row dominates another if both have the same `fixed` [N, any] and none of its `values` [N, any]
    is less. Of equal rows, the first is not dominated.
    """
    result = np.zeros(len(fixed), bool)
    # The sort is stable, so a row follows all rows of its group that may dominate it.
    order = np.lexsort((*(-values.T)[::-1], *fixed.T[::-1]))
    begins = np.flatnonzero(np.append(True, (np.diff(fixed[order], axis=0) != 0).any(1)))
    for begin, end in pairwise([*begins.tolist(), len(order)]):
        if end - begin > 1:
            group = order[begin:end]
            result[group] = _reached_before(values[group])
    return result


def _reached_before(rows: np.ndarray) -> np.ndarray:
    """[N] bool, True if an earlier row is at least as large in all columns.

    Rows must be in descending lexicographic order.
    """
    result = np.zeros(len(rows), bool)
    rows = rows[:, (rows != rows[0]).any(0)]
    if rows.shape[1] <= 2:
        last = rows[:, -1] if rows.shape[1] else np.zeros(len(rows))
        result[1:] = np.maximum.accumulate(last)[:-1] >= last[1:]
        return result
    at_once = max(1, _PAIRS // len(rows))
    for begin in range(0, len(rows), at_once):
        some = rows[begin : begin + at_once]
        earlier = np.tri(len(some), begin + len(some), begin - 1, dtype=bool)
        for column, own in zip(rows[: begin + len(some)].T, some.T, strict=True):
            earlier &= column >= own[:, None]
        result[begin : begin + len(some)] = earlier.any(1)
    return result


def _path_numbers(lists: ScoredLists) -> np.ndarray:
    """[H] a number for each hypothesis; equal word sequences have equal numbers."""
    paths = lists.paths.paths
    index: dict[bytes, int] = {}
    return np.array(
        [
            index.setdefault(paths.indices[begin:end].tobytes(), len(index))
            for begin, end in pairwise(paths.indptr.tolist())
        ]
    )
