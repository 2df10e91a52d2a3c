"""Context sets of new words: the contexts of their examples and of similar known words.

They replace the contexts that Li et al. (NIPS 2016, section 3.3) read from the training text.

Shapes: W new words, N contexts, G contexts of sampled text, E edges (word, context), V vocabulary,
C columns, Q rows, q of them at a time, S contexts of a row, D width, L layers, n similar words of
each new word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rescorer.chunks import chunks
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.training.affixes import sample_similar_words
from rescorer.training.new_words.contexts import (
    NUMBERS_AT_ONCE,
    SampledText,
    draw_contexts,
    joined,
    states_after,
)
from rescorer.training.settings import ContextSettings

_MARKS = (SENTENCE_END, UNKNOWN)
_DRAWS = 32  # contexts of a row from which one is drawn for a word of the row
_RELIABLE_COUNT = 50  # occurrences of `<unk>` in training that make its contexts reliable


class Examples(NamedTuple):
    """Occurrences of new words in example sentences, and the histories before them."""

    words: list[int]  # index of the new word of each occurrence
    histories: list[np.ndarray]  # ids before each occurrence
    sentences: list[Sequence[str]]  # that have an occurrence

    @classmethod
    def found(
        cls, model: LightRNN, words: Sequence[str], sentences: Iterable[Sequence[str]], most: int
    ) -> Examples:
        """The first occurrences of the new words, at most `most` of each."""
        vocabulary = model.vocabulary
        index = {word: number for number, word in enumerate(words)}
        taken = np.zeros(len(words), dtype=np.int64)
        examples = cls([], [], [])
        for sentence in sentences:
            normalised = map(vocabulary.normalise, sentence)
            occurrences = [
                (position, index[word])
                for position, word in enumerate(normalised)
                if word in index and taken[index[word]] < most
            ]
            if occurrences:
                ids = vocabulary.encode(sentence)
                examples.sentences.append(sentence)
            for position, word in occurrences:
                taken[word] += 1
                examples.words.append(word)
                examples.histories.append(ids[:position])
        return examples


class ContextSets(NamedTuple):
    """Weighted contexts of the new words: E pairs (word, context). A word's weights sum to 1."""

    state: LightRNNState  # [L, N, D]: the first G are those of the sampled text
    words: np.ndarray  # [E]
    contexts: np.ndarray  # [E]
    weights: np.ndarray  # [E] float32

    @classmethod
    def collect(
        cls,
        model: LightRNN,
        words: Sequence[str],
        examples: Examples,
        like: Sequence[str],
        text: SampledText,
        text_rows: Tensor,
        settings: ContextSettings,
    ) -> ContextSets:
        """Sample contexts of similar words, and add those of the examples.

        Args:
            like: known words from which the similar words are sampled; empty: all known words.
            text_rows: [G, R] log P of the rows in the contexts of the text.
        """
        similar = _similar_words(model, words, like, text, settings)  # [W, n]
        generator = torch.Generator(model.device).manual_seed(settings.seed)
        # [W · n]
        contexts = _contexts_of(model, similar.ravel(), text, text_rows, generator, settings)
        owners = np.repeat(np.arange(len(words)), similar.shape[1])
        weights = np.full(len(owners), settings.like_weight / similar.shape[1])
        state = text.state
        if examples.words:
            found = state.hidden.shape[1] + np.arange(len(examples.words))
            contexts = np.concatenate([contexts, found])
            owners = np.concatenate([owners, examples.words])
            weights = np.concatenate([weights, np.ones(len(found))])
            state = joined([state, states_after(model, examples.histories)])
        weights /= np.bincount(owners, weights, len(words))[owners]
        return cls(state, owners, contexts, weights.astype(np.float32))


def _similar_words(
    model: LightRNN,
    words: Sequence[str],
    like: Sequence[str],
    text: SampledText,
    settings: ContextSettings,
) -> np.ndarray:
    """[W, n] known words, of the list `like` or of all, that are similar to each new word.

    Half of them share an affix with the new word, if any does. The others are any words of the
    list. Without a list they are `<unk>`, which stands for unknown words in training, or the words
    of the sampled text if training had too few unknown words.
    """
    vocabulary = model.vocabulary
    listed = np.unique(vocabulary.encode([word for word in like if word in vocabulary]))
    listed = listed[~np.isin(listed, vocabulary.encode(_MARKS))]
    ids = listed if len(listed) else np.arange(len(vocabulary))
    known = [
        (vocabulary.words[index], int(index))
        for index in ids
        if vocabulary.words[index] not in _MARKS
    ]
    rest = listed
    if not len(rest):
        unknown = vocabulary.unknown_id
        is_reliable = vocabulary.counts[unknown] >= _RELIABLE_COUNT
        rest = np.array([unknown]) if is_reliable else text.ids.ravel()
    return sample_similar_words(
        words, known, rest, settings.like_contexts, np.random.default_rng(settings.seed)
    )


def _contexts_of(
    model: LightRNN,
    ids: np.ndarray,
    text: SampledText,
    text_rows: Tensor,
    generator: torch.Generator,
    settings: ContextSettings,
) -> np.ndarray:
    """[len(ids)] a context of the sampled text for each word, drawn by P(word | context).

    First S contexts are drawn by P(row | context), then one of them by P(column | row, context).
    """
    found = np.empty(len(ids), dtype=np.int64)
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [len(ids)]
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(len(rows) + 1))
    draws = min(_DRAWS, settings.row_contexts)
    for part in chunks(len(rows), max(1, NUMBERS_AT_ONCE // (draws * model.table.columns))):
        here = torch.as_tensor(rows[part], device=model.device)
        drawn = draw_contexts(text_rows[:, here], draws, generator)  # [q, S]
        here = here.repeat_interleave(draws)  # [q · S]
        after_row, _ = model.read_rows(here, text.state.take(drawn.flatten()))
        log_probs = model.column_log_probs(after_row, here).view(*drawn.shape, -1)  # [q, S, C]
        inside = order[bounds[part.start] : bounds[part.stop]]
        row = torch.as_tensor(of_row[inside] - part.start, device=model.device)
        column = torch.as_tensor(model.table.column_of[ids[inside]], device=model.device)
        shares = torch.softmax(log_probs[row, :, column], -1)  # [words of these rows, S]
        chosen = torch.multinomial(shares, 1, generator=generator)
        found[inside] = drawn[row].gather(1, chosen)[:, 0].cpu().numpy()
    return found
