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

# A reallocation of a million words on rank 0 takes long. If rank 0 dies, torchrun ends the others.
_TIMEOUT = timedelta(days=7)


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one model together; a single one without torchrun.

    All methods but `share` are collective: all processes call them, in the same order.

    Attributes:
        rank: number of this process, from 0.
        count: number of processes.
        device: device of this process.
    """

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This process's part of the U streams.

        Raises:
            InputError: U is no multiple of the number of processes.
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
        """`model.loss`, whose backward() averages the gradients over all processes.

        The parameters of rank 0 are copied to all processes first.
        """
        if self.count == 1:
            return model.loss
        loss = _Loss(model)
        # Buffers hold a LightRNN's table, which is the same in all processes. To send its 17 bytes
        # a word at every step would double the traffic.
        buffers = [name for name, _ in loss.named_buffers()]
        ignore = nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        ignore(loss, buffers)  # type: ignore[no-untyped-call]
        return nn.parallel.DistributedDataParallel(loss)

    def run_on_first(self, work: Callable[[], Result]) -> Result:
        """Call `work` on rank 0 while the others wait; returns its result in all processes.

        An InputError of rank 0 is raised in all processes.
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
        """The value of rank 0, in all processes."""
        if self.count == 1:
            return value
        flag = torch.tensor([int(value)], device=self.device)  # torch 1.13 sends no bool
        dist.broadcast(flag, src=0)
        return bool(flag)

    def joined(self, part: Tensor, dimension: int) -> Tensor:
        """The parts [...] of all processes, concatenated in that dimension."""
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
    """The processes that torchrun started, on the processor or each on its own GPU.

    An InputError ends the processes of other ranks than 0 with status 2 and without a message.

    Raises:
        InputError: the device does not exist.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield ProcessGroup(device=str(usable_device(device)))
        return
    try:
        local = usable_device(f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device)
        if local.type == "cuda":
            torch.cuda.set_device(local)
        dist.init_process_group("nccl" if local.type == "cuda" else "gloo", timeout=_TIMEOUT)
        yield ProcessGroup(dist.get_rank(), dist.get_world_size(), str(local))
        dist.barrier()  # a process that leaves earlier closes the connections of the others
        dist.destroy_process_group()
    except InputError:
        if os.environ["RANK"] != "0":
            sys.exit(2)
        raise
