"""Training runs that several test modules share: set-up, results, and processes that die."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from conftest import make_vocabulary

from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.torch_file import read_torch
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import SINGLE_PROCESS, ProcessGroup
from rescorer.training.loop import Trainer, TrainingSettings
from rescorer.training.reallocation.reallocate import ReallocationSettings

SETTINGS = TrainingSettings(
    epochs=3,
    batch_size=8,
    bptt=10,
    lr=0.02,
    intervals=4,
    reallocate_after=(1, 2),
    checkpoint_seconds=0,
    reallocation=ReallocationSettings(batch_size=4, bptt=16),
)


def make_trainer(
    folder: Path,
    settings: TrainingSettings = SETTINGS,
    device: str = "cpu",
    *,
    processes: ProcessGroup = SINGLE_PROCESS,
    **network: Any,
) -> Trainer:
    """A new network, and what lies in the folder: sentences.txt, and perhaps a checkpoint."""
    torch.manual_seed(5)
    network = {"hidden_dim": 12, "dropout": 0.2, "num_layers": 2, **network}
    model = LightRNN(
        LightRNNSettings(**network), make_vocabulary(), WordTable.shaped(11).shuffled(2)
    ).to(device)
    return Trainer(
        model,
        *corpora_in(folder),
        settings,
        folder / "lightrnn.pt",
        folder / "work",
        processes=processes,
    )


def corpora_in(folder: Path) -> list[Corpus]:
    """The first 320 sentences and the rest."""
    if not (folder / "train.ids").exists():
        lines = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines(keepends=True)
        for name, part in (("train", lines[:320]), ("valid", lines[320:])):
            (folder / f"{name}.txt").write_text("".join(part), encoding="utf-8")
            Corpus.encode([folder / f"{name}.txt"], make_vocabulary(), folder / f"{name}.ids")
    return [Corpus.open(folder / f"{name}.ids") for name in ("train", "valid")]


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "work" / "log.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def result_of(folder: Path) -> dict[str, Any]:
    """All that two runs must agree in."""
    checkpoint = read_torch(folder / "work" / "checkpoint.pt")
    kept = read_torch(folder / "lightrnn.pt")
    return {
        "parameters": checkpoint["model"]["parameters"],
        "cells": checkpoint["model"]["cells"],
        "optimiser": checkpoint["optimiser"]["state"],
        "random": checkpoint["random"],
        "best": checkpoint["best"],
        "kept": {name: kept[name] for name in ("parameters", "cells", "provenance")},
        "log": [{**row, "seconds": None} for row in rows_of(folder)],
    }


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif torch.is_tensor(one):
        assert torch.equal(one, other)
    else:
        assert one == other


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(times: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose caller is killed right after the call of that number."""
    calls = iter(range(1, times + 1))

    def wrapped(*args: Any, **keywords: Any) -> Any:
        result = function(*args, **keywords)
        if next(calls, times) == times:
            die()
        return result

    return wrapped
