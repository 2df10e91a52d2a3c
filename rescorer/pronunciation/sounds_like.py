"""Names that sound like what was written: spans of words are looked up among them by phones.

Shapes: M matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import islice, product

import numpy as np

from rescorer.pronunciation.index import SoundIndex
from rescorer.pronunciation.pair_costs import ExcessTables, PairCosts, pair_costs
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.pronouncer import Pronouncer

Words = tuple[str, ...]

_FEW = 1500  # entries that are compared one by one; for more an index is faster


@dataclass(frozen=True, eq=False)
class Alikes:
    """Names that sound like spans, each pair once.

    Attributes:
        spans: int64[M] places among the spans that were looked up.
        names: int64[M] places among the names.
        sound: float64[M] log P(written phones | name) − log P(written phones | the span itself), at
            most 0: how much less probable it is that the name was said.
        phones: int64[M] number of phones of the span.
    """

    spans: np.ndarray
    names: np.ndarray
    sound: np.ndarray
    phones: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Alikes]) -> Alikes:
        """The matches of several searches for different spans."""
        columns = ([getattr(part, each.name) for part in parts] for each in fields(cls))
        return cls(*map(np.concatenate, columns))


class SoundsLike:
    """Finds the names that sound like spans of words.

    Of the pronunciations of a name and of a span, the pair that sounds most alike counts.
    """

    def __init__(
        self,
        names: Sequence[Words],
        pronunciations: Sequence[Sequence[tuple[str, ...]]],
        pronouncer: WordPhones,
        tables: ExcessTables,
    ) -> None:
        """
        Args:
            names: the words of each name.
            pronunciations: of each name, given by the user; empty: they follow from its words.
            tables: of what phones are heard as; many lists of names share them.
        """
        self._phones, self._tables = pronouncer, tables
        entries, owners = [], []
        for place, (words, given) in enumerate(zip(names, pronunciations, strict=True)):
            for phones in map(self._phones.ids, given) if given else self._phones.of_words(words):
                entries.append(phones)
                owners.append(place)
        self._owners = np.array(owners, np.int64)
        self.silent = len(names) - len(set(owners))  # names without a pronunciation
        self._entries = PhoneSequences.pack(entries)
        self._index = (
            SoundIndex.build(self._entries, pronouncer.phones) if len(entries) > _FEW else None
        )

    def find(self, spans: Sequence[Words], bound: float, bound_per_phone: float) -> Alikes:
        """The names that sound like each span.

        Args:
            bound: nats that hearing a name as the span may cost …
            bound_per_phone: … beside so many for each phone of the shorter of both.
        """
        sequences, owners = [], []
        for place, words in enumerate(spans):
            for phones in self._phones.of_words(words):
                sequences.append(phones)
                owners.append(place)
        packed = PhoneSequences.pack(sequences)
        found = self._pairs(packed, bound, bound_per_phone)
        return _best(
            np.array(owners, np.int64)[found.spans],
            self._owners[found.entries],
            -found.costs,
            packed.lengths[found.spans],
        )

    def _pairs(self, spans: PhoneSequences, bound: float, bound_per_phone: float) -> PairCosts:
        """Pairs of a span and an entry within their bound."""
        if self._index is None:
            return pair_costs(spans, self._entries, self._tables, bound, bound_per_phone)
        right = self._tables.right_costs(spans)
        bounds = bound + bound_per_phone * spans.lengths
        found = self._index.search(spans, self._tables.costs, right + bounds)
        costs = np.maximum(found.costs - right[found.spans], 0.0)
        shorter = np.minimum(spans.lengths[found.spans], self._entries.lengths[found.entries])
        kept = costs <= bound + bound_per_phone * shorter
        return PairCosts(found.spans[kept], found.entries[kept], costs[kept])


def _best(spans: np.ndarray, names: np.ndarray, sound: np.ndarray, phones: np.ndarray) -> Alikes:
    """Each pair of a span and a name once, as the pronunciations that sound most alike."""
    order = np.lexsort((-sound, names, spans))
    spans, names = spans[order], names[order]
    first = (np.diff(spans, prepend=-1) != 0) | (np.diff(names, prepend=-1) != 0)
    kept = order[first]
    return Alikes(spans[first], names[first], sound[kept], phones[kept])


class WordPhones:
    """Phones of words and of phrases, each word pronounced once."""

    def __init__(self, pronouncer: Pronouncer, n: int) -> None:
        """
        Args:
            n: pronunciations of a word at most, and of a phrase.
        """
        self._pronouncer, self._n = pronouncer, n
        self._known: dict[str, tuple[np.ndarray, ...]] = {}
        self.phones = pronouncer.phones

    def learn(self, words: Iterable[str]) -> None:
        """Pronounce words together, which is faster than one by one."""
        new = sorted({word for word in words if word not in self._known})
        if not new:
            return
        for word, said in zip(new, self._pronouncer.pronounce(new, self._n), strict=True):
            self._known[word] = tuple(self.ids(each.phones) for each in said)

    def ids(self, phones: Iterable[str]) -> np.ndarray:
        """int16[T] ids of phones. Raises InputError for a phone that is not in the set."""
        return self.phones.ids(phones)

    def of_words(self, words: Words) -> list[np.ndarray]:
        """The pronunciations of a phrase; none if a word of it has none."""
        self.learn(words)
        ways = product(*(self._known[word] for word in words))
        return [np.concatenate(way) for way in islice(ways, self._n)]
