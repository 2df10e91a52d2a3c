"""The speed of an entry's network in training, and what it knows of each word before training.

Both are measured once and kept, so that an entry that is resumed trains as long as planned.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.baselines import reference_lstm
from benchmarks.baselines.budget import Budget, Folder
from benchmarks.baselines.registry import Entry
from benchmarks.baselines.units import Units, units_of
from rescorer.files import whole_path
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.settings import TrainingSettings

_CHECKPOINTS = 6  # in a training; those of a large softmax take gigabytes


class Plan(NamedTuple):
    """What must not change when an entry is resumed."""

    known: dict[str, np.ndarray]  # the result of `Entry.known`
    preparation_seconds: float  # of `Entry.known` and of the pieces
    probes: list[float]  # measured speeds, each relative to that of the LSTM alone

    @staticmethod
    def path(folder: Folder, entry: Entry) -> Path:
        return folder.work(entry.spec) / "plan.npz"

    @classmethod
    def read(cls, folder: Folder, entry: Entry) -> Plan | None:
        path = cls.path(folder, entry)
        if not path.exists():
            return None
        with np.load(path) as content:
            known = dict(content)
        return cls(known, float(known.pop("preparation_seconds")), known.pop("probes").tolist())

    def write(self, folder: Folder, entry: Entry) -> None:
        with whole_path(self.path(folder, entry)) as path, open(path, "wb") as file:
            arrays: dict[str, Any] = {
                "preparation_seconds": self.preparation_seconds,
                "probes": self.probes,
                **self.known,
            }
            np.savez(file, **arrays)

    def speed(self, folder: Folder) -> float:
        """Words or pieces a second: the median share of the LSTM's speed, times that speed."""
        return float(np.median(self.probes)) * reference_lstm.speed(folder)


def probes(folder: Folder, entry: Entry) -> int:
    """Number of measurements of its speed so far."""
    path = Plan.path(folder, entry)
    if not path.exists():
        return 0
    with np.load(path) as content:  # reads only this array of the file
        return len(content["probes"])


def probe(folder: Folder, entry: Entry, say: Any = print) -> Plan:
    """Measure the speed of the network once more."""
    budget, units, plan = folder.budget(), units_of(folder, entry), Plan.read(folder, entry)
    if plan is None:
        began = time.process_time()
        known = entry.known(budget.network, units.text("train").ids, units.vocabulary)
        plan = Plan(known, units.seconds + time.process_time() - began, [])
    share = _share_of_lstm(entry, budget, units, plan.known, folder)
    plan = plan._replace(probes=[*plan.probes, share])
    plan.write(folder, entry)
    say(f"{share:.3f} of the LSTM's words/s in its first steps: {plan.speed(folder):,.0f}")
    return plan


def _share_of_lstm(
    entry: Entry,
    budget: Budget,
    units: Units,
    known: Mapping[str, np.ndarray],
    folder: Folder,
) -> float:
    """Speed of the first steps, relative to that of the LSTM alone.

    Both are measured in turn, because other work on the machine slows both.
    """
    settings = training_settings(budget, entry, budget.lrs[0], 1)
    with tempfile.TemporaryDirectory(dir=folder.work(entry.spec)) as work:
        columns = units.text("train").ids[: 100_000 * budget.batch_size]
        trainer = Trainer(
            make_network(entry, budget, units.vocabulary, known),
            Corpus(columns),
            units.text("valid"),
            settings,
            Path(work) / "model.pt",
            work,
        )
        trainer.train_step()  # the first step allocates memory
        step, began, shares = reference_lstm.make_step(budget), time.process_time(), []
        while time.process_time() - began < reference_lstm.probe_seconds(budget):
            shares.append(
                reference_lstm.words_a_second(trainer.train_step)
                / reference_lstm.words_a_second(step)
            )
        return float(np.median(shares))


def make_network(
    entry: Entry, budget: Budget, vocabulary: Vocabulary, known: Mapping[str, np.ndarray]
) -> Trainable:
    torch.manual_seed(budget.seed)
    return entry.make(budget.network, vocabulary, known)


def training_settings(budget: Budget, entry: Entry, rate: float, steps: int) -> TrainingSettings:
    return TrainingSettings(
        epochs=1,
        batch_size=budget.batch_size,
        bptt=budget.bptt,
        lr=rate,
        intervals=min(budget.intervals, steps),
        precision=budget.precision,
        seed=budget.seed,
        reallocate_after=tuple(
            after for after in entry.reallocate_after if after < min(budget.intervals, steps)
        ),
        checkpoint_seconds=max(60.0, budget.seconds / _CHECKPOINTS),
    )
