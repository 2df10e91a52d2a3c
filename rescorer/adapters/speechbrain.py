"""SpeechBrain: the hypotheses of its CTC, attention and transducer searchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, SupportsFloat

from rescorer.adapters.decoded import Decoded, make_lists, without_constant_lm
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, NBest


class CTCHypothesis(Protocol):
    """SpeechBrain's hypothesis of a CTC search; `lm_score` holds the acoustic `score`, too."""

    @property
    def text(self) -> str: ...
    @property
    def score(self) -> SupportsFloat: ...
    @property
    def lm_score(self) -> SupportsFloat: ...


class _Numbers(Protocol):
    def tolist(self) -> list[list[float]]: ...


class _TokenIds(Protocol):
    def tolist(self) -> list[list[list[int]]]: ...


def from_speechbrain_ctc(
    utterances: Sequence[str], results: Sequence[Sequence[CTCHypothesis]]
) -> list[NBest]:
    """Lists with the scores `acoustic` and, if there was a language model, `first_lm`: the rest of
    `lm_score`.

    Args:
        results: what a `CTCBeamSearcher` or `CTCPrefixBeamSearcher` with `topk=N` returns.

    Raises:
        InputError: numbers of utterances and results that do not fit, no hypotheses, scores that
            are not finite.
    """

    def decoded(hypothesis: CTCHypothesis) -> Decoded:
        acoustic = float(hypothesis.score)
        first_lm = float(hypothesis.lm_score) - acoustic
        return Decoded(hypothesis.text, {ACOUSTIC: acoustic, FIRST_LM: first_lm})

    return without_constant_lm(
        make_lists(utterances, [list(map(decoded, each)) for each in results])
    )


def from_speechbrain_seq2seq(
    utterances: Sequence[str],
    result: tuple[_TokenIds, _Numbers, _Numbers, object],
    to_text: Callable[[list[int]], str],
    *,
    length_normalization: bool = True,
) -> list[NBest]:
    """Lists with the score `first_pass`.

    With length normalization a score is the mean a token, the end of the sentence included; it is
    made a sum again.

    Args:
        result: what a beam searcher with `topk=N, return_topk=True` returns for a batch of B:
            tokens [B, N, L] with the end, their number without it as a share of L [B, N], scores
            [B, N], and scores of tokens.
        to_text: the text of token ids, such as `tokenizer.decode_ids`.
        length_normalization: that of the searcher.

    Raises:
        InputError: numbers of utterances and results that do not fit, scores that are not finite.
    """
    tokens, shares, scores, _ = result
    lists = [
        [
            _of_tokens(*hypothesis, to_text, length_normalization)
            for hypothesis in zip(*utterance, strict=True)
        ]
        for utterance in zip(tokens.tolist(), shares.tolist(), scores.tolist(), strict=True)
    ]
    return make_lists(utterances, lists)


def _of_tokens(
    padded: list[int],
    share: float,
    score: float,
    to_text: Callable[[list[int]], str],
    is_mean: bool,
) -> Decoded:
    length = round(share * len(padded))
    total = score * (length + 1) if is_mean else score
    return Decoded(to_text(padded[:length]), {FIRST_PASS: total})


def from_speechbrain_transducer(
    utterances: Sequence[str],
    result: tuple[object, object, Sequence[Sequence[list[int]]], Sequence[Sequence[SupportsFloat]]],
    to_text: Callable[[list[int]], str],
) -> list[NBest]:
    """Lists with the score `first_pass`.

    SpeechBrain divides a score by the number of tokens, the blank at the beginning included; it
    is made a sum again.

    Args:
        result: what a `TransducerBeamSearcher` with `nbest=N` returns for a batch: the best one,
            the mean of the scores, and tokens and scores of all by utterance.
        to_text: as in `from_speechbrain_seq2seq`.

    Raises:
        InputError: numbers of utterances and results that do not fit, scores that are not finite.
    """
    _, _, tokens, scores = result
    lists = [
        [
            Decoded(to_text(ids), {FIRST_PASS: float(mean) * (len(ids) + 1)})
            for ids, mean in zip(*utterance, strict=True)
        ]
        for utterance in zip(tokens, scores, strict=True)
    ]
    return make_lists(utterances, lists)
