"""Models of an open vocabulary: every string has a probability, also that of an unknown word.

    log P(word | history) = log P(<unk> | history) + log P(word | unknown)

Shapes: N histories, M words to score, n distinct words encoded so far, K models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.derived_model import DerivedModel
from rescorer.models.language_model import MARKS, UNKNOWN, LanguageModel, State
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary

# Held while new words get ids. It is global because an object that holds a lock cannot be pickled.
_new_words = RLock()


class Speller(Protocol):
    """A model that gives P(word | unknown): it has a spelling, a vocabulary and counts."""

    name: str
    vocabulary: Vocabulary
    spelling: Spelling | None

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are in the vocabulary."""

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words the model was trained with."""


def open_vocabulary(models: Sequence[LanguageModel]) -> list[LanguageModel]:
    """The models, each with an open vocabulary, by the first of them that can spell.

    Raises:
        InputError: no model can spell.
    """
    speller = find_speller(models)
    if speller is None:
        raise InputError(
            "no model can spell unknown words",
            expected="a lightrnn.pt with a spelling",
            remedy="make one with `lightrnn spell MODEL --output NEW`",
        )
    return [OpenVocabulary(model, speller) for model in models]


def find_speller(models: Sequence[LanguageModel]) -> Speller | None:
    """The first model that can spell."""
    return next((model for model in models if _can_spell(model)), None)


def _can_spell(model: object) -> TypeGuard[Speller]:
    return getattr(model, "spelling", None) is not None


class OpenVocabulary(DerivedModel[State]):
    """A model in which each unknown word has its own probability. The states are the model's.

    P(word | unknown) does not depend on the history. The words that the model does not know are of
    two kinds: listed words, which the speller knows, and all others. The counts of the speller's
    training text divide the probability of `<unk>` among them:

        listed word    count(word) / T
        other string   count(<unk>) / T · P(spelling) / (1 − Σ P(spelling of known or listed words))

        T = count(<unk>) + Σ count(listed words)

    Each count is at least 1, so no string has probability 0. If the speller is the model itself,
    there are no listed words. Over all strings, in the case of the speller's vocabulary,
    P(word | unknown) sums to 1. The sum is less if a model cannot list its words (KenLM) and knows
    words that the speller does not know: the spellings of those keep their share.

    `<unk>` as a word means any unknown word and keeps its whole probability, and so do the sentence
    marks. The ids belong to this object: words get them when they are first encoded. A mixture is
    made from open models; a mixture itself cannot be opened. Several threads may use one object.
    """

    def __init__(self, model: LanguageModel[State], speller: Speller) -> None:
        """Open `model` with the spelling, the words and the counts of `speller`; the two may be one
        object.
        """
        if speller.spelling is None:
            raise ValueError(f"{speller.name} cannot spell")
        super().__init__(model)
        self._speller, self._spelling = speller, speller.spelling
        self._ids: dict[str, int] = {}
        self._own_ids = torch.zeros(0, dtype=torch.int64)  # [n] ids of the model
        # [n] log P(word | unknown); 0 for a known word
        self._log_shares = torch.zeros(0, dtype=torch.float64)

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are not spelled: the model or the speller knows them."""
        return np.asarray(self.model.knows(words) | self._speller.knows(words))

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words the model or the speller was trained with."""
        return np.asarray(self.model.has_learnt(words) | self._speller.has_learnt(words))

    def log_spellings(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] float64 log P(word | unknown) of words that are spelled; 0 for others."""
        return np.asarray(
            np.where(self.knows(words), 0.0, self.log_shares(self.encode(words)).numpy())
        )

    def encode(self, words: Sequence[str]) -> Tensor:
        """[len(words)] int64 ids of this object."""
        if not all(word in self._ids for word in words):
            with _new_words:
                if new := [word for word in dict.fromkeys(words) if word not in self._ids]:
                    self._add(new)
        return torch.tensor([self._ids[word] for word in words], dtype=torch.int64)

    def log_shares(self, words: Tensor) -> Tensor:
        """[M] float64 log P(words[m] | unknown), on the host; 0 for a known word."""
        return self._log_shares[words]

    def score(self, state: State, parents: Tensor, words: Tensor) -> Tensor:
        return self._with_shares(self.model.score(state, parents, self._own_ids[words]), words)

    def extend(self, state: State, parents: Tensor, words: Tensor) -> State:
        return self.model.extend(state, parents, self._own_ids[words])

    def advance(self, state: State, parents: Tensor, words: Tensor) -> tuple[Tensor, State]:
        log_probs, longer = self.model.advance(state, parents, self._own_ids[words])
        return self._with_shares(log_probs, words), longer

    def best_words(
        self,
        state: State,
        k: int = 10,
        *,
        prefix: str | None = None,
        candidates: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """The model's `best_words`: an open vocabulary does not change P of the model's words."""
        if candidates is not None:
            return super().best_words(state, k, prefix=prefix, candidates=candidates)
        return self.model.best_words(state, k, prefix=prefix)

    def _with_shares(self, log_probs: Tensor, words: Tensor) -> Tensor:
        # A copy from the host to the device, like those of indices: the host does not wait.
        return log_probs + self.log_shares(words).to(log_probs.dtype).to(
            log_probs.device, non_blocking=True
        )

    def _add(self, new: Sequence[str]) -> None:
        """Give ids to new words; one thread at a time."""
        known = self.model.knows(new)
        shares = [
            0.0
            if knows or word in MARKS
            else self._log_share(self._speller.vocabulary.normalise(word))
            for word, knows in zip(new, known.tolist(), strict=True)
        ]
        self._own_ids = torch.cat([self._own_ids, self.model.encode(new)])
        self._log_shares = torch.cat([self._log_shares, torch.tensor(shares, dtype=torch.float64)])
        # The ids come last, so that a thread that finds an id also finds its share.
        self._ids.update(zip(new, range(len(self._ids), len(self._ids) + len(new)), strict=True))

    def _log_share(self, word: str) -> float:
        """log P(word | unknown) of a word that the model does not know."""
        count = self._counts.get(word)
        if count is not None:
            return math.log(count / self._total)
        return math.log(self._counts[UNKNOWN] / self._total) + self._unlisted.unknown_log_prob(word)

    @cached_property
    def _counts(self) -> Mapping[str, int]:
        """Counts of `<unk>` and of each listed word, at least 1."""
        vocabulary = self._speller.vocabulary
        unknown = ~self.model.knows(vocabulary.words)
        counts = np.maximum(vocabulary.counts, 1)
        listed = {
            vocabulary.words[index]: int(counts[index])
            for index in np.flatnonzero(unknown)
            if vocabulary.words[index] not in MARKS
        }
        return {**listed, UNKNOWN: int(counts[vocabulary.unknown_id])}

    @cached_property
    def _total(self) -> int:
        return sum(self._counts.values())

    @cached_property
    def _unlisted(self) -> Spelling:
        """The spelling of words that neither the speller nor the model (if it can list its words)
        knows.
        """
        listed = set(self.model.words or ())
        return self._spelling.knowing(listed.difference(self._speller.vocabulary.words))
