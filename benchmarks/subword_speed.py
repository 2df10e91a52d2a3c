"""Training speed of the subword LSTMs beside a plain loop of PyTorch.

    python -m benchmarks.subword_speed [--pieces 500 2000 8000] [--hidden-dims 256 512]

The peer is what PyTorch's word language model example does: embedding, `nn.LSTM`, a tied linear
layer, `log_softmax` with `nll_loss`, clipped gradients, a step of plain SGD. The baseline takes a
step of its own trainer, with its Adam. Both read the same random pieces, in turn. Every share is
the median over the turns.

The bound is the time of the matrix products alone, which no implementation avoids: those of the
LSTM and of the softmax, forward and twice as many backward, at the speed of one product of the
softmax's sizes, measured in turn with the two.

Shapes: T pieces, U streams, V pieces of the vocabulary, D width.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.registry import Entry
from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.settings import TrainingSettings

_STREAMS, _BPTT = 64, 35
_CLIP, _PEER_LR = 0.25, 1.0
COLUMNS = (
    Column("pieces", "pieces", ",d"),
    Column("hidden_dim", "width", ",d"),
    Column("ours", "baseline, pieces/s", ",.0f"),
    Column("peer", "plain loop, pieces/s", ",.0f"),
    Column("ratio", "baseline to plain loop", ".2f"),
    Column("gigaflops", "matrix product, GFLOP/s", ".1f"),
    Column("bound", "share of the bound", ".2f"),
)


class Peer(nn.Module):
    """The network of the plain loop."""

    def __init__(self, pieces: int, width: int) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(pieces, width), nn.LSTM(width, width)
        self.output = nn.Linear(width, pieces)
        self.output.weight = self.embedding.weight

    def forward(
        self, pieces: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """[T·U, V] log P of the next pieces after each of [T, U], and the new state."""
        hidden, state = self.lstm(self.embedding(pieces), state)
        return nn.functional.log_softmax(self.output(hidden).flatten(0, 1), -1), state


def peer_step(ids: np.ndarray, pieces: int, width: int) -> Callable[[], None]:
    """A training step of the plain loop on the next part of a text [N]."""
    model = Peer(pieces, width)
    text = torch.as_tensor(Corpus(ids).batchify(_STREAMS).T.astype(np.int64))  # [N / U, U]
    zeros = torch.zeros(1, _STREAMS, width)
    state, place = [(zeros, zeros)], [0]

    def step() -> None:
        begin = place[0] % (len(text) - _BPTT - 1)
        place[0] += _BPTT
        model.zero_grad()
        hidden, cell = state[0]
        log_probs, state[0] = model(text[begin : begin + _BPTT], (hidden.detach(), cell.detach()))
        following = text[begin + 1 : begin + 1 + _BPTT].flatten()
        nn.functional.nll_loss(log_probs, following).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        with torch.no_grad():
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.add_(parameter.grad, alpha=-_PEER_LR)

    return step


def baseline_step(ids: np.ndarray, pieces: int, width: int, work: str) -> Callable[[], object]:
    """A training step of the baseline, as the table takes it."""
    words = ("</s>", "<unk>", *(f"p{number}" for number in range(pieces - 2)))
    vocabulary = Vocabulary(words, np.bincount(ids, minlength=pieces))
    entry = Entry.parse(f"full-tied:hidden_dim={width}")
    settings = TrainingSettings(
        epochs=1, batch_size=_STREAMS, bptt=_BPTT, lr=0.006, intervals=1, precision="float32"
    )
    text = Corpus(ids)
    return Trainer(
        entry.make({}, vocabulary, {}), text, text, settings, Path(work) / "model.pt", work
    ).train_step


def product(pieces: int, width: int) -> tuple[Callable[[], object], float]:
    """A product of the softmax's sizes, and its floating-point operations."""
    left, right = torch.randn(_STREAMS * _BPTT, width), torch.randn(width, pieces)
    return lambda: left @ right, 2.0 * _STREAMS * _BPTT * width * pieces


def operations(pieces: int, width: int) -> float:
    """Floating-point operations of the products of a training step."""
    return 3 * 2.0 * _STREAMS * _BPTT * (8 * width**2 + width * pieces)


def seconds(step: Callable[[], object], at_least: float) -> float:
    """Processor time of one step, the mean over so many seconds."""
    began, count = time.process_time(), 0
    while time.process_time() - began < at_least:
        step()
        count += 1
    return (time.process_time() - began) / count


def compare(pieces: int, width: int, arguments: argparse.Namespace) -> dict[str, float]:
    """The row of one network."""
    ids = np.random.default_rng(0).integers(pieces, size=_STREAMS * _BPTT * 200).astype(np.int64)
    multiply, flop = product(pieces, width)
    with tempfile.TemporaryDirectory() as work:
        steps = (baseline_step(ids, pieces, width, work), peer_step(ids, pieces, width), multiply)
        for step in steps:  # the first steps allocate memory
            step()
        turns = np.array(
            [[seconds(step, arguments.seconds) for step in steps] for _ in range(arguments.turns)]
        )
    ours, peer, one = turns.T
    read = _STREAMS * _BPTT
    return {
        "pieces": pieces,
        "hidden_dim": width,
        "ours": read / float(np.median(ours)),
        "peer": read / float(np.median(peer)),
        "ratio": float(np.median(peer / ours)),
        "gigaflops": flop / float(np.median(one)) / 1e9,
        "bound": float(np.median(operations(pieces, width) / flop * one / ours)),
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--pieces", type=int, nargs="+", default=[500, 2000, 8000])
    parser.add_argument("--hidden-dims", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each in each turn")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measured = Measurement(
        __file__,
        arguments,
        "Training speed of subword LSTMs",
        "Is the baseline as quick as a plain loop of PyTorch, and how much could be gained at all?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    for width in arguments.hidden_dims:
        for pieces in arguments.pieces:
            measured.add(**compare(pieces, width, arguments))
    measured.note(
        f"One thread, float32, batches of {_STREAMS} × {_BPTT} pieces, processor time, the median "
        f"of {arguments.turns} turns. The plain loop steps with SGD, the baseline with Adam."
    )
    measured.finish()


if __name__ == "__main__":
    main()
