"""Embeddings that one training step needs, looked up together.

The gradient of a look-up is as large as its table. A table that is looked up twice would get two
such gradients, so that all its look-ups of a step are one operation here.

Shapes: N words, S sampled rows, R rows, D width of embeddings, E width of residual embeddings,
K columns with residual embeddings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Lookup(NamedTuple):
    """Embeddings of N words and of S sampled rows."""

    row_in: Tensor  # [N, D]
    residual_in: Tensor | None  # [N, E]
    residual_out: Tensor | None  # [N, K, E] of the first K cells of the words' rows
    head_out: Tensor | None  # [N, E] of the head words of the words' rows
    row_out: Tensor  # [N, D]
    sampled_out: Tensor  # [S, D]
    sampled_head_out: Tensor | None  # [S, E] of the head words of the sampled rows


class _LookUpAll(torch.autograd.Function):
    """Several look-ups in one table, whose gradients are added up in one."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, widths: tuple[int, ...], *indices: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*indices)
        ctx.shape, ctx.widths = table.shape, widths
        return tuple(
            nn.functional.embedding(index, table.view(-1, width))
            for index, width in zip(indices, widths, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        whole = gradients[0].new_zeros(ctx.shape)
        for index, width, gradient in zip(ctx.saved_tensors, ctx.widths, gradients, strict=True):
            flat = gradient.reshape(-1, width)
            whole.view(-1, width).index_add_(0, index.flatten(), flat)
        return whole, None, *[None for _ in gradients]


def look_up(table: Tensor, *parts: tuple[int, Tensor]) -> tuple[Tensor, ...]:
    """For each (w, indices [...]) the vectors [..., w] of a table [R, D] cut into [R · D / w,
    w].
    """
    widths, indices = zip(*parts, strict=True)
    found: tuple[Tensor, ...] = _LookUpAll.apply(table, widths, *indices)  # type: ignore[no-untyped-call]
    return found
