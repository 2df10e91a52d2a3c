"""What n-best lists hold: how many of what, the ranges of their scores, and what looks wrong."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def summarise(lists: Sequence[NBest]) -> Summary:
    """The summary of lists, of which there is at least one."""
    sizes = [len(nbest.hypotheses) for nbest in lists]
    return Summary(
        len(lists),
        sum(sizes),
        min(sizes),
        max(sizes),
        sum(nbest.reference is not None for nbest in lists),
        tuple(_range(lists, name) for name in lists[0].score_names),
        tuple(_doubts(lists)),
    )


def _range(lists: Sequence[NBest], name: str) -> ScoreRange:
    columns = [[h.scores[name] for h in nbest.hypotheses] for nbest in lists]
    return ScoreRange(
        name,
        min(map(min, columns)),
        max(map(max, columns)),
        sum(column[0] == max(column) for column in columns),
    )


def _doubts(lists: Sequence[NBest]) -> Iterator[str]:
    if all(len(nbest.hypotheses) == 1 for nbest in lists):
        yield "each list has one hypothesis: there is nothing to choose from"
    if lists[0].score_names == (RANK,):
        yield "there are no scores, only the place in the list"
    if FIRST_PASS in lists[0].score_names and _looks_like_mean(lists):
        yield (
            f"{FIRST_PASS} does not fall with the number of words, as a mean over tokens does not: "
            "multiply it by the number of tokens if it is one"
        )
    if not any(h.words for nbest in lists for h in nbest.hypotheses):
        yield "no hypothesis has a word"


def _looks_like_mean(lists: Sequence[NBest]) -> bool:
    """Whether the scores of first hypotheses are small and do not fall with their length."""
    first = [nbest.hypotheses[0] for nbest in lists]
    lengths = [float(len(hypothesis.words)) for hypothesis in first]
    scores = [hypothesis.scores[FIRST_PASS] for hypothesis in first]
    if len(first) < _FEWEST or not all(_MEAN_AT_LEAST < score < 0 for score in scores):
        return False
    if max(lengths) < 3 * max(1, min(lengths)) or len(set(scores)) == 1:
        return False
    return statistics.correlation(lengths, scores) > _FALLS
