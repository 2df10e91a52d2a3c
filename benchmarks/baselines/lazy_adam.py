"""AdamW for networks with large tables of which a step reads a few rows.

Dense Adam would read and write the whole tables. Here the moments of a row do not change while the
row is not read, as in torch.optim.SparseAdam, which takes sparse gradients only. Sparse and dense
gradients share one optimiser and one checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class LazyAdamW(torch.optim.AdamW):
    """AdamW; of a sparse gradient, only its rows are stepped, without weight decay."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    self._step_rows(parameter, parameter.grad.coalesce(), group)
                    parameter.grad = None  # AdamW passes it over
        return super().step(closure)

    def _step_rows(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (low, high) = self.state[parameter], group["betas"]
        if not state:
            state.update(
                step=torch.tensor(0.0),
                exp_avg=torch.zeros_like(parameter),
                exp_avg_sq=torch.zeros_like(parameter),
            )
        state["step"] += 1
        steps = float(state["step"])
        rows, values = gradient.indices()[0], gradient.values()  # [n], [n, D]
        mean = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - low)
        square = (
            state["exp_avg_sq"]
            .index_select(0, rows)
            .mul_(high)
            .addcmul_(values, values, value=1 - high)
        )
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        size = square.sqrt_().div_(math.sqrt(1 - high**steps)).add_(group["eps"])
        parameter.index_add_(0, rows, mean.div_(size), alpha=-group["lr"] / (1 - low**steps))


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], largest: float) -> None:
    """Like torch.nn.utils.clip_grad_norm_, which takes no sparse gradients."""
    values = []
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values())
        elif parameter.grad is not None:
            values.append(parameter.grad)
    norm = torch.stack([value.norm() for value in values]).norm()
    scale = (largest / (norm + 1e-6)).clamp(max=1.0)
    for value in values:
        value.mul_(scale)
