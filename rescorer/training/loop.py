"""Training: epochs over streams of text, with reallocations of a LightRNN's table in between.

Shapes: U streams, T words of each at a time, N words of the corpus.
"""

from __future__ import annotations

import csv
import filecmp
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from rescorer.errors import InputError
from rescorer.files import whole_path
from rescorer.models.lightrnn import LightRNN
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.models.trainable import TextState, Trainable
from rescorer.models.word_table import WordTable
from rescorer.settings import check, setting
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import SINGLE_PROCESS, ProcessGroup
from rescorer.training.reallocation.reallocate import ReallocationSettings, move, reallocate

PRECISIONS = ("auto", "float32", "bfloat16")
_TRAINING = "Training"
_LOG_COLUMNS = (
    "interval",
    "step",
    "tokens",
    "train_perplexity",
    "valid_perplexity",
    "lr",
    "seconds",
    "event",
)


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained: AdamW, a learning rate that rises, then falls along a cosine."""

    epochs: int = setting(10, "Passes over the training text.", minimum=1, group=_TRAINING)
    batch_size: int = setting(
        32,
        "Streams of text read side by side, by all processes together.",
        minimum=1,
        group=_TRAINING,
    )
    bptt: int = setting(35, "Words that gradients flow through.", minimum=1)
    lr: float = setting(
        4e-3,
        "Largest learning rate: it rises over the first 2 % of the steps.",
        above=0,
        group=_TRAINING,
    )
    weight_decay: float = setting(0.0, "Weight decay of AdamW.", minimum=0, group="Regularisation")
    clip: float = setting(1.0, "Largest norm of the gradient.", above=0)
    intervals: int | None = setting(
        None,
        "Validations in the whole training. [default: one an epoch]",
        minimum=1,
    )
    reallocate_after: tuple[int, ...] = setting(
        (), "Interval after which words are assigned to cells anew; may be repeated.", minimum=1
    )
    precision: str = setting(
        "float32",
        "Type of matrix products: bfloat16 is twice as fast on some processors and slower on "
        "others; auto measures it.",
        choices=PRECISIONS,
        group=_TRAINING,
    )
    seed: int = setting(1, "Seed of all that is random; every process adds its rank.", minimum=0)
    checkpoint_seconds: float = setting(
        60.0, "A killed run loses at most the work of so many seconds.", above=0, option=False
    )
    reallocation: ReallocationSettings = setting(ReallocationSettings(), "How words are assigned.")

    def __post_init__(self) -> None:
        check(self)
        if any(interval >= self.interval_count for interval in self.reallocate_after):
            raise ValueError(
                f"reallocate_after = {self.reallocate_after}: expected numbers from 1 to "
                f"{self.interval_count - 1}, so that training follows"
            )

    @property
    def interval_count(self) -> int:
        return self.intervals or self.epochs


class Trainer:
    """One training run, resumable at any step: everything that it needs to go on is in its
    checkpoint.

    Several processes train one model together, each on its share of the streams: the gradients are
    averaged at every step, so that the networks stay the same. The first one validates, places
    words anew, and writes all the files.
    """

    def __init__(
        self,
        model: Trainable,
        train: Corpus,
        valid: Corpus,
        settings: TrainingSettings,
        output: str | Path,
        work: str | Path,
        *,
        lists: Sequence[NDArray[np.int64]] = (),
        say: Callable[[str], None] = lambda line: None,
        progress: bool = False,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        """
        Args:
            model: trained in place, on the device that it is on; a LightRNN with its first table.
            output: where the best model by validation perplexity goes.
            work: a folder for the checkpoint, the best model and the logs; a run that was cut goes
                on from there.
            lists: ids of words of one kind: by them words that the text lacks are placed.
            say: takes a line for each thing that happened.
            progress: show a bar with tokens a second and the time left.
            processes: those that train together, each with a Trainer of its own; only the first
                one's says things.

        Raises:
            InputError: too little text, streams that the processes cannot share equally, or a
                reallocation of a network that has no table.
        """
        if settings.reallocate_after and not isinstance(model, LightRNN):
            raise InputError(
                f"a reallocation of a {model.name}, which has no table",
                expected="a LightRNN",
                remedy="leave out --reallocate-after",
            )
        self.model, self.train_corpus, self.valid_corpus, self.settings = (
            model,
            train,
            valid,
            settings,
        )
        self.output, self.work, self.say, self.progress = Path(output), Path(work), say, progress
        self.lists, self.processes = lists, processes
        self.share = processes.share(settings.batch_size)
        self.batched = train.batchify(settings.batch_size)  # [U, N / U]
        if not self.batched.shape[1]:
            raise InputError(
                f"the training text has {len(train)} words",
                expected=f"at least one for each of {settings.batch_size} streams",
                remedy="give more text or fewer --batch-size",
            )
        self.steps_an_epoch = math.ceil(self.batched.shape[1] / settings.bptt)
        self.steps = self.steps_an_epoch * settings.epochs
        if self.steps < settings.interval_count:
            raise InputError(
                f"the training has {self.steps} steps",
                expected=f"at least {settings.interval_count}, one for each interval",
                remedy="give more text, or fewer --batch-size or --intervals",
            )
        self.digests = processes.run_on_first(self._digests)
        self.loss = processes.loss_of(model)
        self.optimiser = model.optimiser(settings)
        self.step = 0
        self.reallocating = 0  # the interval after which the words are being placed anew; else 0
        self.best = math.inf
        self.seconds = 0.0
        self.log: list[dict[str, Any]] = []
        self.state = self._start_states()
        self.loss_sum, self.loss_tokens = torch.zeros((), dtype=torch.float64), 0

    def _start_states(self) -> TextState:
        states: TextState = self.model.start_states(self.share.stop - self.share.start)
        return states

    def _digests(self) -> dict[str, str]:
        """By them a run that goes on knows its texts and its vocabulary again."""
        vocabulary = self.model.vocabulary
        words = "\n".join((vocabulary.case, *vocabulary.words)).encode("utf-8", "surrogatepass")
        counts = np.ascontiguousarray(vocabulary.counts, dtype="<i8").tobytes()
        return {
            "training text": self.train_corpus.digest(),
            "validation text": self.valid_corpus.digest(),
            "vocabulary": hashlib.sha256(words + b"\n" + counts).hexdigest(),
        }

    @property
    def checkpoint(self) -> Path:
        return checkpoint_in(self.work)

    def run(self) -> float:
        """Train to the end; returns the best validation perplexity, whose model lies in
        `output`.
        """
        torch.manual_seed(self.settings.seed + self.processes.rank)
        if self.processes.broadcast_flag(self.checkpoint.exists()):
            self._resume()
        self._reallocate()  # where it was cut
        saved = clock = time.monotonic()
        bounds = [
            round(self.steps * k / self.settings.interval_count)
            for k in range(self.settings.interval_count + 1)
        ]
        with self._bar() as bar:
            while self.step < self.steps:
                tokens = self.train_step()
                bar.update(tokens)
                now = time.monotonic()
                self.seconds, clock = self.seconds + now - clock, now
                if self.step in bounds:
                    self._end_interval(bounds.index(self.step))
                    clock = time.monotonic()
                if self.step in bounds or self.processes.broadcast_flag(
                    now - saved > self.settings.checkpoint_seconds
                ):
                    self._save_checkpoint()
                    saved = time.monotonic()
        self.processes.run_on_first(self._deliver)
        return self.best

    def _bar(self) -> Any:
        total = self.settings.epochs * self.batched.size
        return tqdm(
            total=total,
            initial=self._tokens(),
            unit="tok",
            unit_scale=True,
            mininterval=2.0,
            disable=not self.progress,
        )

    def _tokens(self) -> int:
        """Words read so far; the last step of an epoch is a shorter one."""
        epochs, steps = divmod(self.step, self.steps_an_epoch)
        return int(
            epochs * self.batched.size + steps * self.settings.batch_size * self.settings.bptt
        )

    def train_step(self) -> int:
        """One step of the optimiser; returns the words that all processes read for it."""
        model, settings = self.model, self.settings
        # first: a resumed run must draw the same dropout as one that comes from a validation or a
        # step
        model.train()
        column = self.step % self.steps_an_epoch * settings.bptt
        if column == 0:
            self.state = self._start_states()
        # [T, U of this process]
        words = self.batched[self.share, column : column + settings.bptt].T.astype(np.int64)
        tokens = words.size * self.processes.count
        for group in self.optimiser.param_groups:
            group["lr"] = self._lr()
        with self._autocast():
            loss, state = self.loss(
                torch.as_tensor(words, device=model.device), self.state.detach()
            )
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        model.clip(settings.clip)
        self.optimiser.step()
        self.state = state.detach()
        self.loss_sum += loss.detach().double().cpu() * words.size
        self.loss_tokens += tokens
        self.step += 1
        return int(tokens)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16)

    def _lr(self) -> float:
        warm = max(1, round(0.02 * self.steps))
        rise = min(1.0, (self.step + 1) / warm)
        fall = 0.5 * (1 + math.cos(math.pi * max(0, self.step - warm) / max(1, self.steps - warm)))
        return float(self.settings.lr * rise * fall)

    def _valid_perplexity(self) -> float:
        # Streams beyond a few hundred words each would only blur the figure.
        streams = max(1, min(32, len(self.valid_corpus) // 512))
        return perplexity(log_probs_of(self.model, self.valid_corpus.ids, batch_size=streams))

    def _end_interval(self, interval: int) -> None:
        self._pool_losses()
        self.best = self.processes.run_on_first(lambda: self._validate(interval))
        if interval in self.settings.reallocate_after:
            self.reallocating = interval
            self._save_checkpoint()  # it may take long: a run that is cut goes on within it
            self._reallocate()

    def _validate(self, interval: int) -> float:
        """Log the validation perplexity, and keep the model where it is the best; returns the best
        so far.
        """
        valid = self._valid_perplexity()
        self._write_log(interval, valid, "")
        if not math.isfinite(valid):
            raise InputError(
                "the training diverged",
                expected="a finite validation perplexity",
                remedy=f"lower --lr, and remove {self.checkpoint} to start anew",
            )
        if valid < self.best:
            self.best = valid
            self._save_best(interval)
        return self.best

    def _reallocate(self) -> None:
        if self.reallocating:
            table = self.processes.run_on_first(self._reallocate_table)
            if not self.processes.is_first:
                move(self._light_rnn, table)
            self.reallocating = 0
            self._save_checkpoint()

    def _reallocate_table(self) -> WordTable:
        report = reallocate(
            self._light_rnn,
            self.train_corpus,
            self.settings.reallocation,
            lists=self.lists,
            work=self.work,
            say=self.say,
            progress=self.progress,
        )
        self.say(report.describe())
        self._write_log(self.reallocating, self._valid_perplexity(), "reallocated")
        return self._light_rnn.table

    @property
    def _light_rnn(self) -> LightRNN:
        # __init__ sees to it where words are to be placed anew
        assert isinstance(self.model, LightRNN)
        return self.model

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
        self.model.save(self._best_model)
        self._deliver()

    @property
    def _best_model(self) -> Path:
        return self.work / "best.pt"

    def _deliver(self) -> None:
        """Let `output` be the best model: it may be gone, or have another name than when the run
        was cut.
        """
        if not self._best_model.exists():
            if self.output.exists():  # an earlier program kept it nowhere else
                return
            raise InputError(
                "the best model of this run is gone",
                expected="one that was kept with its checkpoint",
                remedy=f"remove {self.checkpoint} to start anew",
                file=self._best_model,
            )
        if not (
            self.output.is_file() and filecmp.cmp(self._best_model, self.output, shallow=False)
        ):
            with whole_path(self.output) as path:
                path.write_bytes(self._best_model.read_bytes())

    def _write_log(self, interval: int, valid: float, event: str) -> None:
        train = (
            perplexity(-self.loss_sum.numpy() / self.loss_tokens) if self.loss_tokens else math.nan
        )
        row = (
            interval,
            self.step,
            self._tokens(),
            round(train, 3),
            round(valid, 3),
            self._lr(),
            round(self.seconds, 1),
            event,
        )
        self.log.append(dict(zip(_LOG_COLUMNS, row, strict=True)))
        self.loss_sum, self.loss_tokens = torch.zeros((), dtype=torch.float64), 0
        what = event or f"training perplexity {train:.2f}"
        self.say(
            f"interval {interval}/{self.settings.interval_count}: {what}, validation {valid:.2f}, "
            f"{self.seconds:.0f} s"
        )
        with (
            whole_path(self.work / "log.csv") as path,
            open(path, "w", newline="", encoding="utf-8") as file,
        ):
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

    def _pool_losses(self) -> None:
        """The first process, which logs them, takes over the losses that the others summed up."""
        pooled = self.processes.joined(self.loss_sum[None], 0).sum().cpu()
        self.loss_sum = pooled if self.processes.is_first else torch.zeros_like(pooled)

    # ---- checkpoints: of all streams, whichever process reads them ----

    def _save_checkpoint(self) -> None:
        self._pool_losses()
        content = {
            "model": self.model.as_dict(),
            "optimiser": self.optimiser.state_dict(),
            "settings": _plain(asdict(self.settings)),
            "words": (len(self.train_corpus), len(self.valid_corpus)),
            "digests": self.digests,
            "step": self.step,
            "reallocating": self.reallocating,
            "best": self.best,
            "seconds": self.seconds,
            "log": self.log,
            "state": tuple(self.processes.joined(part, 1) for part in self.state),
            "loss": (self.loss_sum, self.loss_tokens),
            "random": self.processes.joined(torch.get_rng_state()[None], 0),  # [processes, bytes]
        }
        self.processes.run_on_first(lambda: write_torch(content, self.checkpoint))

    def _resume(self) -> None:
        try:
            content = read_torch(self.checkpoint)
            # as the device: it may be another
            settings = {**content["settings"], "precision": self.settings.precision}
            words, optimiser = tuple(content["words"]), content["optimiser"]
            digests = content.get("digests")  # none in one that an earlier program wrote
            restored = type(self.model).from_dict(content["model"])
            optimiser["state"] = {int(key): value for key, value in optimiser["state"].items()}
        except Exception:  # a foreign file makes torch raise almost anything
            raise InputError(
                "not a checkpoint, or a damaged one",
                remedy="remove the file to start anew",
                file=self.checkpoint,
            ) from None
        lengths = len(self.train_corpus), len(self.valid_corpus)
        same = {
            "other settings": _plain(asdict(self.settings)) == settings,
            "other settings of its network or another vocabulary": self.model.is_compatible(
                restored
            ),
            "texts of other lengths": words == lengths,
            **{
                f"another {name}": not digests or digests.get(name) == digest
                for name, digest in self.digests.items()
            },
        }
        if differences := [name for name, is_same in same.items() if not is_same]:
            raise InputError(
                f"the checkpoint is of a run with {' and '.join(differences)}",
                expected="what that run was given",
                file=self.checkpoint,
                remedy="give the settings and texts of that run, or remove the file to start anew",
            )
        self.model.copy_from(restored)
        self.model.provenance = restored.provenance  # how this run began, whatever is asked for now
        self.optimiser.load_state_dict(optimiser)
        self.step, self.best, self.seconds = content["step"], content["best"], content["seconds"]
        self.reallocating = content.get("reallocating", 0)
        self.log = content["log"]
        parts = (
            part[:, self.share].contiguous().to(self.model.device) for part in content["state"]
        )
        self.state = type(self.state)(*parts)
        if self.processes.is_first:
            self.loss_sum, self.loss_tokens = content["loss"]
        # [processes that there were, bytes]
        random = content["random"].view(-1, len(torch.get_rng_state()))
        # one more than there were keeps the numbers of its own seed
        if self.processes.rank < len(random):
            # torch dies of a row of a larger tensor
            torch.set_rng_state(random[self.processes.rank].clone())
        self.say(f"going on from step {self.step} of {self.steps}")


def checkpoint_in(work: Path) -> Path:
    """Where a training with that folder keeps what it goes on from."""
    return work / "checkpoint.pt"


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down: what a settings dictionary looks like after a file."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
