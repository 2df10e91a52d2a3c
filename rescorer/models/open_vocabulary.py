"""Models of an open vocabulary: each unknown word has a probability of its own, so that no string
is impossible.

    log P(word | history) = log P(<unk> | history) + log P(word | unknown)

Shapes: N histories, M words to score, n different words met so far, K models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import RLock

import numpy as np
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.language_model import MARKS, UNKNOWN, LanguageModel, State
from rescorer.models.lightrnn import LightRNN
from rescorer.models.spelling import Spelling

# of threads that meet new words; of the module, as an object that holds a lock cannot be pickled
_meeting = RLock()


def open_vocabulary(models: Sequence[LanguageModel]) -> list[LanguageModel]:
    """The models, each with an open vocabulary, by the first LightRNN among them that can spell.

    Raises:
        InputError: none can.
    """
    speller = find_speller(models)
    if speller is None:
        raise InputError(
            "no model here can spell unknown words",
            expected="a lightrnn.pt with a spelling",
            remedy="make one with `lightrnn spell MODEL --output NEW`",
        )
    return [OpenVocabulary(model, speller) for model in models]


def find_speller(models: Sequence[LanguageModel]) -> LightRNN | None:
    """The first LightRNN that can spell."""
    return next((model for model in models if isinstance(model, LightRNN) and model.spelling), None)


class OpenVocabulary(LanguageModel):
    """A model whose unknown words are told apart; its states are the model's own.

    P(word | unknown) is the same whatever the history. To take its sum over all strings, let the
    words that the model does not know be of two kinds: those that the LightRNN brings, which knows
    them, and all others. `<unk>` stood for both in a text like the LightRNN's, so both have shares
    of it as they are counted there:

        brought words   count(word) / T                               T = count(<unk>) + Σ
        count(brought words) all others      count(<unk>) / T · P(spelling) / (1 − Σ P(spelling of
        known and brought words))

    each count being at least 1, that nothing is impossible. The LightRNN brings itself no word, and
    T is count(<unk>). The sum over all strings, in the case of the LightRNN's vocabulary, is 1. It
    is less where a model cannot list its words, as KenLM cannot, and knows some that the LightRNN
    does not: their spellings, which no unknown word has, keep what they have of the probability.

    `<unk>` itself, as a word, is any unknown word: it keeps all of their probability, and so do the
    sentence marks theirs. The ids are its own and count up as words are first met. A mixture is
    made of opened models, not opened. Several threads may use one object.
    """

    def __init__(self, model: LanguageModel, speller: LightRNN) -> None:
        """Open `model` with the spelling, the words and the counts of `speller`, which may be the
        model itself.
        """
        if speller.spelling is None:
            raise ValueError(f"{speller.name} cannot spell")
        self.name, self.model = model.name, model
        self._speller, self._spelling = speller, speller.spelling
        self._ids: dict[str, int] = {}
        self._own_ids = torch.zeros(0, dtype=torch.int64)  # [n] the model's
        # [n] log P(word | unknown); 0 for a known word
        self._log_shares = torch.zeros(0, dtype=torch.float64)

    @property
    def history_bytes(self) -> int:
        return self.model.history_bytes

    @property
    def state_bytes(self) -> int:
        return self.model.state_bytes

    @property
    def words(self) -> Sequence[str] | None:
        return self.model.words

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are not spelled out: the model's own, and those that the
        LightRNN brings.
        """
        return np.asarray(self.model.knows(words) | self._speller.knows(words))

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words the model, or the LightRNN that brings them, was trained
        with.
        """
        return np.asarray(self.model.has_learnt(words) | self._speller.has_learnt(words))

    def log_spellings(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] float64 log P(word | unknown) of the words that are spelled out; 0 of all
        others.
        """
        return np.asarray(
            np.where(self.knows(words), 0.0, self.log_shares(self.encode(words)).numpy())
        )

    def encode(self, words: Sequence[str]) -> Tensor:
        """[len(words)] int64 ids, this object's own."""
        if not all(word in self._ids for word in words):
            with _meeting:
                if new := [word for word in dict.fromkeys(words) if word not in self._ids]:
                    self._meet(new)
        return torch.tensor([self._ids[word] for word in words], dtype=torch.int64)

    def log_shares(self, words: Tensor) -> Tensor:
        """[M] float64 log P(words[m] | unknown), on the host; 0 for a known word."""
        return self._log_shares[words]

    def start(self) -> State:
        return self.model.start()

    def score(self, state: State, parents: Tensor, words: Tensor) -> Tensor:
        return self._with_shares(self.model.score(state, parents, self._own_ids[words]), words)

    def extend(self, state: State, parents: Tensor, words: Tensor) -> State:
        return self.model.extend(state, parents, self._own_ids[words])

    def advance(self, state: State, parents: Tensor, words: Tensor) -> tuple[Tensor, State]:
        log_probs, longer = self.model.advance(state, parents, self._own_ids[words])
        return self._with_shares(log_probs, words), longer

    def select(self, state: State, index: Tensor) -> State:
        return self.model.select(state, index)

    def join(self, states: Sequence[State]) -> State:
        return self.model.join(states)

    def best_words(
        self,
        state: State,
        k: int = 10,
        *,
        prefix: str | None = None,
        candidates: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """The model's own words are as probable as without the others."""
        if candidates is not None:
            return super().best_words(state, k, prefix=prefix, candidates=candidates)
        return self.model.best_words(state, k, prefix=prefix)

    def _with_shares(self, log_probs: Tensor, words: Tensor) -> Tensor:
        # Only from the host to the device, as indices go: the host waits for nothing.
        return log_probs + self.log_shares(words).to(log_probs.dtype).to(
            log_probs.device, non_blocking=True
        )

    def _meet(self, new: Sequence[str]) -> None:
        """Give words that were not met before their ids; one thread at a time."""
        known = self.model.knows(new)
        shares = [
            0.0
            if knows or word in MARKS
            else self._log_share(self._speller.vocabulary.normalise(word))
            for word, knows in zip(new, known.tolist(), strict=True)
        ]
        self._own_ids = torch.cat([self._own_ids, self.model.encode(new)])
        self._log_shares = torch.cat([self._log_shares, torch.tensor(shares, dtype=torch.float64)])
        # Last: a thread that finds an id finds what belongs to it.
        self._ids.update(zip(new, range(len(self._ids), len(self._ids) + len(new)), strict=True))

    def _log_share(self, word: str) -> float:
        """Log P(word | unknown), of a word that the model does not know."""
        count = self._counts.get(word)
        if count is not None:
            return math.log(count / self._total)
        return math.log(self._counts[UNKNOWN] / self._total) + self._unlisted.unknown_log_prob(word)

    @cached_property
    def _counts(self) -> Mapping[str, int]:
        """Of `<unk>` and of each word that the LightRNN brings, at least 1."""
        vocabulary = self._speller.vocabulary
        unknown = ~self.model.knows(vocabulary.words)
        counts = np.maximum(vocabulary.counts, 1)
        brought = {
            vocabulary.words[index]: int(counts[index])
            for index in np.flatnonzero(unknown)
            if vocabulary.words[index] not in MARKS
        }
        return {**brought, UNKNOWN: int(counts[vocabulary.unknown_id])}

    @cached_property
    def _total(self) -> int:
        return sum(self._counts.values())

    @cached_property
    def _unlisted(self) -> Spelling:
        """The spelling of words that neither the LightRNN nor the model, as far as it can list its
        own, knows.
        """
        listed = set(self.model.words or ())
        return self._spelling.knowing(listed.difference(self._speller.vocabulary.words))
