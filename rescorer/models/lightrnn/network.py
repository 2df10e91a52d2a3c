"""LightRNN: a language model that predicts a word as a row, then a column, of a table of words.

Source: Li, Qin, Yang, Hu, Liu: LightRNN: Memory and Computation-Efficient Recurrent Neural Networks, NIPS 2016.
What an LSTM knows after one word predicts the row of the next; that and the (true) row, the column:
P(w | h) = P(row | h) · P(column | h, row). In the paper the LSTM reads two inputs a word, the vector of its row and
then that of its column, and predicts the column once it has read the row (`half_steps`). Here it reads a word at once,
row and column added, and a layer beside it mixes the row in: half the work, and fewer steps for memory to last.
Frequent words, which stand in the first columns, also have short vectors of their own: by those of rows and columns
alone the words of a row are hardly told apart by their contexts. That of a row's first word scores the row, too, so
that the row's vector need not stand for a frequent word and for a hundred others: P(row) is a sum of two parts.

Shapes: U utterances or streams, T words, N histories, M words to score, V vocabulary, R rows, C columns, D width,
L layers, K columns with vectors of their own, E width of those.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rescorer.errors import InputError
from rescorer.models.completion import best_with_prefix
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn.lstm import LSTM
from rescorer.models.lightrnn.softmax import chances_of_rows, draw_rows, log_sums, picked_log_probs, sampled_log_probs
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import read_torch
from rescorer.models.trainable import Trainable
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.torch_zip import Damaged, HoldsCode

_FILE_KIND = "lightrnn"
_FILE_VERSION = 1
_ROW_SAMPLES, _MANY_WORDS = 500, 30_000  # tried: 240 to 800 (benchmarks/README.md)
_LARGEST = 1e6  # of parameters: a score of far greater ones may be infinite
_WIDE, _CELLS = 1 << 24, 100  # larger tables have at most so many cells a word: no file says how many are free
FIRST_SPREAD = 0.1  # standard deviation of first vectors
_BY_ROW = ("row_in.weight", "row_out.weight", "row_out.bias", "cell_bias", "own_in", "own_out", "first_odds")
_BY_COLUMN = {"column_in.weight": 0, "column_out.weight": 0, "column_out.bias": 0, "cell_bias": 1}  # the dimension


@dataclass(frozen=True)
class LightRNNSettings:
    """The network; the size of its table is the WordTable's.

    Attributes:
        width: D, of the vectors and of the LSTM.
        layers: L, of the LSTM.
        dropout: the share of inputs, outputs and values between layers that is zeroed in training.
        weight_dropout: the share of the LSTM's recurrent weights that is zeroed in each step of training.
        tied: the same vectors serve as input and output, those that cells have of their own too.
        own_width: E, of the two vectors that a cell of the first columns has of its own; 0, as in the paper: none has.
        own_columns: how many columns these are; K is no more than there are columns.
        own_rows: the vector that the cell of a row's first column has of its own scores the row, too.
        cell_bias: one number for each cell, added to the score of its column; without it the paper's model.
        half_steps: the LSTM reads a word's row and then its column, as in the paper; without it, both at once.
        row_samples: in training so many rows' scores are found at a step, instead of all; 0: those of all; None: 500
            of 30,000 words or more, else those of all, for of less the LSTM takes the time.
    """

    width: int = 256
    layers: int = 1
    dropout: float = 0.0
    weight_dropout: float = 0.0
    tied: bool = True
    own_width: int = 48
    own_columns: int = 7
    own_rows: bool = True
    cell_bias: bool = True
    half_steps: bool = False
    row_samples: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("layers", 1), ("own_width", 0), ("own_columns", 1), ("row_samples", 0)):
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least {least}")
        for name in ("dropout", "weight_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected 0 ≤ {name} < 1")

    @property
    def rows_in_parts(self) -> bool:
        """Whether a row is scored by a vector of its first word's own, too."""
        return self.own_rows and self.own_width > 0


class LightRNNState(NamedTuple):
    """What the LSTM knows after N histories: both [L, N, D]. The top of `hidden` predicts the next row."""

    hidden: Tensor
    cell: Tensor

    def take(self, index: Tensor) -> LightRNNState:
        return LightRNNState(self.hidden[:, index], self.cell[:, index])

    def detach(self) -> LightRNNState:
        return LightRNNState(self.hidden.detach(), self.cell.detach())


class _RowsRead(NamedTuple):
    """M words of which only the rows are known: K distinct pairs of history and row."""

    parents: Tensor  # [M]
    rows: Tensor  # [M]
    columns: Tensor  # [M]
    pair: Tensor  # [M] which of the K each uses
    pair_rows: Tensor  # [K]
    after_row: Tensor  # [K, D]
    state: LightRNNState  # of K histories


class _LookedUp(NamedTuple):
    """Vectors of N words and of S rows drawn, looked up together: a look-up's gradient is as large as its table."""

    row_in: Tensor  # [N, D]
    own_in: Tensor | None  # [N, E]
    own_out: Tensor | None  # [N, K, E] of all cells of the words' rows
    first: Tensor | None  # [N, E] of the first cells of the words' rows
    row_out: Tensor  # [N, D]
    drawn_out: Tensor  # [S, D]
    drawn_own: Tensor | None  # [S, E] of the first cells


class LightRNN(Trainable, LanguageModel):
    """The network with its vocabulary and its table."""

    name = "lightrnn"
    settings: LightRNNSettings
    spelling: Spelling | None = None  # of unknown words; older files have none
    given: frozenset[str] = frozenset()  # words that came after the training
    row_of: Tensor
    column_of: Tensor
    free: Tensor  # [R, C] cells without a word
    chances: Tensor  # [R] float64, of rows to be drawn in a step of training
    wordless: Tensor  # [R] rows without a word: found once, for a million cells are not looked through in no time

    def __init__(self, settings: LightRNNSettings, vocabulary: Vocabulary, table: WordTable) -> None:
        super().__init__()
        if len(table.cells) != len(vocabulary):
            raise ValueError(f"the table holds {len(table.cells)} words, the vocabulary {len(vocabulary)}")
        self.settings = settings
        self.vocabulary = vocabulary
        self.provenance: dict[str, Any] = {}
        rows, columns, width = table.rows, table.columns, settings.width
        self.lstm = LSTM(width, settings.layers, settings.dropout, settings.weight_dropout)
        self.dropout = nn.Dropout(settings.dropout)
        self.row_out = nn.Linear(width, rows)
        self.column_out = nn.Linear(width, columns)
        self.row_in = nn.Embedding(rows, width)
        self.column_in = nn.Embedding(columns, width)
        if settings.own_width:
            own = min(settings.own_columns, columns) * settings.own_width
            self.own_out = nn.Parameter(torch.zeros(rows, own))  # [R, K · E]
            self.own_in = nn.Parameter(torch.zeros(rows, own))
            self.own_up = nn.Linear(settings.own_width, width, bias=False)
            self.own_key = nn.Linear(width, settings.own_width, bias=False)
        if settings.rows_in_parts:
            self.own_row_key = nn.Linear(width, settings.own_width, bias=False)
            self.first_odds = nn.Parameter(torch.zeros(rows))  # [R] log of a row's first word's share to the others'
        if settings.cell_bias:
            self.cell_bias = nn.Parameter(torch.zeros(rows, columns))
        if not settings.half_steps:
            self.row_mixed = nn.Linear(width, width)
        self._tie()
        self._initialise()
        for name, kind in (("row_of", torch.int64), ("column_of", torch.int64), ("free", torch.bool),
                           ("wordless", torch.bool), ("chances", torch.float64)):
            self.register_buffer(name, torch.empty(0, dtype=kind), persistent=False)
        self.place(table)
        self._expect_frequent_words()

    def _tie(self) -> None:
        """Let one parameter be input and output, where the settings say so."""
        if not self.settings.tied:
            return
        self.row_in.weight, self.column_in.weight = self.row_out.weight, self.column_out.weight
        if self.settings.own_width:
            self.own_in = self.own_out

    def _apply(self, *given: Any, **options: Any) -> LightRNN:
        # torch makes new parameters on the way to some devices, such as `meta`, each tied one twice.
        super()._apply(*given, **options)  # type: ignore[no-untyped-call]
        self._tie()
        return self

    def _initialise(self) -> None:
        for parameter in (self.row_in.weight, self.column_in.weight, self.row_out.weight, self.column_out.weight):
            nn.init.normal_(parameter, std=FIRST_SPREAD)
        nn.init.zeros_(self.row_out.bias)
        nn.init.zeros_(self.column_out.bias)

    def _expect_frequent_words(self) -> None:
        """Biases begin at logs of the words' shares of the text: how frequent they are need not be learnt first.

        A cell's is that of its word among all, not in its row, for the row's softmax sees differences alone: so it can
        go with the word to any other row. A row without a word is as rare as one unseen word: words may come to it.
        """
        counts = self.vocabulary.counts + 1.0  # [V]
        shares, least = counts / counts.sum(), 1 / counts.sum()
        with torch.no_grad():
            self.row_out.bias.copy_(_log(np.bincount(self.table.row_of, shares, self.table.rows), least))
            if self.settings.rows_in_parts:
                self.first_odds.copy_(log_odds_of_first(self.table, counts))
            if self.settings.cell_bias:
                self.cell_bias.view(-1)[torch.as_tensor(self.table.cells)] = _log(shares, least)
            else:
                of_columns = np.bincount(self.table.column_of, shares, self.table.columns)
                self.column_out.bias.copy_(_log(of_columns, least))

    @property
    def row_samples(self) -> int:
        """How many rows' scores a step of training finds; 0: those of all."""
        if self.settings.row_samples is None:
            return _ROW_SAMPLES if len(self.vocabulary) >= _MANY_WORDS else 0
        return self.settings.row_samples

    def place(self, table: WordTable) -> None:
        """Take over a table of the same shape; the parameters stay as they are."""
        if (table.rows, table.columns) != (self.row_in.num_embeddings, self.column_in.num_embeddings):
            raise ValueError(f"a table of {table.rows} × {table.columns} for a network of another shape")
        self.table = table
        device = self.row_in.weight.device
        self.row_of = torch.as_tensor(table.row_of, device=device)
        self.column_of = torch.as_tensor(table.column_of, device=device)
        self.free = torch.as_tensor(table.words < 0, device=device)
        self.wordless = self.free.all(1)
        counts = np.bincount(table.row_of, self.vocabulary.counts + 1.0, table.rows).clip(1.0)  # a row may be wordless
        self.chances = torch.as_tensor(chances_of_rows(counts, self.row_samples), device=device)

    def take_over(self, other: Trainable) -> None:
        assert isinstance(other, LightRNN)
        self.place(other.table)
        super().take_over(other)

    def own_parameters(self) -> list[Tensor]:
        """Vectors [R, K · E] that cells have of their own; shared ones once."""
        if not self.settings.own_width:
            return []
        return [self.own_out] if self.settings.tied else [self.own_in, self.own_out]

    # ---- the network: one forward pass for training, perplexity and rescoring ----

    def row_inputs(self, rows: Tensor) -> Tensor:
        """[..., D] what the LSTM reads first of a word in these rows [...], where it reads them by themselves."""
        return self.dropout(self.row_in(rows))  # type: ignore[no-any-return]

    def column_inputs(self, rows: Tensor, columns: Tensor, found: _LookedUp | None = None) -> Tensor:
        """[..., D] what the LSTM reads once it knows the cells [...] of words, which may have been looked up."""
        vectors = self.column_in(columns)
        if self.settings.own_width:
            own = self._own_inputs(rows, columns) if found is None or found.own_in is None else found.own_in
            vectors = vectors + self.own_up(own * (columns < self._own_size[0])[..., None])
        if not self.settings.half_steps:
            vectors = vectors + (self.row_in(rows) if found is None else found.row_in)
        return self.dropout(vectors)  # type: ignore[no-any-return]

    def _own_inputs(self, rows: Tensor, columns: Tensor) -> Tensor:
        """[..., E] the input vectors that cells [...] have of their own; of no meaning beyond the first K columns."""
        return nn.functional.embedding(self._own_cells(rows, columns), self.own_in.view(-1, self.settings.own_width))

    def _own_cells(self, rows: Tensor, columns: Tensor) -> Tensor:
        """[...] where the own vectors of cells [...] are in their table."""
        size, _ = self._own_size
        return rows * size + columns.clamp(max=size - 1)

    @property
    def _own_size(self) -> tuple[int, int]:
        """K and E."""
        return min(self.settings.own_columns, self.table.columns), self.settings.own_width

    def word_inputs(self, words: Tensor, found: _LookedUp | None = None) -> Tensor:
        """[S · T, N, D] what the LSTM reads of words [T, N]: S vectors of each, one or the half-steps' two."""
        rows, columns = self.row_of[words], self.column_of[words]
        whole = self.column_inputs(rows, columns, found)
        return torch.stack([self.row_inputs(rows), whole], 1).flatten(0, 1) if self.settings.half_steps else whole

    def read_rows(self, rows: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """What predicts the columns [N, D] once rows [N] are read after histories [N]; and the state."""
        if not self.settings.half_steps:
            return self.mix_rows(state.hidden[-1], self.row_in(rows)), state
        outputs, (hidden, cell) = self.lstm(self.row_inputs(rows)[None], (state.hidden, state.cell))
        return outputs[0], LightRNNState(hidden, cell)

    def mix_rows(self, hidden: Tensor, rows: Tensor) -> Tensor:
        """[..., D] what the LSTM gave before words [..., D], with their rows' input vectors [..., D] mixed in."""
        mixed = torch.tanh(self.row_mixed(self.dropout(hidden)) + rows)  # float32: of bfloat16 it takes twice as long
        return hidden + mixed.to(hidden.dtype)

    def read_columns(self, rows: Tensor, columns: Tensor, state: LightRNNState) -> LightRNNState:
        """The histories [N] longer by a word each, in these cells [N], from what `read_rows` left."""
        inputs = self.column_inputs(rows, columns)
        return LightRNNState(*self.lstm(inputs[None], (state.hidden, state.cell))[1])

    def row_scores(self, hidden: Tensor) -> Tensor:
        """[..., R] scores of the rows from what the LSTM gave after a word [..., D]; rows without a word get -inf."""
        hidden = self.dropout(hidden)
        scores = nn.functional.linear(hidden, self.row_out.weight, self._row_bias())
        if not self.settings.rows_in_parts:
            return scores
        own = self.own_out[:, : self.settings.own_width]  # [R, E]
        return scores + _beside(nn.functional.linear(self.own_row_key(hidden), own), self.first_odds)

    def _row_bias(self) -> Tensor:
        """[R]; to go through all of the scores once more, for rows without a word, took a tenth of a training."""
        return self.row_out.bias.masked_fill(self.wordless, -torch.inf)

    def row_log_probs(self, hidden: Tensor) -> Tensor:
        """[..., R] log P(row | history) from what the LSTM gave after a word [..., D]; rows without a word get -inf."""
        return torch.log_softmax(self.row_scores(hidden).float(), -1)

    def _row_log_probs_at(self, hidden: Tensor, parents: Tensor, rows: Tensor) -> Tensor:
        """[M] log P(row | history) of M rows, each after one of N histories [N, D], without scores of all others."""
        hidden, bias = self.dropout(hidden), self._row_bias()
        scores = _products(hidden[parents], self.row_out.weight[rows]) + bias[rows]
        if not self.settings.rows_in_parts:
            return scores - log_sums(hidden, self.row_out.weight, bias)[parents]
        keys, own, odds = self.own_row_key(hidden), self.own_out[:, : self.settings.own_width], self.first_odds
        scores = scores + _beside(_products(keys[parents], own[rows]), odds[rows])
        sums = log_sums(hidden, self.row_out.weight, bias - nn.functional.softplus(odds), (keys, own, odds))
        return scores - sums[parents]

    def column_scores(self, hidden: Tensor, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """[..., C] scores of the columns, before the biases of the cells, from what `read_rows` gave [..., D].

        Args:
            own: [..., K, E] the output vectors that the cells of the rows have of their own, where they are at hand.
        """
        scores: Tensor = self.column_out(self.dropout(hidden)).float()
        return scores + self._own_scores(hidden, rows, own) if self.settings.own_width else scores

    def _own_scores(self, hidden: Tensor, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """[..., C] what the cells' own output vectors add to the scores of columns; 0 beyond the first K."""
        keys = self.own_key(self.dropout(hidden))
        if own is None:
            own = nn.functional.embedding(rows, self.own_out).view(*rows.shape, *self._own_size)
        scores = (own @ keys[..., None]).squeeze(-1).float()  # [..., K]
        return nn.functional.pad(scores, (0, self.table.columns - scores.shape[-1]))

    def column_log_probs(self, hidden: Tensor, rows: Tensor) -> Tensor:
        """[..., C] log P(column | history, row) from what `read_rows` gave [..., D]; free cells get -inf."""
        return torch.log_softmax(self._cell_scores(hidden, rows), -1)

    def _cell_scores(self, hidden: Tensor, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """[..., C] scores of columns in their rows; free cells get -inf. Arguments as of `column_scores`."""
        scores = self.column_scores(hidden, rows, own)
        if self.settings.cell_bias:
            # An embedding look-up: its gradient touches only the rows that were read.
            scores = scores + nn.functional.embedding(rows, self.cell_bias)
        return scores.masked_fill(self.free[rows], -torch.inf)

    def hidden_states(
        self, words: Tensor, state: LightRNNState, found: _LookedUp | None = None
    ) -> tuple[Tensor, Tensor, LightRNNState]:
        """Read words [T, U] after histories [U].

        Returns:
            What the LSTM gave before each word [T, U, D], what predicts its column once its row is read [T, U, D], and
            the state after the last.
        """
        outputs, (hidden, cell) = self.lstm(self.word_inputs(words, found), (state.hidden, state.cell))
        after_word = outputs[1::2] if self.settings.half_steps else outputs  # [T, U, D]
        before = torch.cat([state.hidden[-1:].to(outputs.dtype), after_word[:-1]])
        if self.settings.half_steps:
            after_row = outputs[0::2]
        else:
            after_row = self.mix_rows(before, self.row_in(self.row_of[words]) if found is None else found.row_in)
        return before, after_row, LightRNNState(hidden.float(), cell.float())

    def forward(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """[T, U] log P of each of the words [T, U] after histories [U] and the words before it; and the state."""
        before, after_row, state = self.hidden_states(words, state)
        rows, columns = self.row_of[words], self.column_of[words]  # [T, U]
        flat, picked = before.flatten(0, 1), rows.flatten()
        if torch.onnx.is_in_onnx_export():
            # All scores by one product, which int8 rounds alike for the row that is picked and for the sum. Flat, as
            # the exporter has it multiply by the very vectors that are looked up, so that they are stored once.
            row = picked_log_probs(self.row_scores(flat), picked)
        else:
            row = self._row_log_probs_at(flat, torch.arange(len(flat), device=flat.device), picked)
        return row.view_as(rows) + picked_log_probs(self._cell_scores(after_row, rows), columns), state

    def loss(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """The mean of what `forward` gives, negated; estimated from `row_samples` rows where the settings say so.

        A quicker way to the same numbers: each vector is looked up once, and scores of all rows are not copied.
        """
        rows, columns = self.row_of[words], self.column_of[words]  # [T, U]
        drawn, stands_for = draw_rows(self.chances, self.row_samples)
        found = self._look_up(rows, columns, drawn)
        before, after_row, state = self.hidden_states(words, state, found)
        row = self._row_log_probs_by(before, rows, found, drawn, stands_for)
        column = picked_log_probs(self._cell_scores(after_row, rows, found.own_out), columns)
        return -(row + column).mean(), state

    def _look_up(self, rows: Tensor, columns: Tensor, drawn: Tensor) -> _LookedUp:
        """What training needs of words in these cells [...], and of rows drawn [S]."""
        settings, width = self.settings, self.settings.width
        if settings.tied:
            row_in, drawn_out = _parts_at(self.row_in.weight, (width, rows), (width, drawn))
            row_out = row_in
        else:
            row_in = self.row_in(rows)
            row_out, drawn_out = _parts_at(self.row_out.weight, (width, rows), (width, drawn))
        if not settings.own_width:
            return _LookedUp(row_in, None, None, None, row_out, drawn_out, None)
        size, own = self._own_size
        of_rows = (size * own, rows), (own, rows * size), (own, drawn * size)
        if settings.tied:
            cells = self._own_cells(rows, columns)
            own_in, own_out, first, drawn_own = _parts_at(self.own_out, (own, cells), *of_rows)
        else:
            own_in = self._own_inputs(rows, columns)
            own_out, first, drawn_own = _parts_at(self.own_out, *of_rows)
        return _LookedUp(row_in, own_in, own_out.view(*rows.shape, size, own), first, row_out, drawn_out, drawn_own)

    def _row_log_probs_by(
        self, hidden: Tensor, rows: Tensor, found: _LookedUp, drawn: Tensor, stands_for: Tensor
    ) -> Tensor:
        """[...] log P(row | history) of rows [...] from what the LSTM gave before them [..., D], by the rows drawn."""
        hidden, bias = self.dropout(hidden), self._row_bias()
        true = _products(hidden, found.row_out) + bias[rows]  # [...]
        of_drawn, parts = bias[drawn] + stands_for, None  # [S]
        if found.first is not None and found.drawn_own is not None and self.settings.rows_in_parts:
            keys, odds = self.own_row_key(hidden), self.first_odds[drawn]
            true = true + _beside(_products(keys, found.first), self.first_odds[rows])
            of_drawn = of_drawn - nn.functional.softplus(odds)
            parts = nn.functional.linear(keys, found.drawn_own, odds)  # [..., S]
        return sampled_log_probs(true, nn.functional.linear(hidden, found.drawn_out, of_drawn), parts, rows, drawn)

    def start_states(self, size: int) -> LightRNNState:
        """`size` histories that hold only `<s>`: nothing, then the end of the sentence before."""
        zeros = self.row_in.weight.new_zeros(self.settings.layers, size, self.settings.width)
        end = torch.full((1, size), self.vocabulary.end_id, device=self.device)
        return self.hidden_states(end, LightRNNState(zeros, zeros))[2]

    # ---- the LanguageModel: many next words after each history ----

    @property
    def history_bytes(self) -> int:
        # Hidden and cell of each layer, old, half-way and new; the gates; both softmaxes, scores and log-probs.
        vectors = (6 * self.settings.layers + 8) * self.settings.width
        own = 2 * math.prod(self._own_size)
        parts = 3 * self.table.rows * self.settings.rows_in_parts
        return 4 * (vectors + own + parts + 3 * (self.table.rows + self.table.columns))

    @property
    def state_bytes(self) -> int:
        return 8 * self.settings.layers * self.settings.width

    def has_learnt(self, words: Sequence[str]) -> np.ndarray:
        given = np.fromiter((self.vocabulary.normalise(word) in self.given for word in words), bool, len(words))
        return np.asarray(self.knows(words) & ~given)

    @torch.no_grad()
    def score(self, state: LightRNNState, parents: Tensor, words: Tensor) -> Tensor:
        return self._score(state, self._read_rows(state, parents, words))

    @torch.no_grad()
    def advance(self, state: LightRNNState, parents: Tensor, words: Tensor) -> tuple[Tensor, LightRNNState]:
        read = self._read_rows(state, parents, words)
        return self._score(state, read), self._read_columns(read)

    @torch.no_grad()
    def extend(self, state: LightRNNState, parents: Tensor, words: Tensor) -> LightRNNState:
        return self._read_columns(self._read_rows(state, parents, words))

    def best_words(
        self, state: LightRNNState, k: int = 10, *, prefix: str | None = None, candidates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Without scoring every word, where they are its own that begin with a prefix."""
        if prefix is None or candidates is not None:
            return super().best_words(state, k, prefix=prefix, candidates=candidates)
        return best_with_prefix(self, state, prefix, k)

    @torch.no_grad()
    def columns_after(self, state: LightRNNState, rows: Tensor) -> Tensor:
        """[K, C] log P(column | history, row) for rows [K] after the one history of a state; free cells get -inf."""
        rows = rows.to(self.device)
        if self.settings.half_steps:
            after_row, _ = self.read_rows(rows, state.take(torch.zeros_like(rows)))
        else:
            # What the history gives is found once for all rows.
            after_row = self.mix_rows(state.hidden[-1], self.row_in(rows))
        return self.column_log_probs(after_row, rows)

    def _read_rows(self, state: LightRNNState, parents: Tensor, words: Tensor) -> _RowsRead:
        """Words in one row that follow one history share its reading. Indices are found on the host: no waiting."""
        host_rows = self.table.row_of[words.numpy()]  # [M]
        pairs, host_pair = np.unique(parents.numpy() * self.table.rows + host_rows, return_inverse=True)  # [K], [M]
        before, pair_rows, pair, rows, columns = (
            torch.as_tensor(index, device=self.device)
            for index in (*np.divmod(pairs, self.table.rows), host_pair, host_rows, self.table.column_of[words.numpy()])
        )
        after_row, longer = self.read_rows(pair_rows, state.take(before))
        return _RowsRead(parents.to(self.device), rows, columns, pair, pair_rows, after_row, longer)

    def _score(self, state: LightRNNState, read: _RowsRead) -> Tensor:
        """[M] log-probs; words that follow one history share its sum over rows."""
        row_log_probs = self._row_log_probs_at(state.hidden[-1], read.parents, read.rows)
        return row_log_probs + self.column_log_probs(read.after_row, read.pair_rows)[read.pair, read.columns]

    def _read_columns(self, read: _RowsRead) -> LightRNNState:
        """The M longer histories."""
        return self.read_columns(read.rows, read.columns, read.state.take(read.pair))

    # ---- other words, the same parameters ----

    def with_words(
        self, vocabulary: Vocabulary, table: WordTable, source_rows: np.ndarray | None = None,
        source_columns: np.ndarray | None = None,
    ) -> LightRNN:
        """A network with these words whose row r has the parameters of this one's row source_rows[r] [R of the table].

        The same for columns [C of the table]. Without sources each keeps its own. The LSTM is the same. This one stays
        as it is.
        """
        other = LightRNN(self.settings, vocabulary, table).to(self.device)
        rows, columns = (torch.as_tensor(np.arange(size) if source is None else source, device=self.device)
                         for size, source in ((self.table.rows, source_rows), (self.table.columns, source_columns)))
        parameters = {name: value[rows] if name in _BY_ROW else value for name, value in self.state_dict().items()}
        for name, dimension in _BY_COLUMN.items():
            if name in parameters:
                parameters[name] = parameters[name].index_select(dimension, columns)
        if self.settings.own_width:
            size, width = other._own_size
            for name in ("own_in", "own_out"):
                parameters[name] = _own_of(parameters[name], columns[:size], width)
        other.load_state_dict(parameters)
        other.provenance, other.name = dict(self.provenance), self.name
        old, new = set(self.vocabulary.words), set(vocabulary.words)
        other.given = (self.given | (new - old)) & new
        if self.spelling:
            other.spelling = self.spelling.knowing(new - old, but=old - new)
        return other.train(self.training)

    # ---- one file that rebuilds everything ----

    def as_dict(self) -> dict[str, Any]:
        """What a `lightrnn.pt` holds: settings, vocabulary, table, parameters and provenance, all plain data."""
        return {
            "kind": _FILE_KIND,
            "version": _FILE_VERSION,
            "settings": asdict(self.settings),
            "words": "\n".join(self.vocabulary.words),
            "counts": _narrow(self.vocabulary.counts),
            "case": self.vocabulary.case,
            "rows": self.table.rows,
            "columns": self.table.columns,
            "cells": torch.as_tensor(self.table.cells, dtype=torch.int32),
            "parameters": {name: value.detach().cpu() for name, value in self.state_dict().items()},
            "provenance": self.provenance,
            **({"spelling": self.spelling.as_dict()} if self.spelling else {}),
            **({"given": "\n".join(sorted(self.given))} if self.given else {}),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LightRNN:
        """Rebuild what `as_dict` gave.

        Raises:
            LookupError, TypeError, ValueError, RuntimeError, OverflowError: something is missing or does not fit.
        """
        _check_kinds(content)
        counts = content["counts"].numpy().astype(np.int64)
        vocabulary = Vocabulary(tuple(content["words"].split("\n")), counts, content["case"])
        table = WordTable(content["rows"], content["columns"], content["cells"].numpy().astype(np.int64))
        # What older files do not say, and what only they do.
        said = {"half_steps": True, "own_width": 0, "own_rows": False, "gated": False, **content["settings"]}
        if said.pop("gated"):
            raise ValueError("columns gated by rows, which older releases had")
        settings = _settings_of(said)
        parameters = content["parameters"]
        _check_sizes(parameters, settings, table)
        model = cls(settings, vocabulary, table)
        model.load_state_dict(parameters)
        if settings.tied and settings.own_width and not torch.equal(parameters["own_in"], parameters["own_out"]):
            raise ValueError("own_in and own_out differ in a tied network, as older releases had them")
        for name, parameter in model.named_parameters():
            least, most = torch.aminmax(parameter.detach())
            if not (least >= -_LARGEST and most <= _LARGEST):  # NaN, too
                raise ValueError(f"{name} holds numbers that are not finite, or beyond ±{_LARGEST:g}")
        model.provenance = dict(content["provenance"])
        if "spelling" in content:
            model.spelling = Spelling.from_dict(content["spelling"])
        if "given" in content:
            model.given = frozenset(content["given"].split("\n"))
        return model.eval()

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> LightRNN:
        """Read a `lightrnn.pt`; runs no code of the file's.

        Raises:
            InputError: not such a file, cut short, or of another version.
        """
        expected, remedy = "a lightrnn.pt", "train one with `lightrnn train`"
        try:
            content = read_torch(path)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", remedy="check the path", file=path) from None
        except HoldsCode as code:
            raise InputError(f"holds code: {code}", expected=expected, remedy="do not open it with torch.load; train a "
                             "model with `lightrnn train`", file=path) from None
        except Damaged as error:
            raise InputError(f"not a model file, or cut short: {error}", expected=expected, remedy=remedy,
                             file=path) from None
        if not isinstance(content, dict) or content.get("kind") != _FILE_KIND:
            raise InputError("a torch file, but no LightRNN", expected=expected, remedy=remedy, file=path)
        version = content.get("version")
        if type(version) is not int or version != _FILE_VERSION:
            raise InputError(f"version {version!r:.40} of the file", expected=f"version {_FILE_VERSION}",
                             remedy="use the release that wrote it, or train again", file=path)
        try:
            return cls.from_dict(content).to(device)
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as error:
            raise InputError(f"its parts do not fit: {error}", expected=expected, remedy=remedy, file=path) from None


def _check_kinds(content: Mapping[str, Any]) -> None:
    """Raises ValueError where a part of a file is of another kind: most would be taken, and fail later."""
    kinds: dict[str, type] = {"words": str, "case": str, "rows": int, "columns": int, "settings": dict,
                              "parameters": dict, "provenance": dict, "counts": Tensor, "cells": Tensor}
    optional: dict[str, type] = {name: kind for name, kind in (("spelling", dict), ("given", str)) if name in content}
    for name, kind in {**kinds, **optional}.items():
        if type(content[name]) is not kind:
            raise ValueError(f"{name} is {type(content[name]).__name__}, not {kind.__name__}")
    for name in ("additions", "reallocations", "removals"):
        if type(content["provenance"].get(name, [])) is not list:
            raise ValueError(f"{name} of its provenance are no list")
    for name in ("counts", "cells"):
        numbers = content[name]
        if numbers.ndim != 1 or numbers.dtype not in (torch.int32, torch.int64) or (numbers < 0).any():
            raise ValueError(f"{name} are no list of whole numbers")
    for name, parameter in content["parameters"].items():
        if type(parameter) is not Tensor or not parameter.is_floating_point():
            raise ValueError(f"{name} holds no tensor of numbers")


def _settings_of(said: Mapping[str, Any]) -> LightRNNSettings:
    """Raises TypeError for a name that is none, ValueError for a value of another kind or out of its range."""
    for field in fields(LightRNNSettings):
        value = said.get(field.name, field.default)
        kinds = {"int": (int,), "float": (int, float), "bool": (bool,), "int | None": (int, type(None))}
        if type(value) not in kinds[str(field.type)]:
            raise ValueError(f"{field.name} = {value!r}: expected {field.type}")
    return LightRNNSettings(**said)


def _check_sizes(parameters: Mapping[str, Tensor], settings: LightRNNSettings, table: WordTable) -> None:
    """Raises ValueError where the parameters are not of the sizes that are told: these are about to be built."""
    if settings.layers > max(1, len(parameters)):
        raise ValueError(f"{settings.layers} layers in {len(parameters)} parameters")
    shapes = shapes_of(settings, table.rows, table.columns)
    for name in parameters.keys() - shapes.keys():
        raise ValueError(f"Unexpected key {name}")
    for name, shape in shapes.items():
        if name not in parameters:
            raise ValueError(f"Missing key {name}")
        if parameters[name].shape != shape:
            raise ValueError(f"{name} has the shape {tuple(parameters[name].shape)}, not {shape}")
    cells = table.rows * table.columns
    if cells > max(_WIDE, _CELLS * len(table.cells)):
        raise ValueError(f"a table of {cells:,} cells for {len(table.cells):,} words")


def shapes_of(settings: LightRNNSettings, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter of a network, by its name in a file."""
    width, own_width = settings.width, settings.own_width
    own = min(settings.own_columns, columns) * own_width
    shapes: dict[str, tuple[int, ...]] = {}
    for name, size in (("row", rows), ("column", columns)):
        shapes |= {f"{name}_in.weight": (size, width), f"{name}_out.weight": (size, width), f"{name}_out.bias": (size,)}
    for layer in range(settings.layers):
        for way in ("ih", "hh"):
            shapes |= {f"lstm.weight_{way}_l{layer}": (4 * width, width), f"lstm.bias_{way}_l{layer}": (4 * width,)}
    if own_width:
        shapes |= {"own_in": (rows, own), "own_out": (rows, own), "own_up.weight": (width, own_width),
                   "own_key.weight": (own_width, width)}
    if settings.rows_in_parts:
        shapes |= {"own_row_key.weight": (own_width, width), "first_odds": (rows,)}
    if settings.cell_bias:
        shapes["cell_bias"] = (rows, columns)
    if not settings.half_steps:
        shapes |= {"row_mixed.weight": (width, width), "row_mixed.bias": (width,)}
    return shapes


class _PartsAt(torch.autograd.Function):
    """Parts of one table by several indices. Their gradients are added up in one, which is as large as the table."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, widths: tuple[int, ...], *indices: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*indices)
        ctx.shape, ctx.widths = table.shape, widths
        return tuple(nn.functional.embedding(index, table.view(-1, width))
                     for index, width in zip(indices, widths, strict=True))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        whole = gradients[0].new_zeros(ctx.shape)
        for index, width, gradient in zip(ctx.saved_tensors, ctx.widths, gradients, strict=True):
            whole.view(-1, width).index_add_(0, index.flatten(), gradient.reshape(-1, width))
        return whole, None, *[None for _ in gradients]


def _parts_at(table: Tensor, *parts: tuple[int, Tensor]) -> tuple[Tensor, ...]:
    """Of a table [R, D], for each width w and indices [...] the vectors [..., w] of it cut into [R · D / w, w]."""
    widths, indices = zip(*parts, strict=True)
    return _PartsAt.apply(table, widths, *indices)  # type: ignore[no-any-return,no-untyped-call]


def _products(keys: Tensor, vectors: Tensor) -> Tensor:
    """[...] float32 scores of one vector [..., D] for each key [..., D]."""
    return (keys.float() * vectors).sum(-1)


def _beside(scores: Tensor, odds: Tensor) -> Tensor:
    """What the parts of rows by the own vectors of their first words [..., R] add to the rows' scores.

    Where odds [R] are those of the first word against the others: log((e^(odds + score) + 1) / (e^odds + 1)).
    """
    return nn.functional.softplus(scores + odds) - nn.functional.softplus(odds)


def log_odds_of_first(table: WordTable, counts: np.ndarray) -> Tensor:
    """[R] log of how many times as frequent as all the others of its row the word in the first column is.

    No words count as one seen once.
    """
    first = table.column_of == 0
    of_first, of_others = (np.bincount(table.row_of, counts * part, table.rows) for part in (first, ~first))
    return torch.as_tensor(np.log(np.maximum(of_first, 1) / np.maximum(of_others, 1))).float()


def _own_of(vectors: Tensor, columns: Tensor, width: int) -> Tensor:
    """[R, k · E] of own vectors [R, K · E] those of the cells in these columns [k]; 0 where they have none."""
    own = vectors.view(len(vectors), -1, width)
    size = own.shape[1]
    return (own[:, columns.clamp(max=size - 1)] * (columns < size)[:, None]).flatten(1)


def _log(shares: np.ndarray, least: float) -> Tensor:
    """Natural log of shares, of which none counts as less than the least."""
    return torch.as_tensor(np.log(np.maximum(shares, least))).float()


def _narrow(counts: np.ndarray) -> Tensor:
    """In half the space where all fit."""
    small = not len(counts) or counts.max() <= np.iinfo(np.int32).max
    return torch.as_tensor(counts.astype(np.int32) if small else counts)
