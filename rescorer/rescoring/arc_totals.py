"""Total scores of the arcs of lattices before any language model scores them.

Shapes: A arcs of all lattices of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.weights import Weights

NO_WORD = -1
_END = -2


@dataclass(frozen=True, eq=False)
class ArcTotals:
    """The totals and the words of the arcs of a batch, before language models score them.

    Attributes:
        known: [A] the scaled raw scores less the word penalties.
        first_pass: [A] the totals of the recogniser's search, which guide the pruning.
        words: the distinct words; `</s>` is the last.
        word_of: [A] index into words, -1 for an arc without a word.
    """

    known: np.ndarray
    first_pass: np.ndarray
    words: tuple[str, ...]
    word_of: np.ndarray

    @classmethod
    def of(cls, lattices: Sequence[Lattice], weights: Weights, first_pass: Weights) -> ArcTotals:
        """The totals of a batch of lattices."""
        index: dict[str, int] = {}
        word_of = []
        for lattice in lattices:
            # Python looks at each distinct label of a lattice once.
            used, place = np.unique(lattice.labels, return_inverse=True)
            words = [lattice.symbols.model_words[label] for label in used]
            numbers = np.array(
                [
                    index.setdefault(_spoken_word(word), len(index)) if word else NO_WORD
                    for word in words
                ],
                dtype=np.int64,
            )
            word_of.append(np.where(lattice.ends, _END, numbers[place]))
        flat = np.concatenate([np.zeros(0, np.int64), *word_of]).astype(np.int64)
        return cls(
            known_totals(lattices, weights),
            known_totals(lattices, first_pass),
            (*index, SENTENCE_END),
            np.where(flat == _END, len(index), flat),
        )


def _spoken_word(word: str) -> str:
    """The word that models score: `<unk>` for a sentence mark inside a sentence."""
    return UNKNOWN if word in (SENTENCE_START, SENTENCE_END) else word


def known_totals(lattices: Sequence[Lattice], weights: Weights) -> np.ndarray:
    """[A] the scaled raw scores less the word penalties, over all lattices."""
    parts = [np.zeros(0)]
    for lattice in lattices:
        total = -weights.word_penalty * (lattice.symbols.spoken[lattice.labels] & ~lattice.ends)
        for name, scores in lattice.scores.items():
            total = total + weights.scales[name] * scores
        parts.append(total)
    return np.concatenate(parts)
