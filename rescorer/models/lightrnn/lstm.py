"""torch's LSTM with open forget gates at the start and DropConnect in training.

Shapes: T words, N histories, L layers, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LSTM(nn.LSTM):
    """torch.nn.LSTM whose input and hidden units have the same width.

    Source of `weight_dropout`: DropConnect on the recurrent weights, as in Merity, Keskar, Socher:
    Regularizing and Optimizing LSTM Language Models, ICLR 2018; one mask serves all
    words of a training step.
    """

    def __init__(self, width: int, layers: int, dropout: float, weight_dropout: float) -> None:
        """
        Args:
            dropout: fraction of the values between layers that is zeroed in training.
            weight_dropout: fraction of the recurrent weights that is zeroed in training.
        """
        super().__init__(width, width, layers, dropout=dropout if layers > 1 else 0.0)
        self.weight_dropout = weight_dropout
        with torch.no_grad():
            for layer in range(layers):
                # Forget gates start open, so that an untrained LSTM remembers.
                getattr(self, f"bias_hh_l{layer}")[width : 2 * width] = 1.0

    def forward(  # type: ignore[override]  # torch's also takes packed sequences
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Outputs [T, N, D] and the new state, from inputs [T, N, D] and a state.

        A state is the hidden and the cell state of each layer, both [L, N, D].
        """
        if not self.training or not self.weight_dropout:
            return super().forward(inputs, state)
        whole = self._flat_weights
        self._flat_weights = [
            nn.functional.dropout(getattr(self, name), self.weight_dropout)
            if name.startswith("weight_hh")
            else weights
            for name, weights in zip(self._flat_weights_names, whole, strict=True)
        ]
        try:
            return super().forward(inputs, state)
        finally:
            self._flat_weights = whole
