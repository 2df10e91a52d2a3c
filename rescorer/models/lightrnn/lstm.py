"""The LSTM that reads a text: torch's own, begun with open forget gates, trained without some
recurrent weights.

Shapes: T words, N histories, L layers, D width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class LSTM(nn.LSTM):
    """torch.nn.LSTM of equal widths inside and out.

    Source of `weight_dropout`: DropConnect on the recurrent weights, as in Merity, Keskar, Socher:
    Regularizing and Optimizing LSTM Language Models, ICLR 2018; the weights are drawn once for all
    words of a training step.
    """

    def __init__(self, width: int, layers: int, dropout: float, weight_dropout: float) -> None:
        """
        Args:
            dropout: the share of values between layers that is zeroed in training.
            weight_dropout: the share of recurrent weights that is zeroed in training.
        """
        super().__init__(width, width, layers, dropout=dropout if layers > 1 else 0.0)
        self.weight_dropout = weight_dropout
        with torch.no_grad():
            for layer in range(layers):
                # The forget gate starts open: what was read is kept until there is reason to drop
                # it.
                getattr(self, f"bias_hh_l{layer}")[width : 2 * width] = 1.0

    def forward(self, *given: Any) -> Any:
        """As torch's: outputs [T, N, D] and a state, from inputs [T, N, D] and a state, hidden and
        cell [L, N, D].
        """
        if not self.training or not self.weight_dropout:
            return super().forward(*given)
        whole = self._flat_weights
        self._flat_weights = [
            nn.functional.dropout(getattr(self, name), self.weight_dropout)
            if name.startswith("weight_hh")
            else weights
            for name, weights in zip(self._flat_weights_names, whole, strict=True)
        ]
        try:
            return super().forward(*given)
        finally:
            self._flat_weights = whole
