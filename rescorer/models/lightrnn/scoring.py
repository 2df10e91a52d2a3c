"""LightRNN as a LanguageModel: many next words after each of many histories.

Shapes: N histories, M words to score, P distinct pairs of a history and a row, R rows, C columns,
D hidden units, L layers, K columns with residual embeddings, E their width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import checkpoint
from rescorer.models.lightrnn.network import LightRNNNetwork
from rescorer.models.lightrnn.prefix_search import best_with_prefix
from rescorer.models.lightrnn.state import LightRNNState, ScoringState
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import Content
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

# Parameters with an entry for each row, and those with one for each column, with the dimension.
_BY_ROW = (
    "row_in.weight",
    "row_out.weight",
    "row_out.bias",
    "cell_bias",
    "residual_in",
    "residual_out",
    "head_word_log_odds",
)
_BY_COLUMN = {"column_in.weight": 0, "column_out.weight": 0, "column_out.bias": 0, "cell_bias": 1}


class _Words(NamedTuple):
    """M words to score or read: P distinct pairs of a history and a row."""

    parents: Tensor  # [M]
    rows: Tensor  # [M]
    columns: Tensor  # [M]
    pair: Tensor  # [M] the pair of each word
    pair_parents: Tensor  # [P]
    pair_rows: Tensor  # [P]
    distinct: Tensor  # [W] ids of the distinct words
    place: Tensor  # [M] the place of each word among them


class LightRNN(LightRNNNetwork, LanguageModel[ScoringState]):
    """The network as a LanguageModel that is stored in one file.

    Attributes:
        spelling: the spelling of unknown words; None if the file has none.
        added_words: words that were added after the training.
    """

    name = "lightrnn"
    spelling: Spelling | None = None
    added_words: frozenset[str] = frozenset()

    @property
    def history_bytes(self) -> int:
        # Old, intermediate and new state of each layer, gates, scores and log-probabilities.
        vectors = (6 * self.settings.num_layers + 8) * self.settings.hidden_dim
        residuals = 2 * math.prod(self.residual_shape)
        head_words = 3 * self.table.rows * self.settings.has_residual_row_score
        return 4 * (vectors + residuals + head_words + 3 * (self.table.rows + self.table.columns))

    @property
    def state_bytes(self) -> int:
        return 8 * self.settings.num_layers * self.settings.hidden_dim

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        added = (self.vocabulary.normalise(word) in self.added_words for word in words)
        return np.asarray(self.knows(words) & ~np.fromiter(added, bool, len(words)))

    @torch.no_grad()
    def start(self) -> ScoringState:
        return self._ready(self.start_states(1))

    @torch.no_grad()
    def score(self, state: ScoringState, parents: Tensor, words: Tensor) -> Tensor:
        found = self._find(parents, words)
        half = self._after_rows(state, found)
        return self._score(state, half, found)

    @torch.no_grad()
    def advance(
        self, state: ScoringState, parents: Tensor, words: Tensor
    ) -> tuple[Tensor, ScoringState]:
        found = self._find(parents, words)
        half = self._after_rows(state, found)
        return self._score(state, half, found), self._read_columns(half, found)

    @torch.no_grad()
    def extend(self, state: ScoringState, parents: Tensor, words: Tensor) -> ScoringState:
        found = self._find(parents, words)
        return self._read_columns(self._after_rows(state, found), found)

    def best_words(
        self,
        state: ScoringState,
        k: int = 10,
        *,
        prefix: str | None = None,
        candidates: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """The k best words. With a prefix, a search avoids scoring every word."""
        if prefix is None or candidates is not None:
            return super().best_words(state, k, prefix=prefix, candidates=candidates)
        return best_with_prefix(self, state, prefix, k)

    @torch.no_grad()
    def columns_after(self, state: ScoringState, rows: Tensor) -> Tensor:
        """[P, C] log P(column | history, row) for rows [P] after the one history of a state."""
        rows = rows.to(self.device)
        text = state.text
        if self.settings.two_step:
            text = self.after_rows(rows, text.take(torch.zeros_like(rows)))
        # With one-step reading, the history's part is computed once for all rows.
        return self.column_log_probs(self.column_queries(rows, text.hidden[-1]), rows)

    def _find(self, parents: Tensor, words: Tensor) -> _Words:
        """Find the cells of words [M]. Nothing waits for the device, as indices are on the host."""
        ids = words.numpy()
        rows = self.table.row_of[ids]  # [M]
        pairs, pair = np.unique(parents.numpy() * self.table.rows + rows, return_inverse=True)
        pair_parents, pair_rows = np.divmod(pairs, self.table.rows)  # [P]
        distinct, place = np.unique(ids, return_inverse=True)
        return _Words(
            parents.to(self.device),
            *map(
                self._on_device,
                (
                    rows,
                    self.table.column_of[ids],
                    pair,
                    pair_parents,
                    pair_rows,
                    distinct,
                    place,
                ),
            ),
        )

    def _on_device(self, index: np.ndarray) -> Tensor:
        return torch.as_tensor(index, device=self.device)

    def _after_rows(self, state: ScoringState, words: _Words) -> LightRNNState:
        """The P histories with the words' rows, each pair of a history and a row once."""
        return self.after_rows(words.pair_rows, state.text.take(words.pair_parents))

    def _score(self, state: ScoringState, half: LightRNNState, words: _Words) -> Tensor:
        """[M] log-probabilities."""
        scores = self.row_scores_at(state.hidden[-1], words.parents, words.rows)
        row = scores - state.row_log_sums[0, words.parents]
        after_row = self.column_queries(words.pair_rows, half.hidden[-1])  # [P, D]
        columns = self.column_log_probs(after_row, words.pair_rows)  # [P, C]
        return row + columns[words.pair, words.columns]

    def _ready(self, state: LightRNNState) -> ScoringState:
        """A state with the normaliser that `score` needs."""
        return ScoringState(*state, self.row_log_sums(state.hidden[-1])[None])

    def _read_columns(self, half: LightRNNState, words: _Words) -> ScoringState:
        """The M longer histories."""
        rows, columns = self.row_of[words.distinct], self.column_of[words.distinct]
        return self._ready(self.read_columns(rows, columns, half.take(words.pair), words.place))

    # ---- other words with the same parameters ----

    def with_words(
        self,
        vocabulary: Vocabulary,
        table: WordTable,
        source_rows: np.ndarray | None = None,
        source_columns: np.ndarray | None = None,
    ) -> LightRNN:
        """A new network with other words and another table.

        Args:
            source_rows: [R] for each row of the table the row of this network whose parameters it
                gets; None: the same row.
            source_columns: [C] the same for columns.
        """
        other = LightRNN(self.settings, vocabulary, table).to(self.device)
        if source_rows is None:
            source_rows = np.arange(self.table.rows)
        if source_columns is None:
            source_columns = np.arange(self.table.columns)
        rows, columns = self._on_device(source_rows), self._on_device(source_columns)
        other.load_state_dict(self._parameters_at(rows, columns, *other.residual_shape))
        other.provenance, other.name = dict(self.provenance), self.name
        old, new = set(self.vocabulary.words), set(vocabulary.words)
        other.added_words = (self.added_words | (new - old)) & new
        if self.spelling:
            other.spelling = self.spelling.knowing(new - old, but=old - new)
        other.train(self.training)
        return other

    def _parameters_at(
        self, rows: Tensor, columns: Tensor, residual_columns: int, residual_dim: int
    ) -> dict[str, Tensor]:
        """The parameters of a network that consists of these rows and columns of this one."""
        parameters: dict[str, Tensor] = {
            name: value[rows] if name in _BY_ROW else value
            for name, value in self.state_dict().items()
        }
        for name, dimension in _BY_COLUMN.items():
            if name in parameters:
                parameters[name] = parameters[name].index_select(dimension, columns)
        for name in ("residual_in", "residual_out"):
            if name in parameters:
                parameters[name] = _residuals_at(
                    parameters[name], columns[:residual_columns], residual_dim
                )
        return parameters

    # ---- the model file ----

    def as_dict(self) -> dict[str, object]:
        """The content of a `lightrnn.pt`: plain data and tensors."""
        return checkpoint.content_of(
            self.settings,
            self.vocabulary,
            self.table,
            self.state_dict(),
            self.provenance,
            self.spelling,
            self.added_words,
        )

    @classmethod
    def from_dict(cls, content: Content) -> Self:
        """Rebuild a model from `as_dict`.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: a part is missing or wrong.
        """
        parts = checkpoint.parts_of(content)
        model = cls(parts.settings, parts.vocabulary, parts.table)
        model.load_state_dict(parts.parameters)
        model.provenance = parts.provenance
        model.spelling = parts.spelling
        model.added_words = parts.added_words
        model.eval()
        return model

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> Self:
        """Read a `lightrnn.pt`. Reading runs no code of the file.

        Raises:
            InputError: a file of another kind, a damaged one, or one of an unknown version.
        """
        return checkpoint.load(path, lambda content: cls.from_dict(content).to(device))


def _residuals_at(residuals: Tensor, columns: Tensor, dim: int) -> Tensor:
    """[R, k · E] the residual embeddings [R, K · E] of columns [k]; 0 beyond the first K."""
    by_column = residuals.view(len(residuals), -1, dim)
    size = by_column.shape[1]
    found = by_column[:, columns.clamp(max=size - 1)] * (columns < size)[:, None]
    return found.flatten(1)
