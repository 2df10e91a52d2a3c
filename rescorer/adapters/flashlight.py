"""flashlight's CTC decoders, by themselves and as torchaudio has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from rescorer.adapters.decoded import Decoded, Ids, make_lists, without_constant_lm
from rescorer.errors import InputError
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, NBest

_NO_ID = -1  # fills flashlight's results, which have a place for every frame
_SILENT = 2  # kinds of tokens that a hypothesis without words may have: blank and silence


class CTCHypothesis(Protocol):
    """torchaudio's hypothesis; `words` is empty if the decoder had no lexicon."""

    @property
    def words(self) -> Sequence[str]: ...
    @property
    def tokens(self) -> Ids: ...
    @property
    def score(self) -> float: ...


class DecodeResult(Protocol):
    """flashlight's hypothesis: ids of words and tokens, −1 where there is none."""

    @property
    def words(self) -> Sequence[int]: ...
    @property
    def tokens(self) -> Sequence[int]: ...
    @property
    def score(self) -> float: ...
    @property
    def emittingModelScore(self) -> float: ...


def from_torchaudio(
    utterances: Sequence[str],
    results: Sequence[Sequence[CTCHypothesis]],
    to_text: Callable[[list[int]], str] | None = None,
) -> list[NBest]:
    """Lists with the score `first_pass`, which is all that torchaudio tells.

    Args:
        results: what a `ctc_decoder(nbest=N)` returns.
        to_text: the words of token ids; needed if the decoder has no lexicon.

    Raises:
        InputError: hypotheses of tokens without words, and no to_text; numbers of utterances and
            results that do not fit; no hypotheses.
    """
    decoded = [
        [
            _Found(list(each.words), each.tokens.tolist(), {FIRST_PASS: each.score})
            for each in hypotheses
        ]
        for hypotheses in results
    ]
    return make_lists(utterances, _with_texts(decoded, to_text))


def from_flashlight(
    utterances: Sequence[str],
    results: Sequence[Sequence[DecodeResult]],
    word_of: Callable[[int], str],
    to_text: Callable[[list[int]], str] | None = None,
) -> list[NBest]:
    """Lists with the scores `acoustic` and, if the decoder added anything, `first_lm`.

    `first_lm` is the score without the acoustic part: the language model with its weight, scores
    of words and silences.

    Args:
        results: what `decoder.decode` returns.
        word_of: the word of an id: `word_dict.get_entry`.
        to_text: as in `from_torchaudio`.

    Raises:
        InputError: as in `from_torchaudio`.
    """
    decoded = [[_found(each, word_of) for each in hypotheses] for hypotheses in results]
    return without_constant_lm(make_lists(utterances, _with_texts(decoded, to_text)))


class _Found(NamedTuple):
    words: list[str]
    tokens: list[int]
    scores: Mapping[str, float]


def _found(result: DecodeResult, word_of: Callable[[int], str]) -> _Found:
    words = [word_of(id) for id in result.words if id != _NO_ID]
    tokens = [id for id in result.tokens if id != _NO_ID]
    acoustic = result.emittingModelScore
    return _Found(words, tokens, {ACOUSTIC: acoustic, FIRST_LM: result.score - acoustic})


def _with_texts(
    found: Sequence[Sequence[_Found]], to_text: Callable[[list[int]], str] | None
) -> list[list[Decoded]]:
    every = [each for hypotheses in found for each in hypotheses]
    has_words = any(each.words for each in every)
    if not (to_text or has_words) and any(len(set(each.tokens)) > _SILENT for each in every):
        raise InputError(
            "hypotheses of tokens without words",
            expected="words, which a decoder without lexicon does not make",
            remedy="give to_text, which makes words of token ids",
        )
    return [
        [
            Decoded(to_text(each.tokens) if to_text else " ".join(each.words), each.scores)
            for each in hypotheses
        ]
        for hypotheses in found
    ]
