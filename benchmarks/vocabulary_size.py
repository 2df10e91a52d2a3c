"""Memory and time of a LightRNN by the size of its vocabulary: parameters, file, training, scoring, reallocation.

    python -m benchmarks.vocabulary_size TRAIN VALID --vocabulary words.tsv [--sizes 10000 100000 1000000]

Each size is a process of its own, which takes the first words of the vocabulary, trains on the first --train-words of
TRAIN, saves, loads, scores VALID and reallocates once; peak memory is that of the process and of the largest of its
workers. `processor` is the time of all cores together. Tables have four rows a column.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.machine import machine
from rescorer.models.light_rnn import LightRNN, LightRNNSettings
from rescorer.models.text import log_probs_of
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.assignment import AssignmentSettings
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation import ReallocationSettings, reallocate
from rescorer.training.trainer import Trainer, TrainingSettings

COLUMNS = ("words", "table", "parameters", "file, MB", "training, words/s", "scoring, words/s", "loading, s",
           "costs, s", "assignment, s", "processor, s", "peak, GB", "gap to the bound")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("valid", type=Path)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--train-words", type=int, default=200_000)
    parser.add_argument("--score-words", type=int, default=50_000)
    parser.add_argument("--cost-words", type=int, default=1_000_000)
    parser.add_argument("--block-size", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(machine("cpu", "torch"))
    print(" | ".join(["", *COLUMNS, ""]).strip() + "\n" + "| ---: " * len(COLUMNS) + "|")
    for size in arguments.sizes:
        # A process of its own: its peak memory is its own.
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(size, arguments))
        process.start()
        process.join()


def measure(size: int, arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    words = Vocabulary.load(arguments.vocabulary)
    words = Vocabulary(words.words[:size], words.counts[:size], words.case)
    columns = max(1, round(math.sqrt(size) / 2))
    model = LightRNN(LightRNNSettings(width=arguments.width), words, WordTable.shaped(size, None, columns))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        text = Corpus.encode([arguments.train], words, work / "train.ids")
        valid = Corpus.encode([arguments.valid], words, work / "valid.ids")
        valid = Corpus(valid.ids[: arguments.score_words])
        settings = TrainingSettings(epochs=1, streams=64, learning_rate=4e-3, precision="bfloat16")
        trainer = Trainer(model, Corpus(text.ids[: arguments.train_words]), valid, settings, work / "model.pt",
                          work / "run")
        trainer.run()
        size_on_disk = (work / "model.pt").stat().st_size
        began = time.perf_counter()
        model = LightRNN.load(work / "model.pt")
        loading = time.perf_counter() - began
        began = time.perf_counter()
        log_probs_of(model, valid.ids, streams=32)
        scoring = len(valid) / (time.perf_counter() - began)
        began, processor = time.perf_counter(), processor_seconds()
        found = reallocate(model, text, ReallocationSettings(
            cost_words=arguments.cost_words,
            assignment=AssignmentSettings(block_size=arguments.block_size, sweeps=1, processes=arguments.processes)))
        seconds, processor = time.perf_counter() - began, processor_seconds() - processor
    cells = (
        f"{size:,}", f"{model.table.rows} × {columns}", f"{model.parameter_count():,}", f"{size_on_disk / 1e6:.1f}",
        f"{arguments.train_words / trainer.seconds:,.0f}", f"{scoring:,.0f}", f"{loading:.1f}",
        f"{seconds - found.seconds:.0f}", f"{found.seconds:.0f}", f"{processor:.0f}", f"{peak_memory() / 1e9:.1f}",
        f"{100 * found.gap:.1f} %",
    )
    print("| " + " | ".join(cells) + " |", flush=True)


def processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_memory() -> float:
    """Bytes, of this process and its largest worker."""
    return 1024.0 * sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()
