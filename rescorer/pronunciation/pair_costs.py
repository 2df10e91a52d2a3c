"""Edit costs of many pairs of spans and entries at once, by dynamic programming.

For few entries this is faster than an index. Pairs that cannot be within their bound are left out
before: too many phones of one are missing in the other.

Shapes: S spans, E entries, Q pairs, P phones of the set, n and m phones of the longest span and
entry of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences

_NEVER = 1e6  # nats of an edit that is not allowed; differences of infinities are no numbers
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
    """Costs of edits, less those of the written phones where they were said.

    Attributes:
        costs: the whole costs.
        shorter, longer: the least cost of an edit that makes the span a phone shorter or longer.
        unlike: the least cost for each phone that only one of two sequences of equal length has.
            Edits of other lengths come in pairs there: a deletion and a split explain three.
    """

    def __init__(self, costs: EditCosts) -> None:
        right = np.diag(costs.substitution).astype(np.float64)
        self.costs, self.right = costs, right
        self.substitution = _above(costs.substitution, right)
        self.deletion = _above(costs.deletion, 0.0)
        self.insertion = _above(costs.insertion, right)
        self.merge = None if costs.merge is None else _above(costs.merge, right)
        both = right[:, None] + right
        self.split = None if costs.split is None else _above(costs.split, both)
        others = self.substitution + np.where(np.eye(len(right), dtype=bool), np.inf, 0.0)
        substitution, deletion, insertion, merge, split = (
            np.inf if each is None else max(0.0, float(each.min()))
            for each in (others, self.deletion, self.insertion, self.merge, self.split)
        )
        self.shorter = min(deletion, merge)
        self.longer = min(insertion, split)
        self.unlike = min(
            substitution,
            (deletion + insertion) / 2,
            (deletion + split) / 3,
            (merge + insertion) / 3,
            (merge + split) / 4,
        )

    def least(self, spans: PhoneSequences, entries: PhoneSequences) -> np.ndarray:
        """[S, E] a lower bound of the cost of each pair.

        The difference of the lengths needs as many edits. Each of them explains at most two of the
        phones that only one of both has, in whatever order; the rest needs further edits.
        """
        growth = spans.lengths[:, None] - entries.lengths[None, :]
        lengths = np.where(growth > 0, growth * self.longer, -growth * self.shorter)
        unexplained = _unexplained_phones(spans, entries, len(self.right))
        return np.asarray(lengths + np.maximum(unexplained - 2 * np.abs(growth), 0) * self.unlike)


def _above(costs: np.ndarray, right: np.ndarray | float) -> np.ndarray:
    """Costs beyond those of the phones where they were said."""
    return np.asarray(np.minimum(costs.astype(np.float64), _NEVER) - right)


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
    bounds = bound + bound_per_phone * shorter
    span, entry = np.nonzero(tables.least(spans, entries) <= bounds)
    order = np.argsort(spans.lengths[span], kind="stable")
    span, entry = span[order], entry[order]
    costs = np.empty(len(span))
    begin = 0
    while begin < len(span):
        end = _batch_end(spans.lengths[span], entries.lengths[entry], begin)
        batch = slice(begin, end)
        costs[batch] = _costs(spans, span[batch], entries, entry[batch], tables)
        begin = end
    kept = costs <= bounds[span, entry]
    return PairCosts(span[kept], entry[kept], np.maximum(costs[kept], 0.0))


def _unexplained_phones(spans: PhoneSequences, entries: PhoneSequences, phones: int) -> np.ndarray:
    """[S, E] how many phones of the longer one the other lacks, in whatever order."""
    of_spans, of_entries = _counts(spans, phones), _counts(entries, phones)
    common = np.minimum(of_spans[:, None], of_entries[None]).sum(2, dtype=np.int64)
    longer = np.maximum(spans.lengths[:, None], entries.lengths[None, :])
    return np.asarray(longer - common)


def _counts(sequences: PhoneSequences, phones: int) -> np.ndarray:
    """uint8[N, P] how often each sequence has each phone."""
    numbers = np.repeat(np.arange(len(sequences)), sequences.lengths)
    flat = np.bincount(numbers * phones + sequences.phones, minlength=len(sequences) * phones)
    return flat.reshape(len(sequences), phones).astype(np.uint8)


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
    tables: ExcessTables,
) -> np.ndarray:
    """[Q] the least costs of pairs."""
    written, written_lengths = _padded(spans, span)  # [n, Q]
    said, said_lengths = _padded(entries, entry)  # [m, Q]
    deleted = tables.deletion[said]
    # Deletions from the beginning up to each phone: [m + 1, Q].
    until = np.concatenate([np.zeros((1, len(span))), np.cumsum(deleted, 0)])
    table = np.empty((len(written) + 1, *until.shape))  # [n + 1, m + 1, Q]
    table[0] = until
    for place, phone in enumerate(written):
        row = table[place] + tables.insertion[phone]
        np.minimum(row[1:], table[place, :-1] + tables.substitution[said, phone], out=row[1:])
        if tables.merge is not None and len(said) > 1:
            merged = table[place, :-2] + tables.merge[said[:-1], said[1:], phone]
            np.minimum(row[2:], merged, out=row[2:])
        if tables.split is not None and place:
            split = table[place - 1, :-1] + tables.split[said, written[place - 1], phone]
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
