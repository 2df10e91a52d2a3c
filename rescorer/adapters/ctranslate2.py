"""CTranslate2: what `ctranslate2.models.Whisper.generate` returns, and by it faster-whisper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rescorer.adapters.decoded import Decoded, make_lists
from rescorer.errors import InputError
from rescorer.recognition.nbest import FIRST_PASS, NBest


class WhisperResult(Protocol):
    """The hypotheses of one utterance: token ids without the end, and scores, best first."""

    @property
    def sequences_ids(self) -> Sequence[list[int]]: ...
    @property
    def scores(self) -> Sequence[float]: ...


def from_ctranslate2(
    utterances: Sequence[str],
    results: Sequence[WhisperResult],
    to_text: Callable[[list[int]], str],
    *,
    length_penalty: float = 1.0,
) -> list[NBest]:
    """Lists with the score `first_pass`.

    A score is the log-probability of the tokens and of their end, divided by the number of tokens
    without the end to the power of the length penalty. It is made a sum again. With a penalty an
    empty hypothesis has no score, and is left out.

    Args:
        to_text: the text of token ids: `tokenizer.decode`.
        length_penalty: that of `generate`; 0 ranks by the sum.

    Raises:
        InputError: results without scores, numbers of utterances and results that do not fit,
            no hypotheses, scores that are not finite.
    """

    def decoded(result: WhisperResult) -> list[Decoded]:
        if len(result.scores) != len(result.sequences_ids):
            raise InputError(
                f"{len(result.scores)} scores of {len(result.sequences_ids)} hypotheses",
                expected="as many",
                remedy="generate with return_scores=True",
            )
        return [
            Decoded(to_text(ids), {FIRST_PASS: score * len(ids) ** length_penalty})
            for ids, score in zip(result.sequences_ids, result.scores, strict=True)
            if ids or not length_penalty
        ]

    return make_lists(utterances, map(decoded, results))
