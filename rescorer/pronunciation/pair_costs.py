"""Edit costs of many pairs of spans and entries at once, by dynamic programming.

For few entries this is faster than an index. Pairs that cannot be within their bound are left out
before: see `pair_bounds`.

Shapes: S spans, E entries, Q pairs, P phones of the set, n and m phones of the longest span and
entry of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.pair_bounds import PairBounds
from rescorer.pronunciation.phone_sequences import PhoneSequences

_NEVER = 1e6  # nats of a deletion that is not allowed; differences of infinities are no numbers
_CELLS = 1 << 21  # of the tables that are computed together


@dataclass(frozen=True, eq=False)
class PairCosts:
    """Pairs within their bound, with their costs.

    Attributes:
        spans, entries: int64[M].
        costs: float64[M] least edit cost of the entry to the span, less the cost of a span that is
            written as it was said; at least 0.
    """

    spans: np.ndarray
    entries: np.ndarray
    costs: np.ndarray


class ExcessTables:
    """What edits cost, prepared for many searches.

    Attributes:
        costs: the whole costs.
        right: float64[P] what each phone costs where it was said.
        excess: the costs beyond what the phones of a span cost at least.
        bounds: what a pair of sequences costs at least, by the excess costs.
    """

    def __init__(self, costs: EditCosts) -> None:
        self.costs = costs
        self.right = np.diag(costs.substitution).astype(np.float64)
        self.excess = ExcessCosts.of(costs)
        self.bounds = PairBounds(self.excess)

    def right_costs(self, spans: PhoneSequences) -> np.ndarray:
        """float64[S] what each span costs if it is written as it was said."""
        return spans.sums(self.right)


def pair_costs(
    spans: PhoneSequences,
    entries: PhoneSequences,
    tables: ExcessTables,
    bound: float,
    bound_per_phone: float,
) -> PairCosts:
    """Every pair whose cost is at most `bound`, and `bound_per_phone` more for each phone of the
    shorter of the two.

    Time O(S · E · P) for the pairs, and O(n · m) for each that is not left out.
    """
    shorter = np.minimum(spans.lengths[:, None], entries.lengths[None, :])
    right = spans.sums(tables.right - tables.excess.least)  # [S] excess of what was said so
    bounds = bound + bound_per_phone * shorter + right[:, None]
    span, entry = np.nonzero(tables.bounds.least(spans, entries) <= bounds)
    order = np.argsort(spans.lengths[span], kind="stable")
    span, entry = span[order], entry[order]
    costs = np.empty(len(span))
    begin = 0
    while begin < len(span):
        end = _batch_end(spans.lengths[span], entries.lengths[entry], begin)
        batch = slice(begin, end)
        costs[batch] = _costs(spans, span[batch], entries, entry[batch], tables.excess.costs)
        begin = end
    kept = costs <= bounds[span, entry]
    span, entry = span[kept], entry[kept]
    return PairCosts(span, entry, np.maximum(costs[kept] - right[span], 0.0))


def _batch_end(span_lengths: np.ndarray, entry_lengths: np.ndarray, begin: int) -> int:
    """Where a batch ends: spans ascend in length, and a batch's spans are about as long."""
    longest = span_lengths[begin] + 2
    end = int(np.searchsorted(span_lengths, longest, "right"))
    cells = (longest + 1) * (int(entry_lengths[begin:end].max()) + 1)
    return min(end, begin + max(1, _CELLS // int(cells)))


def _costs(
    spans: PhoneSequences,
    span: np.ndarray,
    entries: PhoneSequences,
    entry: np.ndarray,
    costs: EditCosts,
) -> np.ndarray:
    """[Q] the least costs of pairs."""
    written, written_lengths = _padded(spans, span)  # [n, Q]
    said, said_lengths = _padded(entries, entry)  # [m, Q]
    deleted = np.minimum(costs.deletion, _NEVER).astype(np.float64)[said]
    # Deletions from the beginning up to each phone: [m + 1, Q].
    until = np.concatenate([np.zeros((1, len(span))), np.cumsum(deleted, 0)])
    table = np.empty((len(written) + 1, *until.shape))  # [n + 1, m + 1, Q]
    table[0] = until
    for place, phone in enumerate(written):
        row = table[place] + costs.insertion[phone]
        np.minimum(row[1:], table[place, :-1] + costs.substitution[said, phone], out=row[1:])
        if costs.merge is not None and len(said) > 1:
            merged = table[place, :-2] + costs.merge[said[:-1], said[1:], phone]
            np.minimum(row[2:], merged, out=row[2:])
        if costs.split is not None and place:
            split = table[place - 1, :-1] + costs.split[said, written[place - 1], phone]
            np.minimum(row[1:], split, out=row[1:])
        # A cell is the cheapest of the cells before it in its row, and deletions from there on.
        table[place + 1] = np.minimum.accumulate(row - until) + until
    return np.asarray(table[written_lengths, said_lengths, np.arange(len(span))])


def _padded(sequences: PhoneSequences, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[longest, Q] phones of some sequences, padded with phone 0, and their lengths [Q]."""
    lengths = sequences.lengths[numbers]
    places = np.arange(int(lengths.max(initial=1)))[:, None]
    inside = places < lengths
    flat = np.where(inside, sequences.offsets[numbers] + places, 0)
    return np.where(inside, sequences.phones[flat].astype(np.int64), 0), lengths
