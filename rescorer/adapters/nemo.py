"""NeMo: hypotheses of CTC, transducer and attention decoders with return_best_hypothesis=False.

Their scores are sums over tokens, also where NeMo sorts by the mean: lists stay in NeMo's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, SupportsFloat

from rescorer.adapters.decoded import Decoded, make_lists
from rescorer.errors import InputError
from rescorer.recognition.nbest import FIRST_PASS, NBest


class NeMoHypothesis(Protocol):
    """NeMo's `Hypothesis`: a sum of natural-log probabilities, and the decoded text."""

    @property
    def score(self) -> SupportsFloat: ...
    @property
    def text(self) -> str | None: ...


class NBestHypotheses(Protocol):
    """NeMo's `NBestHypotheses`: those of one utterance."""

    @property
    def n_best_hypotheses(self) -> Sequence[NeMoHypothesis] | None: ...


def from_nemo(
    utterances: Sequence[str], results: Sequence[NBestHypotheses | Sequence[NeMoHypothesis]]
) -> list[NBest]:
    """Lists with the score `first_pass`.

    Args:
        results: what `model.transcribe(…, return_hypotheses=True)` or `model.decoding` returns, an
            `NBestHypotheses` or a list for each utterance.

    Raises:
        InputError: hypotheses whose text was not decoded; numbers of utterances and results that
            do not fit; no hypotheses; scores that are not finite.
    """
    return make_lists(utterances, [_decoded(each) for each in results])


def _decoded(result: NBestHypotheses | Sequence[NeMoHypothesis]) -> list[Decoded]:
    hypotheses = result if isinstance(result, Sequence) else result.n_best_hypotheses or ()
    return [Decoded(_text(each), {FIRST_PASS: float(each.score)}) for each in hypotheses]


def _text(hypothesis: NeMoHypothesis) -> str:
    if hypothesis.text is None:
        raise InputError(
            "a hypothesis of NeMo without text",
            expected="decoded text",
            remedy="take the results of model.transcribe, or decode them with "
            "model.decoding.decode_hypothesis",
        )
    return hypothesis.text
