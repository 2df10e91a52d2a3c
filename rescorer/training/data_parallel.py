"""The processes of a data-parallel training, as torchrun starts them.

Shapes: U streams of the whole batch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rescorer.errors import InputError
from rescorer.models.loading import usable_device
from rescorer.models.trainable import TextState, Trainable

Result = TypeVar("Result")

# the others wait while the first one places a million words; torchrun ends the orphaned
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class ProcessGroup:
    """Those that train one model together; without torchrun the one there is.

    Of all methods but `share` each is a meeting: all processes call it, in the same order.

    Attributes:
        rank: of this one, from 0.
        count: of all.
        device: where this one computes.
    """

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Which of the U streams are this one's. Raises InputError where U cannot be cut into equal
        shares.
        """
        if batch_size % self.count:
            raise InputError(
                f"{batch_size} streams for {self.count} processes",
                expected="as many for each",
                remedy=f"make --batch-size a multiple of {self.count}",
            )
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def loss_of(self, model: Trainable) -> Callable[[Tensor, TextState], tuple[Tensor, TextState]]:
        """`model.loss`, whose backward() leaves the mean of all processes' gradients; they begin as
        the first one's.
        """
        if self.count == 1:
            return model.loss
        loss = _Loss(model)
        # A LightRNN's table is the same everywhere: sent at every step, its 17 bytes a word would
        # cost as much again.
        tables = [name for name, _ in loss.named_buffers()]
        ignore = nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        ignore(loss, tables)  # type: ignore[no-untyped-call]
        return nn.parallel.DistributedDataParallel(loss)

    def run_on_first(self, work: Callable[[], Result]) -> Result:
        """What the first process gets from work that the others wait for; an InputError of it is
        raised in all.
        """
        if self.count == 1:
            return work()
        result: list[Result | InputError | None] = [None]
        if self.is_first:
            try:
                result[0] = work()
            except InputError as error:
                result[0] = error
        dist.broadcast_object_list(result, src=0)
        if isinstance(result[0], InputError):
            raise result[0]
        return result[0]  # type: ignore[return-value]

    def broadcast_flag(self, value: bool) -> bool:
        """What the first process says."""
        if self.count == 1:
            return value
        said = torch.tensor([int(value)], device=self.device)  # torch 1.13 sends no bool
        dist.broadcast(said, src=0)
        return bool(said)

    def joined(self, part: Tensor, dimension: int) -> Tensor:
        """The parts [...] of all processes, one after the other in that dimension."""
        if self.count == 1:
            return part
        part = part.to(self.device).contiguous()
        parts = [torch.empty_like(part) for _ in range(self.count)]
        dist.all_gather(parts, part)
        return torch.cat(parts, dimension)


SINGLE_PROCESS = ProcessGroup()


class _Loss(nn.Module):
    """A network whose forward pass is its loss: that is where DistributedDataParallel prepares the
    averaging.
    """

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.model = model

    def forward(self, words: Tensor, state: TextState) -> tuple[Tensor, TextState]:
        return self.model.loss(words, state)


@contextmanager
def data_parallel(device: str) -> Iterator[ProcessGroup]:
    """Those that torchrun started, on the processor or each on a GPU of its own.

    A process that is not the first leaves with status 2, and without a word, where an InputError
    ends it.

    Raises:
        InputError: there is no such device.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield ProcessGroup(device=str(usable_device(device)))
        return
    try:
        own = usable_device(f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device)
        if own.type == "cuda":
            torch.cuda.set_device(own)
        dist.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_PATIENCE)
        yield ProcessGroup(dist.get_rank(), dist.get_world_size(), str(own))
        dist.barrier()  # whoever leaves earlier closes the others' connections
        dist.destroy_process_group()
    except InputError:
        if os.environ["RANK"] != "0":
            sys.exit(2)
        raise
