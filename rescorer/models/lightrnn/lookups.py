"""The embeddings of a training step, looked up together.

The gradient of a look-up is as large as its table. Two look-ups in one table would make two such
gradients, so all look-ups of a step in one table are one operation here.

Shapes: N words, S sampled rows, R rows, D width of embeddings, E width of residual embeddings,
K columns with residual embeddings.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from rescorer.models.lightrnn.autograd import Context


class Lookup(NamedTuple):
    """Embeddings of N words and of S sampled rows."""

    row_in: Tensor  # [N, D]
    residual_in: Tensor | None  # [N, E]
    residual_out: Tensor | None  # [N, K, E] of the first K cells of the words' rows
    head_out: Tensor | None  # [N, E] of the head words of the words' rows
    row_out: Tensor  # [N, D]
    sampled_out: Tensor  # [S, D]
    sampled_head_out: Tensor | None  # [S, E] of the head words of the sampled rows


class _LookUpContext(Context, Protocol):
    shape: torch.Size  # of the table
    widths: tuple[int, ...]


class _LookUpAll(torch.autograd.Function):
    """Several look-ups in one table, with one gradient."""

    @staticmethod
    def forward(
        ctx: _LookUpContext, table: Tensor, widths: tuple[int, ...], *indices: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*indices)
        ctx.shape, ctx.widths = table.shape, widths
        return tuple(
            nn.functional.embedding(index, table.view(-1, width))
            for index, width in zip(indices, widths, strict=True)
        )

    @staticmethod
    def backward(ctx: _LookUpContext, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        whole = gradients[0].new_zeros(ctx.shape)
        for index, width, gradient in zip(ctx.saved_tensors, ctx.widths, gradients, strict=True):
            flat = gradient.reshape(-1, width)
            whole.view(-1, width).index_add_(0, index.flatten(), flat)
        return whole, None, *[None for _ in gradients]


def look_up(table: Tensor, *parts: tuple[int, Tensor]) -> tuple[Tensor, ...]:
    """Look up vectors of several widths in one table.

    Args:
        table: [R, D].
        parts: pairs (w, indices [...]). The indices refer to the table as [R · D / w, w].

    Returns:
        For each part its vectors [..., w].
    """
    widths = tuple(width for width, _ in parts)
    indices = [index for _, index in parts]
    look_up = _LookUpAll.apply
    found: tuple[Tensor, ...] = look_up(table, widths, *indices)  # type: ignore[no-untyped-call]
    return found
