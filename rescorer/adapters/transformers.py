"""transformers: what `generate` returns after a beam search.

`sequences_scores` is the log-probability of the generated tokens, the one that ends them included,
divided by their number to the power of the length penalty. The division is undone: a mean of few
tokens and a mean of many cannot be added to a language model's sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from rescorer.adapters.decoded import Decoded, make_lists
from rescorer.errors import InputError
from rescorer.recognition.nbest import FIRST_PASS, NBest


class _Scores(Protocol):
    def tolist(self) -> list[float]: ...


class _Rows(Protocol):
    def tolist(self) -> list[list[int]]: ...


class BeamOutput(Protocol):
    """What `generate(…, num_beams=N, return_dict_in_generate=True, output_scores=True)` returns.

    B utterances with N hypotheses each, L generated tokens at most.

    Attributes:
        sequences: [B · N, …] token ids.
        sequences_scores: [B · N]; None without a beam search.
        beam_indices: [B · N, L] the beam of every generated token, −1 after the end; None without
            a beam search.
    """

    @property
    def sequences(self) -> _Rows: ...
    @property
    def sequences_scores(self) -> _Scores | None: ...
    @property
    def beam_indices(self) -> _Rows | None: ...


def from_transformers(
    utterances: Sequence[str],
    output: BeamOutput,
    texts: Sequence[str],
    *,
    length_penalty: float = 1.0,
) -> list[NBest]:
    """Lists with the score `first_pass`.

    Whisper's own `generate` searches each of the N hypotheses anew and returns the best one N
    times. `transformers.GenerationMixin.generate(model, …)` returns N different ones.

    Args:
        texts: [B · N] `processor.batch_decode(output.sequences, skip_special_tokens=True)`.
        length_penalty: that of the search: `model.generation_config.length_penalty`.

    Raises:
        InputError: there was no beam search, all hypotheses are the same tokens, or the numbers of
            utterances, texts and scores do not fit.
    """
    if output.sequences_scores is None or output.beam_indices is None:
        raise InputError(
            "no sequences_scores or no beam_indices",
            expected="the result of a beam search",
            remedy="generate with num_beams above 1, return_dict_in_generate and output_scores",
        )
    means = output.sequences_scores.tolist()
    if not utterances or len(means) % len(utterances) or len(means) != len(texts):
        raise InputError(
            f"{len(means)} scores, {len(texts)} texts and {len(utterances)} utterances",
            expected="a text for each score, and as many of them for each utterance",
            remedy="give the ids of the batch, and the texts of all its sequences",
        )
    number = len(means) // len(utterances)
    _refuse_repeated(output.sequences.tolist(), number)
    lengths = [sum(beam >= 0 for beam in row) for row in output.beam_indices.tolist()]
    decoded = [
        Decoded(text, {FIRST_PASS: mean * length**length_penalty})
        for text, mean, length in zip(texts, means, lengths, strict=True)
    ]
    return make_lists(utterances, _parts(decoded, number))


def _parts(decoded: Sequence[Decoded], number: int) -> Iterator[Sequence[Decoded]]:
    return (decoded[start : start + number] for start in range(0, len(decoded), number))


def _refuse_repeated(rows: Sequence[Sequence[int]], number: int) -> None:
    if number > 1 and all(row == rows[place - place % number] for place, row in enumerate(rows)):
        raise InputError(
            f"{number} times the same hypothesis",
            expected="different ones",
            remedy="Whisper's generate does this: call "
            "transformers.GenerationMixin.generate(model, …) in its place",
        )
