"""Initial embeddings: rows, and words with residual embeddings, start from PPMI-SVD embeddings.

The embeddings of the table initialisation exist before any training. Projected to the network's
dimensions, with their similarities kept, they replace random initial embeddings.

Shapes: V vocabulary, F factors, R rows, K columns with residual embeddings, D width of the rows'
embeddings, E width of the residual embeddings.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from rescorer.models.lightrnn import LightRNN
from rescorer.models.lightrnn.parameters import INIT_STD
from rescorer.training.reallocation.problem import Floats
from rescorer.training.table_init import l2_normalize, sqrt_count_weights


@torch.no_grad()
def init_embeddings(model: LightRNN, vectors: Floats) -> None:
    """Set the embeddings of rows, and the residual embeddings of cells, from vectors [V, F].

    A row is the mean of its words, as in `balanced_clustering`.
    """
    settings, table = model.settings, model.table
    row_vectors = torch.as_tensor(_mean_vectors_of_rows(model, vectors))
    rows = project(row_vectors, settings.hidden_dim)
    for parameter in (model.row_in.weight, model.row_out.weight):
        parameter.copy_(rows)
    if settings.residual_dim:
        columns = model.residual_out.shape[1] // settings.residual_dim  # K
        words = torch.as_tensor(table.words)[:, :columns].flatten()  # [R · K]
        has_word = words >= 0
        cells = torch.zeros(len(words), settings.residual_dim)
        cells[has_word] = project(torch.as_tensor(vectors)[words[has_word]], settings.residual_dim)
        for parameter in (model.residual_in, model.residual_out):
            parameter.copy_(cells.view(table.rows, -1))


def _mean_vectors_of_rows(model: LightRNN, vectors: Floats) -> Floats:
    """[R, F] of length 1."""
    weights = sqrt_count_weights(model.vocabulary.counts)
    positions = model.table.row_of, np.arange(len(vectors))
    shape = model.table.rows, len(vectors)
    sums: Floats = csr_matrix((weights, positions), shape) @ vectors
    return l2_normalize(sums)


def project(vectors: Tensor, width: int) -> Tensor:
    """[n, width] from vectors [n, F]: mean 0, and the standard deviation of random initialisation.

    The projection keeps the principal components: all of them, and so all similarities, if F is
    not larger than the width. torch's generator rotates them at random, so that the variance is
    spread over all dimensions.
    """
    centred = vectors - vectors.mean(0)
    count = min(width, vectors.shape[1])
    components = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -count:]  # [F, count]
    rotation = torch.linalg.qr(torch.randn(width, count)).Q.T  # [count, width], orthonormal rows
    projected: Tensor = centred @ components @ rotation
    return projected * (INIT_STD / projected.std(unbiased=False).clamp(min=1e-9))
