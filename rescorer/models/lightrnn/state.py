"""The state of a LightRNN: what its LSTM remembers of a history.

Shapes: N histories, L layers, D hidden units.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LightRNNState(NamedTuple):
    """Hidden and cell state after N histories, both [L, N, D]; hidden[-1] predicts rows."""

    hidden: Tensor
    cell: Tensor

    def take(self, index: Tensor) -> LightRNNState:
        return LightRNNState(self.hidden[:, index], self.cell[:, index])

    def detach(self) -> LightRNNState:
        return LightRNNState(self.hidden.detach(), self.cell.detach())
