"""Training a LightRNN: epochs over streams of text, with reallocations of the table in between.

Shapes: U streams, T words of each at a time, N words of the corpus.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from rescorer.errors import InputError
from rescorer.files import whole_path
from rescorer.models.light_rnn import LightRNN, LightRNNState
from rescorer.models.text import log_probs_of, perplexity
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation import ReallocationSettings, reallocate

PRECISIONS = ("float32", "bfloat16")
_LOG_COLUMNS = ("interval", "step", "tokens", "train_perplexity", "valid_perplexity", "learning_rate", "seconds",
                "event")


@dataclass(frozen=True)
class TrainingSettings:
    """How a LightRNN is trained.

    Attributes:
        epochs: times that the corpus is read.
        streams: U, the batch.
        unroll: T, words through which gradients flow.
        learning_rate: of Adam at its height: it rises over the first 2 % of the steps, then falls as a cosine.
        weight_decay: of AdamW.
        clip: the largest norm of the gradient.
        intervals: the training is cut into so many equal parts; after each the validation text is scored, the best
            model kept, and the table reallocated where `reallocate_after` says so. None: one an epoch.
        reallocate_after: numbers of intervals, from 1.
        precision: what matrix products are computed in; "bfloat16" is twice as fast where the processor has it.
        seed: of everything that is drawn.
        checkpoint_seconds: a killed run loses at most the work of so many seconds.
    """

    epochs: int = 10
    streams: int = 64
    unroll: int = 35
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    clip: float = 1.0
    intervals: int | None = None
    reallocate_after: tuple[int, ...] = ()
    precision: str = "float32"
    seed: int = 1
    checkpoint_seconds: float = 60.0
    reallocation: ReallocationSettings = field(default_factory=ReallocationSettings)

    def __post_init__(self) -> None:
        for name in ("epochs", "streams", "unroll"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least 1")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: expected more than 0")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision = {self.precision!r}: expected one of {', '.join(PRECISIONS)}")
        if self.intervals is not None and self.intervals < 1:
            raise ValueError(f"intervals = {self.intervals}: expected at least 1")
        if any(not 1 <= interval < self.interval_count for interval in self.reallocate_after):
            raise ValueError(
                f"reallocate_after = {self.reallocate_after}: expected numbers from 1 to {self.interval_count - 1}, "
                "so that training follows"
            )

    @property
    def interval_count(self) -> int:
        return self.intervals or self.epochs


class Trainer:
    """One training run, resumable at any step: everything that it needs to go on is in its checkpoint."""

    def __init__(
        self,
        model: LightRNN,
        train: Corpus,
        valid: Corpus,
        settings: TrainingSettings,
        output: str | Path,
        work: str | Path,
        *,
        lists: Sequence[NDArray[np.int64]] = (),
        say: Callable[[str], None] = lambda line: None,
        progress: bool = False,
    ) -> None:
        """
        Args:
            model: with its first table; it is trained in place, on the device that it is on.
            output: where the best model by validation perplexity is kept.
            work: a folder for the checkpoint and the logs; a run that was cut goes on from there.
            lists: ids of words of one kind: by them words that the text lacks are placed.
            say: takes a line for each thing that happened.
            progress: show a bar with tokens a second and the time left.
        """
        self.model, self.train_corpus, self.valid_corpus, self.settings = model, train, valid, settings
        self.output, self.work, self.say, self.progress = Path(output), Path(work), say, progress
        self.lists = lists
        self.streams = train.streams(settings.streams)  # [U, N / U]
        if not self.streams.shape[1]:
            raise InputError(f"the training text has {len(train)} words",
                             expected=f"at least one for each of {settings.streams} streams",
                             remedy="give more text or fewer --streams")
        self.steps_an_epoch = math.ceil(self.streams.shape[1] / settings.unroll)
        self.steps = self.steps_an_epoch * settings.epochs
        if self.steps < settings.interval_count:
            raise InputError(f"the training has {self.steps} steps",
                             expected=f"at least {settings.interval_count}, one for each interval",
                             remedy="give more text, or fewer --streams or --intervals")
        self.optimiser = torch.optim.AdamW(
            model.parameters(), settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
        )
        self.step = 0
        self.reallocating = 0  # the interval after which the words are being placed anew; else 0
        self.best = math.inf
        self.seconds = 0.0
        self.log: list[dict[str, Any]] = []
        self.state = model.start_states(settings.streams)
        self.loss_sum, self.loss_tokens = torch.zeros((), dtype=torch.float64), 0

    @property
    def checkpoint(self) -> Path:
        return self.work / "checkpoint.pt"

    def run(self) -> float:
        """Train to the end; returns the best validation perplexity, whose model lies in `output`."""
        torch.manual_seed(self.settings.seed)
        if self.checkpoint.exists():
            self._resume()
        self._reallocate()  # where it was cut
        saved = clock = time.monotonic()
        bounds = [round(self.steps * k / self.settings.interval_count) for k in range(self.settings.interval_count + 1)]
        with self._bar() as bar:
            while self.step < self.steps:
                tokens = self._train_step()
                bar.update(tokens)
                now = time.monotonic()
                self.seconds, clock = self.seconds + now - clock, now
                if self.step in bounds:
                    self._end_interval(bounds.index(self.step))
                    clock = time.monotonic()
                if self.step in bounds or now - saved > self.settings.checkpoint_seconds:
                    self._save_checkpoint()
                    saved = time.monotonic()
        return self.best

    def _bar(self) -> Any:
        total = self.settings.epochs * self.streams.size
        return tqdm(total=total, initial=self._tokens(), unit="tok", unit_scale=True, mininterval=2.0,
                    disable=not self.progress)

    def _tokens(self) -> int:
        """Words read so far; the last step of an epoch is a shorter one."""
        epochs, steps = divmod(self.step, self.steps_an_epoch)
        return int(epochs * self.streams.size + steps * self.settings.streams * self.settings.unroll)

    def _train_step(self) -> int:
        model, settings = self.model, self.settings
        model.train()  # first: a resumed run must draw the same dropout as one that comes from a validation or a step
        column = self.step % self.steps_an_epoch * settings.unroll
        if column == 0:
            self.state = model.start_states(settings.streams)
        words = self.streams[:, column : column + settings.unroll].T.astype(np.int64)  # [T, U]
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        with self._autocast():
            log_probs, state = model(torch.as_tensor(words, device=model.device), self.state.detach())
        loss = -log_probs.mean()
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        self.optimiser.step()
        self.state = state.detach()
        self.loss_sum += loss.detach().double().cpu() * words.size
        self.loss_tokens += words.size
        self.step += 1
        return int(words.size)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16)

    def _learning_rate(self) -> float:
        warm = max(1, round(0.02 * self.steps))
        rise = min(1.0, (self.step + 1) / warm)
        fall = 0.5 * (1 + math.cos(math.pi * max(0, self.step - warm) / max(1, self.steps - warm)))
        return float(self.settings.learning_rate * rise * fall)

    def _valid_perplexity(self) -> float:
        # Streams beyond a few hundred words each would only blur the figure.
        streams = max(1, min(32, len(self.valid_corpus) // 512))
        return perplexity(log_probs_of(self.model, self.valid_corpus.ids, streams=streams))

    def _end_interval(self, interval: int) -> None:
        valid = self._valid_perplexity()
        self._write_log(interval, valid, "")
        if not math.isfinite(valid):
            raise InputError("the training diverged", expected="a finite validation perplexity",
                             remedy=f"lower --learning-rate, and remove {self.checkpoint} to start anew")
        if valid < self.best:
            self.best = valid
            self._save_best(interval)
        if interval in self.settings.reallocate_after:
            self.reallocating = interval
            self._save_checkpoint()  # it may take long: a run that is cut goes on within it
            self._reallocate()

    def _reallocate(self) -> None:
        if self.reallocating:
            report = reallocate(self.model, self.train_corpus, self.settings.reallocation, lists=self.lists,
                                work=self.work, say=self.say, progress=self.progress)
            self.say(report.describe())
            self._write_log(self.reallocating, self._valid_perplexity(), "reallocated")
            self.reallocating = 0
            self._save_checkpoint()

    def _save_best(self, interval: int) -> None:
        self.model.provenance = {
            **self.model.provenance,
            "training": _plain(asdict(self.settings)),
            "interval": interval,
            "step": self.step,
            "train_words": len(self.train_corpus),
            "valid_words": len(self.valid_corpus),
            "valid_perplexity": self.best,
        }
        self.model.save(self.output)

    def _write_log(self, interval: int, valid: float, event: str) -> None:
        train = perplexity(-self.loss_sum.numpy() / self.loss_tokens) if self.loss_tokens else math.nan
        row = (interval, self.step, self._tokens(), round(train, 3), round(valid, 3), self._learning_rate(),
               round(self.seconds, 1), event)
        self.log.append(dict(zip(_LOG_COLUMNS, row, strict=True)))
        self.loss_sum, self.loss_tokens = torch.zeros((), dtype=torch.float64), 0
        what = event or f"training perplexity {train:.2f}"
        self.say(f"interval {interval}/{self.settings.interval_count}: {what}, validation {valid:.2f}, "
                 f"{self.seconds:.0f} s")
        with whole_path(self.work / "log.csv") as path, open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _LOG_COLUMNS)
            writer.writeheader()
            writer.writerows(self.log)
        self._write_tensorboard(row)

    def _write_tensorboard(self, row: tuple[Any, ...]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.work / "tensorboard")) as writer:
            for name, value in zip(_LOG_COLUMNS[3:6], row[3:6], strict=True):
                if not math.isnan(value):
                    writer.add_scalar(name, value, self.step)

    # ---- checkpoints ----

    def _save_checkpoint(self) -> None:
        content = {
            "model": self.model.as_dict(),
            "optimiser": self.optimiser.state_dict(),
            "settings": _plain(asdict(self.settings)),
            "words": (len(self.train_corpus), len(self.valid_corpus)),
            "step": self.step,
            "reallocating": self.reallocating,
            "best": self.best,
            "seconds": self.seconds,
            "log": self.log,
            "state": tuple(self.state),
            "loss": (self.loss_sum, self.loss_tokens),
            "random": torch.get_rng_state(),
        }
        write_torch(content, self.checkpoint)

    def _resume(self) -> None:
        try:
            content = read_torch(self.checkpoint, self.model.device)
            settings, words, optimiser = content["settings"], tuple(content["words"]), content["optimiser"]
            restored = LightRNN.from_dict(content["model"])
            optimiser["state"] = {int(key): value for key, value in optimiser["state"].items()}
        except Exception:  # a foreign file makes torch raise almost anything
            raise InputError("not a checkpoint, or a damaged one", remedy="remove the file to start anew",
                             file=self.checkpoint) from None
        mine = (_plain(asdict(self.settings)), (len(self.train_corpus), len(self.valid_corpus)))
        if mine != (settings, words) or not _same_make(restored, self.model):
            raise InputError("the checkpoint is of a run with other settings or texts",
                             remedy="give the settings of that run, or remove the file to start anew",
                             file=self.checkpoint)
        self.model.place(restored.table)
        self.model.load_state_dict(restored.state_dict())
        self.optimiser.load_state_dict(optimiser)
        self.step, self.best, self.seconds = content["step"], content["best"], content["seconds"]
        self.reallocating = content.get("reallocating", 0)
        self.log = content["log"]
        self.state = LightRNNState(*content["state"])
        self.loss_sum, self.loss_tokens = content["loss"][0].cpu(), content["loss"][1]
        torch.set_rng_state(content["random"].cpu())
        self.say(f"going on from step {self.step} of {self.steps}")


def _same_make(one: LightRNN, other: LightRNN) -> bool:
    return (
        one.settings == other.settings
        and one.vocabulary.words == other.vocabulary.words
        and (one.table.rows, one.table.columns) == (other.table.rows, other.table.columns)
    )


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down: what a settings dictionary looks like after a file."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
