"""How probable words are whatever precedes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from rescorer.models.language_model import UNKNOWN, LanguageModel


class WordProbabilities:
    """log P(word) by a mixture of models in equal parts; each word is scored once.

    The history is an unknown word, which says little of the next: an n-gram backs off to unigrams.
    Without models all words are equally probable.
    """

    def __init__(self, models: Sequence[LanguageModel] = ()) -> None:
        self._models = models
        self._states = [model.read([UNKNOWN]) for model in models]
        self._known: dict[str, float] = {}

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """bool[len(words)] whether a model has the word; without models all words are known."""
        known = np.full(len(words), not self._models)
        for model in self._models:
            known |= model.knows(words)
        return known

    def learn(self, words: Iterable[str]) -> None:
        """Score words together, which is faster than one by one."""
        new = sorted({word for word in words if word not in self._known})
        if new:
            self._known.update(zip(new, self._score(new).tolist(), strict=True))

    @torch.inference_mode()
    def _score(self, words: Sequence[str]) -> np.ndarray:
        parents = torch.zeros(len(words), dtype=torch.int64)
        total = np.full(len(words), -np.inf if self._models else 0.0)
        for model, state in zip(self._models, self._states, strict=True):
            log_probs = model.score(state, parents, model.encode(words)).double().cpu().numpy()
            total = np.logaddexp(total, log_probs - np.log(len(self._models)))
        return total

    def of(self, phrases: Sequence[Sequence[str]]) -> np.ndarray:
        """float64[len(phrases)] the sum of log P over the words of each phrase."""
        self.learn(word for phrase in phrases for word in phrase)
        return np.array([sum(self._known[word] for word in phrase) for phrase in phrases])
