"""The contexts of new words: those before them in example sentences, and those of known words that
they are like.

For words that have no cell yet, this is what Li et al. (NIPS 2016, section 3.3) read from the
training text.

Shapes: W new words, N contexts, G contexts of sampled text, E edges (word, context), V vocabulary,
R rows, C columns, Q rows, S contexts of a row, D width, L layers, n contexts of like words for each
new word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.settings import check, setting
from rescorer.training.affixes import sample_similar_words
from rescorer.training.new_words.contexts import (
    HELD,
    SampledText,
    chunks,
    draw_contexts,
    joined,
    states_after,
)

_MARKS = (SENTENCE_END, UNKNOWN)
_DRAWS = 32  # contexts of a row among which those of one of its words are sought
_LEARNT = 50  # occurrences of `<unk>` from which its contexts are believed


@dataclass(frozen=True)
class ContextSettings:
    """How the contexts of new words are collected."""

    seed: int = setting(1, "Seed of the sampled text and of all that is random.", minimum=0)
    text_words: int = setting(
        16_384, "Words sampled from the model as text in general.", minimum=1, option=False
    )
    row_contexts: int = setting(
        256, "Contexts that a row's columns are judged in.", minimum=1, option=False
    )
    examples: int = setting(
        16, "Contexts of a word taken from the example sentences, at most.", minimum=1, option=False
    )
    like_contexts: int = setting(
        16, "Contexts of similar words sampled for each word.", minimum=1, option=False
    )
    like_weight: float = setting(
        1.0,
        "Examples that the contexts of similar words count as, together.",
        above=0,
        option=False,
    )

    def __post_init__(self) -> None:
        check(self)


class Examples(NamedTuple):
    """Where example sentences hold new words, some times each."""

    words: list[int]  # numbers of new words
    histories: list[np.ndarray]  # the ids before each of them
    sentences: list[Sequence[str]]  # that they are in

    @classmethod
    def found(
        cls, model: LightRNN, words: Sequence[str], sentences: Iterable[Sequence[str]], most: int
    ) -> Examples:
        """The first occurrences of the new words, at most so many a word."""
        vocabulary = model.vocabulary
        index = {word: number for number, word in enumerate(words)}
        taken = np.zeros(len(words), dtype=np.int64)
        examples = cls([], [], [])
        for sentence in sentences:
            places = [
                (place, index[word])
                for place, word in enumerate(map(vocabulary.normalise, sentence))
                if word in index
            ]
            places = [(place, word) for place, word in places if taken[word] < most]
            if places:
                ids = vocabulary.encode(sentence)
                examples.sentences.append(sentence)
            for place, word in places:
                taken[word] += 1
                examples.words.append(word)
                examples.histories.append(ids[:place])
        return examples


class ContextSets(NamedTuple):
    """The contexts of the new words: E pairs of word and context, the weights of a word's summing
    to 1.
    """

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
        """The contexts of like words, and those of the examples."""
        liked = _similar_words(model, words, like, text, settings)  # [W, n]
        generator = torch.Generator(model.device).manual_seed(settings.seed)
        # [W · n]
        contexts = _contexts_of(model, liked.ravel(), text, text_rows, generator, settings)
        owners = np.repeat(np.arange(len(words)), liked.shape[1])
        weights = np.full(len(owners), settings.like_weight / liked.shape[1])
        state = text.state
        if examples.words:
            found = state.hidden.shape[1] + np.arange(len(examples.words))
            contexts, owners = (
                np.concatenate([contexts, found]),
                np.concatenate([owners, examples.words]),
            )
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
    """[W, n] known words that each new word is like: of the list or of all, those of like spelling.

    Half of them, and all where spelling says nothing, are any of the list; without one `<unk>`,
    which stood for unknown words in training; and where training had too few to learn that, the
    words of the sampled text.
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
        rest = np.array([unknown]) if vocabulary.counts[unknown] >= _LEARNT else text.ids.ravel()
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
    """[len(ids)] for each word a context of the sampled text, drawn in proportion to P(word |
    context).

    First S contexts of its row, then, of those, one as its column is probable there.
    """
    found = np.empty(len(ids), dtype=np.int64)
    rows, of_row = np.unique(model.table.row_of[ids], return_inverse=True)  # [Q], [len(ids)]
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(len(rows) + 1))
    draws = min(_DRAWS, settings.row_contexts)
    for part in chunks(len(rows), max(1, HELD // (draws * model.table.columns))):
        here = torch.as_tensor(rows[part], device=model.device)
        drawn = draw_contexts(text_rows[:, here], draws, generator)  # [q, S]
        here = here.repeat_interleave(draws)  # [q · S]
        log_probs = model.column_log_probs(
            model.read_rows(here, text.state.take(drawn.flatten()))[0], here
        )
        log_probs = log_probs.view(*drawn.shape, -1)  # [q, S, C]
        inside = order[bounds[part.start] : bounds[part.stop]]
        row = torch.as_tensor(of_row[inside] - part.start, device=model.device)
        column = torch.as_tensor(model.table.column_of[ids[inside]], device=model.device)
        # [n, 1]
        chosen = torch.multinomial(
            torch.softmax(log_probs[row, :, column], -1), 1, generator=generator
        )
        found[inside] = drawn[row].gather(1, chosen)[:, 0].cpu().numpy()
    return found
