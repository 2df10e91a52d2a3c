"""What n-best lists hold: how many of what, the ranges of their scores, and what looks wrong."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rescorer.recognition.nbest import FIRST_PASS, RANK, NBest

_FEWEST = 20  # lists by which a mean over tokens is told from a sum
_MEAN_AT_LEAST = -10.0  # nats a token
_FALLS = -0.3  # correlation with the number of words below which a score is a sum


@dataclass(frozen=True)
class ScoreRange:
    """One score of all hypotheses.

    Attributes:
        best_first: lists whose first hypothesis has the greatest score.
    """

    name: str
    least: float
    greatest: float
    best_first: int

    def with_more(self, before: ScoreRange | None) -> ScoreRange:
        """The same score of these hypotheses and those before."""
        if before is None:
            return self
        return ScoreRange(
            self.name,
            min(self.least, before.least),
            max(self.greatest, before.greatest),
            self.best_first + before.best_first,
        )


@dataclass(frozen=True)
class Summary:
    """What n-best lists hold.

    Attributes:
        fewest, most: hypotheses of a list.
        references: lists with a reference.
        doubts: what looks wrong, in lines.
    """

    lists: int
    hypotheses: int
    fewest: int
    most: int
    references: int
    scores: tuple[ScoreRange, ...]
    doubts: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The summary for a reader."""
        each = f"{self.fewest}" if self.fewest == self.most else f"{self.fewest} to {self.most}"
        yield f"{self.lists} utterances, {self.hypotheses} hypotheses: {each} each"
        yield f"{self.references} utterances have a reference"
        for score in self.scores:
            yield (
                f"score {score.name}: {score.least:.6g} to {score.greatest:.6g}, best first in "
                f"{score.best_first} of {self.lists}"
            )
        yield from (f"doubt: {doubt}" for doubt in self.doubts)


def summarise(lists: Iterable[NBest]) -> Summary:
    """The summary of lists, of which there is at least one; none of them is kept."""
    tally = _Tally()
    for nbest in lists:
        tally.add(nbest)
    return tally.summary()


@dataclass
class _Tally:
    """What is kept of lists that have passed.

    Attributes:
        sizes: lists by their number of hypotheses.
        lengths, first: words and `first_pass` of each first hypothesis.
    """

    sizes: Counter[int] = field(default_factory=Counter)
    references: int = 0
    have_words: bool = False
    ranges: dict[str, ScoreRange] = field(default_factory=dict)
    lengths: array[float] = field(default_factory=lambda: array("d"))
    first: array[float] = field(default_factory=lambda: array("d"))

    def add(self, nbest: NBest) -> None:
        """Count a list."""
        self.sizes[len(nbest.hypotheses)] += 1
        self.references += nbest.reference is not None
        self.have_words |= any(each.words for each in nbest.hypotheses)
        for name in nbest.score_names:
            found = _range(name, [each.scores[name] for each in nbest.hypotheses])
            self.ranges[name] = found.with_more(self.ranges.get(name))
        best = nbest.hypotheses[0]
        self.lengths.append(len(best.words))
        self.first.append(best.scores.get(FIRST_PASS, 0.0))

    def summary(self) -> Summary:
        return Summary(
            self.sizes.total(),
            sum(size * lists for size, lists in self.sizes.items()),
            min(self.sizes),
            max(self.sizes),
            self.references,
            tuple(self.ranges.values()),
            tuple(self._doubts()),
        )

    def _doubts(self) -> Iterator[str]:
        if max(self.sizes) == 1:
            yield "each list has one hypothesis: there is nothing to choose from"
        if [*self.ranges] == [RANK]:
            yield "there are no scores, only the place in the list"
        if FIRST_PASS in self.ranges and _look_like_means(self.lengths, self.first):
            yield (
                f"{FIRST_PASS} does not fall with the number of words, as a mean over tokens does "
                "not: multiply it by the number of tokens if it is one"
            )
        if not self.have_words:
            yield "no hypothesis has a word"


def _range(name: str, scores: Sequence[float]) -> ScoreRange:
    return ScoreRange(name, min(scores), max(scores), int(scores[0] == max(scores)))


def _look_like_means(lengths: Sequence[float], scores: Sequence[float]) -> bool:
    """Whether the scores of first hypotheses are small and do not fall with their length."""
    if len(scores) < _FEWEST or not all(_MEAN_AT_LEAST < score < 0 for score in scores):
        return False
    if max(lengths) < 3 * max(1, min(lengths)) or len(set(scores)) == 1:
        return False
    return statistics.correlation(lengths, scores) > _FALLS
