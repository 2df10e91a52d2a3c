"""pyctcdecode: the beams of `decode_beams` and `decode_beams_batch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rescorer.adapters.decoded import Decoded, make_lists, without_constant_lm
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, NBest

# (text, …, logit_score, lm_score): between them the state of the language model, unless the beams
# come from several processes, and the frames of the words.
Beam: TypeAlias = "tuple[str, *tuple[object, ...], float, float]"


def from_pyctcdecode(utterances: Sequence[str], beams: Sequence[Sequence[Beam]]) -> list[NBest]:
    """Lists with the scores `acoustic` and, if there was a language model, `first_lm`.

    The beam's `lm_score` holds the acoustic part, too. The rest of it is `first_lm`: the n-gram
    times alpha, beta for every word, hotwords.

    Raises:
        InputError: numbers of utterances and results that do not fit, no beams, scores that are
            not finite.
    """
    return without_constant_lm(make_lists(utterances, [_decoded(each) for each in beams]))


def _decoded(beams: Sequence[Beam]) -> list[Decoded]:
    return [
        Decoded(text, {ACOUSTIC: logit_score, FIRST_LM: lm_score - logit_score})
        for text, *_, logit_score, lm_score in beams
    ]
