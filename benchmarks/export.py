"""Exported LightRNNs: size of the files, losses by int8, and the speed of torch and onnxruntime.

    python -m benchmarks.export TEXT MODEL [MODEL …] [--sizes 10000 100000 1000000] [--lines 2000]

Each MODEL, a lightrnn.pt, is exported and scores the first --lines sentences of TEXT, each alone.
For each of --sizes, an untrained network has the first words of the last MODEL and four rows a
column. Of these networks only the sizes of the files are measured. Sentences are scored 32 side by
side on one thread. Speeds are words a second of processor time.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.lightrnn.onnx_export import (
    as_int8,
    as_onnx,
    log_probs_of_sentences,
    packed_words,
)
from rescorer.models.onnx_scorer import OnnxScorer
from rescorer.models.running_text import perplexity
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import read_sentences

SIZES = (
    Column("words", "words", ",d"),
    Column("table", "table"),
    Column("parameters", "parameters", ",d"),
    Column("pt", ".pt, MB", ".2f"),
    Column("float32", "float32, MB", ".2f"),
    Column("int8", "int8, MB", ".2f"),
    Column("words_mb", "of these words, MB", ".2f"),
    Column("ratio", "int8 / float32", ".3f"),
    Column("network_ratio", "without words", ".3f"),
)
SCORES = (
    Column("words", "words", ",d"),
    Column("off", "largest difference, nats", ".1e"),
    Column("perplexity", "perplexity, float32", ".2f"),
    Column("int8_perplexity", "perplexity, int8", ".2f"),
    Column("loss", "loss", "+.2%"),
    Column("torch", "torch, words/s", ",.0f"),
    Column("float32", "float32, words/s", ",.0f"),
    Column("int8", "int8, words/s", ",.0f"),
)

_Text = Sequence[Sequence[str]]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--hidden-dim", type=int, default=256, help="of the untrained networks")
    parser.add_argument("--lines", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    here = machine("cpu", "torch", "onnx", "onnxruntime")
    scores = Measurement(
        __file__,
        arguments,
        "ONNX export: what int8 loses and how fast it is",
        "How far is the exported model from torch, what does int8 lose, and how fast is it?",
        SCORES,
        here,
        part="scores",
    )
    sizes = Measurement(
        __file__,
        arguments,
        "ONNX export: size of files",
        "How large are exported models in float32 and in int8?",
        SIZES,
        here,
        part="sizes",
    )
    sentences = list(islice(read_sentences([arguments.text]), arguments.lines))
    models = [LightRNN.load(path) for path in arguments.models]
    vocabulary = models[-1].vocabulary
    if max(arguments.sizes, default=0) > len(vocabulary):
        parser.error(f"{arguments.models[-1]} has {len(vocabulary)} words: give smaller --sizes")
    exported = [(model, *as_files(model)) for model in models]
    for each in exported:
        sizes.add(**sizes_of(*each))
    for size in arguments.sizes:
        model = untrained(vocabulary, size, arguments.hidden_dim)
        sizes.add(**sizes_of(model, *as_files(model)))
    for each in exported:
        scores.add(**scores_of(*each, sentences))
    sizes.finish()
    scores.finish()


def untrained(vocabulary: Vocabulary, size: int, width: int) -> LightRNN:
    words = Vocabulary(vocabulary.words[:size], vocabulary.counts[:size], vocabulary.case)
    columns = max(1, round(math.sqrt(size) / 2))
    model = LightRNN(
        LightRNNSettings(hidden_dim=width), words, WordTable.shaped(size, None, columns)
    ).eval()
    for vectors in (model.residual_in, model.residual_out):
        torch.nn.init.normal_(vectors, std=0.1)  # the quantiser leaves a matrix of zeros as it is
    return model


def as_files(model: LightRNN) -> tuple[bytes, bytes]:
    float32 = as_onnx(model)
    return float32, as_int8(float32)


def sizes_of(model: LightRNN, float32: bytes, int8: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.pt")
        saved = (Path(folder) / "model.pt").stat().st_size
    words = len(packed_words(model))
    megabytes = {
        "pt": saved / 1e6,
        "float32": len(float32) / 1e6,
        "int8": len(int8) / 1e6,
        "words_mb": words / 1e6,
    }
    return {
        "words": len(model.vocabulary),
        "table": f"{model.table.rows} × {model.table.columns}",
        "parameters": model.parameter_count(),
        **megabytes,
        "ratio": len(int8) / len(float32),
        "network_ratio": (len(int8) - words) / (len(float32) - words),
    }


def scores_of(model: LightRNN, float32: bytes, int8: bytes, sentences: _Text) -> dict[str, Any]:
    by_torch, torch_speed = timed(partial(log_probs_of_sentences, model), sentences)
    whole, whole_speed = timed(OnnxScorer(float32).log_probs, sentences)
    small, small_speed = timed(OnnxScorer(int8).log_probs, sentences)
    before, after = perplexity(whole), perplexity(small)
    return {
        "words": len(model.vocabulary),
        "off": float(np.abs(whole - by_torch).max()),
        "perplexity": before,
        "int8_perplexity": after,
        "loss": after / before - 1,
        "torch": torch_speed,
        "float32": whole_speed,
        "int8": small_speed,
    }


def timed(score: Callable[[_Text], list[np.ndarray]], sentences: _Text) -> tuple[np.ndarray, float]:
    """Log-probabilities, and their number per second of processor time."""
    began = time.process_time()
    log_probs = np.concatenate(score(sentences))
    return log_probs, len(log_probs) / (time.process_time() - began)


if __name__ == "__main__":
    main()
