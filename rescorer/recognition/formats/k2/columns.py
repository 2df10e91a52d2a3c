"""Attributes of arcs that are more than one number for each.

Shapes: A arcs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.recognition.graph import spans
from rescorer.recognition.lattice import Column, take_or_zero


@dataclass(frozen=True, eq=False)
class Rows:
    """A row of numbers for each arc: [A, …]."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def take(self, indices: np.ndarray) -> Rows:
        """The column of these arcs; -1 is an arc with zeros."""
        return Rows(take_or_zero(self.array, indices))


@dataclass(frozen=True, eq=False)
class Ragged:
    """A list of values for each arc: those of arc a are values[splits[a] : splits[a + 1]].

    Attributes:
        splits: [A + 1] from 0, ascending.
        values: [N] integers or floats.
    """

    splits: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.splits) - 1

    @property
    def lengths(self) -> np.ndarray:
        """[A] how many values each arc has."""
        return np.diff(self.splits)

    def take(self, indices: np.ndarray) -> Ragged:
        """The column of these arcs; -1 is an arc without values."""
        # a last arc without values, for -1
        begins = np.append(self.splits[:-1], 0)[indices]
        ends = np.append(self.splits[1:], 0)[indices]
        return Ragged(splits_of(ends - begins), self.values[spans(begins, ends)])


def splits_of(lengths: np.ndarray) -> np.ndarray:
    """[A + 1] where the values of each arc begin, and where the last ones end."""
    return np.concatenate([[0], np.cumsum(lengths)])


def concatenate(parts: Sequence[Ragged]) -> Ragged:
    """The arcs of several columns, one column after the other."""
    lengths = np.concatenate([part.lengths for part in parts])
    return Ragged(splits_of(lengths), np.concatenate([part.values for part in parts]))


def row_count(column: Column) -> int:
    """How many arcs a column is for: 0 for a single number."""
    is_scalar = isinstance(column, Rows) and column.array.ndim == 0
    return 0 if is_scalar else len(column)
