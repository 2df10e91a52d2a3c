"""Edit costs laid out for a batch of spans, so that a step of the search only gathers.

The search works with excess costs, and with bounds less the least cost of each span. This prunes
earlier and changes no order.

Shapes: S spans, N phones of the longest span, P phones of the set, columns 0 to N: phones of the
span that are accounted for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences


@dataclass(frozen=True, eq=False)
class SpanCosts:
    """What the search looks up for the phones of a batch of spans; all costs are excess costs.

    Columns of tables for a span's phone j, from 0, lead to column j + 1 of the search.

    Attributes:
        excess: costs that do not depend on the spans.
        lengths: int64[S] phones of each span.
        bounds: float32[S] highest cost of a match.
        caps: float32[N + 1, S] highest cost in a column.
        insertion: float32[N, S].
        substitution: float32[N, S * P], as the following by span and entry's phone.
        split: float32[N, S * P] of phones j − 1 and j of the span; infinite at j = 0.
        merge_first: float32[N, S * P] the cheapest merge whose first phone is the entry's.
        phones: int64[N, S] of the spans, 0 where there is none.
    """

    excess: ExcessCosts
    lengths: np.ndarray
    bounds: np.ndarray
    caps: np.ndarray
    insertion: np.ndarray
    substitution: np.ndarray
    split: np.ndarray | None
    merge_first: np.ndarray | None
    phones: np.ndarray

    @classmethod
    def of(
        cls, spans: PhoneSequences, excess: ExcessCosts, bounds: np.ndarray, *, backward: bool
    ) -> SpanCosts:
        """
        Args:
            bounds: float32[S] of excess costs.
            backward: the spans are read from their ends; `excess` then is what `reversed` gives.
        """
        costs = excess.costs
        phones = _padded(spans, backward)
        width = len(phones)
        return cls(
            excess,
            spans.lengths,
            bounds,
            _caps(spans.lengths, bounds, width, backward),
            costs.insertion[phones],
            _by_span(costs.substitution.T, phones),
            None if costs.split is None else _split_table(costs.split, phones),
            None if costs.merge is None else _by_span(costs.merge.min(1).T, phones),
            phones,
        )

    @cached_property
    def highest_caps(self) -> np.ndarray:
        """float32[N + 1, S] the highest cap that one edit leads to from each column."""
        padded = np.pad(self.caps, ((0, 2), (0, 0)), constant_values=-1)
        return np.asarray(np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:]))

    def least_edits(self, first: int, end: int) -> np.ndarray:
        """float32[S * P] the least cost of an edit of an entry's phone that starts in the columns
        from `first` up to `end`.
        """
        least = np.tile(self.excess.costs.deletion, len(self.lengths))
        for table, begin in ((self.substitution, 0), (self.split, 1), (self.merge_first, 0)):
            if table is not None:
                edits = table[first + begin : end + begin]
                least = np.minimum(least, edits.min(0, initial=np.inf))
        return least

    @property
    def number_of_phones(self) -> int:
        return self.excess.costs.phones


def _padded(spans: PhoneSequences, backward: bool) -> np.ndarray:
    """int64[N, S] phones by position, 0 after the end."""
    lengths = spans.lengths
    phones = np.zeros((lengths.max(initial=0), len(spans)), np.int64)
    for position, row in enumerate(phones):
        longer = np.flatnonzero(lengths > position)
        row[longer] = spans.at(longer, position, backward=backward)
    return phones


def _caps(lengths: np.ndarray, bounds: np.ndarray, width: int, backward: bool) -> np.ndarray:
    """float32[N + 1, S] highest cost in each column.

    Of an alignment within the bound, either what leads to the middle of the span or what leads
    from there costs no more than half the bound. The forward search finds the former, the backward
    search the latter: each may cost half the bound up to the middle. The column of the middle
    belongs to the forward search alone, so that one of the two sees a whole alignment.
    """
    columns = np.arange(width + 1)[:, None]
    middle = lengths // 2
    in_first_half = columns < lengths - middle if backward else columns <= middle
    caps = np.where(in_first_half, bounds / 2, bounds)
    caps[columns > lengths] = -1
    return caps.astype(np.float32)


def _by_span(costs: np.ndarray, phones: np.ndarray) -> np.ndarray:
    """float32[N, S * P] of float32[P, P]: rows by the span's phone, columns by the entry's."""
    return np.asarray(costs[phones].reshape(len(phones), phones.shape[1] * len(costs)))


def _split_table(split: np.ndarray, phones: np.ndarray) -> np.ndarray:
    table = np.full((*phones.shape, len(split)), np.inf, np.float32)
    table[1:] = split.transpose(1, 2, 0)[phones[:-1], phones[1:]]
    return table.reshape(len(phones), phones.shape[1] * len(split))
