"""What each word would cost in each row and column of the table, measured over text, in little
memory.

The score of a row is a product of what the LSTM gave and the row's vector, and so is a column's.
Summed over the places of a word in a text, the costs of all rows are therefore the word's sum of
LSTM outputs times the rows' vectors: V · (D + 2) numbers stand for V · R costs, and any block of
costs is one matrix product away. At a million words and a thousand rows that is 1 GB for 4 GB, and
a word takes no more time than it has places in the text.

Shapes: V words, L lines (rows or columns), F factors (D, and one for the bias), T words of text, U
streams, D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescorer.files import whole_path
from rescorer.models.lightrnn import LightRNN
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation.problem import Floats


@dataclass(frozen=True)
class LineCosts:
    """Costs of words in lines, in factors: constants[w] − words[w] · lines[l] nats, summed over the
    text.

    Attributes:
        words: [V, F] float32, sums over each word's places.
        lines: [L, F] float32.
        constants: [V] float64 nats.
    """

    words: Floats
    lines: Floats
    constants: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.words), len(self.lines)

    def block(self, words: NDArray[Any] | slice, lines: NDArray[Any] | slice) -> Floats:
        """[n, m] float32 the costs of these words in these lines."""
        costs: Floats = self.words[words] @ -self.lines[lines].T
        costs += self.constants[words, None].astype(np.float32)
        return costs

    def of(self, words: NDArray[Any], lines: NDArray[Any]) -> NDArray[np.float64]:
        """[n] the cost of each of these words in its line."""
        costs: NDArray[np.float64] = self.constants[words] - np.einsum(
            "nf,nf->n", self.words[words], self.lines[lines]
        )
        return costs

    def is_finite(self) -> bool:
        """Whether all costs are numbers."""
        # A sum is finite only where all that it sums is: no array of the size of the factors is
        # made.
        parts = (self.words, self.lines, self.constants)
        return all(np.isfinite(part.sum(dtype=np.float64)) for part in parts)


class CellCosts(NamedTuple):
    """A word in row i and column j costs rows[w, i] + columns[w, j]; tokens [V] are its places in
    the text.
    """

    rows: LineCosts
    columns: LineCosts
    tokens: NDArray[np.int64]

    def save(self, path: Path, key: str) -> None:
        """Write them for a later call that has the same key."""
        parts = [
            part
            for side in (self.rows, self.columns)
            for part in (side.words, side.lines, side.constants)
        ]
        with whole_path(path) as work, open(work, "wb") as file:
            np.savez(file, *parts, tokens=self.tokens, key=np.array(key))

    @classmethod
    def load(cls, path: Path, key: str) -> CellCosts | None:
        """What `save` wrote; None where there is no such file, or one of another key."""
        if not path.exists():
            return None
        with np.load(path) as content:
            if str(content["key"]) != key:
                return None
            parts = [content[f"arr_{number}"] for number in range(6)]
            return cls(LineCosts(*parts[:3]), LineCosts(*parts[3:]), content["tokens"])


def costs_key(model: LightRNN, corpus: Corpus) -> str:
    """What the costs depend on, in short."""
    digest = hashlib.sha256(np.ascontiguousarray(model.table.cells).tobytes())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    digest.update(np.ascontiguousarray(corpus.ids[-4096:]).tobytes())
    return f"{len(corpus)}-{digest.hexdigest()}"


@torch.no_grad()
def cell_costs(
    model: LightRNN,
    corpus: Corpus,
    *,
    batch_size: int = 64,
    bptt: int = 64,
    advance: Callable[[int], object] = lambda words: None,
) -> CellCosts:
    """Σ −log P of each word of the text, were it in each row and each column (Li et al., NIPS 2016,
    section 3.3).

    The column's cost is measured after the word's present row, and a word brings the bias of its
    cell along; rows and columns that are empty now are priced as well. One pass, O(N · (D² + D · (R
    + C))); memory 2 · V · D float32.

    Args:
        batch_size, bptt: how the text is read.
        advance: told how many words were read.
    """
    model.eval()
    count = max(1, min(batch_size, len(corpus) // bptt))
    text = corpus.batchify(count)  # [U, N / U]
    sums = _Sums(model), _Sums(model)
    state = model.start_states(count)
    for begin in range(0, text.shape[1], bptt):
        # [T, U]
        words = torch.as_tensor(
            text[:, begin : begin + bptt].T.astype(np.int64), device=model.device
        )
        before_row, after_row, state = model.hidden_states(words, state)
        rows, columns = model.row_of[words], model.column_of[words]
        row = model.row_log_probs(before_row).gather(-1, rows[..., None])[..., 0]
        column = model.column_log_probs(after_row, rows).gather(-1, columns[..., None])[..., 0]
        sums[0].add(words, before_row, -row)
        sums[1].add(words, after_row, -column)
        advance(words.numel())
    tokens = np.bincount(text.ravel(), minlength=len(model.vocabulary)).astype(np.int64)
    return CellCosts(
        sums[0].costs(tokens, model.row_out, model.table.row_of),
        sums[1].costs(tokens, model.column_out, model.table.column_of),
        tokens,
    )


class _Sums:
    """What is summed over the places of each word: the LSTM's output and the true line's −log P."""

    def __init__(self, model: LightRNN) -> None:
        size = len(model.vocabulary)
        self.keys = torch.zeros(size, model.settings.hidden_dim, device=model.device)
        self.nats = torch.zeros(size, dtype=torch.float64, device=model.device)

    def add(self, words: Tensor, keys: Tensor, nats: Tensor) -> None:
        """Args: words [T, U], keys [T, U, D], nats [T, U]."""
        self.keys.index_add_(0, words.flatten(), keys.flatten(0, 1).float())
        self.nats.index_add_(0, words.flatten(), nats.flatten().double())

    def costs(
        self, tokens: NDArray[np.int64], out: torch.nn.Linear, line_of: NDArray[np.int64]
    ) -> LineCosts:
        """The softmax's normaliser is the same for all lines: what the true one costs tells it for
        all of them.
        """
        words = np.column_stack([self.keys.cpu().numpy(), tokens.astype(np.float32)])  # [V, F]
        weight, bias = out.weight.detach().cpu().numpy(), out.bias.detach().cpu().numpy()
        lines = np.column_stack([weight, bias]).astype(np.float32)  # [L, F]
        relative = LineCosts(words, lines, np.zeros(len(words)))
        constants = np.concatenate(
            [
                self.nats[chunk].cpu().numpy() - relative.of(chunk, line_of[chunk])
                for chunk in np.array_split(np.arange(len(words)), -(-len(words) // 65536))
            ]
        )
        return LineCosts(words, lines, constants)
