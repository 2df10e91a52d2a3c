"""Words that the text never holds get costs from words like them, so that no cell of theirs is left
to chance.

Like a word are those of its lists (places, surnames, …) and those that share a beginning or an end
with it. It is priced as if it had been seen a little in the places of those words.

Shapes: V words, W unseen words, G groups (the pieces of unseen words, and the lists), F factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.affixes import affix_weights, affixes
from rescorer.training.reallocation.costs import CellCosts, LineCosts
from rescorer.training.reallocation.problem import chunks

_CHUNK_WORDS = 65_536
_LIST_LETTERS = 4  # a list says as much of a word as an end or a beginning of so many letters


class ZeroCountWords(NamedTuple):
    """The words that the text lacks, and how much each is like each group.

    Attributes:
        ids: [W].
        means: [G, V] a row's product with something of all words is its mean over those of the
            group that were seen.
        affinity: [W, G] sums to 1 for each word, or to 0 for one that is like none.
    """

    ids: NDArray[np.int64]
    means: csr_matrix
    affinity: csr_matrix

    @classmethod
    def of(
        cls, words: Sequence[str], seen: NDArray[np.bool_], lists: Iterable[NDArray[np.int64]]
    ) -> ZeroCountWords:
        """
        Args:
            words: [V] spelled.
            seen: [V] whether the text holds them.
            lists: of each list the ids of its words.
        """
        ids = np.flatnonzero(~seen)
        groups, letters = _groups(words, ids, lists)  # [V, G], [G]
        members = groups.multiply(seen[:, None]).T.tocsr()  # [G, V]
        members.eliminate_zeros()
        known = np.diff(members.indptr)
        affinity = groups[ids].multiply(affix_weights(letters, known)).tocsr()  # [W, G]
        total = np.asarray(affinity.sum(1))
        affinity = affinity.multiply(
            np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        ).tocsr()
        return cls(ids, members.multiply(1 / np.maximum(known, 1)[:, None]).tocsr(), affinity)

    def like(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """[W, F] the means of what words like them have, of values [V, F]; 0 for a word that is
        like none.
        """
        return np.asarray(self.affinity @ (self.means @ values))


def back_off_unseen(
    costs: CellCosts, words: Sequence[str], lists: Iterable[NDArray[np.int64]], weight: float
) -> None:
    """Give the words without a token in the text the mean costs of words like them, in place.

    Time O(V · (letters + F)), memory G · F float64. A word that is like none stays without costs.

    Args:
        words: [V] spelled.
        lists: of each list the ids of its words.
        weight: tokens that an unseen word counts as.
    """
    if costs.tokens.all():
        return
    unseen = ZeroCountWords.of(words, costs.tokens > 0, lists)
    for side in (costs.rows, costs.columns):
        _price(side, costs.tokens, unseen, weight)


def read_lists(path: Path, vocabulary: Vocabulary) -> list[NDArray[np.int64]]:
    """Ids of the words of each list, of the file that `lexicon vocabulary --list` writes beside its
    vocabulary.

    Raises:
        InputError: a line is not `word<TAB>count<TAB>lists`.
    """
    members: dict[str, list[str]] = {}
    for number, line in read_lines(path):
        word, _, rest = line.partition("\t")
        count, _, names = rest.partition("\t")
        if not (word and count.isdigit() and names):
            raise InputError(
                f"{line[:80]!r}",
                expected="word<TAB>count<TAB>lists",
                remedy="make it again with `lexicon vocabulary`",
                file=path,
                line=number,
            )
        for name in names.split(","):
            members.setdefault(name, []).append(word)
    encoded = (np.unique(vocabulary.encode(words)) for words in members.values())
    return [ids[ids != vocabulary.unknown_id] for ids in encoded]


def _price(
    side: LineCosts, tokens: NDArray[np.int64], unseen: ZeroCountWords, weight: float
) -> None:
    # [G, F + 1], with the constant, a token
    factors = np.zeros((unseen.means.shape[0], side.words.shape[1] + 1))
    for chunk in chunks(len(tokens), _CHUNK_WORDS):
        each = np.column_stack([side.words[chunk], side.constants[chunk]]) / np.maximum(
            tokens[chunk, None], 1
        )
        factors += unseen.means[:, chunk] @ each
    for chunk in chunks(len(unseen.ids), _CHUNK_WORDS):
        found = weight * (unseen.affinity[chunk] @ factors)
        side.words[unseen.ids[chunk]] = found[:, :-1]
        side.constants[unseen.ids[chunk]] = found[:, -1]


def _groups(
    words: Sequence[str], unseen: NDArray[np.int64], lists: Iterable[NDArray[np.int64]]
) -> tuple[csr_matrix, NDArray[np.float64]]:
    """[V, G] which words are in which groups, and [G] how many letters a group is worth."""
    wanted: dict[str, int] = {}
    for word in unseen.tolist():
        for piece in affixes(words[word]):
            wanted.setdefault(piece, len(wanted))
    of_word = [[wanted[piece] for piece in affixes(word) if piece in wanted] for word in words]
    sizes = np.fromiter(map(len, of_word), np.int64, len(words))
    members = [np.repeat(np.arange(len(words)), sizes), *lists]
    groups = [np.fromiter(chain.from_iterable(of_word), np.int64, int(sizes.sum()))]
    groups += [np.full(len(ids), len(wanted) + number) for number, ids in enumerate(members[1:])]
    letters = np.array(
        [len(piece) - 1 for piece in wanted] + [_LIST_LETTERS] * (len(members) - 1),
        dtype=np.float64,
    )
    where = np.concatenate(members), np.concatenate(groups)
    return csr_matrix((np.ones(len(where[0])), where), (len(words), len(letters))), letters
