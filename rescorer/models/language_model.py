"""What everything that scores words fulfils."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.vocabulary import SENTENCE_END as SENTENCE_END
from rescorer.models.vocabulary import SENTENCE_START as SENTENCE_START
from rescorer.models.vocabulary import UNKNOWN as UNKNOWN

# Shapes: N histories, M words to score, each after one of the histories.

MARKS = (SENTENCE_START, SENTENCE_END, UNKNOWN)  # they stand among words, and are none
State = Any  # N histories, opaque: only the model that made it looks inside


class LanguageModel(ABC):
    """Anything that gives log P(word | history), batched, with explicit opaque states.

    All log-probabilities are natural. `</s>` is scored like any word; `<s>` is only ever a history.
    Ids and indices are tensors on the host; log-probabilities and states are where the model is, so
    that the host waits only for those.
    """

    name: str

    @property
    @abstractmethod
    def history_bytes(self) -> int:
        """About how much memory one history takes while it is advanced."""

    @property
    @abstractmethod
    def state_bytes(self) -> int:
        """About how much memory one history takes while it is kept."""

    @property
    @abstractmethod
    def words(self) -> Sequence[str] | None:
        """The vocabulary, where the model can tell it."""

    @abstractmethod
    def encode(self, words: Sequence[str]) -> Tensor:
        """The model's own ids of the words, first dimension [len(words)]; a word it does not know
        gets `<unk>`'s.
        """

    @abstractmethod
    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are in the vocabulary; `<unk>` is not."""

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words the model was trained with.

        Of all others, those that it does not know and those that it was given later, no training
        text tells how often they are said.
        """
        return self.knows(words)

    def log_spellings(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] float64 log P(word | unknown), which is part of what `score` gives for an
        unknown word.

        0 for what is known, and everywhere in a model that does not tell unknown words apart.
        """
        return np.zeros(len(words))

    @abstractmethod
    def start(self) -> State:
        """The one history (N = 1) that holds only `<s>`."""

    @abstractmethod
    def score(self, state: State, parents: Tensor, words: Tensor) -> Tensor:
        """[M] log P(words[m] | history parents[m]); parents [M] index the N histories, words [M]
        come from encode.
        """

    @abstractmethod
    def extend(self, state: State, parents: Tensor, words: Tensor) -> State:
        """The M longer histories, unscored."""

    def advance(self, state: State, parents: Tensor, words: Tensor) -> tuple[Tensor, State]:
        """`score` and `extend` in one: models whose two share work do it once."""
        return self.score(state, parents, words), self.extend(state, parents, words)

    @abstractmethod
    def select(self, state: State, index: Tensor) -> State:
        """The histories index [M] of a state, in this order."""

    @abstractmethod
    def join(self, states: Sequence[State]) -> State:
        """The histories of at least one state, one state after the other."""

    def logprob(self, words: Sequence[str], *, end: bool = True) -> float:
        """Natural log P of a sentence, with its `</s>` unless `end` is False."""
        if isinstance(words, str):
            raise TypeError("a string where words are expected: give text.split()")
        sentence = [*words, SENTENCE_END] if end else list(words)
        return sum(log_prob for log_prob, _ in self._walk(sentence))

    def read(self, words: Sequence[str], state: State = None) -> State:
        """The one history with these words after those of a state; without one, after `<s>`."""
        state = self.start() if state is None else state
        zero = torch.zeros(1, dtype=torch.int64)
        ids = self.encode(words)
        for position in range(len(words)):
            state = self.extend(state, zero, ids[position : position + 1])
        return state

    def next_words(
        self,
        history: Sequence[str],
        k: int = 10,
        *,
        prefix: str | None = None,
        candidates: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """The k most probable words after a history, `</s>` and `<unk>` among them, with their
        P(word | history).

        Args:
            prefix: choose among the words that begin so, of which `</s>` and `<unk>` are none: an
                empty one leaves those two out.
            candidates: choose among these words; needed where the model cannot list its own
                (KenLM).
        """
        return self.best_words(self.read(history), k, prefix=prefix, candidates=candidates)

    def best_words(
        self,
        state: State,
        k: int = 10,
        *,
        prefix: str | None = None,
        candidates: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """`next_words` after the one history of a state, which is read once for many prefixes."""
        candidates = candidates if candidates is not None else self.words
        if candidates is None:
            raise InputError(
                "the model cannot list its words", remedy="give the candidates to choose from"
            )
        if prefix is not None:
            candidates = [
                word for word in candidates if word.startswith(prefix) and word not in MARKS
            ]
        best = self._best(state, self.encode(candidates), min(k, len(candidates)))
        return [
            (candidates[index], float(np.exp(value)))
            for value, index in zip(*(part.tolist() for part in best), strict=True)
        ]

    def _best(self, state: State, words: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """[k] log-probs of the best of words [M], and which they are; where the model is."""
        log_probs = self.score(state, torch.zeros(len(words), dtype=torch.int64), words)
        values, places = torch.topk(log_probs, k)
        return values, places

    def _walk(self, words: Sequence[str]) -> Iterator[tuple[float, State]]:
        """Yield (log-prob, state) after each word."""
        state = self.start()
        ids = self.encode(words)
        zero = torch.zeros(1, dtype=torch.int64)
        for position in range(len(words)):
            log_probs, state = self.advance(state, zero, ids[position : position + 1])
            yield float(log_probs), state
