"""LanguageModel: the interface of everything that scores words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar

from rescorer.errors import InputError
from rescorer.models.vocabulary import SENTENCE_END as SENTENCE_END
from rescorer.models.vocabulary import SENTENCE_START as SENTENCE_START
from rescorer.models.vocabulary import UNKNOWN as UNKNOWN

# Shapes: N histories, M words to score, each after one of the histories.

MARKS = (SENTENCE_START, SENTENCE_END, UNKNOWN)  # special tokens, not words

# N histories. Only the model that made a state reads it: a function that takes any LanguageModel
# passes states on, so their type is left open there.
State = TypeVar("State", default=Any)


class LanguageModel(ABC, Generic[State]):
    """A model that gives log P(word | history), batched, with explicit opaque states.

    All log-probabilities are natural. `</s>` is scored like any word; `<s>` is only ever a history.
    Ids and indices are tensors on the host. Log-probabilities and states are on the model's device,
    so that the host waits for nothing else.
    """

    name: str

    @property
    @abstractmethod
    def history_bytes(self) -> int:
        """Approximate memory of one history while it is advanced, in bytes."""

    @property
    @abstractmethod
    def state_bytes(self) -> int:
        """Approximate memory of one stored history, in bytes."""

    @property
    @abstractmethod
    def words(self) -> Sequence[str] | None:
        """The vocabulary; None if the model cannot list it."""

    @abstractmethod
    def encode(self, words: Sequence[str]) -> Tensor:
        """The model's ids of the words, first dimension [len(words)]; unknown words get the id of
        `<unk>`.
        """

    @abstractmethod
    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are in the vocabulary; `<unk>` is not."""

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words the model was trained with.

        The others are unknown words and words that were added after training. Their frequency
        cannot be estimated from the training text.
        """
        return self.knows(words)

    def log_spellings(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] float64 log P(word | unknown), a part of the `score` of an unknown word.

        0 for known words, and for all words if the model does not distinguish unknown words.
        """
        return np.zeros(len(words))

    @abstractmethod
    def start(self) -> State:
        """The one history (N = 1) that holds only `<s>`."""

    @abstractmethod
    def score(self, state: State, parents: Tensor, words: Tensor) -> Tensor:
        """[M] log P(words[m] | history parents[m]).

        Args:
            parents: [M] indices of the N histories.
            words: [M] ids from `encode`.
        """

    @abstractmethod
    def extend(self, state: State, parents: Tensor, words: Tensor) -> State:
        """The M longer histories, without scores."""

    def advance(self, state: State, parents: Tensor, words: Tensor) -> tuple[Tensor, State]:
        """`score` and `extend` in one call, which lets a model share their work."""
        return self.score(state, parents, words), self.extend(state, parents, words)

    @abstractmethod
    def select(self, state: State, index: Tensor) -> State:
        """The histories of a state at index [M], in this order."""

    @abstractmethod
    def join(self, states: Sequence[State]) -> State:
        """The concatenated histories of at least one state."""

    def logprob(self, words: Sequence[str], *, end: bool = True) -> float:
        """Natural log P of a sentence, with its `</s>` unless `end` is False."""
        if isinstance(words, str):
            raise TypeError("a string where words are expected: give text.split()")
        sentence = [*words, SENTENCE_END] if end else list(words)
        return sum(log_prob for log_prob, _ in self._walk(sentence))

    def read(self, words: Sequence[str], state: State | None = None) -> State:
        """One history: these words after the one history of a state, or after `<s>`."""
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
        """The k most probable words after a history, with their P(word | history).

        `</s>` and `<unk>` are among them, unless there is a prefix.

        Args:
            prefix: only words that begin with it; "" leaves out only `</s>` and `<unk>`.
            candidates: only these words; required if the model cannot list its words (KenLM).
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
        """`next_words` after the one history of a state, which then serves many prefixes."""
        candidates = candidates if candidates is not None else self.words
        if candidates is None:
            raise InputError("the model cannot list its words", remedy="pass candidates")
        if prefix is not None:
            candidates = [
                word for word in candidates if word.startswith(prefix) and word not in MARKS
            ]
        log_probs, places = self._best(state, self.encode(candidates), min(k, len(candidates)))
        best = zip(places.tolist(), log_probs.tolist(), strict=True)
        return [(candidates[place], float(np.exp(log_prob))) for place, log_prob in best]

    def _best(self, state: State, words: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """[k] log-probabilities and positions of the best of words [M], on the model's device."""
        log_probs = self.score(state, torch.zeros(len(words), dtype=torch.int64), words)
        values, places = torch.topk(log_probs, k)
        return values, places

    def _walk(self, words: Sequence[str]) -> Iterator[tuple[float, State]]:
        """Yield (log-probability, state) after each word."""
        state = self.start()
        ids = self.encode(words)
        zero = torch.zeros(1, dtype=torch.int64)
        for position in range(len(words)):
            log_probs, state = self.advance(state, zero, ids[position : position + 1])
            yield float(log_probs), state
