"""The cost of each word in each row and column of the table, measured over text, in factors.

The score of a row is the product of an LSTM output and the row's embedding; columns likewise. So
the costs of a word in all rows, summed over its occurrences in a text, are its sum of LSTM outputs
times the row embeddings. V · (D + 2) numbers stand for V · R costs, and any block of costs is one
matrix product. A million words and a thousand rows take 1 GB instead of 4 GB.

Shapes: V words, L lines (rows or columns), F factors (D, and one for the bias), T words of text, U
streams, D width, n of the words, m of the lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescorer.files import whole_path
from rescorer.models.lightrnn import LightRNN
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation.problem import Cells, Doubles, Floats, Index

_CHUNK_WORDS = 65_536


@dataclass(frozen=True)
class LineCosts:
    """Costs of words in lines, in factors: constants[w] − words[w] · lines[l] nats.

    Attributes:
        words: [V, F] float32, sums over each word's occurrences in the text.
        lines: [L, F] float32.
        constants: [V] float64 nats.
    """

    words: Floats
    lines: Floats
    constants: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.words), len(self.lines)

    def block(self, words: Index, lines: Index) -> Floats:
        """[n, m] float32 the costs of these words in these lines."""
        costs: Floats = self.words[words] @ -self.lines[lines].T
        costs += self.constants[words, None].astype(np.float32)
        return costs

    def of(self, words: Index, lines: Cells) -> Doubles:
        """[n] the cost of each of these words in its line."""
        costs: Doubles = self.constants[words] - np.einsum(
            "nf,nf->n", self.words[words], self.lines[lines]
        )
        return costs

    def is_finite(self) -> bool:
        """Whether all costs are finite."""
        # A sum is finite only if all its terms are. It needs no second array of the factors' size.
        parts = (self.words, self.lines, self.constants)
        return all(np.isfinite(part.sum(dtype=np.float64)) for part in parts)


class CellCosts(NamedTuple):
    """A word in row i and column j costs rows[w, i] + columns[w, j]."""

    rows: LineCosts
    columns: LineCosts
    tokens: NDArray[np.int64]  # [V] occurrences in the text

    def save(self, path: Path, key: str) -> None:
        """Write the costs for a later call with the same key."""
        parts = [
            part
            for side in (self.rows, self.columns)
            for part in (side.words, side.lines, side.constants)
        ]
        with whole_path(path) as work, open(work, "wb") as file:
            np.savez(file, *parts, tokens=self.tokens, key=np.array(key))

    @classmethod
    def load(cls, path: Path, key: str) -> CellCosts | None:
        """Read what `save` wrote; None if the file is missing or has another key."""
        if not path.exists():
            return None
        with np.load(path) as content:
            if str(content["key"]) != key:
                return None
            parts = [content[f"arr_{number}"] for number in range(6)]
            return cls(LineCosts(*parts[:3]), LineCosts(*parts[3:]), content["tokens"])


def costs_key(model: LightRNN, corpus: Corpus) -> str:
    """A digest of all that the costs depend on."""
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
    """Σ −log P of each word of the text in each row and each column (Li et al., NIPS 2016, 3.3).

    A column's cost is measured after the word's current row. The bias of a word's cell moves with
    the word. Empty rows and columns have costs too. One pass, O(N · (D² + D · (R + C))); memory
    2 · V · D float32.

    Args:
        batch_size: streams of text that are read side by side.
        bptt: words that are read at a time.
        advance: called with the number of words of each part.
    """
    model.eval()
    count = max(1, min(batch_size, len(corpus) // bptt))
    text = corpus.batchify(count)  # [U, N / U]
    row_sums, column_sums = _Sums(model), _Sums(model)
    state = model.start_states(count)
    for begin in range(0, text.shape[1], bptt):
        # [T, U]
        words = torch.as_tensor(
            text[:, begin : begin + bptt].T.astype(np.int64), device=model.device
        )
        before_row, after_row, state = model.hidden_states(words, state)
        rows, columns = model.row_of[words], model.column_of[words]
        row_log_probs = model.row_log_probs(before_row).gather(-1, rows[..., None])[..., 0]
        column_log_probs = model.column_log_probs(after_row, rows)
        column_log_probs = column_log_probs.gather(-1, columns[..., None])[..., 0]
        row_sums.add(words, before_row, -row_log_probs)
        column_sums.add(words, after_row, -column_log_probs)
        advance(words.numel())
    tokens = np.bincount(text.ravel(), minlength=len(model.vocabulary)).astype(np.int64)
    return CellCosts(
        row_sums.costs(tokens, model.row_out, model.table.row_of),
        column_sums.costs(tokens, model.column_out, model.table.column_of),
        tokens,
    )


class _Sums:
    """Sums over each word's occurrences: of the LSTM outputs and of −log P of its own line."""

    def __init__(self, model: LightRNN) -> None:
        size = len(model.vocabulary)
        self.keys = torch.zeros(size, model.settings.hidden_dim, device=model.device)
        self.nats = torch.zeros(size, dtype=torch.float64, device=model.device)

    def add(self, words: Tensor, keys: Tensor, nats: Tensor) -> None:
        """Add occurrences.

        Args:
            words: [T, U].
            keys: [T, U, D] LSTM outputs.
            nats: [T, U] −log P of the word's line.
        """
        # Unlike `keys[words] += …`, index_add_ adds all occurrences of a word that is repeated.
        self.keys.index_add_(0, words.flatten(), keys.flatten(0, 1).float())
        self.nats.index_add_(0, words.flatten(), nats.flatten().double())

    def costs(
        self, tokens: NDArray[np.int64], out: torch.nn.Linear, line_of: NDArray[np.int64]
    ) -> LineCosts:
        """The costs in all lines.

        The log-normaliser of the softmax is the same for all lines, so the known cost of a word's
        own line [V] gives the constant for all of them.
        """
        words = np.column_stack([self.keys.cpu().numpy(), tokens.astype(np.float32)])  # [V, F]
        weight, bias = out.weight.detach().cpu().numpy(), out.bias.detach().cpu().numpy()
        lines = np.column_stack([weight, bias]).astype(np.float32)  # [L, F]
        relative = LineCosts(words, lines, np.zeros(len(words)))
        constants = np.concatenate(
            [
                self.nats[chunk].cpu().numpy() - relative.of(chunk, line_of[chunk])
                for chunk in np.array_split(np.arange(len(words)), -(-len(words) // _CHUNK_WORDS))
            ]
        )
        return LineCosts(words, lines, constants)
