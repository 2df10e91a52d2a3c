"""A model that expects some words: names of an address book, of a map, of a meeting.

The expected words form a class with a small probability of its own in any history (Brown et al.,
1992, "Class-based n-gram models"), so that the model may never have seen them:

    P'(word | history) = (1 − share) · P(word | history) + share / N       an expected word
    P'(word | history) = (1 − share) · P(word | history)                    any other word

Which words are expected depends on the utterance. So an expected word is marked: `marked(word)` is
another word to this model than `word` itself, and to no other model.

Shapes: M words to score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from rescorer.models.derived_model import DerivedModel
from rescorer.models.language_model import LanguageModel, State

# Probability of the class. Results hardly change between a tenth and ten times of it.
_SHARE = 1e-3
_MARK = "\ue000"  # of Unicode's private use area: no word of a text begins with it
_OFFSET = 1 << 40  # of the ids of marked words; more than any vocabulary has


def marked(word: str) -> str:
    """The word as an expected one."""
    return _MARK + word


def unmarked(word: str) -> str:
    """The word itself, whether it is marked or not."""
    return word.removeprefix(_MARK)


def expected_number(models: Iterable[LanguageModel]) -> float:
    """How many names are expected in an utterance by models; 1 without a class of them."""
    return max((each.number for each in models if isinstance(each, ExpectedWords)), default=1.0)


class ExpectedWords(DerivedModel[State]):
    """A model with a class of expected words. The states are the model's.

    Attributes:
        number: N, at least 1.
    """

    def __init__(self, model: LanguageModel[State], number: float) -> None:
        """
        Args:
            number: N, how many names are expected in an utterance.
        """
        super().__init__(model)
        self.number = max(1.0, number)
        self._log_rest = math.log1p(-_SHARE)
        self._log_share = math.log(_SHARE / self.number)

    def encode(self, words: Sequence[str]) -> Tensor:
        plain = self.model.encode([unmarked(word) for word in words])
        return torch.where(torch.from_numpy(_are_marked(words)), plain + _OFFSET, plain)

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are in the vocabulary or expected."""
        return np.asarray(self.model.knows([unmarked(word) for word in words]) | _are_marked(words))

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words the model was trained with, or are expected."""
        learnt = self.model.has_learnt([unmarked(word) for word in words])
        return np.asarray(learnt | _are_marked(words))

    def log_spellings(self, words: Sequence[str]) -> np.ndarray:
        spelled = self.model.log_spellings([unmarked(word) for word in words])
        return np.asarray(np.where(_are_marked(words), 0.0, spelled))

    def score(self, state: State, parents: Tensor, words: Tensor) -> Tensor:
        return self._with_class(self.model.score(state, parents, words % _OFFSET), words)

    def extend(self, state: State, parents: Tensor, words: Tensor) -> State:
        return self.model.extend(state, parents, words % _OFFSET)

    def advance(self, state: State, parents: Tensor, words: Tensor) -> tuple[Tensor, State]:
        log_probs, longer = self.model.advance(state, parents, words % _OFFSET)
        return self._with_class(log_probs, words), longer

    def _with_class(self, log_probs: Tensor, words: Tensor) -> Tensor:
        """[M] the log-probabilities with those of the class."""
        # log P of the class: -inf for words outside. The copy to the device does not wait.
        outside = torch.full((), -math.inf, dtype=log_probs.dtype)
        share = torch.full((), self._log_share, dtype=log_probs.dtype)
        of_class = torch.where(words >= _OFFSET, share, outside)
        rest = log_probs + self._log_rest
        return torch.logaddexp(rest, of_class.to(log_probs.device, non_blocking=True))


def _are_marked(words: Sequence[str]) -> np.ndarray:
    return np.array([word.startswith(_MARK) for word in words], bool)
