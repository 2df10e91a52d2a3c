"""Log-probabilities of the rows that came, without all others': what a step of training asks of the largest softmax.

Shapes: N histories, R classes (rows of a table), S of them drawn, D width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

_ALWAYS = 0.3  # of the rows drawn are the most frequent ones
_CHUNK = 256  # histories: so many rows of scores stay in the processor's cache


class _PickedLogProbs(torch.autograd.Function):
    """log_softmax and gather in one. Scores stay as they are, bfloat16 too: no copy of all of them as float32."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, picked: Tensor) -> Tensor:
        sums = torch.cat([part.float().logsumexp(-1) for part in torch.split(scores, _CHUNK)])  # [N]
        ctx.save_for_backward(scores, picked, sums)
        return scores.gather(-1, picked[:, None])[:, 0].float() - sums

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (scores, picked, sums), gradient = ctx.saved_tensors, gradients[0]  # [N, R], [N], [N] and [N]
        result = torch.empty_like(scores)
        chunks = (torch.split(each, _CHUNK) for each in (result, scores, sums, gradient))
        for into, part, of_part, scale in zip(*chunks, strict=True):
            into.copy_(part.to(torch.float32, copy=True).sub_(of_part[:, None]).exp_().mul_(-scale[:, None]))
        return result.scatter_add_(-1, picked[:, None], gradient[:, None].to(result.dtype)), None


def picked_log_probs(scores: Tensor, picked: Tensor) -> Tensor:
    """[N] float32 log-softmax of scores [N, R] at picked [N]."""
    if not scores.requires_grad:
        return torch.log_softmax(scores.float(), -1).gather(-1, picked[:, None])[:, 0]
    return _PickedLogProbs.apply(scores, picked)  # type: ignore[no-any-return,no-untyped-call]


def draw_rows(by_share: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """S of R rows: the most frequent ones always, the others by chance, all alike.

    Source: importance sampling of the softmax, as in Jean, Cho, Memisevic, Bengio: On using very large target
    vocabulary for neural machine translation, ACL 2015.

    Args:
        by_share: [R] rows, the most frequent first.
        samples: S, fewer than R.

    Returns:
        The rows [S], and the log of how many rows each stands for [S].
    """
    always = round(_ALWAYS * samples)
    others = by_share[always:]
    drawn = others[torch.randperm(len(others), device=others.device)[: samples - always]]
    rows = torch.cat([by_share[:always], drawn])
    stands_for = torch.zeros(samples, device=rows.device)
    stands_for[always:] = math.log(len(others) / len(drawn))
    return rows, stands_for


def sampled_log_probs(
    hidden: Tensor, weights: Tensor, bias: Tensor, picked: Tensor, rows: Tensor, stands_for: Tensor
) -> Tensor:
    """[N] estimated log-softmax of hidden [N, D] · weights [R, D] + bias [R] at picked [N], by the rows drawn [S].

    The row that is picked counts exactly, whether it was drawn or not.
    """
    drawn = nn.functional.linear(hidden, weights[rows], bias[rows] + stands_for).float()  # [N, S]
    true = (hidden.float() * nn.functional.embedding(picked, weights)).sum(-1) + bias[picked]  # [N]
    scores = torch.cat([true[:, None], drawn.masked_fill(rows == picked[:, None], -torch.inf)], 1)
    return picked_log_probs(scores, torch.zeros_like(picked))
