"""Log-probabilities of the rows that came, without all others': what training and scoring ask of the largest softmax.

Shapes: N histories, R classes (rows of a table), S of them drawn, D width, E width of own vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_CHUNK = 128  # histories: so many rows of scores stay in the processor's cache
_MOST = 80.0  # nats of a part: e to the power of more is no float32
_LEAST, _TINY = -1e30, 1e-38  # nats, and a sum: of nothing, where the row that is picked is the only one


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
    """[...] float32 log-softmax of scores [..., R] at picked [...]."""
    if not scores.requires_grad:
        return torch.log_softmax(scores.float(), -1).gather(-1, picked[..., None])[..., 0]
    return _PickedLogProbs.apply(scores.flatten(0, -2), picked.flatten()).view_as(picked)  # type: ignore[no-any-return,no-untyped-call]


def log_sums(
    hidden: Tensor, weight: Tensor, bias: Tensor, parts: tuple[Tensor, Tensor, Tensor] | None = None
) -> Tensor:
    """[N] log Σ e^score · (1 + e^part) over all rows, of N histories.

    Not all of the scores are ever there: on a processor those of a chunk stay in its cache.

    Args:
        hidden, weight, bias: [N, D], [R, D] and [R] of the scores.
        parts: [N, E], [R, E] and [R] of the parts in the same way; without them 0 in place of e^part.
    """
    at_once = _CHUNK if hidden.device.type == "cpu" else max(1, len(hidden))
    chunks = [slice(begin, begin + at_once) for begin in range(0, len(hidden), at_once)]
    sums = [hidden.new_zeros(0)]
    for chunk in chunks:
        scores = nn.functional.linear(hidden[chunk], weight, bias)  # [n, R]
        total = scores.logsumexp(-1)
        if parts is not None:
            keys, of_rows, odds = parts
            scores = nn.functional.linear(keys[chunk], of_rows, odds).add_(scores)
            total = torch.logaddexp(total, scores.logsumexp(-1))
        sums.append(total)
    return torch.cat(sums)


def chances_of_rows(shares: np.ndarray, samples: int) -> np.ndarray:
    """[R] chances that a draw of S rows takes each: in proportion to its share, but certain where that is 1 or more.

    They sum to S. Where S is 0, or R at least, all are certain.

    Args:
        shares: [R] of the text, more than 0.
        samples: S.
    """
    rows = len(shares)
    if not 0 < samples < rows:
        return np.ones(rows)
    order = np.argsort(-shares, kind="stable")
    ranked = shares[order]
    rest = np.cumsum(ranked[::-1])[::-1]  # of the row and all after it
    certain = np.argmax((samples - np.arange(rows)) * ranked <= rest)  # how many
    chances = np.ones(rows)
    chances[order[certain:]] = (samples - certain) * ranked[certain:] / rest[certain]
    return chances


def draw_rows(chances: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """S of R rows, each as often as its chance says: at even steps along the chances laid end to end in random order.

    Source: importance sampling of the softmax, as in Jean, Cho, Memisevic, Bengio: On using very large target
    vocabulary for neural machine translation, ACL 2015; systematic sampling with unequal probabilities, as in Madow: On
    the theory of systematic sampling II, Annals of Mathematical Statistics 20, 1949.

    Args:
        chances: [R] float64, as of `chances_of_rows`.
        samples: S. Where it is 0, or R at least, all rows are drawn.

    Returns:
        The rows [S], and the log of how many rows each stands for [S].
    """
    rows = len(chances)
    if not 0 < samples < rows:
        return torch.arange(rows, device=chances.device), torch.zeros(rows, device=chances.device)
    order = torch.randperm(rows, device=chances.device)
    steps = torch.rand((), device=chances.device) + torch.arange(samples, dtype=chances.dtype, device=chances.device)
    places = torch.searchsorted(chances[order].cumsum(0), steps, right=True)
    drawn = order[places.clamp_(max=rows - 1)]  # rounding may leave the last step past the end
    return drawn, -chances[drawn].log().float()


class _LogSumOfOthers(torch.autograd.Function):
    """log Σ e^score · (1 + e^part) over the rows drawn but the one that is picked.

    A chunk at a time, and its gradient with it: what is at hand for the one is not found again for the other.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, parts: Tensor | None, picked: Tensor, rows: Tensor) -> Tensor:
        at, drawn = _places(picked, rows)
        sums = []
        of_scores, of_parts = torch.empty_like(scores), None if parts is None else torch.empty_like(parts)
        for chunk in _chunks(len(scores)):
            weights = _without(scores[chunk], at[chunk], drawn[chunk])  # [n, S]
            most = weights.amax(-1, keepdim=True).clamp_(min=_LEAST)
            weights.sub_(most).exp_()
            of_part = None if parts is None else _exp(parts[chunk]).mul_(weights)
            if of_part is not None:
                weights.add_(of_part)
            total = weights.sum(-1, keepdim=True).clamp_(min=_TINY)
            of_scores[chunk] = weights.div_(total)
            if of_part is not None and of_parts is not None:
                of_parts[chunk] = of_part.div_(total)
            sums.append(total.log_().add_(most)[:, 0])
        ctx.save_for_backward(of_scores, of_parts)
        return torch.cat(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        (of_scores, of_parts), scale = ctx.saved_tensors, gradients[0][:, None]
        scale = scale.to(of_scores.dtype)
        return of_scores * scale, None if of_parts is None else of_parts * scale, None, None


def _chunks(size: int) -> list[slice]:
    return [slice(begin, begin + _CHUNK) for begin in range(0, size, _CHUNK)]


def _places(picked: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where picked rows [N] stand among the rows drawn [S]: places [N, 1], and whether they are there at all [N, 1]."""
    ranked, order = rows.sort()
    found = torch.searchsorted(ranked, picked).clamp_(max=len(rows) - 1)
    return order[found][:, None], (ranked[found] == picked)[:, None]


def _without(scores: Tensor, at: Tensor, drawn: Tensor) -> Tensor:
    """[n, S] a float32 copy, in which the row that is picked is not there."""
    copy = scores.to(torch.float32, copy=True)
    return copy.scatter_(1, at, copy.gather(1, at).masked_fill_(drawn, -torch.inf))


def _exp(parts: Tensor) -> Tensor:
    return parts.to(torch.float32, copy=True).clamp_(max=_MOST).exp_()


def sampled_log_probs(true: Tensor, scores: Tensor, parts: Tensor | None, picked: Tensor, rows: Tensor) -> Tensor:
    """[...] float32 log-softmax at picked [...], estimated by the rows drawn [S]; exact where they are all rows.

    The row that is picked counts exactly, whether it was drawn or not.

    Args:
        true: [...] float32 scores of the rows that are picked.
        scores: [..., S] of the rows drawn, each greater by the log of how many rows it stands for.
        parts: [..., S] adds log(1 + e^part) to the scores of the rows drawn.
    """
    given = scores.flatten(0, -2), None if parts is None else parts.flatten(0, -2), picked.flatten(), rows
    others: Tensor = _LogSumOfOthers.apply(*given)  # type: ignore[no-untyped-call]
    return true - torch.logaddexp(true, others.view_as(true))
