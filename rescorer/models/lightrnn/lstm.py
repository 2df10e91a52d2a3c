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

    # ---- one word, without dropout ----

    def input_gates(self, inputs: Tensor) -> Tensor:
        """[N, 4 · D] the inputs' part of the first layer's gates, from inputs [N, D]."""
        return self._from_below(0, inputs)

    def step(self, gates: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """The state [L, N, D] twice after one more input each, from its gates and the state.

        It takes two thirds of the time of `forward`. If inputs repeat, `input_gates` can be
        computed once for all of them.
        """
        steps: list[tuple[Tensor, Tensor]] = []
        for layer in range(self.num_layers):
            if layer:
                gates = self._from_below(layer, steps[-1][0])
            weight = getattr(self, f"weight_hh_l{layer}")
            steps.append(_cell(torch.addmm(gates, hidden[layer], weight.t()), cell[layer]))
        hiddens, cells = zip(*steps, strict=True)
        return torch.stack(hiddens), torch.stack(cells)

    def _from_below(self, layer: int, inputs: Tensor) -> Tensor:
        """[N, 4 · D] the part of a layer's gates that comes from the layer below."""
        bias = getattr(self, f"bias_ih_l{layer}") + getattr(self, f"bias_hh_l{layer}")
        return nn.functional.linear(inputs, getattr(self, f"weight_ih_l{layer}"), bias)


def _cell(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """The new hidden and cell state [N, D] of a layer from its gates [N, 4 · D]."""
    into, forget, new, out = gates.chunk(4, 1)
    cell = torch.addcmul(forget.sigmoid() * cell, into.sigmoid(), new.tanh())
    return out.sigmoid() * cell.tanh(), cell
