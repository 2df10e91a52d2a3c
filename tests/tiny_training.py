"""A tiny network in training, for tests of the training loop and of its checkpoints."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from conftest import make_vocabulary

from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import SINGLE_PROCESS, ProcessGroup
from rescorer.training.loop import Trainer
from rescorer.training.settings import ReallocationSettings, TrainingSettings

SETTINGS = TrainingSettings(
    epochs=3,
    batch_size=8,
    bptt=10,
    lr=0.02,
    intervals=4,
    reallocate_after=(1, 2),
    checkpoint_seconds=1000,  # a checkpoint after each step would take as long as the training
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
