"""A number for each edit operation that turns spoken phones into written ones.

Shapes: P phones of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, eq=False)
class EditTable:
    """A probability or an expected count for each edit operation; float64.

    Attributes:
        substitution: [P, P] a spoken phone is written as one phone, itself included.
        deletion: [P] a spoken phone is not written.
        insertion: [P] a phone is written that was not spoken.
        merge: [P, P, P] two spoken phones (first two axes) are written as one.
        split: [P, P, P] a spoken phone (first axis) is written as two.
    """

    substitution: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    merge: np.ndarray
    split: np.ndarray

    @classmethod
    def zeros(cls, size: int) -> EditTable:
        """Zero everywhere.

        Args:
            size: P.
        """
        two, three = (size, size), (size, size, size)
        return cls(*(np.zeros(shape) for shape in (two, size, size, three, three)))

    def arrays(self) -> Iterator[np.ndarray]:
        """The arrays in the order of the fields."""
        return (getattr(self, field.name) for field in fields(self))

    def combine(
        self, other: EditTable, function: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> EditTable:
        """A table of `function` of the arrays of both tables."""
        pairs = zip(self.arrays(), other.arrays(), strict=True)
        return EditTable(*(function(mine, theirs) for mine, theirs in pairs))

    def at(self, phones: np.ndarray) -> EditTable:
        """The operations among some of the phones, in their order.

        Args:
            phones: int[Q] ids of phones.
        """
        return EditTable(*(array[np.ix_(*[phones] * array.ndim)] for array in self.arrays()))

    def by_spoken_phone(self) -> np.ndarray:
        """[P] the sum over all operations that start at each spoken phone; insertions start at
        none.
        """
        return np.asarray(
            self.substitution.sum(1)
            + self.deletion
            + self.merge.sum((1, 2))
            + self.split.sum((1, 2))
        )

    def normalised(self, stops: float) -> EditTable:
        """Probabilities in proportion to these counts.

        The operations that start at a spoken phone sum to 1 for each phone. Insertions sum to 1
        together with the end of inserting, which takes place once before each operation that
        starts at a spoken phone, and once at the end.

        Args:
            stops: count of the ends of inserting.
        """
        spoken = self.by_spoken_phone()[:, None]
        return EditTable(
            self.substitution / spoken,
            self.deletion / spoken[:, 0],
            self.insertion / (self.insertion.sum() + stops),
            self.merge / spoken[:, :, None],
            self.split / spoken[:, :, None],
        )
