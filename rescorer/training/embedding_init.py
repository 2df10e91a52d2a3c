"""First vectors: rows, and words with vectors of their own, begin alike where they keep like
company.

The vectors that fill the first table are at hand before any training. Projected to the widths of
the network, which keeps what is like what, they take the place of random ones: training need not
find that again.

Shapes: V vocabulary, F factors, R rows, K columns with vectors of their own, D width, E width of
the own vectors.
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


def init_embeddings(model: LightRNN, vectors: Floats) -> None:
    """Set the vectors of rows, and those that cells have of their own, by the company [V, F] that
    words keep.

    A row is the mean of its words, as for `balanced_clustering`.
    """
    settings, table = model.settings, model.table
    with torch.no_grad():
        of_rows = project(torch.as_tensor(_rows_of(model, vectors)), settings.hidden_dim)
        for parameter in (model.row_in.weight, model.row_out.weight):
            parameter.copy_(of_rows)
        if settings.residual_dim:
            # [R · K]
            words = torch.as_tensor(table.words)[
                :, : model.residual_out.shape[1] // settings.residual_dim
            ].flatten()
            filled = words >= 0
            of_cells = torch.zeros(len(words), settings.residual_dim)
            of_cells[filled] = project(
                torch.as_tensor(vectors)[words[filled]], settings.residual_dim
            )
            for parameter in (model.residual_in, model.residual_out):
                parameter.copy_(of_cells.view(table.rows, -1))


def _rows_of(model: LightRNN, vectors: Floats) -> Floats:
    """[R, F] of length 1."""
    weights, where = (
        sqrt_count_weights(model.vocabulary.counts),
        (model.table.row_of, np.arange(len(vectors))),
    )
    sums: Floats = csr_matrix((weights, where), (model.table.rows, len(vectors))) @ vectors
    return l2_normalize(sums)


def project(vectors: Tensor, width: int) -> Tensor:
    """[n, width] from vectors [n, F]: around 0, and as far from it as random first vectors are.

    As like each other as the vectors [n, F] are, or, where those are the wider, as their most
    different directions tell; these are turned at random, by torch's generator, so that no
    dimension tells more than another.
    """
    around = vectors - vectors.mean(0)
    count = min(width, vectors.shape[1])
    most_different = torch.linalg.eigh(around.T @ around).eigenvectors[:, -count:]  # [F, count]
    # [count, width] of length 1, at right angles
    turned = torch.linalg.qr(torch.randn(width, count)).Q.T
    found: Tensor = around @ most_different @ turned
    return found * (INIT_STD / found.std(unbiased=False).clamp(min=1e-9))
