"""Table initialisation: words are clustered into rows by their PPMI-SVD embeddings.

The embedding of a word comes from its association with the frequent words to its left and right.
Balanced clustering gives each of the most frequent words its own row. Then it assigns as many of
the next words to the rows, one to each, so that the similarity of words and rows is largest; and so
on. So each row has one word of each frequency rank, and its words are similar.

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

_CONTEXT_WORDS = 5000  # K; the perplexity is 0.6 % higher with 2,000
# Added to a word's count. The perplexity is 1.4 % higher without, and the same from 100 to 1,000.
_COUNT_SMOOTHING = 100
_DIM = 128  # F; the perplexity is a per cent higher with 64, and the same with 200
_DENSE_SVD_SIZE = 500  # smaller side of the matrix up to which the SVD is dense
_TEXT_WORDS = 20_000_000  # words at the start of the text that are read


def ppmi_svd_embeddings(
    ids: NDArray[np.integer], vocabulary: Vocabulary, lists: Iterable[NDArray[np.int64]]
) -> Floats:
    """[V, F] of length 1, similar for words with similar contexts.

    A zero-count word gets the mean of similar words: those on its lists, and those with its
    suffixes or prefixes; 0 if there are none. Time O(N + V · K · F).

    Args:
        ids: [N] the training text.
        lists: ids of words of one kind (places, surnames, …).
    """
    vectors = text_embeddings(ids, len(vocabulary))
    has_count = np.bincount(ids[:_TEXT_WORDS], minlength=len(vocabulary)) > 0
    if not has_count.all():
        unseen = ZeroCountWords.of(vocabulary.words, has_count, lists)
        vectors[unseen.ids] = l2_normalize(unseen.back_off(vectors).astype(np.float32))
    return vectors


def text_embeddings(ids: NDArray[np.integer], size: int) -> Floats:
    """[V, F] of length 1, similar for words with similar contexts; 0 for a word without contexts.

    They are a truncated SVD of the PPMI matrix, weighted by the roots of the singular values
    (Levy, Goldberg, Dagan: Improving distributional similarity with lessons learned from word
    embeddings, TACL 2015).
    """
    ppmi = ppmi_matrix(np.asarray(ids[:_TEXT_WORDS], dtype=np.int64), size)
    # ARPACK finds fewer factors than the smaller side, which may be less than F.
    if min(ppmi.shape) <= _DENSE_SVD_SIZE:
        left, singular_values, _ = np.linalg.svd(ppmi.toarray(), full_matrices=False)
    else:
        start = np.ones(min(ppmi.shape), dtype=ppmi.dtype)  # svds is random without
        left, singular_values, _ = svds(ppmi, _DIM, v0=start)
    return l2_normalize((left * np.sqrt(singular_values))[:, :_DIM])


def ppmi_matrix(ids: NDArray[np.int64], size: int) -> csr_matrix:
    """[V, 2K] float32 positive pointwise mutual information of words and their neighbours.

    The neighbours are the K most frequent words, to the left and to the right. The value is the log
    of the ratio of the pair's count to its expected count, if positive (Church and Hanks, 1990).
    Count smoothing lowers it for rare words, whose few neighbours would all seem significant.
    """
    width = min(_CONTEXT_WORDS, size)
    sides = []
    for words, contexts in ((ids[1:], ids[:-1]), (ids[:-1], ids[1:])):
        kept = contexts < width
        pairs = (np.ones(int(kept.sum())), (words[kept], contexts[kept]))
        sides.append(coo_matrix(pairs, shape=(size, width)).tocsr())  # sums equal pairs
    counts = hstack(sides).tocoo()
    word_counts = np.asarray(counts.sum(1)).ravel()
    context_counts = np.asarray(counts.sum(0)).ravel()
    smoothed = word_counts[counts.row] + _COUNT_SMOOTHING
    expected = smoothed * context_counts[counts.col] / counts.data.sum()
    counts.data = np.log(counts.data / expected).clip(min=0)
    ppmi = counts.tocsr().astype(np.float32)
    ppmi.eliminate_zeros()
    return ppmi


def balanced_clustering(
    vectors: Floats, counts: NDArray[np.int64], rows: int, columns: int
) -> WordTable:
    """Assign each R words of the next ranks to the R rows, with the largest total similarity.

    A row is the mean of its words' vectors [V, F], weighted by the roots of their counts. The
    ranks of a large table are assigned by auction, to within a per cent. Time: C assignments of R
    words; with `ppmi_svd_embeddings` 17 s for 200,000 words in 2900 rows.
    """
    # Each of the first R words has its own row.
    cells = np.arange(len(vectors), dtype=np.int64) % rows * columns
    weights = sqrt_count_weights(counts)
    sums = np.zeros((rows, vectors.shape[1]), np.float32)
    used_columns = -(-len(vectors) // rows)  # the others stay empty
    for column in range(used_columns):
        words = np.arange(column * rows, min((column + 1) * rows, len(vectors)))
        if column:
            similarities = vectors[words] @ l2_normalize(sums).T  # [words, R]
            cells[words] = auction_assignment(similarities) * columns
        sums[cells[words] // columns] += vectors[words] * weights[words, None]
        cells[words] += column
    return WordTable(rows, columns, cells)


def sqrt_count_weights(counts: NDArray[np.int64]) -> Floats:
    """[V] weight of a word in the mean of its row: it grows more slowly than the count."""
    weights: Floats = np.sqrt(counts + 1.0).astype(np.float32)
    return weights


def l2_normalize(vectors: Floats) -> Floats:
    """The vectors [n, F] with length 1; 0 stays 0."""
    normalized: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return normalized
