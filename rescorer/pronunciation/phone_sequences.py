"""Many phone sequences in two arrays.

Shapes: N sequences, T phones of all sequences together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.errors import InputError
from rescorer.pronunciation.ranges import joined_ranges


@dataclass(frozen=True, eq=False)
class PhoneSequences:
    """Sequences of phone ids, one after another; a sequence may be empty.

    Attributes:
        phones: int16[T] ids, of any integer type.
        offsets: int64[N + 1] where each sequence begins; the last one is T.
    """

    phones: np.ndarray
    offsets: np.ndarray

    def __post_init__(self) -> None:
        """
        Raises:
            InputError: the offsets do not cut the phones into sequences, or an id is negative or
                not an integer.
        """
        phones, offsets = np.asarray(self.phones), np.asarray(self.offsets, np.int64)
        if not np.issubdtype(phones.dtype, np.integer) or phones.min(initial=0) < 0:
            raise InputError(
                "phones that are not ids", expected="integers from 0", remedy="give phone ids"
            )
        covers = offsets.size > 0 and offsets[0] == 0 and offsets[-1] == len(phones)
        if not covers or (offsets[1:] < offsets[:-1]).any():
            raise InputError(
                f"offsets that do not cut {len(phones)} phones into sequences",
                expected=f"ascending numbers from 0 to {len(phones)}",
                remedy="correct the offsets",
            )
        object.__setattr__(self, "phones", phones)
        object.__setattr__(self, "offsets", offsets)

    @classmethod
    def pack(cls, sequences: Iterable[Sequence[int] | np.ndarray]) -> PhoneSequences:
        """The given sequences, in their order."""
        arrays = [np.asarray(sequence, np.int16) for sequence in sequences]
        offsets = np.cumsum([0, *map(len, arrays)])
        return cls(np.concatenate([np.empty(0, np.int16), *arrays]), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        """The phones of one sequence."""
        return self.phones[self.offsets[number] : self.offsets[number + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """int64[N] number of phones of each sequence."""
        return np.diff(self.offsets)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """float64[N] the sum of the values [P] of each sequence's phones."""
        until = np.append(0.0, np.cumsum(values[self.phones], dtype=np.float64))
        return np.asarray(until[self.offsets[1:]] - until[self.offsets[:-1]])

    def take(self, numbers: np.ndarray) -> PhoneSequences:
        """Some of the sequences, in the given order."""
        lengths = self.lengths[numbers]
        places, _ = joined_ranges(self.offsets[numbers], lengths)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return PhoneSequences(self.phones[places], offsets)

    def at(self, numbers: np.ndarray, position: int, *, backward: bool = False) -> np.ndarray:
        """The phone at a position of some sequences, each of which is longer than that; positions
        count from 0, from the end where `backward`.
        """
        begin = self.offsets[numbers + 1] - 1 if backward else self.offsets[numbers]
        return np.asarray(self.phones[begin - position if backward else begin + position])
