"""Checkpoints of a training run: all that a resumed run needs to end as an uninterrupted one does.

Shapes: U streams, L layers, P processes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.lightrnn.old_keys import renamed_checkpoint
from rescorer.models.torch_file import Content, read_torch, write_torch
from rescorer.models.trainable import Trainable
from rescorer.training.training_log import LogRow

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class RunIdentity(NamedTuple):
    """What a resumed run must have in common with the run that wrote the checkpoint."""

    settings: dict[str, object]
    words: tuple[int, ...]  # of the training and the validation text
    digests: dict[str, str]  # of the texts and the vocabulary; may be empty in a file


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run between two steps.

    Attributes:
        reallocating: interval whose reallocation is under way; 0 if none is.
        best: best validation perplexity so far.
        state: tensors [L, U, ...] of the recurrent state, of the streams of all processes.
        loss: sum of the training losses since the last row of the log, and its number of words.
        random: [P, bytes] states of the processes' random generators.
    """

    model: Trainable
    optimiser: dict[str, object]
    run: RunIdentity
    step: int
    reallocating: int
    best: float
    seconds: float
    log: list[LogRow]
    state: tuple[Tensor, ...]
    loss: tuple[Tensor, int]
    random: Tensor

    def save(self, path: Path) -> None:
        content = {
            "model": self.model.as_dict(),
            "optimiser": self.optimiser,
            **self.run._asdict(),
            "step": self.step,
            "reallocating": self.reallocating,
            "best": self.best,
            "seconds": self.seconds,
            "log": self.log,
            "state": self.state,
            "loss": self.loss,
            "random": self.random,
        }
        write_torch(content, path)

    @classmethod
    def load(cls, path: Path, network: type[Trainable]) -> Checkpoint:
        """Read what `save` wrote for a network of that class.

        Raises:
            InputError: the file is no checkpoint, or it is damaged.
        """
        try:
            return cls._from_dict(read_torch(path), network)
        except Exception:  # a foreign file makes torch raise almost anything
            raise InputError(
                "not a checkpoint, or a damaged one",
                remedy="remove the file to start anew",
                file=path,
            ) from None

    @classmethod
    def _from_dict(cls, content: Content, network: type[Trainable]) -> Checkpoint:
        content = renamed_checkpoint(content)
        optimiser = content["optimiser"]
        # A file holds all keys as text.
        optimiser["state"] = {int(key): value for key, value in optimiser["state"].items()}
        loss_sum, loss_tokens = content["loss"]
        return cls(
            model=network.from_dict(content["model"]),
            optimiser=optimiser,
            run=RunIdentity(
                settings=dict(content["settings"]),
                words=tuple(content["words"]),
                digests=content.get("digests") or {},
            ),
            step=content["step"],
            reallocating=content.get("reallocating", 0),
            best=content["best"],
            seconds=content["seconds"],
            log=content["log"],
            state=tuple(content["state"]),
            loss=(loss_sum, loss_tokens),
            random=content["random"],
        )

    def check_same_run(self, model: Trainable, run: RunIdentity, path: Path) -> None:
        """Compare with the network and the identity of the run that is to be resumed.

        The precision may differ, as the device may.

        Raises:
            InputError: it names all differences.
        """
        settings = {**self.run.settings, "precision": run.settings["precision"]}
        differences = []
        if settings != run.settings:
            differences.append("other settings")
        if not model.is_compatible(self.model):
            differences.append("other settings of its network or another vocabulary")
        if self.run.words != run.words:
            differences.append("texts of other lengths")
        for name, digest in run.digests.items():
            if self.run.digests and self.run.digests.get(name) != digest:
                differences.append(f"another {name}")
        if differences:
            raise InputError(
                f"the checkpoint is of a run with {' and '.join(differences)}",
                expected="what that run was given",
                file=path,
                remedy="give the settings and texts of that run, or remove the file to start anew",
            )


def checkpoint_in(work: Path) -> Path:
    """Path of the checkpoint in the work folder of a training run."""
    return work / "checkpoint.pt"


def plain_dict(settings: DataclassInstance) -> dict[str, object]:
    """A settings dataclass as a dictionary with lists for tuples, as it comes back from a file."""
    return {key: _plain(value) for key, value in asdict(settings).items()}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
