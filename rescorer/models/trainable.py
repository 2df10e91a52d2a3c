"""What a network fulfils that reads running text, so that one trainer trains any of them on equal
terms.

Shapes: T words, U histories or streams of text, L layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rescorer.models.torch_file import write_torch
from rescorer.models.vocabulary import UNKNOWN, Vocabulary

# A larger ε than Adam's 1e-8 keeps seldom read vectors, whose gradients are tiny, from steps as
# large as those of all others: at 200,000 words 2.7 % of the perplexity. Fused is four times as
# quick; on the processor since torch 2.4.
ADAM: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-5}
if tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 4):
    ADAM["fused"] = True

# Of U histories: a NamedTuple of tensors [L, U, ...], histories second as in torch's LSTM, with
# methods `detach()` and `take(index)`.
TextState = Any


class Trainable(nn.Module, ABC):
    """A network with a vocabulary that gives exact log-probabilities of running text.

    Attributes:
        name: of its kind.
        settings: a frozen dataclass.
        provenance: plain data on how it came to be; the trainer adds to it.
    """

    name: str
    settings: Any
    vocabulary: Vocabulary
    provenance: dict[str, Any]

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def parameter_count(self) -> int:
        """How many numbers are learnt (shared ones once)."""
        return sum(parameter.numel() for parameter in self.parameters())

    # ---- its words and states, as a LanguageModel has them ----

    @property
    def words(self) -> Sequence[str]:
        return self.vocabulary.words

    def encode(self, words: Sequence[str]) -> Tensor:
        return torch.as_tensor(self.vocabulary.encode(words))

    def knows(self, words: Sequence[str]) -> np.ndarray:
        return np.fromiter(
            (word != UNKNOWN and word in self.vocabulary for word in words), bool, len(words)
        )

    @torch.no_grad()
    def start(self) -> TextState:
        return self.start_states(1)

    def select(self, state: TextState, index: Tensor) -> TextState:
        return state.take(index.to(self.device))

    def join(self, states: Sequence[TextState]) -> TextState:
        return type(states[0])(*(torch.cat(parts, 1) for parts in zip(*states, strict=True)))

    # ---- training ----

    @abstractmethod
    def start_states(self, size: int) -> TextState:
        """`size` histories that hold only `<s>`."""

    @abstractmethod
    def forward(self, words: Tensor, state: TextState) -> tuple[Tensor, TextState]:
        """[T, U] log P of each of the words [T, U] after histories [U] and the words before it; and
        the state.
        """

    def loss(self, words: Tensor, state: TextState) -> tuple[Tensor, TextState]:
        """What training minimises, a scalar, for words [T, U] after histories [U]; and the state.

        It is a mean over the words, so that equal shares of a batch can be averaged. The logs show
        exp of its mean as the training perplexity, which it is not where a sampled training
        overrides this; validation uses `forward`.
        """
        log_probs, state = self(words, state)
        return -log_probs.mean(), state

    def optimiser(self, settings: Any) -> torch.optim.Optimizer:
        """What steps the parameters, by TrainingSettings; the trainer sets its learning rate at
        each step.
        """
        return torch.optim.AdamW(
            self.parameters(), settings.lr, weight_decay=settings.weight_decay, **ADAM
        )

    def clip(self, largest: float) -> None:
        """Scale the gradients so that their common norm is at most this."""
        torch.nn.utils.clip_grad_norm_(self.parameters(), largest)

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """What `save` writes and `from_dict` reads: plain data and tensors."""

    @classmethod
    @abstractmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Trainable:
        """Rebuild what `as_dict` gave. Raises almost anything where something is missing or does
        not fit.
        """

    def save(self, path: str | Path) -> None:
        """Write one file that rebuilds it, whole or not at all."""
        write_torch(self.as_dict(), path)

    def is_compatible(self, other: Trainable) -> bool:
        """Whether the other one differs in nothing but what training changes."""
        return (
            type(self) is type(other)
            and self.settings == other.settings
            and self.vocabulary.words == other.vocabulary.words
            and _shapes(self) == _shapes(other)
        )

    def copy_from(self, other: Trainable) -> None:
        """Become a copy of one of the same make."""
        self.load_state_dict(other.state_dict())


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in model.named_parameters()}
