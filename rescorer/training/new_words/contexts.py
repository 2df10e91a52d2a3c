"""Histories of a LightRNN in which words are expected: out of its own text, or before the words of
example sentences.

Shapes: T words, U streams, N contexts, G contexts of sampled text, Q rows, S contexts of each, R
rows of the table, C columns, D width, L layers, q of the Q rows at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from rescorer.models.lightrnn import LightRNN, LightRNNState

_STREAMS = 256
_CHUNK = 8192  # contexts looked at together
HELD = 1 << 24  # numbers held at a time where rows × contexts × columns are looked at
# rows × contexts of each; contexts of each where that leaves fewer
_READINGS, _FEWEST = 1 << 16, 32
_LONGEST = 64  # words of a history; what came before hardly matters


class SampledText(NamedTuple):
    """What a model says when left to itself: its words, and the histories before them."""

    ids: np.ndarray  # [T, U] int64
    # [L, G, D], G = T · U: of all streams before their first word, before their second, …
    state: LightRNNState


@torch.no_grad()
def sample_text(model: LightRNN, words: int, seed: int) -> SampledText:
    """At least `words` words drawn from the model, sentence after sentence, in streams side by
    side.
    """
    model.eval()
    generator = torch.Generator(model.device).manual_seed(seed)
    word_in = torch.as_tensor(model.table.words, device=model.device)  # [R, C]
    state, ids, states = model.start_states(min(_STREAMS, words)), [], []
    for _ in range(-(-words // min(_STREAMS, words))):
        states.append(state)
        # [U]
        rows = torch.multinomial(
            model.row_log_probs(state.hidden[-1]).exp(), 1, generator=generator
        )[:, 0]
        after_row, half = model.read_rows(rows, state)
        columns = model.column_log_probs(after_row, rows).exp()  # [U, C]
        column = torch.multinomial(columns, 1, generator=generator)[:, 0]  # [U]
        ids.append(word_in[rows, column])
        state = model.read_columns(rows, column, half)
    return SampledText(torch.stack(ids).cpu().numpy(), joined(states))


@torch.no_grad()
def read_text(model: LightRNN, ids: np.ndarray) -> SampledText:
    """Text [T, U] as this model reads it, whichever model it was sampled from."""
    model.eval()
    words = torch.as_tensor(ids, device=model.device)
    state, states = model.start_states(words.shape[1]), []
    for before in words:
        states.append(state)
        state = model.hidden_states(before[None], state)[2]
    return SampledText(ids, joined(states))


def joined(states: Sequence[LightRNNState]) -> LightRNNState:
    return LightRNNState(*(torch.cat(parts, 1) for parts in zip(*states, strict=True)))


@torch.no_grad()
def states_after(model: LightRNN, histories: Sequence[np.ndarray]) -> LightRNNState:
    """[L, N, D] what the LSTM knows after each of N histories of ids, which may be empty, from
    `<s>` on.

    Of a history longer than 64 words the last 64 are read.
    """
    model.eval()
    # like lengths go side by side
    order = np.argsort([len(history) for history in histories], kind="stable")
    parts = []
    for chunk in chunks(len(order), _STREAMS):
        lengths = [min(len(histories[index]), _LONGEST) + 1 for index in order[chunk]]
        # [T, N]: `<s>` is read as `</s>`
        words = np.full((max(lengths), len(lengths)), model.vocabulary.end_id)
        for column, (index, length) in enumerate(zip(order[chunk], lengths, strict=True)):
            words[1:length, column] = histories[index][len(histories[index]) - length + 1 :]
        inputs = model.word_inputs(torch.as_tensor(words, device=model.device))  # [S · T, N, D]
        steps = torch.as_tensor(lengths) * (len(inputs) // len(words))
        packed = pack_padded_sequence(inputs, steps, enforce_sorted=False)
        parts.append(LightRNNState(*model.lstm(packed)[1]))
    return joined(parts).take(torch.as_tensor(np.argsort(order), device=model.device))


@torch.no_grad()
def row_log_probs(model: LightRNN, state: LightRNNState) -> Tensor:
    """[N, R] log P(row | context)."""
    return torch.cat(
        [model.row_log_probs(state.hidden[-1][chunk]) for chunk in chunks(state.hidden.shape[1])]
    )


def draw_contexts(log_probs: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """[Q, S] contexts out of G, drawn in proportion to their probability [G, Q]: those in which a
    row is expected.

    Drawn at even distances (systematic sampling): each context comes as often as expected, to
    within one.
    """
    shares = (log_probs - log_probs.max(0).values).double().exp().T.cumsum(1)  # [Q, G]
    start = torch.rand(
        len(shares), 1, generator=generator, dtype=torch.float64, device=log_probs.device
    )
    # [Q, S]
    points = (torch.arange(count, device=log_probs.device) + start) / count * shares[:, -1:]
    return torch.searchsorted(shares, points, right=True).clamp_(max=shares.shape[1] - 1)


@torch.no_grad()
def log_means(log_probs: Tensor) -> np.ndarray:
    """[R] log of the mean over contexts [G, R] of the probabilities."""
    return (torch.logsumexp(log_probs, 0).double() - math.log(len(log_probs))).cpu().numpy()


@torch.no_grad()
def in_rows(
    model: LightRNN,
    rows: np.ndarray,
    state: LightRNNState,
    text_rows: Tensor,
    draws: int,
    seed: int,
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Some of the rows [Q] at a time: which, themselves [q, S], and what predicts their columns [q,
    S, D].

    Each was read in S contexts out of G, drawn as it is probable there: as many as are asked for,
    of more than a few hundred rows fewer.
    """
    draws = min(draws, max(_FEWEST, _READINGS // max(1, len(rows))))
    generator = torch.Generator(model.device).manual_seed(seed)
    for part in chunks(len(rows), max(1, HELD // (draws * model.table.columns))):
        here = torch.as_tensor(rows[part], device=model.device)
        drawn = draw_contexts(text_rows[:, here], draws, generator)  # [q, S]
        here = here[:, None].expand_as(drawn)
        after_row, _ = model.read_rows(here.flatten(), state.take(drawn.flatten()))
        yield part, here, after_row.view(*drawn.shape, -1)
