"""The parameters of LightRNN, their initial values, and the word table.

Shapes: V vocabulary, R rows, C columns, D hidden units, K columns with residual embeddings, E their
width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import Self

from rescorer.models.lightrnn import initial_biases
from rescorer.models.lightrnn.lstm import LSTM
from rescorer.models.lightrnn.settings import LightRNNSettings
from rescorer.models.lightrnn.softmax import inclusion_probabilities
from rescorer.models.lightrnn.state import LightRNNState
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

# The default number of sampled rows: 240 to 800 do as well as 500. With a smaller vocabulary all
# rows are scored, because the LSTM takes most of the time, not the softmax.
_SAMPLED_ROWS, _MIN_SAMPLED_VOCABULARY = 500, 30_000
INIT_STD = 0.1  # standard deviation of initial embeddings


class LightRNNParameters(Trainable[LightRNNState]):
    """Layers and parameters, the vocabulary, and the table with what follows from it."""

    settings: LightRNNSettings
    row_of: Tensor  # [V]
    column_of: Tensor  # [V]
    free: Tensor  # [R, C] bool: cells without a word
    empty_rows: Tensor  # [R] bool: rows without a word
    inclusion_probs: Tensor  # [R] float64: probability that a training step samples a row

    def __init__(
        self, settings: LightRNNSettings, vocabulary: Vocabulary, table: WordTable
    ) -> None:
        super().__init__()
        if len(table.cells) != len(vocabulary):
            raise ValueError(
                f"the table holds {len(table.cells)} words, the vocabulary {len(vocabulary)}"
            )
        self.settings = settings
        self.vocabulary = vocabulary
        self.provenance = {}
        self._make_layers(settings, table)
        self._init_embeddings()
        self._make_buffers()
        self.set_table(table)
        self._init_biases()

    def _make_layers(self, settings: LightRNNSettings, table: WordTable) -> None:
        rows, columns, width = table.rows, table.columns, settings.hidden_dim
        self.lstm = LSTM(width, settings.num_layers, settings.dropout, settings.weight_dropout)
        self.dropout = nn.Dropout(settings.dropout)
        self.row_out = nn.Linear(width, rows)
        self.column_out = nn.Linear(width, columns)
        self.row_in = nn.Embedding(rows, width)
        self.column_in = nn.Embedding(columns, width)
        if settings.residual_dim:
            size = min(settings.residual_columns, columns) * settings.residual_dim
            self.residual_out = nn.Parameter(torch.zeros(rows, size))  # [R, K · E]
            self.residual_in = nn.Parameter(torch.zeros(rows, size))
            self.residual_in_proj = nn.Linear(settings.residual_dim, width, bias=False)
            self.residual_out_proj = nn.Linear(width, settings.residual_dim, bias=False)
        if settings.has_residual_row_score:
            self.residual_row_proj = nn.Linear(width, settings.residual_dim, bias=False)
            self.head_word_log_odds = nn.Parameter(torch.zeros(rows))
        if settings.cell_bias:
            self.cell_bias = nn.Parameter(torch.zeros(rows, columns))
        if not settings.two_step:
            self.row_mixed = nn.Linear(width, width)
        self._tie()

    def _tie(self) -> None:
        """Make input and output embeddings one parameter, if the settings say so."""
        if not self.settings.tied:
            return
        self.row_in.weight = self.row_out.weight
        self.column_in.weight = self.column_out.weight
        if self.settings.residual_dim:
            self.residual_in = self.residual_out

    def _apply(self, *args: object, **kwargs: object) -> Self:
        # A move to some devices, such as `meta`, makes new parameters and thereby unties them.
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._tie()
        return self

    def _init_embeddings(self) -> None:
        for layer in (self.row_in, self.column_in, self.row_out, self.column_out):
            nn.init.normal_(layer.weight, std=INIT_STD)

    def _make_buffers(self) -> None:
        """Buffers that `set_table` fills. Model files hold the table instead."""
        dtypes = {
            "row_of": torch.int64,
            "column_of": torch.int64,
            "free": torch.bool,
            "empty_rows": torch.bool,
            "inclusion_probs": torch.float64,
        }
        for name, dtype in dtypes.items():
            self.register_buffer(name, torch.empty(0, dtype=dtype), persistent=False)

    def _init_biases(self) -> None:
        counts = self.vocabulary.counts + 1.0  # [V]
        nn.init.zeros_(self.column_out.bias)
        with torch.no_grad():
            self.row_out.bias.copy_(initial_biases.row_biases(self.table, counts))
            if self.settings.has_residual_row_score:
                odds = initial_biases.head_word_log_odds(self.table, counts)
                self.head_word_log_odds.copy_(odds)
            if self.settings.cell_bias:
                cells = torch.as_tensor(self.table.cells)
                self.cell_bias.view(-1)[cells] = initial_biases.word_biases(counts)
            else:
                self.column_out.bias.copy_(initial_biases.column_biases(self.table, counts))

    def set_table(self, table: WordTable) -> None:
        """Replace the table by one of the same shape, without a change of parameters."""
        shape = self.row_in.num_embeddings, self.column_in.num_embeddings
        if (table.rows, table.columns) != shape:
            raise ValueError(
                f"a table of {table.rows} × {table.columns} for a network of another shape"
            )
        self.table = table
        device = self.row_in.weight.device
        self.row_of = torch.as_tensor(table.row_of, device=device)
        self.column_of = torch.as_tensor(table.column_of, device=device)
        self.free = torch.as_tensor(table.words < 0, device=device)
        self.empty_rows = self.free.all(1)
        counts = np.bincount(table.row_of, self.vocabulary.counts + 1.0, table.rows)
        probs = inclusion_probabilities(counts.clip(1.0), self.sampled_softmax_size)
        self.inclusion_probs = torch.as_tensor(probs, device=device)

    def copy_from(self, other: Trainable) -> None:
        assert isinstance(other, LightRNNParameters)
        self.set_table(other.table)
        super().copy_from(other)

    @property
    def sampled_softmax_size(self) -> int:
        """Number of rows that a training step samples; 0: all rows are scored."""
        if self.settings.sampled_softmax_size is None:
            return _SAMPLED_ROWS if len(self.vocabulary) >= _MIN_SAMPLED_VOCABULARY else 0
        return self.settings.sampled_softmax_size

    @property
    def residual_shape(self) -> tuple[int, int]:
        """K and E."""
        columns = min(self.settings.residual_columns, self.table.columns)
        return columns, self.settings.residual_dim

    def residual_parameters(self) -> list[Tensor]:
        """Residual embeddings [R, K · E]; one tensor if they are tied."""
        if not self.settings.residual_dim:
            return []
        return [self.residual_out] if self.settings.tied else [self.residual_in, self.residual_out]
