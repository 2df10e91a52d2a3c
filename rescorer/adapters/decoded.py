"""What all adapters share: the lists of what a decoder found, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from rescorer.errors import InputError
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, Hypothesis, NBest


class Decoded(NamedTuple):
    """One hypothesis of a decoder: its words with spaces between them, and its raw scores."""

    text: str
    scores: Mapping[str, float]


class Ids(Protocol):
    """Token ids as an array of NumPy or torch."""

    def tolist(self) -> list[int]:
        """The ids."""
        ...


def make_lists(utterances: Sequence[str], decoded: Iterable[Sequence[Decoded]]) -> list[NBest]:
    """The lists of utterances, from what was decoded for each of them.

    Raises:
        InputError: as many results as utterances are expected, each with a hypothesis, and finite
            scores.
    """
    results = list(decoded)
    if len(results) != len(utterances):
        raise InputError(
            f"results of {len(results)} utterances",
            expected=f"{len(utterances)}, as there are ids",
            remedy="give the id of every utterance that was decoded, in the same order",
        )
    return [_list(utterance, each) for utterance, each in zip(utterances, results, strict=True)]


def _list(utterance: str, decoded: Sequence[Decoded]) -> NBest:
    if not decoded:
        raise InputError(
            f"utterance {utterance!r}: no hypotheses",
            expected="at least one",
            remedy="leave the utterance out",
        )
    hypotheses = []
    for number, (text, scores) in enumerate(decoded, start=1):
        for name, score in scores.items():
            if not math.isfinite(score):
                raise InputError(
                    f"utterance {utterance!r}, hypothesis {number}: {name} is {score}",
                    expected="a finite number",
                    remedy="leave the hypothesis out",
                )
        hypotheses.append(Hypothesis(str(number), tuple(text.split()), scores))
    return NBest(utterance, tuple(hypotheses))


def without_constant_lm(lists: Sequence[NBest]) -> list[NBest]:
    """The lists without `first_lm` if it is 0 everywhere: the decoder had no language model."""
    scores = [hypothesis.scores for nbest in lists for hypothesis in nbest.hypotheses]
    if any(each[FIRST_LM] for each in scores):
        return list(lists)
    return [
        NBest(
            nbest.utterance,
            tuple(
                Hypothesis(each.key, each.words, {ACOUSTIC: each.scores[ACOUSTIC]})
                for each in nbest.hypotheses
            ),
        )
        for nbest in lists
    ]
