"""Costs of hearing or writing one phone as another.

The cost of a span of phones, given the phones of a lexicon's entry, is that of the cheapest way to
edit the entry into the span.

Shapes: P phones of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.errors import InputError


@dataclass(frozen=True, eq=False)
class EditCosts:
    """What each edit of an entry costs: −log P(span | entry), in nats, at least 0.

    Infinity stands for an edit that is not allowed. Arrays of other types become float32.

    Attributes:
        substitution: float32[P, P] of the entry's phone (row) as the span's phone (column). The
            diagonal is the cost of hearing a phone right, and need not be 0.
        deletion: float32[P] of an entry's phone that the span lacks.
        insertion: float32[P] of a span's phone that the entry lacks.
        merge: float32[P, P, P] of two phones of the entry as one of the span: [first, second,
            span's]; None where no merge is allowed.
        split: float32[P, P, P] of a phone of the entry as two of the span: [entry's, first,
            second]; None where no split is allowed.
    """

    substitution: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    merge: np.ndarray | None = None
    split: np.ndarray | None = None

    def __post_init__(self) -> None:
        """
        Raises:
            InputError: an array has another shape, or a cost is negative or not a number.
        """
        phones = len(np.atleast_1d(self.deletion))
        shapes = {"substitution": 2, "deletion": 1, "insertion": 1, "merge": 3, "split": 3}
        for name, dimensions in shapes.items():
            given = getattr(self, name)
            if given is None and dimensions == 3:
                continue
            costs = np.ascontiguousarray(given, np.float32)
            _check(name, costs, (phones,) * dimensions)
            object.__setattr__(self, name, costs)

    @property
    def phones(self) -> int:
        """P, the size of the phone set."""
        return len(self.deletion)


def _check(name: str, costs: np.ndarray, shape: tuple[int, ...]) -> None:
    if costs.shape != shape:
        raise InputError(
            f"{name} costs of shape {costs.shape}",
            expected=f"shape {shape}",
            remedy="give the costs of all phones of one set",
        )
    if not np.all(costs >= 0):
        raise InputError(
            f"{name} costs below 0, or not a number",
            expected="−log of probabilities, at least 0",
            remedy="correct the costs",
        )
