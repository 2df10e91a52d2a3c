"""The softmax over table rows: full, exact at given rows, sampled.

The score of a row has two parts: the score of its embedding, and a term of its head word (see
`head_word_term`). With both, the normaliser is Σ e^score · (1 + e^head_score), where the head score
holds the log odds of the head word.

Shapes: N histories, R rows (classes), S sampled rows, D hidden units, E width of residual
embeddings.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rescorer.models.lightrnn.autograd import Context

_CHUNK = 128  # histories a chunk: their scores fit into the processor's cache
# Histories whose rows are summed together: fewer make the product slower.
_HISTORIES = 256
_MAX_LOG = 80.0  # exp of more overflows float32
# Stand-ins for the log and the value of an empty sum: only the true row was sampled.
_MIN_LOG, _MIN_SUM = -1e30, 1e-38


def head_word_term(head_scores: Tensor, log_odds: Tensor) -> Tensor:
    """[..., R] the terms that head words add to the scores of their rows.

    A row's probability mass is shared by its head word and all others, so the term is a log-sum of
    the two, relative to the odds of the head word:

        log((e^(log_odds + head_score) + 1) / (e^log_odds + 1))

    Args:
        head_scores: [..., R] scores of the head words' residual embeddings.
        log_odds: [R] log odds of the head word against the other words of its row.
    """
    return nn.functional.softplus(head_scores + log_odds) - nn.functional.softplus(log_odds)


# ---- full ----


class _PickedLogProbs(torch.autograd.Function):
    """log_softmax and gather in one. bfloat16 scores are converted to float32 chunk by chunk."""

    @staticmethod
    def forward(ctx: Context, scores: Tensor, picked: Tensor) -> Tensor:
        chunks = torch.split(scores, _CHUNK)
        sums = torch.cat([chunk.float().logsumexp(-1) for chunk in chunks])  # [N]
        ctx.save_for_backward(scores, picked, sums)
        return scores.gather(-1, picked[:, None])[:, 0].float() - sums

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple[Tensor, None]:
        (scores, picked, sums), gradient = ctx.saved_tensors, gradients[0]  # [N, R], [N], [N], [N]
        result = torch.empty_like(scores)
        parts = (torch.split(each, _CHUNK) for each in (result, scores, sums, gradient))
        for into, chunk, log_sum, scale in zip(*parts, strict=True):
            # The gradient of log_softmax at the picked score is 1 − softmax, elsewhere −softmax.
            probs = chunk.to(torch.float32, copy=True).sub_(log_sum[:, None]).exp_()
            into.copy_(probs.mul_(-scale[:, None]))
        return result.scatter_add_(-1, picked[:, None], gradient[:, None].to(result.dtype)), None


def picked_log_probs(scores: Tensor, picked: Tensor) -> Tensor:
    """[...] float32 log-softmax of scores [..., R] at picked [...]."""
    if not scores.requires_grad:
        return torch.log_softmax(scores.float(), -1).gather(-1, picked[..., None])[..., 0]
    flat: Tensor = _PickedLogProbs.apply(  # type: ignore[no-untyped-call]
        scores.flatten(0, -2), picked.flatten()
    )
    return flat.view_as(picked)


# ---- exact at given rows ----


def log_sums(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    head_parts: tuple[Tensor, Tensor, Tensor] | None = None,
) -> Tensor:
    """[N] the log normaliser of N histories, without an array [N, R] of scores.

    On a processor the scores are computed chunk by chunk, so that they fit into its cache.

    Args:
        hidden, weight, bias: [N, D], [R, D] and [R] of the scores.
        head_parts: [N, E], [R, E] and [R] of the head scores; None: no head words.
    """
    size = _HISTORIES if hidden.device.type == "cpu" else max(1, len(hidden))
    sums = [hidden.new_zeros(0)]
    for begin in range(0, len(hidden), size):
        chunk = slice(begin, begin + size)
        scores = nn.functional.linear(hidden[chunk], weight, bias)  # [n, R]
        if head_parts is None:
            sums.append(_log_sum(scores))
        else:
            queries, heads, log_odds = head_parts
            head_scores = nn.functional.linear(queries[chunk], heads, log_odds).add_(scores)
            sums.append(torch.logaddexp(_log_sum(scores), _log_sum(head_scores)))
    return torch.cat(sums)


def _log_sum(scores: Tensor) -> Tensor:
    """[n] logsumexp of scores [n, R] in their memory, which takes two thirds of the time."""
    top = scores.detach().amax(-1, keepdim=True)
    return scores.sub_(top).exp_().sum(-1).log() + top[:, 0]


# ---- sampled ----


def inclusion_probabilities(shares: np.ndarray, samples: int) -> np.ndarray:
    """[R] the probability that a sample of S rows includes each row: proportional to its share, at
    most 1.

    They sum to S. All are 1 if S is 0 or at least R.

    Args:
        shares: [R] shares of the text, greater than 0.
        samples: S.
    """
    rows = len(shares)
    if not 0 < samples < rows:
        return np.ones(rows)
    order = np.argsort(-shares, kind="stable")
    ranked = shares[order]
    rest = np.cumsum(ranked[::-1])[::-1]  # sum of a row and all after it
    # The first row of a probability below 1, given that all before it are certain.
    certain = np.argmax((samples - np.arange(rows)) * ranked <= rest)
    probs = np.ones(rows)
    probs[order[certain:]] = (samples - certain) * ranked[certain:] / rest[certain]
    return probs


def sample_rows(inclusion_probs: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """S of R rows, each with its inclusion probability, by systematic sampling.

    The probabilities are laid end to end in random order. The rows at points at equal distances of
    1, from a random start, are sampled.

    Source: importance sampling of the softmax, as in Jean, Cho, Memisevic, Bengio: On using very
    large target vocabulary for neural machine translation, ACL 2015; systematic sampling with
    unequal probabilities, as in Madow: On the theory of systematic sampling II, Annals of
    Mathematical Statistics 20, 1949.

    Args:
        inclusion_probs: [R] float64, from `inclusion_probabilities`.
        samples: S. All rows are sampled if it is 0 or at least R.

    Returns:
        The rows [S], and their log importance weights [S].
    """
    rows, device = len(inclusion_probs), inclusion_probs.device
    if not 0 < samples < rows:
        return torch.arange(rows, device=device), torch.zeros(rows, device=device)
    order = torch.randperm(rows, device=device)
    steps = torch.arange(samples, dtype=inclusion_probs.dtype, device=device)
    points = torch.rand((), device=device) + steps
    positions = torch.searchsorted(inclusion_probs[order].cumsum(0), points, right=True)
    # Rounding may put the last point past the end.
    sampled = order[positions.clamp_(max=rows - 1)]
    return sampled, -inclusion_probs[sampled].log().float()


class _LogSumOfOthers(torch.autograd.Function):
    """log Σ e^score · (1 + e^head_score) over the sampled rows except the true one.

    The gradient of a chunk is computed together with its sum, while its scores are in the cache.
    """

    @staticmethod
    def forward(
        ctx: Context, scores: Tensor, head_scores: Tensor | None, picked: Tensor, rows: Tensor
    ) -> Tensor:
        positions, is_sampled = _positions_of(picked, rows)
        sums = []
        gradient = torch.empty_like(scores)
        head_gradient = None if head_scores is None else torch.empty_like(head_scores)
        for begin in range(0, len(scores), _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            weights = _without_true(scores[chunk], positions[chunk], is_sampled[chunk])  # [n, S]
            top = weights.amax(-1, keepdim=True).clamp_(min=_MIN_LOG)
            weights.sub_(top).exp_()
            head_weights = None if head_scores is None else _exp(head_scores[chunk]).mul_(weights)
            if head_weights is not None:
                weights.add_(head_weights)
            total = weights.sum(-1, keepdim=True).clamp_(min=_MIN_SUM)
            gradient[chunk] = weights.div_(total)
            if head_weights is not None and head_gradient is not None:
                head_gradient[chunk] = head_weights.div_(total)
            sums.append(total.log_().add_(top)[:, 0])
        ctx.save_for_backward(gradient, head_gradient)
        return torch.cat(sums)

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        (gradient, head_gradient), scale = ctx.saved_tensors, gradients[0][:, None]
        scale = scale.to(gradient.dtype)
        return (
            gradient * scale,
            None if head_gradient is None else head_gradient * scale,
            None,
            None,
        )


def _positions_of(picked: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """[N, 1] positions of picked rows [N] in the sampled rows [S]; [N, 1] whether they are sampled.

    The position of a row that is not sampled is arbitrary.
    """
    ranked, order = rows.sort()
    found = torch.searchsorted(ranked, picked).clamp_(max=len(rows) - 1)
    return order[found][:, None], (ranked[found] == picked)[:, None]


def _without_true(scores: Tensor, positions: Tensor, is_sampled: Tensor) -> Tensor:
    """[n, S] a float32 copy in which sampled true rows have -inf."""
    copy = scores.to(torch.float32, copy=True)
    true_scores = copy.gather(1, positions).masked_fill_(is_sampled, -torch.inf)
    return copy.scatter_(1, positions, true_scores)


def _exp(scores: Tensor) -> Tensor:
    return scores.to(torch.float32, copy=True).clamp_(max=_MAX_LOG).exp_()


def sampled_log_probs(
    true_scores: Tensor, scores: Tensor, head_scores: Tensor | None, picked: Tensor, rows: Tensor
) -> Tensor:
    """[...] float32 log-softmax at picked [...], estimated from sampled rows [S].

    The score of the true row is exact, whether it is sampled or not. If all rows are sampled, the
    result is exact.

    Args:
        true_scores: [...] float32 scores of the picked rows.
        scores: [..., S] scores of the sampled rows plus their log importance weights.
        head_scores: [..., S] head scores of the sampled rows.
        picked: [...] the true rows.
        rows: [S] the sampled rows.
    """
    flat_heads = None if head_scores is None else head_scores.flatten(0, -2)
    others: Tensor = _LogSumOfOthers.apply(  # type: ignore[no-untyped-call]
        scores.flatten(0, -2), flat_heads, picked.flatten(), rows
    )
    return true_scores - torch.logaddexp(true_scores, others.view_as(true_scores))
