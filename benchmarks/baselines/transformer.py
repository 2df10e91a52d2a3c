"""A causal Transformer whose memory carries keys and values from one part of the text to the next.

Layers normalise before they read (pre-norm), positions are rotary, input and output embeddings are
tied. Each word or piece reads itself and the `context` − 1 before it, in training as in evaluation.

Sources: Dai et al.: Transformer-XL, ACL 2019 (the memory); Su et al.: RoFormer, 2021 (positions).
Shapes: U streams, T words, M words of the memory, L layers, H heads, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.baselines.full_softmax import FullOutput
from benchmarks.baselines.recurrent import BaselineSettings
from rescorer.models.trainable import OptimiserSettings, Provenance, Trainable
from rescorer.models.vocabulary import Vocabulary

_INIT_STD = 0.02
_INNER = 4  # width of the feed-forward layers, in units of D
_BATCH = 32  # sentences that are scored together


@dataclass(frozen=True)
class TransformerSettings(BaselineSettings):
    """Attributes:
    heads: H, of the attention.
    context: number of words or pieces that each one reads, itself among them.
    """

    heads: int = 4
    context: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heads < 1 or self.hidden_dim % (2 * self.heads):
            raise ValueError(
                f"heads = {self.heads}: expected a divisor of hidden_dim / 2 = "
                f"{self.hidden_dim / 2:g}"
            )
        if self.context < 1:
            raise ValueError(f"context = {self.context}: expected at least 1")
        if self.weight_dropout:
            raise ValueError("weight_dropout: a Transformer has no recurrent weights")


class Memory(NamedTuple):
    """Keys and values of the last words that were read, and the word that is read next."""

    keys: Tensor  # [L, U, M, D]
    values: Tensor  # [L, U, M, D]
    last: Tensor  # [1, U]

    def take(self, index: Tensor) -> Memory:
        return Memory(*(part[:, index] for part in self))

    def detach(self) -> Memory:
        return Memory(*(part.detach() for part in self))


class Layer(nn.Module):
    """Attention over the memory and the words so far, then a feed-forward layer."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        width, self.heads = settings.hidden_dim, settings.heads
        self.dropout = nn.Dropout(settings.dropout)
        self.before_attention, self.before_inner = nn.LayerNorm(width), nn.LayerNorm(width)
        self.reading, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner = nn.Linear(width, _INNER * width)
        self.outer = nn.Linear(_INNER * width, width)
        for linear in (self.reading, self.attended, self.inner, self.outer):
            nn.init.normal_(linear.weight, std=_INIT_STD)
            nn.init.zeros_(linear.bias)
        for linear in (self.attended, self.outer):  # they add to the sum of all layers
            linear.weight.data /= (2 * settings.num_layers) ** 0.5

    def forward(
        self, inputs: Tensor, keys: Tensor, values: Tensor, turns: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """[U, T, D] from [U, T, D]; and the keys and values [U, M + T, D] that it has read.

        Args:
            keys: and `values`: the memory [U, M, D].
            turns: rotations of positions [M + T, D / H / 2], complex.
            mask: [T, M + T], whether a word reads another.
        """
        queries, new_keys, new_values = self.reading(self.before_attention(inputs)).chunk(3, -1)
        keys = torch.cat([keys.to(new_keys.dtype), new_keys], 1)
        values = torch.cat([values.to(new_values.dtype), new_values], 1)
        attended = nn.functional.scaled_dot_product_attention(
            rotate(self._by_head(queries), turns[-inputs.shape[1] :]),
            rotate(self._by_head(keys), turns),
            self._by_head(values),
            attn_mask=mask,
        )  # [U, H, T, D / H]
        whole = inputs + self.dropout(self.attended(attended.transpose(1, 2).flatten(2)))
        inner = nn.functional.gelu(self.inner(self.before_inner(whole)))
        return whole + self.dropout(self.outer(inner)), keys, values

    def _by_head(self, vectors: Tensor) -> Tensor:
        """[U, H, T, D / H] from [U, T, D]."""
        return vectors.view(*vectors.shape[:2], self.heads, -1).transpose(1, 2)


def rotations(count: int, width: int, device: torch.device) -> Tensor:
    """[count, width / 2] complex: the rotation of each pair of numbers at each position."""
    speeds = 10_000.0 ** (-torch.arange(0, width, 2, device=device) / width)
    angles = torch.arange(count, device=device)[:, None] * speeds
    return torch.polar(torch.ones_like(angles), angles)


def rotate(vectors: Tensor, turns: Tensor) -> Tensor:
    """Vectors [..., T, W], each turned by the rotations of its position [T, W / 2]."""
    pairs = torch.view_as_complex(vectors.float().reshape(*vectors.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).to(vectors.dtype)


class Transformer(Trainable[Memory]):
    """The baseline."""

    name = "transformer"
    Settings = TransformerSettings
    settings: TransformerSettings

    def __init__(
        self, settings: BaselineSettings, vocabulary: Vocabulary, classes: np.ndarray | None = None
    ) -> None:
        assert isinstance(settings, TransformerSettings) and classes is None
        super().__init__()
        self.settings, self.vocabulary = settings, vocabulary
        self.provenance: Provenance = {}
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.num_layers))
        self.norm = nn.LayerNorm(settings.hidden_dim)
        self.output = FullOutput(settings.hidden_dim, vocabulary.counts)
        nn.init.normal_(self.output.words.weight, std=_INIT_STD)

    def optimiser(self, settings: OptimiserSettings) -> torch.optim.Optimizer:
        """AdamW with the moments that Transformers are trained with."""
        return torch.optim.AdamW(
            self.parameters(),
            settings.lr,
            betas=(0.9, 0.98),
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def start_states(self, size: int) -> Memory:
        empty = torch.zeros(len(self.layers), size, 0, self.settings.hidden_dim, device=self.device)
        end = torch.full((1, size), self.vocabulary.end_id, device=self.device)
        return Memory(empty, empty, end)

    def _read(self, words: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        """Outputs [T, U, D] before each of the words [T, U], and the memory after the last."""
        inputs = torch.cat([state.last, words[:-1]]).T  # [U, T]
        count, before = inputs.shape[1], state.keys.shape[2]
        turns = rotations(
            before + count, self.settings.hidden_dim // self.settings.heads, words.device
        )
        mask = self._mask(count, before)
        outputs = self.dropout(nn.functional.embedding(inputs, self.output.words.weight))
        kept = []
        for layer, keys, values in zip(self.layers, state.keys, state.values, strict=True):
            outputs, keys, values = layer(outputs, keys, values, turns, mask)
            kept.append((self._last(keys), self._last(values)))
        keys, values = (torch.stack(parts) for parts in zip(*kept, strict=True))
        return self.dropout(self.norm(outputs)).transpose(0, 1), Memory(keys, values, words[-1:])

    def _mask(self, count: int, before: int) -> Tensor:
        """[T, M + T] bool: whether a word reads another: itself and `context` − 1 before it."""
        read = torch.arange(before + count, device=self.device)
        ahead = read - torch.arange(before, before + count, device=self.device)[:, None]
        return (ahead <= 0) & (ahead > -self.settings.context)

    def _last(self, vectors: Tensor) -> Tensor:
        """The vectors [U, M + T, D] that later words read."""
        return vectors[:, max(0, vectors.shape[1] - self.settings.context + 1) :]

    def forward(self, words: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        before, state = self._read(words, state)
        each = torch.arange(words.numel(), device=words.device)
        return self.output.log_probs(before.flatten(0, 1), each, words.flatten()).view_as(
            words
        ), state

    def loss(self, words: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        before, state = self._read(words, state)
        return self.output.loss(before.flatten(0, 1), words.flatten()), state

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.name,
            "settings": asdict(self.settings),
            "words": "\n".join(self.vocabulary.words),
            "counts": torch.as_tensor(self.vocabulary.counts.astype(np.int32)),
            "case": self.vocabulary.case,
            "parameters": {name: value.detach().cpu() for name, value in self.state_dict().items()},
            "provenance": self.provenance,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Transformer:
        counts = content["counts"].numpy().astype(np.int64)
        vocabulary = Vocabulary(tuple(content["words"].split("\n")), counts, content["case"])
        model = cls(cls.Settings(**content["settings"]), vocabulary)
        model.load_state_dict(content["parameters"])
        model.provenance = dict(content["provenance"])
        return model.eval()


@torch.no_grad()
def score_alone(model: Trainable, sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """[S] log P of sentences with their `</s>`, each read alone, many at a time by length."""
    order = np.argsort([len(sentence) for sentence in sentences], kind="stable")
    totals = np.zeros(len(sentences))
    end = model.vocabulary.end_id
    for part in np.array_split(order, range(_BATCH, len(order), _BATCH)):
        ids = [[*model.vocabulary.encode(sentences[place]).tolist(), end] for place in part]
        words = nn.utils.rnn.pad_sequence([torch.tensor(each) for each in ids], padding_value=end)
        log_probs, _ = model(words, model.start_states(len(ids)))  # [T, U]
        inside = torch.arange(len(words))[:, None] < torch.tensor([len(each) for each in ids])
        totals[part] = (log_probs * inside).sum(0).double().numpy()
    return totals
