"""Edit costs beyond what the phones of a span cost whatever the entry.

Each phone of a span has a least cost, whatever the entry: a span costs at least the sum of these.
Searches work with what comes on top.

Shapes: P phones of the set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts

_NEVER = 1e30  # more than any bound; other than infinity, it can be multiplied by 0


@dataclass(frozen=True, eq=False)
class ExcessCosts:
    """Edit costs above the least costs of the span's phones.

    Attributes:
        least: float32[P] the least cost of a phone of a span.
        costs: the excess costs, at least 0.
    """

    least: np.ndarray
    costs: EditCosts

    @classmethod
    def of(cls, costs: EditCosts) -> ExcessCosts:
        least = np.minimum(costs.substitution.min(0), costs.insertion)
        if costs.merge is not None:
            least = np.minimum(least, costs.merge.min((0, 1)))
        if costs.split is not None:
            halves = costs.split.min(0) / 2
            least = np.minimum(least, np.minimum(halves.min(0), halves.min(1)))
        least[np.isinf(least)] = 0  # the phone cannot occur: its excess costs stay infinite
        both = least[:, None] + least
        return cls(
            least,
            EditCosts(
                _above(costs.substitution, least),
                costs.deletion,
                _above(costs.insertion, least),
                None if costs.merge is None else _above(costs.merge, least),
                None if costs.split is None else _above(costs.split, both),
            ),
        )

    def reversed(self) -> ExcessCosts:
        """Of entries and spans that are read from their ends."""
        costs = self.costs
        merge = None if costs.merge is None else costs.merge.transpose(1, 0, 2)
        split = None if costs.split is None else costs.split.transpose(0, 2, 1)
        turned = EditCosts(costs.substitution, costs.deletion, costs.insertion, merge, split)
        return ExcessCosts(self.least, turned)

    @cached_property
    def merge_least(self) -> np.ndarray | None:
        """float32[P, P] the least cost of a merge of two phones of the entry."""
        return None if self.costs.merge is None else self.costs.merge.min(2)

    @cached_property
    def shrinking(self) -> float:
        """The least excess cost of a span that is one phone shorter than the entry."""
        merge = np.inf if self.costs.merge is None else self.costs.merge.min()
        return float(min(self.costs.deletion.min(), merge, _NEVER))

    @cached_property
    def growing(self) -> float:
        """The least excess cost of a span that is one phone longer than the entry."""
        split = np.inf if self.costs.split is None else self.costs.split.min()
        return float(min(self.costs.insertion.min(), split, _NEVER))


def _above(costs: np.ndarray, least: np.ndarray) -> np.ndarray:
    excess: np.ndarray = np.maximum(costs - least, 0)  # rounding may leave less than 0
    return excess
