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
        return LightRNNState(*(each.index_select(1, index) for each in self))

    def detach(self) -> LightRNNState:
        return LightRNNState(self.hidden.detach(), self.cell.detach())


class ScoringState(NamedTuple):
    """A `LightRNNState` with the log normaliser of rows after each history, [1, N].

    The normaliser takes most of the time of scoring. It depends only on the history, so it is
    computed once, however often words are scored after it.
    """

    hidden: Tensor
    cell: Tensor
    row_log_sums: Tensor

    @property
    def text(self) -> LightRNNState:
        """The state without the normaliser."""
        return LightRNNState(self.hidden, self.cell)

    def take(self, index: Tensor) -> ScoringState:
        return ScoringState(*(each.index_select(1, index) for each in self))

    def detach(self) -> ScoringState:
        return ScoringState(*(each.detach() for each in self))
