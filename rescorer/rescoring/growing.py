"""An array that grows at its end."""

from __future__ import annotations

import numpy as np


class Growing:
    """Rows that are appended in O(rows appended), however many there are: the room doubles when it
    is full.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self._room, self._length = rows.copy(), len(rows)

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> np.ndarray:
        """All rows so far; a view until more are appended."""
        return self._room[: self._length]

    def append(self, rows: np.ndarray) -> None:
        """Add rows at the end."""
        length = self._length + len(rows)
        if length > len(self._room):
            room = np.empty(
                (max(length, 2 * self._length), *self._room.shape[1:]), self._room.dtype
            )
            room[: self._length] = self.rows
            self._room = room
        self._room[self._length : length] = rows
        self._length = length
