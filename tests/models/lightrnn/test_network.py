"""Compares LightRNN with brute force and with the paper's equations in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model, make_vocabulary
from tiny_networks import SIZE, model_of, named, next_log_probs, tables, variants

from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.word_table import WordTable


@pytest.mark.parametrize("settings", variants(), ids=named)
@pytest.mark.parametrize("table", tables().values(), ids=tables())
def test_probabilities_sum_to_one(table: WordTable, settings: dict[str, Any]) -> None:
    model = model_of(table, **settings)
    for history in ([], [0], [2, 8, 3, 5]):
        log_probs = next_log_probs(model, history)
        assert torch.isfinite(log_probs).all()
        assert log_probs.double().exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("table", tables().values(), ids=tables())
def test_free_cells_have_no_probability(table: WordTable) -> None:
    model = model_of(table)
    hidden = torch.randn(4, 6)
    rows = model.row_log_probs(hidden).exp()
    empty_rows = torch.from_numpy((table.words < 0).all(1))
    assert (rows[:, empty_rows] == 0).all() and (rows[:, ~empty_rows] > 0).all()
    for row in torch.nonzero(~empty_rows).flatten():
        columns = model.column_log_probs(hidden, row.expand(4)).exp()
        assert (columns[:, model.free[row]] == 0).all() and (columns[:, ~model.free[row]] > 0).all()
        torch.testing.assert_close(columns.sum(1), torch.ones(4))


@pytest.mark.parametrize("settings", variants(), ids=named)
def test_one_number_for_one_sentence(settings: dict[str, Any], device: str) -> None:
    """`forward`, `advance` word by word and batched `advance` give the same number."""
    model = model_of(tables()["free cells"], **settings).to(device)
    # [T, U]
    words = torch.randint(0, SIZE, (5, 7), generator=torch.Generator().manual_seed(1)).to(device)
    with torch.no_grad():
        expected, _ = model(words, model.start_states(7))

    state, parents = model.start(), torch.zeros(7, dtype=torch.int64, device=device)
    for time in range(5):
        log_probs, state = model.advance(state, parents, words[time])
        torch.testing.assert_close(log_probs, expected[time], atol=1e-5, rtol=0)
        parents = torch.arange(7, device=device)

    for sentence in range(7):
        state, parent = model.start(), torch.zeros(1, dtype=torch.int64, device=device)
        for time in range(5):
            word = words[time, sentence : sentence + 1]
            torch.testing.assert_close(
                model.score(state, parent, word)[0], expected[time, sentence], atol=1e-5, rtol=0
            )
            log_probs, state = model.advance(state, parent, word)
            torch.testing.assert_close(log_probs[0], expected[time, sentence], atol=1e-5, rtol=0)


def test_cpu_and_other_device_agree(device: str) -> None:
    model = model_of(tables()["rectangle"])
    expected = next_log_probs(model, [1, 2, 3])
    torch.testing.assert_close(
        next_log_probs(model.to(device), [1, 2, 3]), expected, atol=1e-4, rtol=0
    )


def test_many_words_after_each_of_many_histories() -> None:
    model = model_of(tables()["rectangle"], num_layers=2)
    histories = [[], [4], [5], [4, 4]]
    states = model.start()
    # [</s>], then 4 and 5 after it, in one state of three histories; then 4 after the second.
    _, longer = model.advance(states, torch.tensor([0, 0]), torch.tensor([4, 5]))
    _, longest = model.advance(longer, torch.tensor([0]), torch.tensor([4]))
    state = type(states)(
        *(torch.cat(parts, 1) for parts in zip(states, longer, longest, strict=True))
    )
    expected = torch.stack([next_log_probs(model, history) for history in histories])  # [N, V]
    order = torch.randperm(4 * SIZE, generator=torch.Generator().manual_seed(0))
    parents, words = order // SIZE, order % SIZE
    torch.testing.assert_close(
        model.score(state, parents, words), expected[parents, words], atol=1e-5, rtol=0
    )
    _, after = model.advance(state, parents, words)
    assert after.hidden.shape == (2, 4 * SIZE, 6)
    for place in (0, 7, 30):
        history = [*histories[parents[place]], int(words[place])]
        log_probs = model.score(after, torch.full((SIZE,), place), torch.arange(SIZE))
        torch.testing.assert_close(log_probs, next_log_probs(model, history), atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", variants(), ids=named)
def test_normalisers_are_found_once(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each history's rows are summed when it is made, not when words are scored after it."""
    model, sums = model_of(tables()["rectangle"], **settings), []
    whole = model.row_log_sums
    monkeypatch.setattr(
        model, "row_log_sums", lambda hidden: sums.append(len(hidden)) or whole(hidden)
    )
    parents, words = torch.tensor([0, 0, 0]), torch.tensor([2, 3, 2])
    _, state = model.advance(model.start(), parents, words)
    for _ in range(3):
        model.score(state, torch.tensor([0, 1, 2, 2]), torch.tensor([0, 3, 4, 5]))
        model.select(state, torch.tensor([2, 1]))
    assert sums == [1, 3]


def test_no_words_to_score() -> None:
    model = model_of(tables()["rectangle"])
    none = torch.zeros(0, dtype=torch.int64)
    log_probs, state = model.advance(model.start(), none, none)
    assert log_probs.shape == (0,) and state.hidden.shape == (1, 0, 6)


def test_state_carries_on() -> None:
    model = model_of(tables()["rectangle"])
    words = torch.randint(0, SIZE, (9, 2), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, end = model(words, model.start_states(2))
        first, state = model(words[:4], model.start_states(2))
        second, state = model(words[4:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(tuple(state), tuple(end))


def test_is_a_language_model() -> None:
    model = model_of(tables()["square"])
    assert isinstance(model, LanguageModel)
    assert model.encode(["the", "zebra", "</s>"]).tolist() == [2, 1, 0]
    assert model.encode([]).shape == (0,)
    assert model.knows(["the", "zebra", "</s>", "<unk>"]).tolist() == [True, False, True, False]


def test_dropout_only_in_training() -> None:
    model = model_of(tables()["square"], dropout=0.5, num_layers=2)
    words = torch.arange(9)[:, None]
    with torch.no_grad():
        first, second = (model(words, model.start_states(1))[0] for _ in range(2))
        assert torch.equal(first, second)
        model.train()
        third, fourth = (model(words, model.start_states(1))[0] for _ in range(2))
        assert not torch.equal(third, fourth)


# ---- the paper's equations, written out ----


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - x.max() - np.log(np.exp(x - x.max()).sum())


@pytest.mark.parametrize("tied", [True, False])
def test_the_equations_of_the_paper(tied: bool) -> None:
    """The state after the last column predicts the row, the state after the true row the column;
    both use one W, U, b.
    """
    model = model_of(
        WordTable.shaped(9), residual_dim=0, cell_bias=False, two_step=True, tied=tied, hidden_dim=5
    )
    of = {name: value.double().numpy() for name, value in model.state_dict().items()}

    def step(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gates = of["lstm.weight_ih_l0"] @ x + of["lstm.weight_hh_l0"] @ h
        gates = gates + of["lstm.bias_ih_l0"] + of["lstm.bias_hh_l0"]
        enter, forget, cell, leave = np.split(gates, 4)
        c = sigmoid(forget) * c + sigmoid(enter) * np.tanh(cell)
        return sigmoid(leave) * np.tanh(c), c

    words = [3, 7, 7, 1, 0]
    h, c = np.zeros(5), np.zeros(5)
    expected = []
    for word in [0, *words]:  # the `</s>` before the sentence is not scored
        row, column = divmod(int(model.table.cells[word]), 3)
        log_prob = log_softmax(of["row_out.weight"] @ h + of["row_out.bias"])[row]
        h, c = step(of["row_in.weight"][row], h, c)
        log_prob += log_softmax(of["column_out.weight"] @ h + of["column_out.bias"])[column]
        h, c = step(of["column_in.weight"][column], h, c)
        expected.append(log_prob)
    with torch.no_grad():
        found, state = model(torch.tensor(words)[:, None], model.start_states(1))
    np.testing.assert_allclose(found[:, 0].numpy(), expected[1:], atol=1e-5)
    np.testing.assert_allclose(state.hidden[0, 0].numpy(), h, atol=1e-5)


def test_a_word_in_one_step() -> None:
    """The LSTM reads row + column; the column is predicted from h + tanh(W h + b + row)."""
    model = model_of(WordTable.shaped(9), residual_dim=0, cell_bias=False, hidden_dim=5)
    of = model.state_dict()
    words = torch.tensor([3, 7, 7, 1, 0])
    with torch.no_grad():
        found, state = model(words[:, None], model.start_states(1))
        rows, columns = (
            model.row_of[torch.cat([torch.tensor([0]), words])],
            model.column_of[torch.tensor([0, *words])],
        )
        inputs = of["row_in.weight"][rows] + of["column_in.weight"][columns]
        # the `</s>` before is read from zeros, then the words
        outputs, (hidden, _) = model.lstm(inputs[:, None])
        before = outputs[:-1, 0]
        mixed = before + torch.tanh(
            before @ of["row_mixed.weight"].T + of["row_mixed.bias"] + of["row_in.weight"][rows[1:]]
        )
        row = torch.log_softmax(before @ of["row_out.weight"].T + of["row_out.bias"], -1)
        column = torch.log_softmax(mixed @ of["column_out.weight"].T + of["column_out.bias"], -1)
        expected = row[torch.arange(5), rows[1:]] + column[torch.arange(5), columns[1:]]
    torch.testing.assert_close(found[:, 0], expected)
    torch.testing.assert_close(state.hidden, hidden)


@pytest.mark.parametrize("tied", [True, False])
def test_a_row_is_a_sum_of_two_parts(tied: bool) -> None:
    """P(row) ∝ e^(h · x + b) · (e^(odds + r · W h) + 1) / (e^odds + 1), with r the residual
    embedding of its head word.
    """
    model = model_of(
        WordTable(4, 3, np.array([0, 1, 3, 4, 5, 6, 9, 10])),
        residual_dim=2,
        residual_columns=2,
        tied=tied,
    )
    of, hidden = model.state_dict(), torch.randn(5, 6)
    own = (hidden @ of["residual_row_proj.weight"].T) @ of["residual_out"][:, :2].T  # [5, R]
    odds = of["head_word_log_odds"].exp()
    parts = (
        (hidden @ of["row_out.weight"].T + of["row_out.bias"]).exp()
        * (odds * own.exp() + 1)
        / (odds + 1)
    )
    with torch.no_grad():
        torch.testing.assert_close(
            model.row_log_probs(hidden).exp(), parts / parts.sum(1, keepdim=True)
        )


def test_odds_of_a_new_network_are_those_of_first_words() -> None:
    """If the head word or all others are missing, they count as one word seen once."""
    vocabulary = make_vocabulary(8)
    # rows of words 1 and 0; 2 and 3; 4 alone; 5, 6 and 7
    table = WordTable(4, 3, np.array([1, 0, 4, 5, 6, 9, 10, 11]))
    model = LightRNN(LightRNNSettings(hidden_dim=4), vocabulary, table)
    c = vocabulary.counts + 1
    expected = np.log([c[1] / c[0], 1 / (c[2] + c[3]), c[4] / 1, c[5] / (c[6] + c[7])])
    np.testing.assert_allclose(model.head_word_log_odds.detach().numpy(), expected, rtol=1e-5)
    with torch.no_grad():  # residual embeddings are 0 at first: P(row) is the share of its words
        np.testing.assert_allclose(
            model.row_scores(torch.zeros(4)).numpy(), model.row_out.bias.detach().numpy()
        )


def test_biases_of_a_new_network_are_logs_of_shares() -> None:
    """A row without words gets the bias of one unseen word, because words may move to it."""
    vocabulary, table = make_vocabulary(SIZE), tables()["free row"]
    model = LightRNN(LightRNNSettings(hidden_dim=4), vocabulary, table)
    shares = (vocabulary.counts + 1) / (vocabulary.counts + 1).sum()
    rows = np.bincount(table.row_of, shares, table.rows)
    rows[[1, 3]] = 1 / (vocabulary.counts + 1).sum()
    np.testing.assert_allclose(model.row_out.bias.detach().numpy(), np.log(rows), rtol=1e-5)
    of_words = model.cell_bias.detach().numpy().ravel()[table.cells]
    np.testing.assert_allclose(of_words, np.log(shares), rtol=1e-5)


def test_rows_are_drawn_where_words_are_many_or_as_is_said() -> None:
    many, few = (
        LightRNN(LightRNNSettings(hidden_dim=2), make_vocabulary(size), WordTable.shaped(size))
        for size in (30_000, 29_999)
    )
    assert (many.sampled_softmax_size, few.sampled_softmax_size) == (500, 0)
    # inclusion probabilities
    assert many.inclusion_probs.sum() == pytest.approx(500) and (few.inclusion_probs == 1).all()
    assert [
        model_of(WordTable.shaped(9), sampled_softmax_size=rows).sampled_softmax_size
        for rows in (0, 3)
    ] == [0, 3]


def test_biases_of_cells() -> None:
    """A cell's bias raises the score of its column only in its row."""
    model = model_of(WordTable.shaped(9), two_step=True, hidden_dim=5, residual_dim=0)
    hidden, rows = torch.randn(3, 5), torch.tensor([0, 1, 2])
    with torch.no_grad():
        expected = hidden @ model.column_out.weight.T + model.column_out.bias
        torch.testing.assert_close(model.column_scores(hidden, rows), expected)
        torch.testing.assert_close(
            model.column_log_probs(hidden, rows), torch.log_softmax(expected + model.cell_bias, -1)
        )
        torch.testing.assert_close(model.column_inputs(rows, rows), model.column_in.weight)


def test_residual_embeddings() -> None:
    """Residual embeddings add a dot product to scores and a vector to inputs, in K columns."""
    model = model_of(
        WordTable.shaped(9), two_step=True, hidden_dim=5, residual_dim=2, residual_columns=2
    )
    plain = model_of(WordTable.shaped(9), two_step=True, hidden_dim=5, residual_dim=0)
    plain.load_state_dict(model.state_dict(), strict=False)
    hidden, rows, columns = torch.randn(3, 5), torch.tensor([2, 0, 1]), torch.tensor([1, 2, 0])
    # [R, K, E]
    residual_in, residual_out = (
        vectors.view(3, 2, 2) for vectors in (model.residual_in, model.residual_out)
    )
    with torch.no_grad():
        expected = plain.column_scores(hidden, rows)
        for place in range(3):
            for column in range(2):
                expected[place, column] += (
                    residual_out[rows[place], column] * model.residual_out_proj(hidden[place])
                ).sum()
        torch.testing.assert_close(model.column_scores(hidden, rows), expected)
        added = model.column_inputs(rows, columns) - plain.column_inputs(rows, columns)
        torch.testing.assert_close(added[0], residual_in[2, 1] @ model.residual_in_proj.weight.T)
        assert added[1].abs().max() == 0  # beyond the first columns
        torch.testing.assert_close(added[2], residual_in[1, 0] @ model.residual_in_proj.weight.T)


def test_gradients_reach_every_parameter_and_stay_finite() -> None:
    """A row without words is masked with -inf, which must not make gradients NaN."""
    for settings in variants():
        model = model_of(tables()["free row"], **settings).train()
        words = torch.arange(SIZE)[:, None]
        log_probs, _ = model(words, model.start_states(1))
        (-log_probs.mean()).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 0),
        ({"tied": False}, (3 + 4) * 6),
        ({"cell_bias": True}, 3 * 4),
        ({"num_layers": 2}, 8 * 6 * 6 + 8 * 6),
        ({"two_step": True}, -(6 * 6 + 6)),
        ({"residual_dim": 5, "residual_columns": 2}, 5 * 3 * 2 + 2 * 5 * 6),
        ({"residual_dim": 5, "residual_columns": 9}, 5 * 3 * 4 + 2 * 5 * 6),
        (
            {"residual_dim": 5, "residual_columns": 2, "tied": False},
            (3 + 4) * 6 + 2 * 5 * (3 * 2 + 6),
        ),
        (
            {"residual_dim": 5, "residual_columns": 2, "residual_row_score": True},
            5 * 3 * 2 + 3 * 5 * 6 + 3,
        ),
        ({"residual_row_score": True}, 0),
        ({"sampled_softmax_size": 2}, 0),
    ],
)
def test_parameter_count(settings: dict[str, Any], count: int) -> None:
    """LSTM 8 D² + 8 D, embeddings and biases of 3 rows and 4 columns, the mixing layer D² + D, and
    the parameters of each setting.
    """
    smallest = {"cell_bias": False, "tied": True, "residual_dim": 0, "residual_row_score": False}
    model = model_of(tables()["rectangle"], **{**smallest, **settings})
    assert model.parameter_count() == 9 * 6 * 6 + 9 * 6 + (3 + 4) * (6 + 1) + count


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_dim": 0},
        {"num_layers": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": math.nan},
        {"weight_dropout": 1.0},
        {"weight_dropout": math.nan},
    ],
)
def test_settings_check_themselves(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LightRNNSettings(**wrong)  # type: ignore[arg-type]


def test_table_must_fit() -> None:
    with pytest.raises(ValueError, match="the table holds 9 words, the vocabulary 11"):
        LightRNN(LightRNNSettings(hidden_dim=4), make_vocabulary(11), WordTable.shaped(9))
    with pytest.raises(ValueError, match="4 × 4"):
        model_of(WordTable.shaped(9)).set_table(WordTable.shaped(9, 4, 4))


@pytest.mark.parametrize("tied", [False, True])
def test_other_words_and_rows(tied: bool) -> None:
    """Parameters of rows are copied from their sources, others are equal; the first model does
    not change.
    """
    model = make_model(11, WordTable.shaped(11, 4, 3), tied=tied)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = model.with_words(
        make_vocabulary(13),
        model.table.grown(1).with_words(np.array([12, 13])),
        np.array([0, 1, 2, 3, 2]),
    )
    assert len(other.vocabulary) == 13 and not other.training
    for name, value in other.state_dict().items():
        assert torch.equal(before[name], model.state_dict()[name])
        assert torch.equal(value[: len(before[name])], before[name])
        if len(value) > len(before[name]):
            assert torch.equal(value[4], before[name][2])
    assert (other.row_in.weight is other.row_out.weight) == tied
