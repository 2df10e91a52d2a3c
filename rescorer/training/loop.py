"""The training loop: epochs over streams of text, with reallocations of a LightRNN's table.

Shapes: U streams, T words of each at a time, N words of the corpus.
"""

from __future__ import annotations

import filecmp
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rescorer.errors import InputError
from rescorer.files import whole_path
from rescorer.models.lightrnn import LightRNN
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.trainable import TextState, Trainable
from rescorer.models.word_table import WordTable
from rescorer.progress import Progress, silent
from rescorer.training.checkpoints import Checkpoint, RunIdentity, checkpoint_in, plain_dict
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import SINGLE_PROCESS, ProcessGroup
from rescorer.training.reallocation.reallocate import move, reallocate
from rescorer.training.settings import PRECISIONS, TrainingSettings
from rescorer.training.training_log import LogRow, TrainingLog

__all__ = ["PRECISIONS", "Trainer", "TrainingSettings", "checkpoint_in", "learning_rate"]

_WARM_UP = 0.02  # share of the steps
_VALIDATION_STREAMS = 32
_VALIDATION_WORDS = 512  # of each stream, at least: each stream starts without a history


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Learning rate of a step: linear warm-up to the peak, then cosine decay to 0."""
    warm_up = max(1, round(_WARM_UP * steps))
    rise = min(1.0, (step + 1) / warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * max(0, step - warm_up) / max(1, steps - warm_up)))
    return float(peak * rise * fall)


class Trainer:
    """One training run. Its checkpoint holds all that it needs to resume at any step.

    Several processes train one model on equal shares of the streams. They average the gradients at
    every step, so all networks stay the same. The process of rank 0 validates, reallocates the
    table and writes all files.
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
        progress: Progress = silent,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        """
        Args:
            model: trained in place, on its own device; a LightRNN with its initial table.
            output: path of the model with the best validation perplexity.
            work: folder of the checkpoint, the best model and the logs; a run that was interrupted
                resumes from there.
            lists: ids of words of one kind; a reallocation uses them for zero-count words.
            say: takes one line about each event.
            progress: gets the number of words read, of all epochs.
            processes: the processes that train together, each with its own Trainer; only the
                `say` of rank 0 is called.

        Raises:
            InputError: too little text, streams that the processes cannot share equally, or a
                reallocation of a network without a table.
        """
        _check_table(model, settings)
        self.model, self.settings = model, settings
        self.train_corpus, self.valid_corpus = train, valid
        self.output, self.work = Path(output), Path(work)
        self.say, self.progress = say, progress
        self.lists, self.processes = lists, processes
        self.share = processes.share(settings.batch_size)
        self.batched = train.batchify(settings.batch_size)  # [U, N / U]
        self.steps_an_epoch = math.ceil(self.batched.shape[1] / settings.bptt)
        self.steps = math.ceil(self.steps_an_epoch * settings.epochs)
        _check_size(train, self.steps, settings)
        self.digests = processes.run_on_first(self._digests)
        self.loss = processes.loss_of(model)
        self.optimiser = model.optimiser(settings)
        self.step = 0
        self.reallocating = 0  # interval whose reallocation is under way; 0 if none is
        self.best = math.inf
        self.seconds = 0.0
        self.log = TrainingLog(self.work)
        self.state = self._start_states()
        self._reset_losses()

    def _start_states(self) -> TextState:
        states: TextState = self.model.start_states(self.share.stop - self.share.start)
        return states

    def _digests(self) -> dict[str, str]:
        """Digests of the texts and the vocabulary, by which a resumed run recognises them."""
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

    # ---- the loop ----

    def run(self) -> float:
        """Train to the end; returns the best validation perplexity, of the model in `output`."""
        torch.manual_seed(self.settings.seed + self.processes.rank)
        if self.processes.broadcast_flag(self.checkpoint.exists()):
            self._resume()
        self._reallocate()  # if the run was interrupted in one
        saved = clock = time.monotonic()
        count = self.settings.interval_count
        interval_ends = [round(self.steps * k / count) for k in range(count + 1)]
        self._show_progress()
        while self.step < self.steps:
            self.train_step()
            self._show_progress()
            now = time.monotonic()
            self.seconds, clock = self.seconds + now - clock, now
            if self.step in interval_ends:
                self._end_interval(interval_ends.index(self.step))
                clock = time.monotonic()
            if self.step in interval_ends or self.processes.broadcast_flag(
                now - saved > self.settings.checkpoint_seconds
            ):
                self._save_checkpoint()
                saved = time.monotonic()
        self.processes.run_on_first(self._copy_best_to_output)
        return self.best

    def train_step(self) -> int:
        """One step of the optimiser; returns the number of words that all processes read for it."""
        model, settings = self.model, self.settings
        # Call this in every step: a step after a validation must draw the same dropout as one
        # after a resume.
        model.train()
        column = self.step % self.steps_an_epoch * settings.bptt
        if column == 0:
            self.state = self._start_states()
        # [T, U of this process]
        words = self.batched[self.share, column : column + settings.bptt].T.astype(np.int64)
        tokens = words.size * self.processes.count
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
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

    def _learning_rate(self) -> float:
        return learning_rate(self.step, self.steps, self.settings.lr)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16)

    def _show_progress(self) -> None:
        self.progress("training", self._tokens(self.step), self._tokens(self.steps))

    def _tokens(self, step: int) -> int:
        """Number of words read before a step; the last one of an epoch is shorter than others."""
        epochs, steps = divmod(step, self.steps_an_epoch)
        step_tokens = self.settings.batch_size * self.settings.bptt
        return int(epochs * self.batched.size + steps * step_tokens)

    # ---- the end of an interval: validation, logs, the best model, reallocation ----

    def _end_interval(self, interval: int) -> None:
        self._pool_losses()
        self.best = self.processes.run_on_first(lambda: self._validate(interval))
        if interval in self.settings.reallocate_after:
            self.reallocating = interval
            self._save_checkpoint()  # a run that is interrupted in the reallocation resumes there
            self._reallocate()

    def _validate(self, interval: int) -> float:
        """Log the validation perplexity and keep the best model; returns the best perplexity."""
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

    def _valid_perplexity(self) -> float:
        streams = max(1, min(_VALIDATION_STREAMS, len(self.valid_corpus) // _VALIDATION_WORDS))
        return perplexity(log_probs_of(self.model, self.valid_corpus.ids, batch_size=streams))

    def _write_log(self, interval: int, valid: float, event: str) -> None:
        """Log one row and start a new sum of training losses."""
        train = math.nan
        if self.loss_tokens:
            train = perplexity(-self.loss_sum.numpy() / self.loss_tokens)
        self._reset_losses()
        result = event or f"training perplexity {train:.2f}"
        self.say(
            f"interval {interval}/{self.settings.interval_count}: {result}, "
            f"validation {valid:.2f}, {self.seconds:.0f} s"
        )
        self.log.append(
            LogRow(
                interval=interval,
                step=self.step,
                tokens=self._tokens(self.step),
                train_perplexity=round(train, 3),
                valid_perplexity=round(valid, 3),
                lr=self._learning_rate(),
                seconds=round(self.seconds, 1),
                event=event,
            )
        )

    def _reset_losses(self) -> None:
        self.loss_sum, self.loss_tokens = torch.zeros((), dtype=torch.float64), 0

    def _pool_losses(self) -> None:
        """Add the loss sums of all processes to that of rank 0, which logs them."""
        pooled = self.processes.joined(self.loss_sum[None], 0).sum().cpu()
        self.loss_sum = pooled if self.processes.is_first else torch.zeros_like(pooled)

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
        assert isinstance(self.model, LightRNN)  # __init__ checks it if there are reallocations
        return self.model

    # ---- files: the best model, the checkpoint ----

    @property
    def _best_model(self) -> Path:
        return self.work / "best.pt"

    def _save_best(self, interval: int) -> None:
        self.model.provenance = {
            **self.model.provenance,
            "training": plain_dict(self.settings),
            "interval": interval,
            "step": self.step,
            "train_words": len(self.train_corpus),
            "valid_words": len(self.valid_corpus),
            "valid_perplexity": self.best,
        }
        self.model.save(self._best_model)
        self._copy_best_to_output()

    def _copy_best_to_output(self) -> None:
        """Make `output` a copy of the best model, unless it is one already."""
        if not self._best_model.exists():
            if self.output.exists():  # a work folder may lack best.pt
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

    def _identity(self) -> RunIdentity:
        lengths = len(self.train_corpus), len(self.valid_corpus)
        return RunIdentity(plain_dict(self.settings), lengths, self.digests)

    def _save_checkpoint(self) -> None:
        """Write one checkpoint of all streams, whichever process reads them."""
        self._pool_losses()
        checkpoint = Checkpoint(
            model=self.model,
            optimiser=self.optimiser.state_dict(),
            run=self._identity(),
            step=self.step,
            reallocating=self.reallocating,
            best=self.best,
            seconds=self.seconds,
            log=self.log.rows,
            state=tuple(self.processes.joined(part, 1) for part in self.state),
            loss=(self.loss_sum, self.loss_tokens),
            random=self.processes.joined(torch.get_rng_state()[None], 0),  # [processes, bytes]
        )
        self.processes.run_on_first(lambda: checkpoint.save(self.checkpoint))

    def _resume(self) -> None:
        saved = Checkpoint.load(self.checkpoint, type(self.model))
        saved.check_same_run(self.model, self._identity(), self.checkpoint)
        self.model.copy_from(saved.model)
        self.model.provenance = saved.model.provenance  # of this run's start, not of this call
        self.optimiser.load_state_dict(saved.optimiser)
        self.step, self.best, self.seconds = saved.step, saved.best, saved.seconds
        self.reallocating = saved.reallocating
        self.log.rows = saved.log
        parts = (part[:, self.share].contiguous().to(self.model.device) for part in saved.state)
        self.state = type(self.state)(*parts)
        if self.processes.is_first:
            self.loss_sum, self.loss_tokens = saved.loss
        # Saved by more or fewer processes: an additional one keeps the generator of its own seed.
        random = saved.random.view(-1, len(torch.get_rng_state()))
        if self.processes.rank < len(random):
            # torch crashes on a row of a larger tensor
            torch.set_rng_state(random[self.processes.rank].clone())
        self.say(f"going on from step {self.step} of {self.steps}")


def _check_table(model: Trainable, settings: TrainingSettings) -> None:
    if settings.reallocate_after and not isinstance(model, LightRNN):
        raise InputError(
            f"a reallocation of a {model.name}, which has no table",
            expected="a LightRNN",
            remedy="leave out --reallocate-after",
        )


def _check_size(train: Corpus, steps: int, settings: TrainingSettings) -> None:
    if not steps:
        raise InputError(
            f"the training text has {len(train)} words",
            expected=f"at least one for each of {settings.batch_size} streams",
            remedy="give more text or fewer --batch-size",
        )
    if steps < settings.interval_count:
        raise InputError(
            f"the training has {steps} steps",
            expected=f"at least {settings.interval_count}, one for each interval",
            remedy="give more text, or fewer --batch-size or --intervals",
        )
