"""An array to which rows are appended in amortised constant time."""

from __future__ import annotations

import numpy as np


class Growing:
    """An array that grows at its end.

    Appending costs O(rows appended) on average, because the capacity doubles when it is full.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self._buffer, self._length = rows.copy(), len(rows)

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> np.ndarray:
        """All rows. The view is valid until rows are appended."""
        return self._buffer[: self._length]

    def append(self, rows: np.ndarray) -> None:
        """Add rows at the end."""
        length = self._length + len(rows)
        if length > len(self._buffer):
            buffer = np.empty(
                (max(length, 2 * self._length), *self._buffer.shape[1:]), self._buffer.dtype
            )
            buffer[: self._length] = self.rows
            self._buffer = buffer
        self._buffer[self._length : length] = rows
        self._length = length
