"""One entry of the table, in a process of its own.

    python -m benchmarks.baselines.entry FOLDER SPEC --lmplz LMPLZ [--memory-gb G] [--probe]

`--probe` measures the words a second of the network's first steps beside those of its LSTM alone.
Without it, the network gets as many words as fit the budget at that speed; the learning rates are
tried where there are several, the best one trains, and the model is measured. Called again, it
resumes. Time is processor time of one thread, because the machine may be shared.

Shapes: N words of a text, U streams.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.baselines import kneser_ney, reference_lstm
from benchmarks.baselines.budget import SCORED, Budget, Folder
from benchmarks.baselines.registry import KNESER_NEY, Entry
from benchmarks.machine import machine
from rescorer.errors import InputError
from rescorer.files import whole_path, write_lines
from rescorer.models.language_model import LanguageModel
from rescorer.models.ngram import Ngram
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.torch_file import read_torch
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.rescoring.perplexity import score_text
from rescorer.rescoring.prefix_tree import score_sentences
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.settings import TrainingSettings

_MEMORY = 1 << 30  # of the histories of one level
_SPOKEN_WORDS = 1300  # scored for the words a second: 64 sentences of 20 words
_SCORING_RUNS = 3  # of which the fastest counts
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "not enough memory",
    "could not create a memory",
)
_PROBLEMS = ("diverged", "no time left")  # of an entry's own making: the table says so
_CHECKPOINTS = 6  # in a training: those of a large softmax are gigabytes


def measure_entry(folder: Folder, entry: Entry, lmplz: Path, say: Any = print) -> dict[str, Any]:
    """Everything that the table says of it."""
    budget, vocabulary = folder.budget(), folder.vocabulary()
    if entry.name == KNESER_NEY:
        model, found = _estimated(folder, entry, budget, vocabulary, lmplz)
    else:
        model, found = _trained(folder, entry, budget, vocabulary, say)
    scores = {name: _scores(model, folder.text(name), vocabulary) for name in SCORED}
    for name, log_probs in scores.items():
        with whole_path(folder.log_probs(entry.spec, name)) as work:
            np.save(work, log_probs)
    return {
        **found,
        "valid_perplexity": perplexity(scores["valid"]),
        "test_perplexity": perplexity(scores["test"]),
        "test_words": len(scores["test"]),
        "scoring_words_per_second": _scoring_speed(model, folder.text("test"), vocabulary),
        "peak_bytes": max(_peak_bytes(), found.get("peak_bytes", 0)),
        "machine": machine("cpu", "torch"),
    }


def _peak_bytes() -> int:
    """Of this process or its largest child."""
    return 1024 * max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def _scores(model: LanguageModel, text: Corpus, vocabulary: Vocabulary) -> np.ndarray:
    """[N] log P of a text: the state carried from sentence to sentence where the model has one that
    lasts.
    """
    if isinstance(model, Trainable):
        return log_probs_of(model, np.asarray(text.ids, dtype=np.int64))
    sentences = list(kneser_ney.sentences(text.ids, vocabulary, "<unk>"))
    return score_text(sentences, [model], context="sentence", memory=_MEMORY).log_probs[:, 0]


def _scoring_speed(model: LanguageModel, text: Corpus, vocabulary: Vocabulary) -> float:
    """Words a second of processor time, of the first sentences of the test text, each read alone as
    hypotheses are.

    The full softmax is computed over as many histories at a time as fit the memory, as in
    scoring_speed.py.
    """
    sentences = list(kneser_ney.sentences(text.ids[: 4 * _SPOKEN_WORDS], vocabulary, "<unk>"))
    ends = np.cumsum([len(sentence) + 1 for sentence in sentences])
    sentences = sentences[: int(np.searchsorted(ends, _SPOKEN_WORDS)) + 1]
    times = []
    for _ in range(_SCORING_RUNS):
        began = time.process_time()
        score_sentences(sentences, [model], _MEMORY)
        times.append(time.process_time() - began)
    return sum(len(sentence) + 1 for sentence in sentences) / min(times)


# ---- the n-gram ----


def _estimated(
    folder: Folder, entry: Entry, budget: Budget, vocabulary: Vocabulary, lmplz: Path
) -> tuple[LanguageModel, dict[str, Any]]:
    text, began = folder.text("train"), _processor_seconds()
    work = folder.work(entry.spec)
    binary, ngrams = kneser_ney.estimate(
        text.ids, vocabulary, work, lmplz, budget.order, budget.prune
    )
    taken = _processor_seconds() - began
    return Ngram.load(binary), {
        "parameters": ngrams,
        "file_bytes": binary.stat().st_size,
        "words_read": len(text),
        "training_seconds": taken,
        "training_words_per_second": len(text) / taken,
    }


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


# ---- networks ----


class _Length(NamedTuple):
    """How long a training is."""

    name: str  # in that of its folder
    columns: int  # words of each stream


class _Training(NamedTuple):
    best: float  # validation perplexity; infinite where it diverged
    model: Path
    peak_bytes: int
    words_per_second: float  # of processor time, of all steps


class _TimedTrainer(Trainer):
    """It knows how long its steps took, without what is scored between them."""

    words_read, processor_seconds = 0, 0.0

    def train_step(self) -> int:
        began = time.process_time()
        words = super().train_step()
        self.words_read += words
        self.processor_seconds += time.process_time() - began
        return words


def _trained(
    folder: Folder, entry: Entry, budget: Budget, vocabulary: Vocabulary, say: Any
) -> tuple[Any, dict[str, Any]]:
    plan = _Plan.read(folder, entry) or probe(folder, entry, say)
    speed = plan.speed(folder)

    def train(rate: float, length: _Length) -> _Training:
        return _train(folder, entry, budget, vocabulary, plan.known, rate, length, say)

    whole, trials = _whole(folder, budget, plan), {}
    if len(budget.lrs) > 1:
        length = _in_seconds(budget.trial_seconds, speed, budget.batch_size)
        trials = {rate: train(rate, length) for rate in budget.lrs}
    rate = min(budget.lrs, key=lambda each: trials[each].best if trials else 0.0)
    training = train(rate, whole)
    if not math.isfinite(training.best):
        raise InputError("the training diverged")
    found = {
        "lr": rate,
        "trials": {str(rate): _finite(trial.best) for rate, trial in trials.items()},
        "preparation_seconds": plan.preparation_seconds,
        "training_words_per_second": speed,
        "words_per_second_as_it_went": training.words_per_second,
        "words_read": whole.columns * budget.batch_size,
        "peak_bytes": max(each.peak_bytes for each in (*trials.values(), training)),
        "log": str((training.model.parent / "log.csv").relative_to(folder.path)),
    }
    model = entry.kind.from_dict(read_torch(training.model))
    return model, {
        **found,
        "parameters": model.parameter_count(),
        "file_bytes": training.model.stat().st_size,
    }


def _in_seconds(seconds: float, speed: float, batch_size: int) -> _Length:
    return _Length(f"{seconds:g}", max(1, int(seconds * speed / batch_size)))


def _whole(folder: Folder, budget: Budget, plan: _Plan) -> _Length:
    """Of a training that is no trial: what its preparation has left of the budget."""
    if budget.epochs is None:
        left = budget.seconds - plan.preparation_seconds
        if left <= 0:
            raise InputError(
                f"no time left of {budget.seconds:g} s by a preparation of "
                f"{plan.preparation_seconds:.0f}"
            )
        return _in_seconds(left, plan.speed(folder), budget.batch_size)
    return _Length(
        f"{budget.epochs}-epochs",
        budget.epochs * folder.text("train").batchify(budget.batch_size).shape[1],
    )


def _made(
    entry: Entry, budget: Budget, vocabulary: Vocabulary, known: Mapping[str, np.ndarray]
) -> Trainable:
    torch.manual_seed(budget.seed)
    return entry.make(budget.network, vocabulary, known)


class _Plan(NamedTuple):
    """What must not change when an entry is resumed."""

    known: dict[str, np.ndarray]  # of each word by the network: `Entry.known`
    preparation_seconds: float  # that finding this took
    # words a second, each time that they were measured, as shares of those of the LSTM alone
    probes: list[float]

    @staticmethod
    def path(folder: Folder, entry: Entry) -> Path:
        return folder.work(entry.spec) / "plan.npz"

    @classmethod
    def read(cls, folder: Folder, entry: Entry) -> _Plan | None:
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
        """Words a second: the middle one of the shares, of the words a second of the LSTM alone at
        its best.
        """
        return float(np.median(self.probes)) * reference_lstm.speed(folder)


def probes(folder: Folder, entry: Entry) -> int:
    """How often its words a second were measured."""
    path = _Plan.path(folder, entry)
    if not path.exists():
        return 0
    with np.load(path) as content:  # not all that is known of a million words, for a count
        return len(content["probes"])


def probe(folder: Folder, entry: Entry, say: Any = print) -> _Plan:
    """Measure the network's words a second once more."""
    budget, vocabulary, plan = folder.budget(), folder.vocabulary(), _Plan.read(folder, entry)
    if plan is None:
        began = time.process_time()
        known = entry.known(budget.network, folder.text("train").ids, vocabulary)
        plan = _Plan(known, time.process_time() - began, [])
    share = _share_of_lstm(entry, budget, vocabulary, plan.known, folder)
    plan = plan._replace(probes=[*plan.probes, share])
    plan.write(folder, entry)
    say(f"{share:.3f} of the LSTM's words/s in its first steps: {plan.speed(folder):,.0f}")
    return plan


def _share_of_lstm(
    entry: Entry,
    budget: Budget,
    vocabulary: Vocabulary,
    known: Mapping[str, np.ndarray],
    folder: Folder,
) -> float:
    """Words a second of the first steps by those of the LSTM alone, in turn: other work on the
    machine slows both.
    """
    settings = _settings(budget, entry, budget.lrs[0], 1)
    with tempfile.TemporaryDirectory(dir=folder.work(entry.spec)) as work:
        columns = folder.text("train").ids[: 100_000 * budget.batch_size]
        trainer = Trainer(
            _made(entry, budget, vocabulary, known),
            Corpus(columns),
            folder.text("valid"),
            settings,
            Path(work) / "model.pt",
            work,
        )
        trainer.train_step()  # the very first makes room
        step, began, shares = reference_lstm.make_step(budget), time.process_time(), []
        while time.process_time() - began < reference_lstm.probe_seconds(budget):
            shares.append(
                reference_lstm.words_a_second(trainer.train_step)
                / reference_lstm.words_a_second(step)
            )
        return float(np.median(shares))


def _settings(budget: Budget, entry: Entry, rate: float, steps: int) -> TrainingSettings:
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


def _train(
    folder: Folder,
    entry: Entry,
    budget: Budget,
    vocabulary: Vocabulary,
    known: Mapping[str, np.ndarray],
    rate: float,
    length: _Length,
    say: Any,
) -> _Training:
    """Train for so long; what was trained already is not trained again."""
    work = folder.work(entry.spec) / f"{rate:g}-{length.name}"
    output, done = work / "model.pt", work / "done.json"
    if not done.exists():
        say(f"learning rate {rate:g}, {length.columns * budget.batch_size:,} words")
        train = repeated(folder.text("train"), budget.batch_size, length.columns)
        settings = _settings(budget, entry, rate, math.ceil(length.columns / budget.bptt))
        trainer = _TimedTrainer(
            _made(entry, budget, vocabulary, known),
            train,
            folder.text("valid"),
            settings,
            output,
            work,
            say=say,
        )
        try:
            best = trainer.run()
        except InputError as error:
            if "diverged" not in str(error):
                raise
            best = math.inf
        write_lines(
            done,
            [
                json.dumps(
                    {
                        "best": _finite(best),
                        "peak_bytes": _peak_bytes(),
                        "words_per_second": trainer.words_read
                        / max(trainer.processor_seconds, 1e-9),
                    }
                )
            ],
        )
        trainer.checkpoint.unlink(missing_ok=True)  # the moments of a large softmax fill a disk
    found = json.loads(done.read_text(encoding="utf-8"))
    best = math.inf if found["best"] is None else found["best"]
    return _Training(best, output, found["peak_bytes"], found["words_per_second"])


def repeated(text: Corpus, batch_size: int, columns: int) -> Corpus:
    """The text so often, or cut so short, that each of U streams has so many words: an epoch of any
    length.

    Each stream goes through its own part of the text, again and again, as in epoch after epoch.
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


# ---- the process ----


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("spec")
    parser.add_argument("--lmplz", type=Path, required=True)
    parser.add_argument("--memory-gb", type=float)
    parser.add_argument("--probe", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory_gb:
        limit = int(arguments.memory_gb * 1e9)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    folder, entry = Folder(arguments.folder), Entry.parse(arguments.spec)
    folder.work(entry.spec).mkdir(parents=True, exist_ok=True)
    try:
        if arguments.probe:
            probe(folder, entry)
            return
        found: dict[str, Any] = measure_entry(folder, entry, arguments.lmplz)
    except (MemoryError, RuntimeError, InputError) as error:
        problem = _problem(error)
        if problem is None and isinstance(error, InputError):
            raise SystemExit(f"error: {error}") from None
        if problem is None:
            raise
        found = {"problem": problem}
    if "problem" in found:
        plan = _Plan.read(folder, entry)
        found["training_words_per_second"] = plan and plan.speed(folder)
    write_lines(folder.result(entry.spec), [json.dumps({"entry": entry.spec, **found}, indent=1)])
    for folder_of_trial in folder.work(entry.spec).glob("*/tensorboard"):
        shutil.rmtree(folder_of_trial)


def _problem(error: Exception) -> str | None:
    """What the entry says in place of figures; None: the problem is not the entry's own."""
    if is_of_memory(error):
        return "out of memory"
    return next(
        (
            problem
            for problem in _PROBLEMS
            if isinstance(error, InputError) and problem in str(error)
        ),
        None,
    )


def is_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out: numpy, torch, oneDNN and KenLM each say it in
    their own way.
    """
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
