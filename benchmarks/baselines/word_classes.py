"""Word classes for the two-level softmax: by frequency, and by clusters of PPMI-SVD embeddings.

Shapes: N words of the text, V vocabulary, C classes.
"""

from __future__ import annotations

import numpy as np

from rescorer.training.table_init import text_embeddings

_LARGEST = 3  # times the mean size of a class


def by_frequency(counts: np.ndarray, classes: int) -> np.ndarray:
    """[V] the class of each word, most frequent words first: bins with equal sums of √count.

    As in Mikolov's rnnlm. Empty bins are left out, so that classes 0, 1, … are all used.
    """
    root = np.sqrt(counts + 1.0)
    bins = np.minimum((np.cumsum(root) - root) / root.sum() * classes, classes - 1).astype(np.int64)
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)


def by_clusters(ids: np.ndarray, counts: np.ndarray, classes: int, seed: int = 0) -> np.ndarray:
    """[V] the class of each word, by k-means of PPMI-SVD embeddings.

    Brown clustering takes V² steps. k-means of the embeddings that initialise LightRNN's table
    works for a million words. Classes of more than three times the mean size are cut, frequent
    words first. Words that the text lacks have equal embeddings and are cut likewise.

    Args:
        ids: [N] the training text.
    """
    from sklearn.cluster import MiniBatchKMeans

    vectors = text_embeddings(ids, len(counts))
    means = MiniBatchKMeans(
        min(classes, len(counts)), batch_size=4096, n_init=1, max_iter=20, random_state=seed
    )
    return cut(means.fit_predict(vectors), max(1, _LARGEST * len(counts) // classes))


def cut(classes: np.ndarray, largest: int) -> np.ndarray:
    """[V] the same classes, renumbered after classes of more than `largest` words are cut.

    They are cut into pieces in the order of ids.
    """
    order = np.argsort(classes, kind="stable")
    sizes = np.bincount(classes)
    place = np.empty_like(order)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    pieces = classes.astype(np.int64) * (int(sizes.max()) // largest + 1) + place // largest
    return np.asarray(np.unique(pieces, return_inverse=True)[1], dtype=np.int64)
