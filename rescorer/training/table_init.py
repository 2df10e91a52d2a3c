"""The first table: words that keep the same company share a row, before any network is trained.

A word's company is how much more often than by chance each of the frequent words stands to its left
and to its right. The most frequent words get a row each; as many of the next are dealt to the rows,
one to each, where they are most like the words that are there; and so on. So each row has one word
of each band of frequency, and its words are alike.

Shapes: N words of the text, V vocabulary, K frequent words, F factors, R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, hstack
from scipy.sparse.linalg import svds

from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.reallocation.auction import auction_assignment
from rescorer.training.reallocation.problem import Floats
from rescorer.training.reallocation.unseen import ZeroCountWords

_CONTEXT_WORDS = 5000  # K: with 2,000 0.6 % worse
_COUNT_SMOOTHING = 100  # of a word's count: without, 1.4 % worse; from 100 to 1,000 alike
_DIM = 128  # F: networks that begin by 64 are a per cent worse, by 200 no better
_SMALL = 500  # words
_TEXT_WORDS = 20_000_000  # as many are read, from the beginning


def ppmi_svd_embeddings(
    ids: NDArray[np.integer], vocabulary: Vocabulary, lists: Iterable[NDArray[np.int64]]
) -> Floats:
    """[V, F] of length 1, alike for words with like neighbours.

    A word that the text lacks keeps the company of words like it: those of its lists, and those
    that begin or end alike; 0 where there are none. Time O(N + V · K · F).

    Args:
        ids: [N] the training text.
        lists: ids of words of one kind (places, surnames, …).
    """
    vectors = text_embeddings(ids, len(vocabulary))
    met = np.bincount(ids[:_TEXT_WORDS], minlength=len(vocabulary)) > 0
    if not met.all():
        unseen = ZeroCountWords.of(vocabulary.words, met, lists)
        vectors[unseen.ids] = l2_normalize(unseen.like(vectors).astype(np.float32))
    return vectors


def text_embeddings(ids: NDArray[np.integer], size: int) -> Floats:
    """[V, F] of length 1, alike for words with like neighbours; 0 for a word without.

    Their association with neighbours, brought to few dimensions by a truncated SVD, whose singular
    values count by their roots: as Levy, Goldberg, Dagan: Improving distributional similarity with
    lessons learned from word embeddings, TACL 2015.
    """
    beside = ppmi_matrix(np.asarray(ids[:_TEXT_WORDS], dtype=np.int64), size)
    # of so few words, ARPACK may ask for more factors than there are
    if min(beside.shape) <= _SMALL:
        left, strength, _ = np.linalg.svd(beside.toarray(), full_matrices=False)
    else:
        left, strength, _ = svds(beside, _DIM, v0=np.ones(min(beside.shape), dtype=beside.dtype))
    return l2_normalize((left * np.sqrt(strength))[:, :_DIM])


def ppmi_matrix(ids: NDArray[np.int64], size: int) -> csr_matrix:
    """[V, 2K] float32 positive pointwise mutual information of each word and the K most frequent to
    its left and right.

    The log of how many times as often two stand side by side as chance would have it, where that is
    more than 0 (Church and Hanks, 1990), as if each word had been seen a little more often, in no
    company: of a word that is seldom seen each neighbour would seem a sign. With roots of the
    shares of neighbours in its place networks that begin by it are 5 % worse.
    """
    width = min(_CONTEXT_WORDS, size)
    sides = []
    for words, contexts in ((ids[1:], ids[:-1]), (ids[:-1], ids[1:])):
        kept = contexts < width
        pairs = (np.ones(int(kept.sum())), (words[kept], contexts[kept]))
        sides.append(coo_matrix(pairs, shape=(size, width)).tocsr())  # adds up what stands twice
    both = hstack(sides).tocoo()
    of_words, of_contexts = (np.asarray(both.sum(axis)).ravel() for axis in (1, 0))
    chance = (of_words[both.row] + _COUNT_SMOOTHING) * of_contexts[both.col] / both.data.sum()
    both.data = np.log(both.data / chance).clip(min=0)
    found = both.tocsr().astype(np.float32)
    found.eliminate_zeros()
    return found


def balanced_clustering(
    vectors: Floats, counts: NDArray[np.int64], rows: int, columns: int
) -> WordTable:
    """Of each R words of the next ranks one to each row, so that all are as like as can be to their
    rows.

    A row is the mean of its words' vectors [V, F], each as often as the root of its count. The
    ranks of a large table are dealt by auction, to within a per cent. Time: C assignments of R
    words; with `ppmi_svd_embeddings` 17 s for 200,000 words in 2900 rows.
    """
    # the first R words have a row each
    cells = np.arange(len(vectors), dtype=np.int64) % rows * columns
    often = sqrt_count_weights(counts)
    sums = np.zeros((rows, vectors.shape[1]), np.float32)
    # what columns there are beyond are left for later words
    for column in range(-(-len(vectors) // rows)):
        words = np.arange(column * rows, min((column + 1) * rows, len(vectors)))
        if column:
            likeness = vectors[words] @ l2_normalize(sums).T  # [words, R]
            cells[words] = auction_assignment(likeness) * columns
        sums[cells[words] // columns] += vectors[words] * often[words, None]
        cells[words] += column
    return WordTable(rows, columns, cells)


def sqrt_count_weights(counts: NDArray[np.int64]) -> Floats:
    """[V] how much a word says of the company of its row: less than in proportion to its count."""
    weights: Floats = np.sqrt(counts + 1.0).astype(np.float32)
    return weights


def l2_normalize(vectors: Floats) -> Floats:
    """The same directions [n, F]; 0 stays 0."""
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return found
