"""What sets words apart from those that a model was trained with: unknown ones, and new ones, which
came later.

Shapes: n words, or nodes of a tree; S sentences; K models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from rescorer.models.language_model import LanguageModel


@dataclass(frozen=True, eq=False)
class WordKinds:
    """Of each word, or summed over those of sentences.

    Attributes:
        log_spellings: [n, K] the part of a log-probability that is log P(word | unknown); 0 of what
            is not spelled out.
        unknown: [n, K] bool: whether the model does not know the word; of sentences how many.
        new: [n, K] bool: whether it knows the word, but was trained without; of sentences how many.
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
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__dataclass_fields__
            )
        )

    def take(self, index: np.ndarray) -> WordKinds:
        """Of the words index [m]."""
        return WordKinds(self.log_spellings[index], self.unknown[index], self.new[index])

    def along(self, paths: csr_matrix) -> WordKinds:
        """[S, K] the sums over the words of sentences, which are paths [S, n] of a tree."""
        return WordKinds(
            *(
                paths @ each.astype(np.float64)
                for each in (self.log_spellings, self.unknown, self.new)
            )
        )

    def without_models(self) -> WordKinds:
        """Of the same words as no model sees them."""
        return WordKinds(self.log_spellings[:, :0], self.unknown[:, :0], self.new[:, :0])
