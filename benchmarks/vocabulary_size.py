"""Parameters, memory and times of a LightRNN by the size of its vocabulary.

    python -m benchmarks.vocabulary_size TRAIN VALID --vocabulary words.tsv \\
      [--sizes 10000 100000 1000000]

Each size is a process of its own. It takes the first words of the vocabulary, trains on the first
--train-words of TRAIN, saves, loads, scores VALID and reallocates once. Peak memory is that of the
process and of its largest worker. `processor` is the time of all cores together. Tables have four
rows a column.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.running_text import log_probs_of
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.reallocation.reallocate import reallocate
from rescorer.training.settings import AssignmentSettings, ReallocationSettings, TrainingSettings

COLUMNS = (
    Column("words", "words", ",d"),
    Column("table", "table"),
    Column("parameters", "parameters", ",d"),
    Column("file", "file, MB", ".1f"),
    Column("training", "training, words/s", ",.0f"),
    Column("scoring", "scoring, words/s", ",.0f"),
    Column("loading", "loading, s", ".1f"),
    Column("costs", "costs, s", ".0f"),
    Column("assignment", "assignment, s", ".0f"),
    Column("processor", "processor, s", ".0f"),
    Column("peak", "peak, GB", ".1f"),
    Column("gap", "gap to the bound", ".1%"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("valid", type=Path)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--train-words", type=int, default=200_000)
    parser.add_argument("--score-words", type=int, default=50_000)
    parser.add_argument("--cost-words", type=int, default=1_000_000)
    parser.add_argument("--block-size", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    measured = Measurement(
        __file__,
        arguments,
        "Vocabulary size: memory and time",
        "How do memory, file and time grow with the vocabulary?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    for size in arguments.sizes:
        # A process of its own: its peak memory is its own.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            measured.add(**pool.submit(measure, size, arguments).result())
    measured.finish()


def measure(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row, by the keys of the columns."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    words = Vocabulary.load(arguments.vocabulary)
    words = Vocabulary(words.words[:size], words.counts[:size], words.case)
    columns = max(1, round(math.sqrt(size) / 2))
    model = LightRNN(
        LightRNNSettings(hidden_dim=arguments.hidden_dim),
        words,
        WordTable.shaped(size, None, columns),
    )
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        text = Corpus.encode([arguments.train], words, work / "train.ids")
        valid = Corpus.encode([arguments.valid], words, work / "valid.ids")
        valid = Corpus(valid.ids[: arguments.score_words])
        settings = TrainingSettings(epochs=1, batch_size=64, lr=4e-3, precision="bfloat16")
        trainer = Trainer(
            model,
            Corpus(text.ids[: arguments.train_words]),
            valid,
            settings,
            work / "model.pt",
            work / "run",
        )
        trainer.run()
        size_on_disk = (work / "model.pt").stat().st_size
        began = time.perf_counter()
        model = LightRNN.load(work / "model.pt")
        loading = time.perf_counter() - began
        began = time.perf_counter()
        log_probs_of(model, valid.ids, batch_size=32)
        scoring = len(valid) / (time.perf_counter() - began)
        began, processor = time.perf_counter(), processor_seconds()
        found = reallocate(
            model,
            text,
            ReallocationSettings(
                cost_words=arguments.cost_words,
                assignment=AssignmentSettings(
                    block_size=arguments.block_size, sweeps=1, processes=arguments.processes
                ),
            ),
        )
        seconds, processor = time.perf_counter() - began, processor_seconds() - processor
    return {
        "words": size,
        "table": f"{model.table.rows} × {columns}",
        "parameters": model.parameter_count(),
        "file": size_on_disk / 1e6,
        "training": arguments.train_words / trainer.seconds,
        "scoring": scoring,
        "loading": loading,
        "costs": seconds - found.seconds,
        "assignment": found.seconds,
        "processor": processor,
        "peak": peak_memory() / 1e9,
        "gap": found.gap,
    }


def processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_memory() -> float:
    """Bytes of this process and of its largest worker."""
    return 1024.0 * sum(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


if __name__ == "__main__":
    main()
