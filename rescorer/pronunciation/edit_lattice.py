"""Sums over all alignments of spoken with written phones: probabilities and expected counts.

An alignment turns T spoken phones into S written ones by edit operations. Its probability is the
product of those of its operations, times the probability of ending the insertions: once before each
operation that starts at a spoken phone, and once at the end. Node (t, s) of the edit lattice stands
for t spoken and s written phones; forward and backward sums over it give the probability of all
alignments together, and how often each operation is expected (Ristad and Yianilos, 1998, with
operations of two phones).

Shapes: B pairs of a batch, T spoken and S written phones of the longest pair in it, P phones of the
set, N pairs in all. Shorter pairs are padded with phone 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.edit_table import EditTable

# Sums are kept as plain float64: with more phones than this a probability could come to 0.
LONGEST = 40

_CELLS = 2_000_000  # float64 numbers of the greatest array of a batch
_ROUNDING = 4  # lengths of a batch differ by less

PhonePair = tuple[tuple[int, ...], tuple[int, ...]]  # ids of spoken and of written phones


@dataclass(frozen=True, eq=False)
class PairBatch:
    """Pairs of spoken and written phones of similar lengths.

    Attributes:
        index: int[B] place of each pair among all pairs.
        spoken, written: int[B, T], int[B, S] ids of phones.
        spoken_lengths, written_lengths: int[B].
    """

    index: np.ndarray
    spoken: np.ndarray
    written: np.ndarray
    spoken_lengths: np.ndarray
    written_lengths: np.ndarray


def batches(pairs: Sequence[PhonePair]) -> list[PairBatch]:
    """All pairs, in batches of similar lengths and bounded memory.

    Raises:
        ValueError: a pair has more than `LONGEST` phones on a side.
    """
    lengths = np.array([(len(spoken), len(written)) for spoken, written in pairs]).reshape(-1, 2)
    if lengths.max(initial=0) > LONGEST:
        raise ValueError(f"a pair of {lengths.max()} phones: expected at most {LONGEST}")
    rounded = -(-lengths // _ROUNDING)
    order = np.lexsort(rounded.T)
    new_size = np.any(np.diff(rounded[order], axis=0), axis=1)
    return [
        _batch(pairs, part, lengths)
        for alike in np.split(order, np.flatnonzero(new_size) + 1)
        for part in _parts(alike, lengths)
    ]


def _parts(alike: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Pairs of about one size in parts of bounded memory."""
    if not len(alike):
        return []
    cells = (int(lengths[alike].max()) + 1) ** 2
    step = max(1, _CELLS // cells)
    return [alike[begin : begin + step] for begin in range(0, len(alike), step)]


def _batch(pairs: Sequence[PhonePair], index: np.ndarray, lengths: np.ndarray) -> PairBatch:
    spoken_lengths, written_lengths = lengths[index].T
    spoken = np.zeros((len(index), spoken_lengths.max()), np.int64)
    written = np.zeros((len(index), written_lengths.max()), np.int64)
    for row, number in enumerate(index):
        spoken[row, : spoken_lengths[row]], written[row, : written_lengths[row]] = pairs[number]
    return PairBatch(index, spoken, written, spoken_lengths, written_lengths)


class EditLattice:
    """The edit lattices of a batch of pairs, with forward and backward sums.

    Attributes:
        forward: [B, T + 1, S + 1] probability of all ways from the start to a node.
    """

    def __init__(self, batch: PairBatch, probabilities: EditTable) -> None:
        """
        Args:
            probabilities: normalised as `EditTable.normalised` does it.
        """
        x, y = batch.spoken[:, :, None], batch.written[:, None, :]
        self._batch = batch
        self._stop = 1 - probabilities.insertion.sum()
        self._substitution = self._stop * probabilities.substitution[x, y]  # [B, T, S]
        self._deletion = self._stop * probabilities.deletion[x]  # [B, T, 1]
        self._insertion = probabilities.insertion[y]  # [B, 1, S]
        self._merge = self._stop * probabilities.merge[x[:, :-1], x[:, 1:], y]  # [B, T - 1, S]
        self._split = self._stop * probabilities.split[x, y[..., :-1], y[..., 1:]]  # [B, T, S-1]
        self._runs = _runs_of_insertions(self._insertion[:, 0])
        self.forward = self._forward()

    def probabilities(self) -> np.ndarray:
        """[B] P(written | spoken), the sum over all alignments."""
        batch = self._batch
        rows = np.arange(len(batch.index))
        ends = self.forward[rows, batch.spoken_lengths, batch.written_lengths]
        return np.asarray(ends * self._stop)

    def _forward(self) -> np.ndarray:
        (size, spoken), written = self._batch.spoken.shape, self._batch.written.shape[1]
        forward = np.zeros((size, spoken + 1, written + 1))
        forward[:, 0] = self._runs[:, 0]
        for t in range(1, spoken + 1):
            before = forward[:, t - 1]
            row = self._deletion[:, t - 1] * before
            row[:, 1:] += self._substitution[:, t - 1] * before[:, :-1]
            row[:, 2:] += self._split[:, t - 1] * before[:, :-2]
            if t > 1:
                row[:, 1:] += self._merge[:, t - 2] * forward[:, t - 2, :-1]
            forward[:, t] = (row[:, None] @ self._runs)[:, 0]
        return forward

    def _backward(self) -> np.ndarray:
        """[B, T + 1, S + 1] probability of all ways from a node to the end of its pair.

        It is 0 outside a pair, so that padding adds nothing to the counts.
        """
        backward = np.zeros_like(self.forward)
        rows = np.arange(len(backward))
        backward[rows, self._batch.spoken_lengths, self._batch.written_lengths] = self._stop
        spoken = backward.shape[1] - 1
        for t in range(spoken, -1, -1):
            row = backward[:, t].copy()
            if t < spoken:
                after = backward[:, t + 1]
                row += self._deletion[:, t] * after
                row[:, :-1] += self._substitution[:, t] * after[:, 1:]
                row[:, :-2] += self._split[:, t] * after[:, 2:]
            if t < spoken - 1:
                row[:, :-1] += self._merge[:, t] * backward[:, t + 2, 1:]
            backward[:, t] = (self._runs @ row[:, :, None])[:, :, 0]
        return backward

    def add_counts(self, counts: EditTable, weights: np.ndarray) -> None:
        """Add how often each operation is expected to counts.

        Args:
            weights: [B] how often each pair was seen.
        """
        forward, backward = self.forward, self._backward()
        # a path's posterior: forward · operation · backward / P(written | spoken)
        forward = forward * (weights / self.probabilities())[:, None, None]
        x, y = self._batch.spoken[:, :, None], self._batch.written[:, None, :]
        _add(
            counts.substitution,
            forward[:, :-1, :-1] * self._substitution * backward[:, 1:, 1:],
            (x, y),
        )
        _add(counts.deletion, forward[:, :-1] * self._deletion * backward[:, 1:], (x,))
        _add(counts.insertion, forward[:, :, :-1] * self._insertion * backward[:, :, 1:], (y,))
        _add(
            counts.merge,
            forward[:, :-2, :-1] * self._merge * backward[:, 2:, 1:],
            (x[:, :-1], x[:, 1:], y),
        )
        _add(
            counts.split,
            forward[:, :-1, :-2] * self._split * backward[:, 1:, 2:],
            (x, y[..., :-1], y[..., 1:]),
        )


def _runs_of_insertions(insertion: np.ndarray) -> np.ndarray:
    """[B, S + 1, S + 1] the product of the insertions from one written phone to another.

    Args:
        insertion: [B, S] probability of inserting each written phone.
    """
    size, written = insertion.shape
    runs = np.zeros((size, written + 1, written + 1))
    for begin in range(written + 1):
        runs[:, begin, begin] = 1
        runs[:, begin, begin + 1 :] = np.cumprod(insertion[:, begin:], axis=1)
    return runs


def _add(counts: np.ndarray, values: np.ndarray, phones: tuple[np.ndarray, ...]) -> None:
    """Add values to counts, at the phones that broadcast to their shape."""
    if values.size:
        places = np.ravel_multi_index(phones, counts.shape)
        flat = np.broadcast_to(places, values.shape).ravel()
        counts += np.bincount(flat, values.ravel(), counts.size).reshape(counts.shape)


def pair_probabilities(made: Sequence[PairBatch], table: EditTable) -> np.ndarray:
    """[N] P(written | spoken) of all pairs of these batches."""
    found = np.zeros(sum(len(batch.index) for batch in made))
    for batch in made:
        found[batch.index] = EditLattice(batch, table).probabilities()
    return found


def expected_counts(made: Sequence[PairBatch], table: EditTable, weights: np.ndarray) -> EditTable:
    """How often each operation is expected in all pairs.

    Args:
        table: probabilities.
        weights: [N] how often each pair was seen.
    """
    counts = EditTable.zeros(len(table.deletion))
    for batch in made:
        EditLattice(batch, table).add_counts(counts, weights[batch.index])
    return counts
