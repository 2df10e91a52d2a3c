"""The common part of all recurrent baselines: embedding → LSTM → output layer.

The LSTM, its initial values and the places of dropout are LightRNN's. Only the embeddings and the
output layer differ. Every output bias is initialised with the word's unigram log-probability, so
that no steps are spent on learning it.

Shapes: U streams, T words, N histories, M words to score, V vocabulary, D width, L layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.lazy_adam import LazyAdamW, clip_gradients
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNNState
from rescorer.models.lightrnn.lstm import LSTM
from rescorer.models.lightrnn.parameters import INIT_STD
from rescorer.models.trainable import ADAM, OptimiserSettings, Provenance, Trainable
from rescorer.models.vocabulary import Vocabulary


@dataclass(frozen=True)
class BaselineSettings:
    """The network without its output layer.

    Attributes:
        hidden_dim: D, width of the embeddings and of the LSTM.
        num_layers: L, of the LSTM.
        dropout: share of inputs, outputs and values between layers that is zeroed in training.
        weight_dropout: share of the LSTM's recurrent weights that is zeroed in each step of
            training.
    """

    hidden_dim: int = 256
    num_layers: int = 1
    dropout: float = 0.0
    weight_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("hidden_dim", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least 1")
        for name in ("dropout", "weight_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected 0 ≤ {name} < 1")


class OutputLayer(nn.Module, ABC):
    """A distribution over the V words, given outputs of the LSTM."""

    @property
    @abstractmethod
    def history_floats(self) -> int:
        """Approximate number of floats in memory for one history while it is scored."""

    @abstractmethod
    def log_probs(self, hidden: Tensor, parents: Tensor, words: Tensor) -> Tensor:
        """[M] exact log P(words[m] | hidden[parents[m]]) after the histories [N, D].

        Computed in as many parts as the memory requires.
        """

    def loss(self, hidden: Tensor, words: Tensor) -> Tensor:
        """The training loss: the mean over histories [N, D], each followed by a word [N]."""
        return -self.log_probs(hidden, torch.arange(len(words), device=words.device), words).mean()


class Recurrent(Trainable, LanguageModel):
    """One baseline. A subclass defines its settings, embedding and output layer.

    Attributes:
        classes: [V] class of each word, if the output layer has word classes.
    """

    Settings: ClassVar[type[BaselineSettings]] = BaselineSettings
    settings: BaselineSettings

    def __init__(
        self, settings: BaselineSettings, vocabulary: Vocabulary, classes: np.ndarray | None = None
    ) -> None:
        super().__init__()
        self.settings, self.vocabulary, self.classes = settings, vocabulary, classes
        self.provenance: Provenance = {}
        self.lstm = LSTM(
            settings.hidden_dim, settings.num_layers, settings.dropout, settings.weight_dropout
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.output = self.make_output()
        self.input = self.make_input()

    @abstractmethod
    def make_output(self) -> OutputLayer:
        """The output layer, with its initial values."""

    def make_input(self) -> nn.Module:
        """The layer that maps words [...] to vectors [..., D].

        In a large table, only the rows that were read get a gradient.
        """
        return vectors(len(self.vocabulary), self.settings.hidden_dim)

    # ---- training ----

    def optimiser(self, settings: OptimiserSettings) -> torch.optim.Optimizer:
        """AdamW that steps only those rows of a table that were read."""
        return LazyAdamW(self.parameters(), settings.lr, weight_decay=settings.weight_decay, **ADAM)

    def clip(self, largest: float) -> None:
        """Scale the gradients, also sparse ones, so that their common norm is at most this."""
        clip_gradients(self.parameters(), largest)

    def start_states(self, size: int) -> LightRNNState:
        """`size` histories that hold only `<s>`, read as the `</s>` of a sentence before."""
        zeros = torch.zeros(
            self.settings.num_layers, size, self.settings.hidden_dim, device=self.device
        )
        end = torch.full((1, size), self.vocabulary.end_id, device=self.device)
        return self._read(end, LightRNNState(zeros, zeros))[1]

    def _read(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """LSTM outputs [T, U, D] before each of the words [T, U], and the state after the last."""
        outputs, (hidden, cell) = self.lstm(self.dropout(self.input(words)), tuple(state))
        before = torch.cat([state.hidden[-1:].to(outputs.dtype), outputs[:-1]])
        return self.dropout(before), LightRNNState(hidden.float(), cell.float())

    def forward(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """[T, U] log P of each of the words [T, U] after histories [U] and the words before it; and
        the state.
        """
        before, state = self._read(words, state)
        each = torch.arange(words.numel(), device=words.device)
        return self.output.log_probs(before.flatten(0, 1), each, words.flatten()).view_as(
            words
        ), state

    def loss(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """The loss of the output layer, a mean over the words [T, U]; and the state."""
        before, state = self._read(words, state)
        return self.output.loss(before.flatten(0, 1), words.flatten()), state

    # ---- the LanguageModel ----

    @property
    def history_bytes(self) -> int:
        # Hidden and cell of each layer, old and new; the gates; what the output layer takes.
        return 4 * (
            (4 * self.settings.num_layers + 8) * self.settings.hidden_dim
            + self.output.history_floats
        )

    @property
    def state_bytes(self) -> int:
        return 8 * self.settings.num_layers * self.settings.hidden_dim

    @torch.no_grad()
    def start(self) -> LightRNNState:
        return self.start_states(1)

    @torch.no_grad()
    def score(self, state: LightRNNState, parents: Tensor, words: Tensor) -> Tensor:
        return self.output.log_probs(
            self.dropout(state.hidden[-1]), parents.to(self.device), words.to(self.device)
        )

    @torch.no_grad()
    def extend(self, state: LightRNNState, parents: Tensor, words: Tensor) -> LightRNNState:
        inputs = self.dropout(self.input(words.to(self.device)))[None]
        return LightRNNState(*self.lstm(inputs, tuple(self.select(state, parents)))[1])

    # ---- one file that rebuilds everything ----

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.name,
            "settings": asdict(self.settings),
            "words": "\n".join(self.vocabulary.words),
            "counts": torch.as_tensor(self.vocabulary.counts.astype(np.int32)),
            "case": self.vocabulary.case,
            "parameters": {name: value.detach().cpu() for name, value in self.state_dict().items()},
            "provenance": self.provenance,
            **(
                {}
                if self.classes is None
                else {"classes": torch.as_tensor(self.classes.astype(np.int32))}
            ),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recurrent:
        counts = content["counts"].numpy().astype(np.int64)
        vocabulary = Vocabulary(tuple(content["words"].split("\n")), counts, content["case"])
        classes = content["classes"].numpy().astype(np.int64) if "classes" in content else None
        model = cls(cls.Settings(**content["settings"]), vocabulary, classes)
        model.load_state_dict(content["parameters"])
        model.provenance = dict(content["provenance"])
        return model.eval()


def vectors(rows: int, width: int) -> nn.Embedding:
    """A table of vectors with LightRNN's initial values, and a sparse gradient of the rows read."""
    table = nn.Embedding(rows, width, sparse=True)
    nn.init.normal_(table.weight, std=INIT_STD)
    return table


def biases(log_shares: np.ndarray) -> nn.Embedding:
    """A table of these initial values [rows], with a sparse gradient of the rows read."""
    table = nn.Embedding(len(log_shares), 1, sparse=True)
    with torch.no_grad():
        table.weight.copy_(torch.as_tensor(log_shares)[:, None])
    return table


def log_shares(counts: np.ndarray) -> np.ndarray:
    """[V] float32 log of each word's share of the text, with one added to each count."""
    return np.asarray(np.log((counts + 1) / (counts + 1).sum()), dtype=np.float32)
