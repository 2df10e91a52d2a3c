"""Lower bounds of edit costs, for all pairs of spans and entries at once.

Every edit changes the length by −1, 0 or +1, so a constant times the difference of the lengths is a
sum over the edits. The cost of a pair is therefore

    λ · (phones of the span − phones of the entry) + Σ (cost of an edit − λ · its change of length)

for any λ (a Lagrange multiplier). The sum is at least what each phone of the entry costs at best,
given the phones that the span has in whatever order, and likewise for the phones of the span. An
edit that takes two phones of one side counts half for each. Edits of one side alone are left out of
the sum of the other side, so λ must not make them negative: that holds between the least cost of an
edit that makes the span shorter, as a negative number, and of one that makes it longer. Both ends
are tried. Costs are excess costs, which are not negative, so that 0 is between the ends.

Shapes: S spans, E entries, P phones of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences

_GREATEST = 64.0  # nats of λ at most, because sums in float32 lose what is small beside it
_NEVER = 1e6  # nats of an edit that is not allowed; other than infinity, it can be multiplied by 0
_ROUNDING = 1e-3  # nats; more than rounding adds to a bound


class PairBounds:
    """Lower bounds of what pairs cost, by the costs of the edits."""

    def __init__(self, excess: ExcessCosts) -> None:
        ends = -min(excess.shrinking, _GREATEST), min(excess.growing, _GREATEST)
        self._multipliers = [_Multiplied.of(excess.costs, end) for end in ends]

    def least(self, spans: PhoneSequences, entries: PhoneSequences) -> np.ndarray:
        """float32[S, E] what each pair costs at least, in excess costs.

        Time O((S + E) · P² + S · E · P).
        """
        bounds = [each.least(spans, entries) for each in self._multipliers]
        return np.asarray(np.maximum(*bounds) - np.float32(_ROUNDING))


@dataclass(frozen=True, eq=False)
class _Multiplied:
    """What a phone costs at best for one λ.

    Attributes:
        multiplier: λ.
        of_entry: [P, P] a phone of an entry (row), if the span has another phone (column).
        of_entry_alone: [P] a phone of an entry, whatever the span has.
        of_span: [P, P] a phone of a span (row), if the entry has another phone (column).
        of_span_alone: [P] a phone of a span, whatever the entry has.
    """

    multiplier: float
    of_entry: np.ndarray
    of_entry_alone: np.ndarray
    of_span: np.ndarray
    of_span_alone: np.ndarray

    @classmethod
    def of(cls, costs: EditCosts, multiplier: float) -> _Multiplied:
        of_entry, of_span = [costs.substitution], [costs.substitution.T]
        if costs.merge is not None:  # [first, second, span's]
            merge = costs.merge + multiplier
            of_entry += [merge.min(1) / 2, merge.min(0) / 2]
            of_span.append(merge.min(1).T)  # the entry has at least the first
        if costs.split is not None:  # [entry's, first, second]
            split = costs.split - multiplier
            of_entry.append(split.min(2))  # the span has at least the first
            of_span += [split.min(2).T / 2, split.min(1).T / 2]
        return cls(
            multiplier,
            np.minimum.reduce(of_entry),
            costs.deletion + multiplier,
            np.minimum.reduce(of_span),
            costs.insertion - multiplier,
        )

    def least(self, spans: PhoneSequences, entries: PhoneSequences) -> np.ndarray:
        """float32[S, E] lower bounds."""
        entry_phones = _at_best(spans, self.of_entry, self.of_entry_alone)  # [S, P]
        span_phones = _at_best(entries, self.of_span, self.of_span_alone)  # [E, P]
        phones = len(self.of_entry_alone)
        of_entries, of_spans = _counts(entries, phones), _counts(spans, phones)
        sums = np.maximum(entry_phones @ of_entries.T, of_spans @ span_phones.T)
        growth = (spans.lengths[:, None] - entries.lengths[None, :]).astype(np.float32)
        return np.asarray(sums + np.float32(self.multiplier) * growth)


def _at_best(sequences: PhoneSequences, paired: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """float32[N, P] what each phone costs at best beside the phones of each of N sequences."""
    least = np.broadcast_to(alone[:, None], (len(alone), len(sequences))).copy()
    if filled := np.flatnonzero(sequences.lengths).tolist():
        each_phone = paired[:, sequences.phones]  # [P, phones of all sequences]
        beside = np.minimum.reduceat(each_phone, sequences.offsets[filled], axis=1)
        least[:, filled] = np.minimum(least[:, filled], beside)
    return np.asarray(np.minimum(least, _NEVER).T, np.float32)


def _counts(sequences: PhoneSequences, phones: int) -> np.ndarray:
    """float32[N, P] how often each sequence has each phone."""
    numbers = np.repeat(np.arange(len(sequences)), sequences.lengths)
    flat = np.bincount(numbers * phones + sequences.phones, minlength=len(sequences) * phones)
    return flat.reshape(len(sequences), phones).astype(np.float32)
