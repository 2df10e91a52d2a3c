"""The context that torch hands to the forward and backward of an autograd Function."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Context(Protocol):
    """The part of torch's context that all Functions of this package use."""

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]:
        """The tensors given to `save_for_backward`; None stays None."""

    def save_for_backward(self, *tensors: Tensor | None) -> None: ...
