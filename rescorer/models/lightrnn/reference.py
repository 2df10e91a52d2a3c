"""The equations of LightRNN, one word at a time, without optimisations.

Source: Li, Qin, Yang, Hu, Liu: LightRNN: Memory and Computation-Efficient Recurrent Neural
Networks, NIPS 2016. Word w sits in row r and column c of the table:

    P(w | history) = P(r | history) · P(c | history, r)

`network.py` computes the same numbers for many histories at once. Tests compare the two. All
numbers here are float64. The computation is slow: O(R + C) dot products a word.

Shapes: R rows, C columns, D hidden units, K columns with residual embeddings, E their width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rescorer.models.lightrnn.scoring import LightRNN

State = list[tuple[Tensor, Tensor]]  # hidden and cell state of each layer, both [D]


class Reference:
    """The parameters of a network, and the equations that read them."""

    def __init__(self, model: LightRNN) -> None:
        self.settings, self.table, self.vocabulary = model.settings, model.table, model.vocabulary
        self.values: dict[str, Tensor] = {
            name: value.detach().double().cpu() for name, value in model.state_dict().items()
        }
        self.has_word = torch.as_tensor(model.table.words >= 0)  # [R, C]

    def log_probs(self, words: list[str]) -> list[float]:
        """Natural log P of each word of a sentence and of its `</s>`, after `<s>`."""
        ids = [*self.vocabulary.encode(words).tolist(), self.vocabulary.end_id]
        state, result = self.start(), []
        for word in ids:
            result.append(self.log_prob(word, state))
            state = self.read(word, state)
        return result

    def log_prob(self, word: int, state: State) -> float:
        """log P(word | history) = log P(row | history) + log P(column | history, row)."""
        row, column = int(self.table.row_of[word]), int(self.table.column_of[word])
        rows = torch.log_softmax(self.row_scores(state), 0)
        columns = torch.log_softmax(self.column_scores(row, self.after_row(row, state)), 0)
        return float(rows[row] + columns[column])

    # ---- the recurrence ----

    def start(self) -> State:
        """The history that holds only `<s>`, read as the `</s>` of a sentence before."""
        zero = torch.zeros(self.settings.hidden_dim, dtype=torch.float64)
        return self.read(self.vocabulary.end_id, [(zero, zero)] * self.settings.num_layers)

    def read(self, word: int, state: State) -> State:
        """Append a word to a history: both embeddings at once, or row and then column."""
        row, column = int(self.table.row_of[word]), int(self.table.column_of[word])
        column_input = self.values["column_in.weight"][column] + self.residual_input(row, column)
        row_input = self.values["row_in.weight"][row]
        if self.settings.two_step:
            return self.lstm(column_input, self.lstm(row_input, state))
        return self.lstm(row_input + column_input, state)

    def residual_input(self, row: int, column: int) -> Tensor:
        """[D] the term that a word in one of the first K columns adds to its two embeddings."""
        if not self.settings.residual_dim or column >= self.residual_columns:
            return torch.zeros(self.settings.hidden_dim, dtype=torch.float64)
        return self.values["residual_in_proj.weight"] @ self.residuals("residual_in", row)[column]

    def lstm(self, inputs: Tensor, state: State) -> State:
        """One step of the LSTM (Hochreiter and Schmidhuber, 1997), layer upon layer."""
        result = []
        for layer, (hidden, cell) in enumerate(state):
            of = {
                name: self.values[f"lstm.{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            gates = (
                of["weight_ih"] @ inputs + of["bias_ih"] + of["weight_hh"] @ hidden + of["bias_hh"]
            )
            enter, forget, new, leave = gates.chunk(4)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            inputs = leave.sigmoid() * cell.tanh()
            result.append((inputs, cell))
        return result

    def after_row(self, row: int, state: State) -> Tensor:
        """[D] the vector that predicts the column, given the row."""
        row_input = self.values["row_in.weight"][row]
        if self.settings.two_step:
            return self.lstm(row_input, state)[-1][0]
        hidden = state[-1][0]
        mixed = self.values["row_mixed.weight"] @ hidden + self.values["row_mixed.bias"] + row_input
        return hidden + mixed.tanh()

    # ---- the two softmaxes ----

    def row_scores(self, state: State) -> Tensor:
        """[R] scores of the rows; -inf for a row without a word."""
        hidden = state[-1][0]
        scores = self.values["row_out.weight"] @ hidden + self.values["row_out.bias"]
        if self.settings.has_residual_row_score:
            # The row's most frequent word adds log((odds · e^s + 1) / (odds + 1)).
            query = self.values["residual_row_proj.weight"] @ hidden
            head = torch.stack(
                [self.residuals("residual_out", row)[0] @ query for row in range(self.table.rows)]
            )
            odds = self.values["head_word_log_odds"].exp()
            scores = scores + torch.log((odds * head.exp() + 1) / (odds + 1))
        return scores.masked_fill(~self.has_word.any(1), -torch.inf)

    def column_scores(self, row: int, after_row: Tensor) -> Tensor:
        """[C] scores of the columns of a row; -inf for a free cell."""
        scores = self.values["column_out.weight"] @ after_row + self.values["column_out.bias"]
        if self.settings.residual_dim:
            query = self.values["residual_out_proj.weight"] @ after_row
            scores[: self.residual_columns] += self.residuals("residual_out", row) @ query
        if self.settings.cell_bias:
            scores = scores + self.values["cell_bias"][row]
        return scores.masked_fill(~self.has_word[row], -torch.inf)

    @property
    def residual_columns(self) -> int:
        """K."""
        return min(self.settings.residual_columns, self.table.columns)

    def residuals(self, name: str, row: int) -> Tensor:
        """[K, E] the residual embeddings of the first cells of a row."""
        return self.values[name][row].view(self.residual_columns, self.settings.residual_dim)
