"""An index of words and phrases by their sound.

The search is exact: it finds every entry whose least edit cost to a span is within the span's
bound. It walks two tries, one of the entries and one of the reversed entries, with a row of the
edit-distance table at each node, and prunes rows that exceed half the bound before the middle of
the span (`SpanCosts.caps`): for any alignment within the bound, one of its halves costs no more
than half of it.

Shapes: E entries, S spans, M matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.pronunciation.array_file import read_arrays, write_arrays
from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.phones import ARPABET, PhoneSet
from rescorer.pronunciation.ranges import joined_ranges
from rescorer.pronunciation.sound_trie import SoundTrie
from rescorer.pronunciation.span_costs import SpanCosts
from rescorer.pronunciation.trie_search import Ends, TrieSearch

_KIND, _VERSION = "sound index", 1
_MAX_TABLE = 1 << 18  # cells of the tables of the spans that are searched together
_ROUNDING = 1e-5  # of sums of float32, relative to 1 + the bound


@dataclass(frozen=True, eq=False)
class SoundMatches:
    """Entries that sound like spans, sorted by span, cost and entry.

    Attributes:
        spans: int64[M].
        entries: int64[M].
        costs: float32[M] the least edit cost of the entry to the span, nats.
    """

    spans: np.ndarray
    entries: np.ndarray
    costs: np.ndarray

    def __len__(self) -> int:
        return len(self.spans)


@dataclass(frozen=True, eq=False)
class SoundIndex:
    """Entries by their sound.

    Attributes:
        phone_set: of the entries.
        forward: trie of the entries; the last of equal entries stands for all of them.
        backward: trie of the reversed entries.
        alike_offsets: uint32[E + 1] where `alike` holds the entries that equal each entry, which
            it does for the last of them.
        alike: int32[E] entries.
    """

    phone_set: PhoneSet
    forward: SoundTrie
    backward: SoundTrie
    alike_offsets: np.ndarray
    alike: np.ndarray

    @classmethod
    def build(cls, entries: PhoneSequences, phone_set: PhoneSet = ARPABET) -> SoundIndex:
        """Time O(T log E) for T phones of E entries; memory about 40 bytes a phone.

        Raises:
            InputError: a phone is not in the set.
        """
        _check_phones(entries, "entries", phone_set)
        forward, ends = SoundTrie.build(entries)
        backward, _ = SoundTrie.build(entries, backward=True)
        same = forward.sequences[ends]
        counts = np.bincount(same, minlength=len(entries))
        return cls(
            phone_set,
            forward,
            backward,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32),
            np.argsort(same, kind="stable").astype(np.int32),
        )

    def __len__(self) -> int:
        return len(self.alike)

    def search(
        self, spans: PhoneSequences, costs: EditCosts, bounds: float | np.ndarray
    ) -> SoundMatches:
        """Every pair of a span and an entry whose least edit cost is at most the span's bound.

        Memory is bounded, apart from that of the matches. Costs are sums of float32: one that
        exceeds the bound by its rounding alone is within it. The time grows with the entries whose
        halves sound like halves of the spans; the bound matters most.

        Args:
            spans: all spans of a sentence, or of many: together they are searched faster.
            costs: of the index's phone set.
            bounds: float32[S] highest cost, nats; or one for all spans.

        Raises:
            InputError: the costs are of another number of phones, a span has a phone that is not
                in the set, or a bound is not finite.
        """
        self._check_costs(costs)
        _check_phones(spans, "spans", self.phone_set)
        bounds = np.broadcast_to(np.asarray(bounds, np.float32), (len(spans),))
        if not np.isfinite(bounds).all():
            raise InputError(
                "a bound that is not finite", expected="nats", remedy="give a finite bound"
            )
        excess = ExcessCosts.of(costs)
        batches = [
            self._search_batch(spans, numbers, excess, bounds[numbers])
            for numbers in _batches(spans, len(self.phone_set))
        ]
        return _sorted(self._with_alike(_joined(batches)))

    def save(self, path: str | Path) -> None:
        """Write one file, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        arrays = {
            **{f"forward.{name}": array for name, array in vars(self.forward).items()},
            **{f"backward.{name}": array for name, array in vars(self.backward).items()},
            "alike_offsets": self.alike_offsets,
            "alike": self.alike,
        }
        write_arrays(path, _KIND, _VERSION, {"phones": self.phone_set.symbols}, arrays)

    @classmethod
    def load(cls, path: str | Path, phone_set: PhoneSet | None = None) -> SoundIndex:
        """An index whose arrays are mapped into memory: processes share them.

        Args:
            phone_set: that the index must have; None takes any.

        Raises:
            InputError: it is no index, of another version or phone set, or damaged.
        """
        about, arrays = read_arrays(path, _KIND, _VERSION)
        found = PhoneSet(about["phones"])
        if phone_set is not None and found != phone_set:
            raise InputError(
                f"is an index of the phones {' '.join(found.symbols)}",
                expected=" ".join(phone_set.symbols),
                remedy="build the index with a lexicon of this phone set",
                file=path,
            )
        forward, backward = (
            SoundTrie(*(arrays[f"{name}.{field.name}"] for field in fields(SoundTrie)))
            for name in ("forward", "backward")
        )
        return cls(found, forward, backward, arrays["alike_offsets"], arrays["alike"])

    def _search_batch(
        self, spans: PhoneSequences, numbers: np.ndarray, excess: ExcessCosts, bounds: np.ndarray
    ) -> Ends:
        """Sequences that match spans of these numbers; costs are whole, not excess costs."""
        batch = spans.take(numbers)
        sums = np.concatenate([[0], np.cumsum(excess.least[batch.phones], dtype=np.float64)])
        least = (sums[batch.offsets[1:]] - sums[batch.offsets[:-1]]).astype(np.float32)
        left = bounds - least + np.float32(_ROUNDING) * (1 + np.abs(bounds))
        forward = SpanCosts.of(batch, excess, left, backward=False)
        backward = SpanCosts.of(batch, excess.reversed(), left, backward=True)
        found = [
            *TrieSearch(self.forward, forward).ends(),
            *TrieSearch(self.backward, backward).ends(),
        ]
        best = _cheapest(_joined(found), len(self))
        return Ends(numbers[best.spans], best.sequences, best.costs + least[best.spans])

    def _with_alike(self, ends: Ends) -> SoundMatches:
        """Equal entries share a sequence of the tries."""
        first = self.alike_offsets[ends.sequences].astype(np.int64)
        counts = self.alike_offsets[ends.sequences + 1] - first
        places, pairs = joined_ranges(first, counts)
        entries = self.alike[places].astype(np.int64)
        return SoundMatches(ends.spans[pairs], entries, ends.costs[pairs])

    def _check_costs(self, costs: EditCosts) -> None:
        if costs.phones != len(self.phone_set):
            raise InputError(
                f"edit costs of {costs.phones} phones",
                expected=f"the {len(self.phone_set)} phones of the index",
                remedy="use costs and an index of the same phone set",
            )


def _check_phones(sequences: PhoneSequences, name: str, phone_set: PhoneSet) -> None:
    largest = int(sequences.phones.max(initial=0))
    if largest >= len(phone_set):
        raise InputError(
            f"{name} with phone {largest}",
            expected=f"ids below {len(phone_set)}, the size of the phone set",
            remedy="use the phone set of the index",
        )


def _batches(spans: PhoneSequences, number_of_phones: int) -> Iterator[np.ndarray]:
    """Numbers of spans of similar lengths whose tables fit into the memory."""
    lengths = spans.lengths
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        # The last span of a batch is its longest.
        cells = np.arange(1, len(order) - begin + 1) * (lengths[order[begin:]] + 1)
        size = max(1, int(np.searchsorted(cells, _MAX_TABLE // number_of_phones, "right")))
        yield order[begin : begin + size]
        begin += size


def _joined(parts: Iterable[Ends]) -> Ends:
    parts = list(parts)
    return Ends(
        np.concatenate([np.empty(0, np.int64), *(part.spans for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.sequences for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.costs for part in parts)]),
    )


def _cheapest(ends: Ends, number_of_sequences: int) -> Ends:
    """Each pair of a span and a sequence once, with its least cost."""
    pairs = ends.spans * number_of_sequences + ends.sequences
    order = np.lexsort((ends.costs, pairs))
    chosen = order[np.diff(pairs[order], prepend=-1) != 0]
    return Ends(ends.spans[chosen], ends.sequences[chosen], ends.costs[chosen])


def _sorted(matches: SoundMatches) -> SoundMatches:
    order = np.lexsort((matches.entries, matches.costs, matches.spans))
    return SoundMatches(matches.spans[order], matches.entries[order], matches.costs[order])
