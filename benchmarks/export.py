"""Exported LightRNNs: size of the files, what int8 loses, and words scored a second by torch and by onnxruntime.

    python -m benchmarks.export TEXT MODEL [MODEL …] [--sizes 10000 100000 1000000] [--lines 2000]

Each MODEL, a lightrnn.pt, is exported, and scores the first --lines sentences of TEXT, each by itself. Each of --sizes
is an untrained network of that many words, the first of the last MODEL's, with four rows a column: of these only the
sizes count. Words are scored 32 sentences side by side on one thread; speeds are words a second of processor time.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine
from rescorer.models.light_rnn import LightRNN, LightRNNSettings
from rescorer.models.onnx_export import as_int8, as_onnx, log_probs_of_sentences, packed_words
from rescorer.models.onnx_scorer import OnnxScorer
from rescorer.models.text import perplexity
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import read_sentences

SIZES = ("words", "table", "parameters", ".pt, MB", "float32, MB", "int8, MB", "of these words, MB", "int8 / float32",
         "without words")
SCORES = ("words", "off, float32", "perplexity", "perplexity, int8", "loss", "torch, words/s", "float32, words/s",
          "int8, words/s")

_Text = Sequence[Sequence[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--width", type=int, default=256, help="of the untrained networks")
    parser.add_argument("--lines", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine("cpu", "torch", "onnx", "onnxruntime"))
    sentences = list(islice(read_sentences([arguments.text]), arguments.lines))
    sizes, scores = [], []
    for path in arguments.models:
        model = LightRNN.load(path)
        files = as_files(model)
        sizes.append(size_cells(model, *files))
        scores.append(score_cells(model, *files, sentences))
    vocabulary = model.vocabulary
    if max(arguments.sizes, default=0) > len(vocabulary):
        parser.error(f"{arguments.models[-1]} has {len(vocabulary)} words: give smaller --sizes")
    for size in arguments.sizes:
        model = untrained(vocabulary, size, arguments.width)
        sizes.append(size_cells(model, *as_files(model)))
    print_table(SIZES, sizes)
    print_table(SCORES, scores)


def untrained(vocabulary: Vocabulary, size: int, width: int) -> LightRNN:
    words = Vocabulary(vocabulary.words[:size], vocabulary.counts[:size], vocabulary.case)
    columns = max(1, round(math.sqrt(size) / 2))
    model = LightRNN(LightRNNSettings(width=width), words, WordTable.shaped(size, None, columns)).eval()
    for vectors in (model.own_in, model.own_out):
        torch.nn.init.normal_(vectors, std=0.1)  # the quantiser leaves a matrix of zeros as it is
    return model


def as_files(model: LightRNN) -> tuple[bytes, bytes]:
    float32 = as_onnx(model)
    return float32, as_int8(float32)


def size_cells(model: LightRNN, float32: bytes, int8: bytes) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.pt")
        saved = (Path(folder) / "model.pt").stat().st_size
    words = len(packed_words(model))
    return [f"{len(model.vocabulary):,}", f"{model.table.rows} × {model.table.columns}",
            f"{model.parameter_count():,}", *(f"{size / 1e6:.2f}" for size in (saved, len(float32), len(int8), words)),
            f"{len(int8) / len(float32):.3f}", f"{(len(int8) - words) / (len(float32) - words):.3f}"]


def score_cells(model: LightRNN, float32: bytes, int8: bytes, sentences: _Text) -> list[str]:
    by_torch, torch_speed = timed(partial(log_probs_of_sentences, model), sentences)
    whole, whole_speed = timed(OnnxScorer(float32).log_probs, sentences)
    small, small_speed = timed(OnnxScorer(int8).log_probs, sentences)
    before, after = perplexity(whole), perplexity(small)
    return [f"{len(model.vocabulary):,}", f"{np.abs(whole - by_torch).max():.1e}", f"{before:.2f}", f"{after:.2f}",
            f"{after / before - 1:+.2%}", *(f"{speed:,.0f}" for speed in (torch_speed, whole_speed, small_speed))]


def timed(score: Callable[[_Text], list[np.ndarray]], sentences: _Text) -> tuple[np.ndarray, float]:
    """Log-probs, and how many a second of processor time."""
    began = time.process_time()
    log_probs = np.concatenate(score(sentences))
    return log_probs, len(log_probs) / (time.process_time() - began)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print("\n| " + " | ".join(head) + " |\n" + "| ---: " * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
