"""The transition ids on the arcs of Kaldi's lattices: a column that stays as the file has it until
it is asked for.

Shapes: A arcs, N ids of all arcs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.recognition.graph import spans

_SHAPES = bytes.maketrans(b"123456789", b"000000000")
_HUGE = b"0" * 10  # more digits than any id of 32 bits that a model has


@dataclass(frozen=True, eq=False)
class PackedIds:
    """The ids of arc a are pool[begins[a] : begins[a] + lengths[a]].

    Attributes:
        pool: int32; may hold other things between.
        begins, lengths: [A] int64.
    """

    pool: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.begins)

    def take(self, indices: np.ndarray) -> PackedIds:
        """The column of these arcs; -1 is an arc without ids."""
        return PackedIds(
            self.pool, np.append(self.begins, 0)[indices], np.append(self.lengths, 0)[indices]
        )

    def joined(self, indices: np.ndarray, lengths: np.ndarray) -> PackedIds:
        """The column of arcs that have the ids of so many [X] of these arcs [N] each, in a row."""
        parts = self.take(indices)
        sums = np.append(0, np.cumsum(parts.lengths))
        ends = np.cumsum(lengths)
        begins = sums[ends - lengths]
        return PackedIds(parts.values(), begins, sums[ends] - begins)

    def packed(self) -> PackedIds:
        return self

    def values(self) -> np.ndarray:
        """[N] int32: the ids of all arcs, one arc after the other."""
        return np.asarray(self.pool[spans(self.begins, self.begins + self.lengths)])

    def texts(self) -> list[bytes]:
        """[A] as Kaldi writes them: b"3_1_1_12"."""
        values = list(map(b"%d".__mod__, self.values().tolist()))
        ends = np.cumsum(self.lengths).tolist()
        return [b"_".join(values[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, eq=False)
class SpelledIds:
    """The ids of each arc as Kaldi writes them: b"3_1_1_12", checked when they were read."""

    spelled: list[bytes]

    def __len__(self) -> int:
        return len(self.spelled)

    def take(self, indices: np.ndarray) -> SpelledIds:
        """The column of these arcs; -1 is an arc without ids."""
        spelled = [*self.spelled, b""]
        return SpelledIds([spelled[index] for index in indices.tolist()])

    def joined(self, indices: np.ndarray, lengths: np.ndarray) -> PackedIds:
        """As `PackedIds.joined`."""
        return self.packed().joined(indices, lengths)

    def packed(self) -> PackedIds:
        """The same as numbers."""
        lengths = np.array([ids.count(b"_") + bool(ids) for ids in self.spelled], np.int64)
        values = b"_".join(filter(None, self.spelled)).split(b"_") if lengths.any() else []
        return PackedIds(
            np.array(list(map(int, values)), np.int32), np.cumsum(lengths) - lengths, lengths
        )

    def texts(self) -> list[bytes]:
        return self.spelled


TransitionIds = PackedIds | SpelledIds


def alignments(ids: TransitionIds, paths: Sequence[np.ndarray]) -> list[str]:
    """The ids of each path of arcs, with spaces between."""
    lengths = np.array([len(path) for path in paths], np.int64)
    whole = ids.joined(np.concatenate([np.zeros(0, np.int64), *paths]), lengths)
    return [text.decode().replace("_", " ") for text in whole.texts()]


def no_ids(arcs: int) -> PackedIds:
    """The column of arcs without ids."""
    none = np.zeros(arcs, np.int64)
    return PackedIds(np.zeros(0, np.int32), none, none)


def spelled_ids(texts: list[bytes]) -> SpelledIds:
    """The column of ids as a file has them. Raises ValueError where they are not numbers with _
    between.
    """
    line = b" ".join(texts)
    marks = line.translate(None, b"0123456789")
    if (
        marks.strip(b"_ ")
        or b"__" in line
        or b" _" in line
        or b"_ " in line
        or line[:1] == b"_"
        or line[-1:] == b"_"
    ):
        raise ValueError("not numbers with _ between")
    if _HUGE in line.translate(_SHAPES):
        raise ValueError("too great a number")
    return SpelledIds(texts)
