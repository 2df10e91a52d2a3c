"""Words of a hypothesis beside those of its reference, aligned by kaldialign with the fewest
errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import kaldialign

GAP = ""  # no word is empty
Pair = tuple[str, str]  # a word of the reference and one of the hypothesis; one may be a gap
Alignment = Sequence[Pair]


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """The pairs of words, in order."""
    pairs: list[Pair] = kaldialign.align(list(reference), list(hypothesis), GAP)
    return pairs


@dataclass(frozen=True)
class ErrorCounts:
    """The errors of one hypothesis by kind."""

    substitutions: int
    deletions: int
    insertions: int

    @classmethod
    def of(cls, alignment: Alignment) -> ErrorCounts:
        deletions = sum(recognised == GAP for _, recognised in alignment)
        insertions = sum(spoken == GAP for spoken, _ in alignment)
        wrong = sum(spoken != recognised for spoken, recognised in alignment)
        return cls(wrong - deletions - insertions, deletions, insertions)

    @property
    def total(self) -> int:
        return self.substitutions + self.deletions + self.insertions


def word_of(pair: Pair) -> str:
    """The word that an error counts by: that of the reference, of an insertion the inserted one."""
    spoken, recognised = pair
    return recognised if spoken == GAP else spoken


def confusions(alignments: Iterable[Alignment]) -> Counter[Pair]:
    """How often each wrong pair occurs."""
    return Counter(pair for alignment in alignments for pair in alignment if pair[0] != pair[1])
