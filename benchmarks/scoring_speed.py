"""Words scored a second: LightRNN against an LSTM of the same width with a softmax over all words.

    python -m benchmarks.scoring_speed [--hidden-dim 256] [--device cpu] [--threads 2]

Both score the same random sentences in batches: log P of every word, with the recurrence and the
softmax. The full softmax is computed over as many histories at a time as fit the memory. Shapes: U
sentences, T words, V vocabulary.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN, LightRNNSettings, LightRNNState
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

COLUMNS = (
    Column("words", "V", ",d"),
    Column("lightrnn_parameters", "LightRNN parameters", ",d"),
    Column("full_parameters", "full softmax parameters", ",d"),
    Column("lightrnn", "LightRNN words/s", ",.0f"),
    Column("full", "full softmax words/s", ",.0f"),
    Column("ratio", "ratio", ".1f"),
)
_LOGITS_AT_ONCE = 1 << 26  # 256 MiB of float32


class FullSoftmax(nn.Module):
    """Embedding, LSTM and a softmax over V words: the baseline."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, width)
        self.lstm = nn.LSTM(width, width)
        self.output = nn.Linear(width, size)

    def forward(self, words: Tensor) -> Tensor:
        """[T - 1, U] log P of each word but the first."""
        hidden, _ = self.lstm(self.embedding(words[:-1]))
        flat, targets = hidden.flatten(0, 1), words[1:].flatten()
        at_once = max(1, _LOGITS_AT_ONCE // self.output.out_features)
        parts = [
            torch.log_softmax(self.output(part), -1).gather(-1, target[:, None])[:, 0]
            for part, target in zip(
                torch.split(flat, at_once), torch.split(targets, at_once), strict=True
            )
        ]
        return torch.cat(parts).view_as(words[1:])


def light_rnn(size: int, rows: int | None, settings: LightRNNSettings) -> LightRNN:
    words = ("</s>", "<unk>", *(f"w{index}" for index in range(size - 2)))
    vocabulary = Vocabulary(words, np.ones(size, dtype=np.int64))
    return LightRNN(settings, vocabulary, WordTable.shaped(size, rows))


def log_probs_of(model: LightRNN, words: Tensor, state: LightRNNState) -> Tensor:
    """[T - 1, U] log P of each word but the first."""
    log_probs: Tensor = model(words[1:], state)[0]
    return log_probs


def seconds(run: Callable[[], Tensor], repeats: int) -> float:
    """The least time of several runs after a first one; on a GPU, with its synchronisation."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        run().sum().item()
        times.append(time.perf_counter() - began)
    return min(times[1:])


@torch.no_grad()
def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument(
        "--rows", type=int, help="of the table; four words a row without it, up to 3,000"
    )
    parser.add_argument(
        "--tied", action=argparse.BooleanOptionalAction, default=LightRNNSettings.tied
    )
    parser.add_argument("--residual-dim", type=int, default=LightRNNSettings.residual_dim)
    parser.add_argument("--residual-columns", type=int, default=LightRNNSettings.residual_columns)
    parser.add_argument("--sentences", type=int, default=64)
    parser.add_argument("--words", type=int, default=21)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    measured = Measurement(
        __file__,
        arguments,
        "Scoring speed",
        "How many words a second does a LightRNN score, against a full softmax of the same LSTM?",
        COLUMNS,
        machine(arguments.device, "torch"),
    )
    settings = LightRNNSettings(
        hidden_dim=arguments.hidden_dim,
        tied=arguments.tied,
        residual_dim=arguments.residual_dim,
        residual_columns=arguments.residual_columns,
    )
    for size in arguments.sizes:
        words = torch.randint(size, (arguments.words, arguments.sentences), device=arguments.device)
        model = light_rnn(size, arguments.rows, settings).to(arguments.device).eval()
        state = model.start_states(arguments.sentences)
        quick = seconds(partial(log_probs_of, model, words, state), arguments.repeats)
        small = model.parameter_count()
        peer = FullSoftmax(size, arguments.hidden_dim).to(arguments.device).eval()
        slow = seconds(partial(peer, words), arguments.repeats)
        large = sum(parameter.numel() for parameter in peer.parameters())
        scored = words[1:].numel()
        measured.add(
            words=size,
            lightrnn_parameters=small,
            full_parameters=large,
            lightrnn=scored / quick,
            full=scored / slow,
            ratio=slow / quick,
        )
        del peer, model
    measured.finish()


if __name__ == "__main__":
    main()
