"""SentenceModel: the interface of models that score whole sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

# Takes how many sentences are scored, and of how many.
Scored = Callable[[int, int], None]


class SentenceModel(Protocol):
    """A model that scores a sentence as a whole. It has words of its own, such as subwords, so its
    scores cannot be mixed with those of a LanguageModel word by word.

    Attributes:
        name: the name of its score.
    """

    name: str

    def log_probs(self, sentences: Sequence[tuple[str, ...]], scored: Scored) -> np.ndarray:
        """[S] natural log P of each of S sentences of words, with their ends.

        Args:
            scored: called as sentences are scored.
        """
