"""Costs of edits beyond what the written phones cost where they were said.

Shapes: P phones of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts

_NEVER = 1e6  # nats of an edit that is not allowed; differences of infinities are no numbers


@dataclass(frozen=True, eq=False)
class ExcessCosts:
    """Costs of edits, less those of the span's phones where they were said; they may be negative.

    Attributes:
        substitution, deletion, insertion, merge, split: as those of `EditCosts`, float64; 10⁶ for
            an edit that is not allowed.
        right: [P] what each phone costs where it was said.
    """

    substitution: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    merge: np.ndarray | None
    split: np.ndarray | None
    right: np.ndarray

    @classmethod
    def of(cls, costs: EditCosts) -> ExcessCosts:
        right = np.diag(costs.substitution).astype(np.float64)
        both = right[:, None] + right
        return cls(
            _above(costs.substitution, right),
            _above(costs.deletion, 0.0),
            _above(costs.insertion, right),
            None if costs.merge is None else _above(costs.merge, right),
            None if costs.split is None else _above(costs.split, both),
            right,
        )


def _above(costs: np.ndarray, right: np.ndarray | float) -> np.ndarray:
    return np.asarray(np.minimum(costs.astype(np.float64), _NEVER) - right)
