"""Many ranges of numbers in one array."""

from __future__ import annotations

import numpy as np


def joined_ranges(begins: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of ranges, one range after another, and the place of each number's range.

    Args:
        begins: int64[R] first number of each range.
        counts: int64[R] how many numbers each range has.
    """
    owners = np.repeat(np.arange(len(counts)), counts)
    # What each range's numbers exceed their places in the result by.
    skip = begins - np.cumsum(counts) + counts
    return np.arange(len(owners)) + skip[owners], owners
