"""The training of an entry's network within the budget.

Shapes: N words of a text, U streams.
"""

from __future__ import annotations

import json
import math
import resource
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.baselines.budget import Budget, Folder
from benchmarks.baselines.plan import Plan, make_network, probe, training_settings
from benchmarks.baselines.registry import Entry
from benchmarks.baselines.units import Units
from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.torch_file import read_torch
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer


class _Length(NamedTuple):
    """How long a training is."""

    name: str  # part of the name of its folder
    columns: int  # words or pieces of each stream


class _Training(NamedTuple):
    best: float  # validation perplexity; infinite where it diverged
    model: Path
    peak_bytes: int
    units_per_second: float  # of processor time, of all steps


class _TimedTrainer(Trainer):
    """It adds up the time of its steps, without the validations between them."""

    units_read, processor_seconds = 0, 0.0

    def train_step(self) -> int:
        began = time.process_time()
        units = super().train_step()
        self.units_read += units
        self.processor_seconds += time.process_time() - began
        return units


class _Trainings(NamedTuple):
    """The trainings of one entry: the trials of its learning rates and the whole one."""

    folder: Folder
    entry: Entry
    budget: Budget
    units: Units
    plan: Plan
    say: Any

    def trial_length(self) -> _Length:
        return self._length_of(self.budget.trial_seconds)

    def whole_length(self) -> _Length:
        """The epochs of the budget, or the seconds that the preparation leaves of it."""
        budget = self.budget
        if budget.epochs is not None:
            text = self.units.text("train").batchify(budget.batch_size)
            return _Length(f"{budget.epochs}-epochs", budget.epochs * text.shape[1])
        left = budget.seconds - self.plan.preparation_seconds
        if left <= 0:
            raise InputError(
                f"no time left of {budget.seconds:g} s by a preparation of "
                f"{self.plan.preparation_seconds:.0f}"
            )
        return self._length_of(left)

    def _length_of(self, seconds: float) -> _Length:
        count = seconds * self.plan.speed(self.folder)
        return _Length(f"{seconds:g}", max(1, int(count / self.budget.batch_size)))

    def train(self, rate: float, length: _Length) -> _Training:
        """Train for this length, unless a training of an earlier call is there."""
        work = self.folder.work(self.entry.spec) / f"{rate:g}-{length.name}"
        output, done = work / "model.pt", work / "done.json"
        if not done.exists():
            self.say(f"learning rate {rate:g}, {length.columns * self.budget.batch_size:,} units")
            write_lines(done, [json.dumps(self._train_anew(rate, length, output))])
        found = json.loads(done.read_text(encoding="utf-8"))
        best = math.inf if found["best"] is None else found["best"]
        return _Training(best, output, found["peak_bytes"], found["units_per_second"])

    def _train_anew(self, rate: float, length: _Length, output: Path) -> dict[str, Any]:
        budget = self.budget
        steps = math.ceil(length.columns / budget.bptt)
        trainer = _TimedTrainer(
            make_network(self.entry, budget, self.units.vocabulary, self.plan.known),
            repeated(self.units.text("train"), budget.batch_size, length.columns),
            self.units.text("valid"),
            training_settings(budget, self.entry, rate, steps),
            output,
            output.parent,
            say=self.say,
        )
        try:
            best = trainer.run()
        except InputError as error:
            if "diverged" not in str(error):
                raise
            best = math.inf
        trainer.checkpoint.unlink(missing_ok=True)  # the moments of a large softmax fill a disk
        return {
            "best": _finite(best),
            "peak_bytes": peak_bytes(),
            "units_per_second": trainer.units_read / max(trainer.processor_seconds, 1e-9),
        }


def train_entry(
    folder: Folder, entry: Entry, budget: Budget, units: Units, say: Any
) -> tuple[Any, dict[str, Any]]:
    """Try the learning rates, train with the best one; returns the model and its figures."""
    plan = Plan.read(folder, entry) or probe(folder, entry, say)
    trainings = _Trainings(folder, entry, budget, units, plan, say)
    whole, trials = trainings.whole_length(), {}
    rates = budget.lrs if entry.lr is None else (entry.lr,)
    if len(rates) > 1:
        length = trainings.trial_length()
        trials = {rate: trainings.train(rate, length) for rate in rates}
    rate = min(rates, key=lambda each: trials[each].best if trials else 0.0)
    training = trainings.train(rate, whole)
    if not math.isfinite(training.best):
        raise InputError("the training diverged")
    model, per_word = entry.kind.from_dict(read_torch(training.model)), units.per_word("train")
    return model, {
        "lr": rate,
        "trials": {str(rate): _finite(trial.best) for rate, trial in trials.items()},
        "preparation_seconds": plan.preparation_seconds,
        "units_per_second": plan.speed(folder),
        "training_words_per_second": plan.speed(folder) / per_word,
        "words_per_second_as_it_went": training.units_per_second / per_word,
        "units_read": whole.columns * budget.batch_size,
        "words_read": round(whole.columns * budget.batch_size / per_word),
        "peak_bytes": max(each.peak_bytes for each in (*trials.values(), training)),
        "log": str((training.model.parent / "log.csv").relative_to(folder.path)),
        "parameters": model.parameter_count(),
        "file_bytes": training.model.stat().st_size,
    }


def repeated(text: Corpus, batch_size: int, columns: int) -> Corpus:
    """The text repeated or cut until each of U streams has `columns` words: an epoch of any length.

    Each stream repeats its own part of the text, as in several epochs.
    """
    parts = text.batchify(batch_size)  # [U, N / U]
    if not parts.shape[1]:
        raise InputError(
            f"the training text has {len(text)} words",
            expected=f"one for each of {batch_size} streams",
            remedy="give more text or fewer --batch-size",
        )
    return Corpus(np.take(parts, np.arange(columns), axis=1, mode="wrap").reshape(-1))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def peak_bytes() -> int:
    """Of this process or its largest child."""
    return 1024 * max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
