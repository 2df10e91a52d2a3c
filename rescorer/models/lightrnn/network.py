"""The network of LightRNN: the forward pass of training, perplexity and rescoring.

Source: Li, Qin, Yang, Hu, Liu: LightRNN: Memory and Computation-Efficient Recurrent Neural
Networks, NIPS 2016. Word w sits in row r and column c of a table:

    P(w | history) = P(r | history) · P(c | history, r)

Three things differ from the paper, each of them a setting:

- One-step reading. The paper's LSTM reads the row's embedding, then the column's, and predicts the
  column in between (`two_step`). Here it reads both at once, and a layer mixes the row into the
  vector that predicts the column. This halves the steps, so the LSTM's memory covers twice as many
  words.
- Residual embeddings. Frequent words sit in the first columns. They have small embeddings beside
  those of their row and column, because these two hardly distinguish the words of a row.
- Residual row score. The residual embedding of a row's head word, its most frequent one, also
  scores the row, so one row embedding need not represent both a frequent word and a hundred rare
  ones.

`reference.py` has the equations without tricks. Shapes: U utterances or streams, T words, N
histories, M words to score, V vocabulary, R rows, C columns, S sampled rows, D hidden units, L
layers, K columns with residual embeddings, E their width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rescorer.models.lightrnn.lookups import Lookup, look_up
from rescorer.models.lightrnn.parameters import LightRNNParameters
from rescorer.models.lightrnn.softmax import (
    head_word_term,
    log_sums,
    picked_log_probs,
    sample_rows,
    sampled_log_probs,
)
from rescorer.models.lightrnn.state import LightRNNState


class LightRNNNetwork(LightRNNParameters):
    """The forward pass and the training loss."""

    # ---- what the LSTM reads ----

    def word_inputs(self, words: Tensor, lookup: Lookup | None = None) -> Tensor:
        """[S · T, N, D] inputs of words [T, N]: S = 1 a word, 2 with two-step reading."""
        rows, columns = self.row_of[words], self.column_of[words]
        inputs = self.column_inputs(rows, columns, lookup)
        if not self.settings.two_step:
            return inputs
        return torch.stack([self.row_inputs(rows), inputs], 1).flatten(0, 1)

    def row_inputs(self, rows: Tensor) -> Tensor:
        """[..., D] the first of two inputs of words in rows [...] (two-step reading)."""
        inputs: Tensor = self.dropout(self.row_in(rows))
        return inputs

    def column_inputs(self, rows: Tensor, columns: Tensor, lookup: Lookup | None = None) -> Tensor:
        """[..., D] the input of words in cells [...]; with two-step reading the second input."""
        vectors = self.column_in(columns)
        if self.settings.residual_dim:
            found = lookup.residual_in if lookup is not None else None
            residuals = self._residual_inputs(rows, columns) if found is None else found
            has_residual = columns < self.residual_shape[0]
            vectors = vectors + self.residual_in_proj(residuals * has_residual[..., None])
        if not self.settings.two_step:
            vectors = vectors + (self.row_in(rows) if lookup is None else lookup.row_in)
        inputs: Tensor = self.dropout(vectors)
        return inputs

    def _residual_inputs(self, rows: Tensor, columns: Tensor) -> Tensor:
        """[..., E] residual input embeddings of cells [...]; arbitrary beyond column K."""
        table = self.residual_in.view(-1, self.settings.residual_dim)  # [R · K, E]
        return nn.functional.embedding(self._residual_index(rows, columns), table)

    def _residual_index(self, rows: Tensor, columns: Tensor) -> Tensor:
        """[...] indices of the residual embeddings of cells [...] in [R · K, E]."""
        size, _ = self.residual_shape
        return rows * size + columns.clamp(max=size - 1)

    # ---- a history, the next word's row, its column, the longer history ----

    def read_rows(self, rows: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """Vectors [N, D] that predict columns after histories [N] and rows [N]; and the state."""
        state = self.after_rows(rows, state)
        return self.column_queries(rows, state.hidden[-1]), state

    def after_rows(self, rows: Tensor, state: LightRNNState) -> LightRNNState:
        """Histories [N] with rows [N], which one-step reading reads later."""
        if not self.settings.two_step:
            return state
        _, (hidden, cell) = self.lstm(self.row_inputs(rows)[None], (state.hidden, state.cell))
        return LightRNNState(hidden, cell)

    def column_queries(self, rows: Tensor, hidden: Tensor) -> Tensor:
        """[N, D] vectors that predict columns, from the last layer [N, D] of `after_rows`."""
        return hidden if self.settings.two_step else self.mix_rows(hidden, self.row_in(rows))

    def mix_rows(self, hidden: Tensor, rows: Tensor) -> Tensor:
        """[..., D] LSTM outputs before words, combined with the input embeddings of their rows."""
        # tanh is computed in float32: in bfloat16 it takes twice as long.
        mixed = torch.tanh(self.row_mixed(self.dropout(hidden)) + rows)
        return hidden + mixed.to(hidden.dtype)

    def read_columns(
        self, rows: Tensor, columns: Tensor, state: LightRNNState, words: Tensor | None = None
    ) -> LightRNNState:
        """Histories [N] with words in these cells, from the state of `after_rows`.

        Args:
            rows, columns: [N], or those of distinct words [W].
            words: [N] the word of each history among the W, which are read once; None: one each.
        """
        gates = self.lstm.input_gates(self.column_inputs(rows, columns))
        gates = gates if words is None else nn.functional.embedding(words, gates)
        return LightRNNState(*self.lstm.step(gates, state.hidden, state.cell))

    def start_states(self, size: int) -> LightRNNState:
        """`size` histories that hold only `<s>`, read as the `</s>` of a sentence before."""
        zeros = self.row_in.weight.new_zeros(
            self.settings.num_layers, size, self.settings.hidden_dim
        )
        end = torch.full((1, size), self.vocabulary.end_id, device=self.device)
        return self.hidden_states(end, LightRNNState(zeros, zeros))[2]

    # ---- the softmax over rows ----

    def row_scores(self, hidden: Tensor) -> Tensor:
        """[..., R] scores of all rows after LSTM outputs [..., D]; rows without words get -inf."""
        hidden = self.dropout(hidden)
        scores = nn.functional.linear(hidden, self.row_out.weight, self._row_bias())
        if not self.settings.has_residual_row_score:
            return scores
        head_scores = nn.functional.linear(self.residual_row_proj(hidden), self._head_words())
        return scores + head_word_term(head_scores, self.head_word_log_odds)

    def _row_bias(self) -> Tensor:
        """[R] biases, -inf for empty rows. Masking the scores [N, R] instead takes longer."""
        return self.row_out.bias.masked_fill(self.empty_rows, -torch.inf)

    def _head_words(self) -> Tensor:
        """[R, E] residual output embeddings of the head words."""
        return self.residual_out[:, : self.settings.residual_dim]

    def row_log_probs(self, hidden: Tensor) -> Tensor:
        """[..., R] log P(row | history) of all rows after LSTM outputs [..., D]."""
        return torch.log_softmax(self.row_scores(hidden).float(), -1)

    def row_log_probs_at(self, hidden: Tensor, rows: Tensor) -> Tensor:
        """[N] log P(row | history) of rows [N] after LSTM outputs [N, D].

        Exact, without an array [N, R] of scores.
        """
        hidden = self.dropout(hidden)
        every = torch.arange(len(hidden), device=hidden.device)
        return self.row_scores_at(hidden, every, rows) - self.row_log_sums(hidden)

    def row_scores_at(self, hidden: Tensor, parents: Tensor, rows: Tensor) -> Tensor:
        """[M] scores of M rows, each after one of N LSTM outputs [N, D]; without dropout."""
        look_up = nn.functional.embedding  # an index takes several times as long
        weights = look_up(rows, self.row_out.weight)
        scores = _dot(look_up(parents, hidden), weights) + self._row_bias()[rows]
        if not self.settings.has_residual_row_score:
            return scores
        queries = self.residual_row_proj(hidden)
        head_scores = _dot(look_up(parents, queries), self._head_words()[rows])
        return scores + head_word_term(head_scores, self.head_word_log_odds[rows])

    def row_log_sums(self, hidden: Tensor) -> Tensor:
        """[N] log normaliser of the row scores after LSTM outputs [N, D]; without dropout."""
        bias = self._row_bias()
        if not self.settings.has_residual_row_score:
            return log_sums(hidden, self.row_out.weight, bias)
        odds = self.head_word_log_odds
        rest = bias - nn.functional.softplus(odds)
        head_parts = self.residual_row_proj(hidden), self._head_words(), odds
        return log_sums(hidden, self.row_out.weight, rest, head_parts)

    def _sampled_row_log_probs(
        self, hidden: Tensor, rows: Tensor, lookup: Lookup, sampled: Tensor, log_weights: Tensor
    ) -> Tensor:
        """[...] log P(row | history) of rows [...] after LSTM outputs [..., D], estimated from
        sampled rows [S].

        Args:
            log_weights: [S] log importance weights of the sampled rows.
        """
        hidden, bias = self.dropout(hidden), self._row_bias()
        true_scores = _dot(hidden, lookup.row_out) + bias[rows]  # [...]
        sampled_bias, head_scores = bias[sampled] + log_weights, None  # [S]
        if lookup.head_out is not None and lookup.sampled_head_out is not None:
            queries, odds = self.residual_row_proj(hidden), self.head_word_log_odds[sampled]
            true_head_scores = _dot(queries, lookup.head_out)
            true_scores = true_scores + head_word_term(
                true_head_scores, self.head_word_log_odds[rows]
            )
            sampled_bias = sampled_bias - nn.functional.softplus(odds)
            head_scores = nn.functional.linear(queries, lookup.sampled_head_out, odds)  # [..., S]
        scores = nn.functional.linear(hidden, lookup.sampled_out, sampled_bias)  # [..., S]
        return sampled_log_probs(true_scores, scores, head_scores, rows, sampled)

    # ---- the softmax over columns ----

    def column_log_probs(self, after_row: Tensor, rows: Tensor) -> Tensor:
        """[..., C] log P(column | history, row) from `read_rows` [..., D]; free cells get -inf."""
        return torch.log_softmax(self._cell_scores(after_row, rows), -1)

    def column_scores(
        self, after_row: Tensor, rows: Tensor, residuals: Tensor | None = None
    ) -> Tensor:
        """[..., C] scores of the columns without cell biases, from `read_rows` [..., D].

        Args:
            residuals: [..., K, E] residual output embeddings of the rows; None: look them up.
        """
        scores: Tensor = self.column_out(self.dropout(after_row)).float()
        if not self.settings.residual_dim:
            return scores
        return scores + self._residual_scores(after_row, rows, residuals)

    def _residual_scores(
        self, after_row: Tensor, rows: Tensor, residuals: Tensor | None = None
    ) -> Tensor:
        """[..., C] scores of the residual embeddings; 0 beyond the first K columns."""
        queries = self.residual_out_proj(self.dropout(after_row))
        if residuals is None:
            found = nn.functional.embedding(rows, self.residual_out)
            residuals = found.view(*rows.shape, *self.residual_shape)
        scores = (residuals @ queries[..., None]).squeeze(-1).float()  # [..., K]
        return nn.functional.pad(scores, (0, self.table.columns - scores.shape[-1]))

    def _cell_scores(
        self, after_row: Tensor, rows: Tensor, residuals: Tensor | None = None
    ) -> Tensor:
        """[..., C] scores of the columns with cell biases; free cells get -inf."""
        scores = self.column_scores(after_row, rows, residuals)
        if self.settings.cell_bias:
            # As an embedding look-up, because its gradient touches only the rows of the words.
            scores = scores + nn.functional.embedding(rows, self.cell_bias)
        return scores.masked_fill(self.free[rows], -torch.inf)

    # ---- running text ----

    def hidden_states(
        self, words: Tensor, state: LightRNNState, lookup: Lookup | None = None
    ) -> tuple[Tensor, Tensor, LightRNNState]:
        """Read words [T, U] after histories [U].

        Returns:
            The vectors [T, U, D] that predict each word's row, those that predict its column, and
            the state after the last word.
        """
        outputs, (hidden, cell) = self.lstm(
            self.word_inputs(words, lookup), (state.hidden, state.cell)
        )
        after_word = outputs[1::2] if self.settings.two_step else outputs  # [T, U, D]
        before = torch.cat([state.hidden[-1:].to(outputs.dtype), after_word[:-1]])
        if self.settings.two_step:
            after_row = outputs[0::2]
        else:
            rows = self.row_in(self.row_of[words]) if lookup is None else lookup.row_in
            after_row = self.mix_rows(before, rows)
        return before, after_row, LightRNNState(hidden.float(), cell.float())

    def forward(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """[T, U] log P of each of the words [T, U], each after those before it; and the state."""
        before, after_row, state = self.hidden_states(words, state)
        rows, columns = self.row_of[words], self.column_of[words]  # [T, U]
        flat, picked = before.flatten(0, 1), rows.flatten()
        if torch.onnx.is_in_onnx_export():
            # One product scores all rows, so that int8 rounds the picked row and the sum alike. It
            # is flat, so that the exporter stores its weights once for products and look-ups.
            row = picked_log_probs(self.row_scores(flat), picked)
        else:
            row = self.row_log_probs_at(flat, picked)
        column = picked_log_probs(self._cell_scores(after_row, rows), columns)
        return row.view_as(rows) + column, state

    def loss(self, words: Tensor, state: LightRNNState) -> tuple[Tensor, LightRNNState]:
        """The negative mean of `forward`, or with a sampled softmax an estimate of it.

        It is faster than `forward`, because each embedding is looked up once.
        """
        rows, columns = self.row_of[words], self.column_of[words]  # [T, U]
        sampled, log_weights = sample_rows(self.inclusion_probs, self.sampled_softmax_size)
        lookup = self._look_up(rows, columns, sampled)
        before, after_row, state = self.hidden_states(words, state, lookup)
        row = self._sampled_row_log_probs(before, rows, lookup, sampled, log_weights)
        scores = self._cell_scores(after_row, rows, lookup.residual_out)
        return -(row + picked_log_probs(scores, columns)).mean(), state

    def _look_up(self, rows: Tensor, columns: Tensor, sampled: Tensor) -> Lookup:
        """The embeddings of words in cells [...] and of sampled rows [S]."""
        width = self.settings.hidden_dim
        if self.settings.tied:
            row_in, sampled_out = look_up(self.row_in.weight, (width, rows), (width, sampled))
            row_out = row_in
        else:
            row_in = self.row_in(rows)
            row_out, sampled_out = look_up(self.row_out.weight, (width, rows), (width, sampled))
        if not self.settings.residual_dim:
            return Lookup(row_in, None, None, None, row_out, sampled_out, None)
        size, dim = self.residual_shape
        # The head word's embedding is the first of its row's K.
        of_rows = (size * dim, rows), (dim, rows * size), (dim, sampled * size)
        if self.settings.tied:
            cells = (dim, self._residual_index(rows, columns))
            residual_in, found, head_out, sampled_heads = look_up(
                self.residual_out, cells, *of_rows
            )
        else:
            residual_in = self._residual_inputs(rows, columns)
            found, head_out, sampled_heads = look_up(self.residual_out, *of_rows)
        residual_out = found.view(*rows.shape, size, dim)
        if not self.settings.has_residual_row_score:
            return Lookup(row_in, residual_in, residual_out, None, row_out, sampled_out, None)
        return Lookup(
            row_in, residual_in, residual_out, head_out, row_out, sampled_out, sampled_heads
        )


def _dot(queries: Tensor, vectors: Tensor) -> Tensor:
    """[...] float32 dot products of pairs of vectors [..., D]."""
    return (queries.float() * vectors).sum(-1)
