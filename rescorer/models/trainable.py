"""Trainable: the interface of networks that read running text, which one trainer trains.

Shapes: T words, U histories or streams of text, L layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import Self, TypeVar

from rescorer.models.torch_file import Content, write_torch
from rescorer.models.vocabulary import UNKNOWN, Vocabulary

Provenance = dict[str, object]  # JSON: how a model was made


class AdamOptions(TypedDict, total=False):
    betas: tuple[float, float]
    eps: float
    fused: bool


# The ε is larger than torch's 1e-8: embeddings of rare words have tiny gradients, and a small ε
# lets them take steps as large as all others (2.7 % of the perplexity at 200,000 words).
# The fused implementation is four times as fast; torch has it on processors from 2.4 on.
ADAM: AdamOptions = {"betas": (0.9, 0.999), "eps": 1e-5}
if tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 4):
    ADAM["fused"] = True


class TextState(Protocol):
    """U histories: a NamedTuple of tensors [L, U, ...], histories second as in torch's LSTM."""

    def __iter__(self) -> Iterator[Tensor]: ...

    def take(self, index: Tensor) -> Self:
        """The histories at an index [M]."""

    def detach(self) -> Self:
        """The same numbers without their gradients."""


State = TypeVar("State", bound=TextState, default=Any)
AnyState = TypeVar("AnyState", bound=TextState)  # also one that only scoring uses


class OptimiserSettings(Protocol):
    """The part of the TrainingSettings that an optimiser reads."""

    @property
    def lr(self) -> float: ...

    @property
    def weight_decay(self) -> float: ...


class Trainable(nn.Module, ABC, Generic[State]):
    """A network with a vocabulary that gives exact log-probabilities of running text.

    Attributes:
        name: name of the kind of network.
        settings: a frozen dataclass.
        provenance: plain data on how the model was made; the trainer adds to it.
    """

    name: str
    settings: object
    vocabulary: Vocabulary
    provenance: Provenance

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def parameter_count(self) -> int:
        """Number of trained parameters; tied ones count once."""
        return sum(parameter.numel() for parameter in self.parameters())

    # ---- words and states, as in a LanguageModel ----

    @property
    def words(self) -> Sequence[str]:
        return self.vocabulary.words

    def encode(self, words: Sequence[str]) -> Tensor:
        return torch.as_tensor(self.vocabulary.encode(words))

    def knows(self, words: Sequence[str]) -> np.ndarray:
        return np.fromiter(
            (word != UNKNOWN and word in self.vocabulary for word in words), bool, len(words)
        )

    def select(self, state: AnyState, index: Tensor) -> AnyState:
        return state.take(index.to(self.device))

    def join(self, states: Sequence[AnyState]) -> AnyState:
        joined = [torch.cat(parts, 1) for parts in zip(*states, strict=True)]
        return type(states[0])(*joined)  # a NamedTuple

    # ---- training ----

    @abstractmethod
    def start_states(self, size: int) -> State:
        """`size` histories that hold only `<s>`."""

    @abstractmethod
    def forward(self, words: Tensor, state: State) -> tuple[Tensor, State]:
        """[T, U] log P of each of the words [T, U], after histories [U] and the words before it;
        and the state after the last word.
        """

    def loss(self, words: Tensor, state: State) -> tuple[Tensor, State]:
        """The training loss, a scalar, of words [T, U] after histories [U]; and the state.

        It is a mean over the words, so that equal shares of a batch can be averaged. The logs show
        exp of its mean as the training perplexity. With a sampled softmax this is an estimate;
        validation uses `forward`.
        """
        log_probs, state = self(words, state)
        return -log_probs.mean(), state

    def optimiser(self, settings: OptimiserSettings) -> torch.optim.Optimizer:
        """The optimiser of the parameters; the trainer sets its learning rate at each step."""
        return torch.optim.AdamW(
            self.parameters(), settings.lr, weight_decay=settings.weight_decay, **ADAM
        )

    def clip(self, largest: float) -> None:
        """Scale the gradients so that their common norm is at most `largest`."""
        torch.nn.utils.clip_grad_norm_(self.parameters(), largest)

    @abstractmethod
    def as_dict(self) -> dict[str, object]:
        """The content of the model file, which `from_dict` reads: plain data and tensors."""

    @classmethod
    @abstractmethod
    def from_dict(cls, content: Content) -> Self:
        """Rebuild a model from `as_dict`. Raises almost anything if a part is missing or wrong."""

    def save(self, path: str | Path) -> None:
        """Write one file that rebuilds the model, whole or not at all."""
        write_torch(self.as_dict(), path)

    def is_compatible(self, other: Trainable) -> bool:
        """Whether the two differ only in their parameters, table and provenance."""
        return (
            type(self) is type(other)
            and self.settings == other.settings
            and self.vocabulary.words == other.vocabulary.words
            and _shapes(self) == _shapes(other)
        )

    def copy_from(self, other: Trainable) -> None:
        """Copy the parameters of a compatible model."""
        self.load_state_dict(other.state_dict())


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in model.named_parameters()}
