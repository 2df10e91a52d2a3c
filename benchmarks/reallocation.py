"""Ways of reallocation: perplexity before it, just after it, and after one more epoch.

    python -m benchmarks.reallocation TRAIN VALID --vocabulary words.tsv [--epochs 2]
                                      [--save-costs costs.npz]

One network is trained for some epochs. For each way, a copy of it is reallocated (or not) and
trained for one more epoch, with a learning rate that falls to 0. Seeds and texts are the same for
all.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.reallocation.costs import cell_costs
from rescorer.training.reallocation.reallocate import reallocate
from rescorer.training.settings import ReallocationSettings, TrainingSettings

WAYS = {
    "no reallocation": None,
    "plain": ReallocationSettings(),
    "a word moves for > 0.5 nats only": ReallocationSettings(min_gain=0.5),
}
COLUMNS = (
    Column("way", "way"),
    Column("moved", "words moved", ",d"),
    Column("straight_after", "straight after", ".2f"),
    Column("epoch_later", "an epoch later", ".2f"),
    Column("seconds", "seconds", ".1f"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("valid", type=Path)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--save-costs", type=Path, help="for benchmarks.assignment --costs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    measured = Measurement(
        __file__,
        arguments,
        "What a reallocation changes",
        "What does one reallocation bring straight away and an epoch later?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    words = Vocabulary.load(arguments.vocabulary)
    settings = TrainingSettings(
        epochs=arguments.epochs, batch_size=32, lr=4e-3, precision="bfloat16"
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        train = Corpus.encode([arguments.train], words, work / "train.ids")
        valid = Corpus.encode([arguments.valid], words, work / "valid.ids")
        square = WordTable.shaped(len(words), math.isqrt(len(words) - 1) + 1)
        base = LightRNN(LightRNNSettings(hidden_dim=arguments.hidden_dim), words, square)
        Trainer(base, train, valid, settings, work / "base.pt", work / "base").run()
        if arguments.save_costs:
            costs, every = cell_costs(base, train), slice(None)
            np.savez(
                arguments.save_costs,
                row_costs=costs.rows.block(every, every),
                column_costs=costs.columns.block(every, every),
                cells=base.table.cells,
                counts=words.counts,
            )
        before = perplexity(log_probs_of(base, valid.ids, batch_size=32))
        for number, (name, way) in enumerate(WAYS.items()):
            model = copy.deepcopy(base)
            began = time.perf_counter()
            moved = reallocate(model, train, way).moved if way else 0
            seconds = time.perf_counter() - began
            after = perplexity(log_probs_of(model, valid.ids, batch_size=32))
            later = Trainer(
                model,
                train,
                valid,
                replace(settings, epochs=1),
                work / f"{number}.pt",
                work / str(number),
            ).run()
            measured.add(
                way=name, moved=moved, straight_after=after, epoch_later=later, seconds=seconds
            )
    measured.note(
        f"Validation perplexity; {len(words):,} words, table {base.table.rows} × "
        f"{base.table.columns}, "
        f"{base.parameter_count():,} parameters, {before:.2f} before."
    )
    measured.finish()


if __name__ == "__main__":
    main()
