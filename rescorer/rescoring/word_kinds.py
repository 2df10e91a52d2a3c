"""Kinds of words that a model treats apart: unknown words, and new words added after training.

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
    """The kinds of n words under K models, or their sums over the words of sentences.

    Attributes:
        log_spellings: [n, K] log P(word | unknown), a part of the word's log-probability; 0 for
            words that are not spelled out.
        unknown: [n, K] bool, whether the word is unknown to the model; for sentences a count.
        new: [n, K] bool, whether the word was added after training; for sentences a count.
    """

    log_spellings: np.ndarray
    unknown: np.ndarray
    new: np.ndarray

    @classmethod
    def of(cls, words: Sequence[str], models: Sequence[LanguageModel]) -> WordKinds:
        """The kinds of words under each model."""
        log_spellings = np.stack([model.log_spellings(words) for model in models], -1)
        known = np.stack([model.knows(words) for model in models], -1)
        learnt = np.stack([model.has_learnt(words) for model in models], -1)
        return cls(log_spellings, ~known, known & ~learnt)

    @classmethod
    def joined(cls, parts: Sequence[WordKinds]) -> WordKinds:
        """The concatenation of several parts."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__dataclass_fields__
            )
        )

    def take(self, index: np.ndarray) -> WordKinds:
        """The kinds of the words with these indices [m]."""
        return WordKinds(self.log_spellings[index], self.unknown[index], self.new[index])

    def along(self, paths: csr_matrix) -> WordKinds:
        """[S, K] sums over the words of sentences; `paths` [S, n] lead through a prefix tree."""
        return WordKinds(
            *(
                paths @ each.astype(np.float64)
                for each in (self.log_spellings, self.unknown, self.new)
            )
        )

    def without_models(self) -> WordKinds:
        """The kinds of the same words under no model: [n, 0]."""
        return WordKinds(self.log_spellings[:, :0], self.unknown[:, :0], self.new[:, :0])
