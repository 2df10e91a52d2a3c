"""Traffic of data-parallel training: bytes of a step, and how long they take on a network.

    torchrun --nproc_per_node 2 -m benchmarks.data_parallel [--sizes 10000 33000 200000 1000000]
                                                            [--hidden-dim 256]

The bytes are those of the gradients that DistributedDataParallel hands to its communication hook,
counted over --steps steps of the trainer's loss. They do not depend on the batch. If a network
needs more than --memory, they are computed from its parameters on torch's meta device. A ring
all-reduce among n machines sends 2 (n − 1) / n times the bytes from each machine. Divided by the
rate of the network, that is the least time of a step, however fast the machines compute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from benchmarks.baselines.full_softmax import FullSoftmax, FullSoftmaxSettings
from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.data_parallel import ProcessGroup, data_parallel

if TYPE_CHECKING:
    from torch._C._distributed_c10d import GradBucket

STREAMS, UNROLL = 2, 4
NETWORKS = [(machines, gigabits) for machines in (8, 64) for gigabits in (10, 100)]
COLUMNS = (
    Column("model", "model"),
    Column("words", "V", ",d"),
    Column("parameters", "parameters", ",d"),
    Column("mb", "MB a step", ",.2f"),
    Column("how", "how"),
    *(Column(f"ms_{n}_{rate}", f"ms, {n} machines, {rate} Gbit/s", ",.2f") for n, rate in NETWORKS),
)


class Traffic:
    """Bytes of all averaged gradients, counted by a hook of DistributedDataParallel."""

    bytes = 0

    def count(self, bucket: GradBucket) -> torch.futures.Future[Tensor]:
        self.bytes += bucket.buffer().nbytes
        world = dist.group.WORLD
        assert world is not None  # init_process_group was called
        return allreduce_hook(world, bucket)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[10_000, 33_000, 200_000, 1_000_000]
    )
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--memory", type=float, default=8.0, metavar="GB", help="of all processes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with data_parallel("cpu") as processes:
        if processes.count == 1:
            parser.error("a single process exchanges nothing: start two with torchrun")
        measured = Measurement(
            __file__,
            arguments,
            "Data-parallel training: traffic of a step",
            "How many bytes do processes that train one model exchange at each step, and how long "
            "does that take?",
            COLUMNS,
            f"{machine('cpu', 'torch')}; {processes.count} processes",
            launcher=f"torchrun --nproc_per_node {processes.count}",
        )
        for size in arguments.sizes:
            for name, make in MODELS.items():
                found = row(make, size, arguments, processes)
                if processes.is_first:
                    measured.add(model=name, **found)
        if processes.is_first:
            measured.note(
                "Times are computed: a ring all-reduce among n machines sends 2 (n − 1) / n times "
                "the bytes."
            )
            measured.finish()


def row(
    make: Callable[[Vocabulary, int], Trainable],
    size: int,
    arguments: argparse.Namespace,
    processes: ProcessGroup,
) -> dict[str, Any]:
    words = vocabulary(size)
    with torch.device("meta"):
        parameters = sum(
            parameter.numel() for parameter in make(words, arguments.hidden_dim).parameters()
        )
    # Each process holds the parameters, their gradients, and a copy of the gradients in the buckets
    # where they are averaged.
    fits = 3 * 4 * parameters * processes.count < arguments.memory * 1e9
    size_of_all = (
        exchanged(make(words, arguments.hidden_dim), arguments.steps, processes)
        if fits
        else 4.0 * parameters
    )
    times = {f"ms_{n}_{rate}": 1000 * least_seconds(size_of_all, n, rate) for n, rate in NETWORKS}
    return {
        "words": size,
        "parameters": parameters,
        "mb": size_of_all / 1e6,
        "how": "measured" if fits else "computed",
        **times,
    }


def exchanged(model: Trainable, steps: int, processes: ProcessGroup) -> float:
    """Bytes of gradients that each process sends in a step."""
    parallel, traffic = processes.loss_of(model), Traffic()
    assert isinstance(parallel, DistributedDataParallel)
    # torch compares the types that a hook declares; with postponed annotations they are strings.
    parallel.register_comm_hook(traffic, lambda traffic, bucket: traffic.count(bucket))
    state = model.start_states(STREAMS)
    for _ in range(steps):
        loss, state = parallel(
            torch.randint(len(model.vocabulary), (UNROLL, STREAMS)), state.detach()
        )
        model.zero_grad()
        loss.backward()
    return traffic.bytes / steps


def least_seconds(size: float, machines: int, gigabits: float) -> float:
    """The least time of a step: that of a ring all-reduce of so many bytes."""
    return 2 * (machines - 1) / machines * size * 8 / (gigabits * 1e9)


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(
        ("</s>", "<unk>", *(f"w{number}" for number in range(size - 2))),
        np.ones(size, dtype=np.int64),
    )


def light_rnn(words: Vocabulary, width: int) -> LightRNN:
    with torch.device("cpu"):  # a table is looked at
        return LightRNN(LightRNNSettings(hidden_dim=width), words, WordTable.shaped(len(words)))


def full_softmax(words: Vocabulary, width: int) -> FullSoftmax:
    """With dense gradients of the input embeddings, as torch's Embedding has them."""
    model = FullSoftmax(FullSoftmaxSettings(hidden_dim=width), words)
    assert isinstance(model.input, nn.Embedding)
    model.input.sparse = False
    return model


def tied_softmax(words: Vocabulary, width: int) -> FullSoftmax:
    return FullSoftmax(FullSoftmaxSettings(hidden_dim=width, tied=True), words)


MODELS = {"LightRNN": light_rnn, "full softmax": full_softmax, "full softmax, tied": tied_softmax}

if __name__ == "__main__":
    main()
