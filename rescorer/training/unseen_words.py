"""Words that the text never holds get costs from words like them, so that no cell of theirs is left to chance.

Like a word are those of its lists (places, surnames, …) and those that share a beginning or an end with it. It is
priced as if it had been seen a little in the places of those words.

Shapes: V words, W unseen words, G groups (the pieces of unseen words, and the lists), F factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.assignment_problem import chunks
from rescorer.training.cell_costs import CellCosts, LineCosts
from rescorer.training.likeness import pieces, weights

_CHUNK_WORDS = 65_536
_LIST_LETTERS = 4  # a list says as much of a word as an end or a beginning of so many letters


def price_unseen(costs: CellCosts, words: Sequence[str], lists: Iterable[NDArray[np.int64]], weight: float) -> None:
    """Give the words without a token in the text the mean costs of words like them, in place.

    Time O(V · (letters + F)), memory G · F float64. A word that is like none stays without costs.

    Args:
        words: [V] spelled.
        lists: of each list the ids of its words.
        weight: tokens that an unseen word counts as.
    """
    unseen = np.flatnonzero(costs.tokens == 0)
    if not len(unseen):
        return
    groups, letters = _groups(words, unseen, lists)  # [V, G], [G]
    seen = groups.multiply(costs.tokens[:, None] > 0).T.tocsr()  # [G, V]
    seen.eliminate_zeros()
    known = np.diff(seen.indptr)
    likeness = groups[unseen].multiply(weights(letters, known)).tocsr()  # [W, G]
    total = np.asarray(likeness.sum(1))
    likeness = likeness.multiply(np.divide(weight, total, out=np.zeros_like(total), where=total > 0)).tocsr()
    means = seen.multiply(1 / np.maximum(known, 1)[:, None]).tocsr()
    for side in (costs.rows, costs.columns):
        _price(side, costs.tokens, unseen, means, likeness)


def read_lists(path: Path, vocabulary: Vocabulary) -> list[NDArray[np.int64]]:
    """Ids of the words of each list, of the file that `lexicon vocabulary --list` writes beside its vocabulary.

    Raises:
        InputError: a line is not `word<TAB>count<TAB>lists`.
    """
    members: dict[str, list[str]] = {}
    for number, line in read_lines(path):
        word, _, rest = line.partition("\t")
        count, _, names = rest.partition("\t")
        if not (word and count.isdigit() and names):
            raise InputError(f"{line[:80]!r}", expected="word<TAB>count<TAB>lists",
                             remedy="make it again with `lexicon vocabulary`", file=path, line=number)
        for name in names.split(","):
            members.setdefault(name, []).append(word)
    encoded = (np.unique(vocabulary.encode(words)) for words in members.values())
    return [ids[ids != vocabulary.unknown_id] for ids in encoded]


def _price(
    side: LineCosts, tokens: NDArray[np.int64], unseen: NDArray[np.int64], means: csr_matrix, likeness: csr_matrix
) -> None:
    factors = np.zeros((means.shape[0], side.words.shape[1] + 1))  # [G, F + 1], with the constant, a token
    for chunk in chunks(len(tokens), _CHUNK_WORDS):
        each = np.column_stack([side.words[chunk], side.constants[chunk]]) / np.maximum(tokens[chunk, None], 1)
        factors += means[:, chunk] @ each
    for chunk in chunks(len(unseen), _CHUNK_WORDS):
        found = likeness[chunk] @ factors
        side.words[unseen[chunk]] = found[:, :-1]
        side.constants[unseen[chunk]] = found[:, -1]


def _groups(
    words: Sequence[str], unseen: NDArray[np.int64], lists: Iterable[NDArray[np.int64]]
) -> tuple[csr_matrix, NDArray[np.float64]]:
    """[V, G] which words are in which groups, and [G] how many letters a group is worth."""
    wanted: dict[str, int] = {}
    for word in unseen.tolist():
        for piece in pieces(words[word]):
            wanted.setdefault(piece, len(wanted))
    of_word = [[wanted[piece] for piece in pieces(word) if piece in wanted] for word in words]
    sizes = np.fromiter(map(len, of_word), np.int64, len(words))
    members = [np.repeat(np.arange(len(words)), sizes), *lists]
    groups = [np.fromiter(chain.from_iterable(of_word), np.int64, int(sizes.sum()))]
    groups += [np.full(len(ids), len(wanted) + number) for number, ids in enumerate(members[1:])]
    letters = np.array([len(piece) - 1 for piece in wanted] + [_LIST_LETTERS] * (len(members) - 1), dtype=np.float64)
    where = np.concatenate(members), np.concatenate(groups)
    return csr_matrix((np.ones(len(where[0])), where), (len(words), len(letters))), letters
