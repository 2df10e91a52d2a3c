"""The histories of a batch of lattices and the states of the language models after them.

Shapes: H histories; C (history, word) pairs of one level; W distinct words; K models; N the order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rescorer.models.language_model import LanguageModel
from rescorer.rescoring.arc_totals import NO_WORD
from rescorer.rescoring.weights import Weights
from rescorer.rescoring.word_kinds import WordKinds

# Share of the memory that models may use while they score; histories and arcs use the rest.
MODELS_SHARE = 0.25


class Histories:
    """The histories of a batch, each with its number, its last words and the models' states.

    Numbers ascend and are never reused. A history is removed once no later level needs it.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        words: tuple[str, ...],
        order: int,
        weights: Weights,
        memory: int,
    ) -> None:
        self.models, self._weights = models, weights
        self._ids = [model.encode(words) for model in models]
        self._kinds = WordKinds.of(words, models)  # [W, K]
        self._kinds.unknown[-1] = False  # </s>
        self._names = tuple(model.name for model in models)
        self._words = len(words)
        self._kept_words = max(0, order - 1)
        self.exact = order == 0
        self.scored = 0
        # History 0 is <s>. -1 pads histories of fewer than N - 1 words.
        # [H] ascending numbers, and the number of the next history
        self._number, self._made = np.zeros(1, dtype=np.int64), 1
        self._suffix = np.full((1, self._kept_words), NO_WORD, dtype=np.int64)  # [H, N - 1]
        self._parent = np.zeros(1, dtype=np.int64)  # [H] a number
        self._word = np.zeros(1, dtype=np.int64)  # [H]
        self._slot = np.zeros(1, dtype=np.int64)  # [H] row of the models' state, -1: none
        self._last_level = np.zeros(1, dtype=np.int64)  # [H] the last level that needs it
        self._states = [model.start() for model in models]
        # The scored pairs of the histories in the table: key = history · W + word, ascending.
        self._keys = np.zeros(0, dtype=np.int64)
        self._children = np.zeros(0, dtype=np.int64)
        self._log_probs = np.zeros((0, len(models)))
        self._mixed = np.zeros(0)
        self._chunk = max(
            1, int(MODELS_SHARE * memory) // max(model.history_bytes for model in models)
        )

    def _rows(self, histories: np.ndarray) -> np.ndarray:
        """The rows of histories in the table."""
        return self._number.searchsorted(histories)

    def last_words(self, histories: np.ndarray) -> np.ndarray:
        """[C, N - 1] the last words of histories [C]."""
        return np.asarray(self._suffix[self._rows(histories)])

    def follow(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score each word [C] after its history [C].

        Returns:
            The longer histories [C], log P of each model [C, K], and log P of the mixture [C].
        """
        # One number stands for a pair, so that a sorted array of numbers is the table of pairs.
        wanted, place = np.unique(histories * self._words + words, return_inverse=True)
        at = np.searchsorted(self._keys, wanted)
        found = at < len(self._keys)
        found[found] = self._keys[at[found]] == wanted[found]
        if not found.all():
            self._score(wanted[~found])
            at = np.searchsorted(self._keys, wanted)
        at = at[place.reshape(-1)]
        return self._children[at], self._log_probs[at], self._mixed[at]

    def _score(self, keys: np.ndarray) -> None:
        """Score new pairs under all models; keys ascend."""
        parents, words = np.divmod(keys, self._words)
        rows = self._rows(parents)
        slots = self._slot[rows]
        log_probs = np.stack(
            [
                self._score_model(model, state, ids, slots, words)
                for model, state, ids in zip(self.models, self._states, self._ids, strict=True)
            ],
            -1,
        )
        self.scored += len(keys)
        mixed = self._weights.mixed(log_probs, self._kinds.take(words), self._names)
        children = self._made + np.arange(len(keys))
        self._made += len(keys)
        # Each pair makes a new history, whose last words are those of its parent, shifted by one.
        longer = np.concatenate([self._suffix[rows], words[:, None]], 1)[:, 1:]
        self._number = np.concatenate([self._number, children])
        self._suffix = np.concatenate([self._suffix, longer])
        self._parent = np.concatenate([self._parent, parents])
        self._word = np.concatenate([self._word, words])
        self._slot = np.concatenate([self._slot, np.full(len(keys), -1)])
        self._last_level = np.concatenate([self._last_level, np.zeros(len(keys), np.int64)])
        order = np.argsort(np.concatenate([self._keys, keys]), kind="stable")
        self._keys = np.concatenate([self._keys, keys])[order]
        self._children = np.concatenate([self._children, children])[order]
        self._log_probs = np.concatenate([self._log_probs, log_probs])[order]
        self._mixed = np.concatenate([self._mixed, mixed])[order]

    def _score_model(
        self,
        model: LanguageModel,
        state: object,
        ids: torch.Tensor,
        slots: np.ndarray,
        words: np.ndarray,
    ) -> np.ndarray:
        """[pairs] float64, in chunks that fit the memory. The host waits for the device once."""
        parts = []
        for begin in range(0, len(slots), self._chunk):
            # Only the histories of this chunk are selected, each once.
            used, parents = np.unique(slots[begin : begin + self._chunk], return_inverse=True)
            chosen = model.select(state, torch.as_tensor(used))
            parts.append(
                model.score(
                    chosen,
                    torch.as_tensor(parents.reshape(-1)),
                    ids[torch.as_tensor(words[begin : begin + self._chunk])],
                )
            )
        return torch.cat(parts).cpu().double().numpy()

    def extend(self, histories: np.ndarray, last_levels: np.ndarray) -> None:
        """Compute the models' states of histories and keep them until the given levels."""
        rows = self._rows(histories)
        np.maximum.at(self._last_level, rows, last_levels)
        new = np.unique(rows)
        new = new[self._slot[new] < 0]
        if not len(new):
            return
        held = int(self._slot.max()) + 1
        slots, words = self._slot[self._rows(self._parent[new])], self._word[new]
        for k, (model, ids) in enumerate(zip(self.models, self._ids, strict=True)):
            longer = [
                model.extend(
                    self._states[k],
                    torch.as_tensor(slots[begin : begin + self._chunk]),
                    ids[torch.as_tensor(words[begin : begin + self._chunk])],
                )
                for begin in range(0, len(new), self._chunk)
            ]
            self._states[k] = model.join([self._states[k], *longer])
        self._slot[new] = held + np.arange(len(new))

    def forget(self, level: int) -> None:
        """Remove the histories that no later level needs."""
        old = (self._slot >= 0) & (self._last_level <= level)
        if not old.any():
            return
        self._slot[old] = -1
        kept = np.flatnonzero(self._slot >= 0)
        kept = kept[np.argsort(self._slot[kept])]
        index = torch.as_tensor(self._slot[kept])
        self._states = [
            model.select(state, index)
            for model, state in zip(self.models, self._states, strict=True)
        ]
        self._slot[kept] = np.arange(len(kept))
        needed = self._slot >= 0
        pairs = np.flatnonzero(needed[self._rows(self._keys // self._words)])
        self._keys, self._children = self._keys[pairs], self._children[pairs]
        self._log_probs, self._mixed = self._log_probs[pairs], self._mixed[pairs]
        needed[self._rows(self._children)] = True
        self._number, self._suffix = self._number[needed], self._suffix[needed]
        self._parent, self._word = self._parent[needed], self._word[needed]
        self._slot, self._last_level = self._slot[needed], self._last_level[needed]

    @property
    def bytes(self) -> int:
        """Memory of the histories, doubled because arrays are copied when they grow."""
        numbers = sum(
            array.nbytes
            for array in (
                self._number,
                self._suffix,
                self._parent,
                self._word,
                self._slot,
                self._last_level,
                self._keys,
                self._children,
                self._log_probs,
                self._mixed,
            )
        )
        states = int(self._slot.max(initial=-1) + 1) * sum(
            model.state_bytes for model in self.models
        )
        return 2 * (numbers + states)
