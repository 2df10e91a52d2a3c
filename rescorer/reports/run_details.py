"""What a report of a run can show beside the errors: hypotheses, weights, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rescorer.recognition.nbest import NBest

Words = Sequence[str]


@dataclass(frozen=True)
class WeightCurve:
    """The word error rate against one weight; all other weights are as chosen.

    Attributes:
        name: of the weight.
        values: of the weight, ascending.
        percents: the word error rate with each.
        chosen: the value that was chosen.
        percent: the word error rate with it.
    """

    name: str
    values: tuple[float, ...]
    percents: tuple[float, ...]
    chosen: float
    percent: float


@dataclass(frozen=True)
class Replacement:
    """A name in the result that replaced what was written."""

    utterance: str
    written: Words
    name: Words


@dataclass(frozen=True, eq=False)
class RunDetails:
    """What a run had and found beside the words.

    Attributes:
        title: what was rescored.
        lists: the hypotheses of each utterance with all scores and the total, best first.
        curves: of the weights that the run tuned.
        replacements: what names replaced.
    """

    title: str
    lists: Sequence[NBest] = ()
    curves: Sequence[WeightCurve] = ()
    replacements: Sequence[Replacement] = ()
