"""Words a second of the LSTM that all networks share. Speeds are measured relative to it.

Shapes: U streams.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import torch

from benchmarks.baselines.budget import Budget, Folder
from rescorer.files import write_lines
from rescorer.models.lightrnn.lstm import LSTM

_PROBE_SHARE = 0.02  # of the budget, for measuring the words a second once
_PROBE_SECONDS = (2.0, 20.0)
# Steps are timed together for so long, because single steps differ.
_BLOCK_SECONDS = 0.5


def make_step(budget: Budget) -> Callable[[], int]:
    """A training step of the LSTM alone: forward and backward on a batch of random vectors."""
    lstm = LSTM(budget.hidden_dim, budget.num_layers, budget.dropout, 0.0)
    vectors = torch.randn(budget.bptt, budget.batch_size, budget.hidden_dim, requires_grad=True)

    def step() -> int:
        with torch.autocast("cpu", torch.bfloat16, enabled=budget.precision == "bfloat16"):
            lstm(vectors)[0].sum().backward()
        return budget.bptt * budget.batch_size

    step()
    return step


def speed(folder: Folder) -> float:
    """Words a second of the fastest steps of the LSTM alone, measured once for all entries."""
    path = folder.path / "lstm.json"
    if not path.exists():
        budget = folder.budget()
        step, began, speeds = make_step(budget), time.process_time(), []
        while time.process_time() - began < probe_seconds(budget):
            speeds.append(words_a_second(step))
        write_lines(path, [json.dumps({"words_per_second": max(speeds)})])
    return float(json.loads(path.read_text(encoding="utf-8"))["words_per_second"])


def probe_seconds(budget: Budget) -> float:
    return min(max(_PROBE_SHARE * budget.seconds, _PROBE_SECONDS[0]), _PROBE_SECONDS[1])


def words_a_second(step: Callable[[], int]) -> float:
    """Words per second of processor time."""
    began, words = time.process_time(), 0
    while time.process_time() - began < _BLOCK_SECONDS:
        words += step()
    return words / (time.process_time() - began)
