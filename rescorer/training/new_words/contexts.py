"""Contexts of a LightRNN: histories in sampled text, or before words of example sentences.

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

from rescorer.chunks import chunks
from rescorer.models.lightrnn import LightRNN, LightRNNState

_STREAMS = 256
CONTEXTS_AT_ONCE = 8192
NUMBERS_AT_ONCE = 1 << 24  # of arrays [rows, contexts, columns]
_MOST_ROW_CONTEXTS = 1 << 16  # rows × contexts of each row
_LEAST_CONTEXTS_OF_A_ROW = 32  # even if the limit above leaves fewer
_HISTORY_WORDS = 64  # earlier words hardly matter


class SampledText(NamedTuple):
    """Text that is sampled from a model: its words, and the histories before them."""

    ids: np.ndarray  # [T, U] int64
    # [L, G, D], G = T · U: of all streams before their first word, before their second, …
    state: LightRNNState


@torch.no_grad()
def sample_text(model: LightRNN, words: int, seed: int) -> SampledText:
    """Sample at least `words` words, sentence after sentence, in streams side by side."""
    model.eval()
    generator = torch.Generator(model.device).manual_seed(seed)
    word_in = torch.as_tensor(model.table.words, device=model.device)  # [R, C]
    streams = min(_STREAMS, words)
    state, ids, states = model.start_states(streams), [], []
    for _ in range(-(-words // streams)):
        states.append(state)
        row_probs = model.row_log_probs(state.hidden[-1]).exp()  # [U, R]
        rows = torch.multinomial(row_probs, 1, generator=generator)[:, 0]  # [U]
        after_row, half = model.read_rows(rows, state)
        column_probs = model.column_log_probs(after_row, rows).exp()  # [U, C]
        columns = torch.multinomial(column_probs, 1, generator=generator)[:, 0]  # [U]
        ids.append(word_in[rows, columns])
        state = model.read_columns(rows, columns, half)
    return SampledText(torch.stack(ids).cpu().numpy(), joined(states))


@torch.no_grad()
def read_text(model: LightRNN, ids: np.ndarray) -> SampledText:
    """Read text [T, U] that may be sampled from another model."""
    model.eval()
    words = torch.as_tensor(ids, device=model.device)
    state, states = model.start_states(words.shape[1]), []
    for before in words:
        states.append(state)
        state = model.hidden_states(before[None], state)[2]
    return SampledText(ids, joined(states))


def joined(states: Sequence[LightRNNState]) -> LightRNNState:
    """Concatenate states along their histories."""
    return LightRNNState(*(torch.cat(parts, 1) for parts in zip(*states, strict=True)))


@torch.no_grad()
def states_after(model: LightRNN, histories: Sequence[np.ndarray]) -> LightRNNState:
    """[L, N, D] states after `<s>` and each of N histories of ids, which may be empty.

    Only the last 64 words of a history are read.
    """
    model.eval()
    # Histories of similar lengths share a batch.
    order = np.argsort([len(history) for history in histories], kind="stable")
    parts = []
    for chunk in chunks(len(order), _STREAMS):
        lengths = [min(len(histories[index]), _HISTORY_WORDS) + 1 for index in order[chunk]]
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
    parts = chunks(state.hidden.shape[1], CONTEXTS_AT_ONCE)
    return torch.cat([model.row_log_probs(state.hidden[-1][part]) for part in parts])


def draw_contexts(log_probs: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """[Q, S] contexts for each row, sampled in proportion to P(row | context).

    Systematic sampling: each context is drawn as often as expected, to within one.

    Args:
        log_probs: [G, Q] log P(row | context).
        count: S.
    """
    device = log_probs.device
    cumulative = (log_probs - log_probs.max(0).values).double().exp().T.cumsum(1)  # [Q, G]
    start = torch.rand(len(cumulative), 1, generator=generator, dtype=torch.float64, device=device)
    points = (torch.arange(count, device=device) + start) / count * cumulative[:, -1:]  # [Q, S]
    contexts = torch.searchsorted(cumulative, points, right=True)
    return contexts.clamp_(max=cumulative.shape[1] - 1)


@torch.no_grad()
def log_means(log_probs: Tensor) -> np.ndarray:
    """[R] log of the mean over contexts of probabilities, from their logs [G, R]."""
    return (torch.logsumexp(log_probs, 0).double() - math.log(len(log_probs))).cpu().numpy()


class RowContexts(NamedTuple):
    """Some of the rows, read in the contexts in which they are probable."""

    part: slice  # which of the Q rows
    rows: Tensor  # [q, S] the row of each context
    after_row: Tensor  # [q, S, D] LSTM outputs that predict the columns


@torch.no_grad()
def in_rows(
    model: LightRNN,
    rows: np.ndarray,
    state: LightRNNState,
    text_rows: Tensor,
    draws: int,
    seed: int,
) -> Iterator[RowContexts]:
    """Read rows [Q], some at a time, each in S contexts sampled by `draw_contexts`.

    Args:
        state: [L, G, D] the contexts.
        text_rows: [G, R] log P(row | context).
        draws: S; it falls, for more than a few hundred rows, to bound the number of contexts.
    """
    limit = max(_LEAST_CONTEXTS_OF_A_ROW, _MOST_ROW_CONTEXTS // max(1, len(rows)))
    draws = min(draws, limit)
    generator = torch.Generator(model.device).manual_seed(seed)
    for part in chunks(len(rows), max(1, NUMBERS_AT_ONCE // (draws * model.table.columns))):
        here = torch.as_tensor(rows[part], device=model.device)
        contexts = draw_contexts(text_rows[:, here], draws, generator)  # [q, S]
        here = here[:, None].expand_as(contexts)
        after_row, _ = model.read_rows(here.flatten(), state.take(contexts.flatten()))
        yield RowContexts(part, here, after_row.view(*contexts.shape, -1))
