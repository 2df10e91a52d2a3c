"""Back-off for zero-count words: they get the mean costs of similar words.

Similar words share a list (places, surnames, …), a suffix or a prefix with the word. A zero-count
word gets the costs of a few occurrences in their contexts.

Shapes: V words, W zero-count words, G groups (affixes of zero-count words, and lists), F factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from rescorer.chunks import chunks
from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_list import read_word_list
from rescorer.training.affixes import affix_weights, affixes
from rescorer.training.reallocation.costs import CellCosts, LineCosts

_CHUNK_WORDS = 65_536
_LIST_LETTERS = 4  # a list weighs as much as an affix of so many letters


class ZeroCountWords(NamedTuple):
    """The words without an occurrence in the text, and their weights on groups of similar words.

    Attributes:
        ids: [W].
        means: [G, V] times values [V, F] gives the means over each group's words with a count.
        weights: [W, G] sum to 1 for each word, or to 0 for a word without a known group.
    """

    ids: NDArray[np.int64]
    means: csr_matrix
    weights: csr_matrix

    @classmethod
    def of(
        cls, words: Sequence[str], seen: NDArray[np.bool_], lists: Iterable[NDArray[np.int64]]
    ) -> ZeroCountWords:
        """
        Args:
            words: [V] spellings.
            seen: [V] whether the text has the word.
            lists: ids of the words of each list.
        """
        ids = np.flatnonzero(~seen)
        groups, letters = _groups(words, ids, lists)  # [V, G], [G]
        members = groups.multiply(seen[:, None]).T.tocsr()  # [G, V]
        members.eliminate_zeros()
        known = np.diff(members.indptr)
        weights = groups[ids].multiply(affix_weights(letters, known)).tocsr()  # [W, G]
        total = np.asarray(weights.sum(1))
        normalisers = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        weights = weights.multiply(normalisers).tocsr()
        means = members.multiply(1 / np.maximum(known, 1)[:, None]).tocsr()
        return cls(ids, means, weights)

    def back_off(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """[W, F] weighted means of the values [V, F] of similar words; 0 if there are none."""
        return np.asarray(self.weights @ (self.means @ values))


def back_off_unseen(
    costs: CellCosts, words: Sequence[str], lists: Iterable[NDArray[np.int64]], weight: float
) -> None:
    """Give zero-count words the mean costs of similar words, in place.

    Time O(V · (letters + F)), memory G · F float64. A word without similar words keeps costs of 0.

    Args:
        words: [V] spellings.
        lists: ids of the words of each list.
        weight: tokens that a zero-count word counts as.
    """
    if costs.tokens.all():
        return
    unseen = ZeroCountWords.of(words, costs.tokens > 0, lists)
    for side in (costs.rows, costs.columns):
        _back_off_side(side, costs.tokens, unseen, weight)


def read_lists(path: Path, vocabulary: Vocabulary) -> list[NDArray[np.int64]]:
    """Ids of the words of each list, from a file that `lexicon vocabulary --list` writes.

    Raises:
        InputError: as `read_word_list`, or a line names no list.
    """
    members: dict[str, list[str]] = {}
    for listed in read_word_list(path):
        if not listed.lists:
            raise InputError(
                f"{listed.word[:80]!r} is on no list",
                expected="word<TAB>count<TAB>lists",
                remedy="make it again with `lexicon vocabulary`",
                file=path,
                line=listed.line,
            )
        for name in listed.lists:
            members.setdefault(name, []).append(listed.word)
    encoded = (np.unique(vocabulary.encode(words)) for words in members.values())
    return [ids[ids != vocabulary.unknown_id] for ids in encoded]


def _back_off_side(
    side: LineCosts, tokens: NDArray[np.int64], unseen: ZeroCountWords, weight: float
) -> None:
    """Give zero-count words the costs of similar words in rows, or in columns."""
    # [G, F + 1]: mean factors and constant of one occurrence
    factors = np.zeros((unseen.means.shape[0], side.words.shape[1] + 1))
    for chunk in chunks(len(tokens), _CHUNK_WORDS):
        sums = np.column_stack([side.words[chunk], side.constants[chunk]])
        factors += unseen.means[:, chunk] @ (sums / np.maximum(tokens[chunk, None], 1))
    for chunk in chunks(len(unseen.ids), _CHUNK_WORDS):
        found = weight * (unseen.weights[chunk] @ factors)
        side.words[unseen.ids[chunk]] = found[:, :-1]
        side.constants[unseen.ids[chunk]] = found[:, -1]


def _groups(
    words: Sequence[str], unseen: NDArray[np.int64], lists: Iterable[NDArray[np.int64]]
) -> tuple[csr_matrix, NDArray[np.float64]]:
    """[V, G] membership of words in groups, and [G] number of letters that a group counts as."""
    group_of_affix: dict[str, int] = {}
    for word in unseen.tolist():
        for affix in affixes(words[word]):
            group_of_affix.setdefault(affix, len(group_of_affix))
    groups_of_word = [
        [group_of_affix[affix] for affix in affixes(word) if affix in group_of_affix]
        for word in words
    ]
    sizes = np.fromiter(map(len, groups_of_word), np.int64, len(words))
    members = [np.repeat(np.arange(len(words)), sizes)]
    groups = [np.fromiter(chain.from_iterable(groups_of_word), np.int64, int(sizes.sum()))]
    letters = [len(affix) - 1 for affix in group_of_affix]  # without the hyphen
    for ids in lists:
        members.append(ids)
        groups.append(np.full(len(ids), len(letters)))
        letters.append(_LIST_LETTERS)
    edges = np.concatenate(members), np.concatenate(groups)
    shape = len(words), len(letters)
    membership = csr_matrix((np.ones(len(edges[0])), edges), shape)
    return membership, np.array(letters, dtype=np.float64)
