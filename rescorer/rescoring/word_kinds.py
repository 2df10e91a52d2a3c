"""What sets words apart from those that a model was trained with: unknown ones, and new ones, which came later.

Shapes: n words, or nodes of a tree; K models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.models.language_model import LanguageModel


@dataclass(frozen=True, eq=False)
class WordKinds:
    """
    Attributes:
        log_spellings: [n, K] the part of a log-probability that is log P(word | unknown); 0 of what is not spelled out.
        unknown: [n, K] bool: whether the model does not know the word.
        new: [n, K] bool: whether it knows the word, but was trained without.
    """

    log_spellings: np.ndarray
    unknown: np.ndarray
    new: np.ndarray

    @classmethod
    def of(cls, words: Sequence[str], models: Sequence[LanguageModel]) -> WordKinds:
        """Of words as each of the models sees them."""
        log_spellings = np.stack([model.log_spellings(words) for model in models], -1)
        known = np.stack([model.knows(words) for model in models], -1)
        learnt = np.stack([model.has_learnt(words) for model in models], -1)
        return cls(log_spellings, ~known, known & ~learnt)

    @classmethod
    def joined(cls, parts: Sequence[WordKinds]) -> WordKinds:
        """One after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    def take(self, index: np.ndarray) -> WordKinds:
        """Of the words index [m]."""
        return WordKinds(self.log_spellings[index], self.unknown[index], self.new[index])

    def without_models(self) -> WordKinds:
        """Of the same words as no model sees them."""
        return WordKinds(self.log_spellings[:, :0], self.unknown[:, :0], self.new[:, :0])
