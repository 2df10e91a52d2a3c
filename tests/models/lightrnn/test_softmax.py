"""Compares the softmax over rows with torch's softmax, and the sampled one with all samples."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model

from rescorer.models.lightrnn import softmax as row_softmax
from rescorer.models.lightrnn.softmax import (
    inclusion_probabilities,
    log_sums,
    picked_log_probs,
    sample_rows,
    sampled_log_probs,
)
from rescorer.models.word_table import WordTable

ROWS, WIDTH = 7, 5


@pytest.mark.parametrize("size", [1, 3, 600])  # one chunk, or three
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_picked_log_probs_are_those_of_a_softmax(
    size: int, kind: torch.dtype, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = (4 * torch.randn(size, ROWS, generator=generator)).to(kind).requires_grad_()
    plain = scores.detach().float().requires_grad_()
    picked = torch.randint(ROWS, (size,), generator=generator)
    weights = torch.randn(size, generator=generator)
    found = picked_log_probs(scores, picked)
    expected = torch.log_softmax(plain, -1)[torch.arange(size), picked]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert scores.grad is not None and scores.grad.dtype == kind
    torch.testing.assert_close(scores.grad.float(), plain.grad, atol=tolerance, rtol=tolerance)


def test_impossible_rows_get_no_gradient() -> None:
    scores = torch.tensor([[0.0, -torch.inf, 1.0]], requires_grad=True)
    picked_log_probs(scores, torch.tensor([2])).sum().backward()
    assert scores.grad is not None and scores.grad[0, 1] == 0 and torch.isfinite(scores.grad).all()


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize("size", [0, 1, 300])  # no chunk, one, three
def test_log_sums_are_of_all_rows(size: int, in_parts: bool, device: str) -> None:
    """log Σ e^score · (1 + e^part), with an empty row, and scores whose exp overflows float32."""
    generator = torch.Generator().manual_seed(1)
    hidden, keys = (torch.randn(size, width, generator=generator) for width in (WIDTH, 3))
    weight, own = (torch.randn(ROWS, width, generator=generator) for width in (WIDTH, 3))
    bias, odds = torch.randn(2, ROWS, generator=generator)
    bias[2], bias[4] = -torch.inf, 100.0
    terms = (hidden.double() @ weight.double().T + bias.double()).exp()
    if in_parts:
        terms *= 1 + (keys.double() @ own.double().T + odds.double()).exp()
    parts = (keys.to(device), own.to(device), odds.to(device)) if in_parts else None
    found = log_sums(hidden.to(device), weight.to(device), bias.to(device), parts)
    torch.testing.assert_close(found.cpu().double(), terms.sum(-1).log(), atol=1e-5, rtol=1e-5)


SHARES = np.array([0.02, 0.5, 0.1, 0.05, 0.25, 0.06, 0.02])


def test_inclusion_probabilities() -> None:
    """4 of 7 rows: two of probability 1, the others in proportion to their shares."""
    inclusion_probs = inclusion_probabilities(SHARES, 4)
    rest = 0.25  # the shares of the others, of which two are sampled
    np.testing.assert_allclose(
        inclusion_probs, [0.04 / rest, 1, 0.2 / rest, 0.1 / rest, 1, 0.12 / rest, 0.04 / rest]
    )


@pytest.mark.parametrize("samples", range(1, ROWS))
def test_inclusion_probabilities_of_any_shares(samples: int) -> None:
    generator = np.random.default_rng(samples)
    for _ in range(50):
        shares = generator.lognormal(sigma=3, size=ROWS)
        inclusion_probs = inclusion_probabilities(shares, samples)
        assert (
            inclusion_probs.sum() == pytest.approx(samples) and (inclusion_probs <= 1 + 1e-12).all()
        )
        uncertain = inclusion_probs < 1
        ratios = inclusion_probs[uncertain] / shares[uncertain]
        assert not uncertain.any() or ratios.max() == pytest.approx(ratios.min())
        assert (shares[~uncertain] * ratios.min(initial=np.inf) >= 1 - 1e-9).all()


@pytest.mark.parametrize("samples", [0, ROWS, ROWS + 1])
def test_all_rows_where_none_are_to_be_left_out(samples: int) -> None:
    rows, log_weights = sample_rows(
        torch.as_tensor(inclusion_probabilities(SHARES, samples)), samples
    )
    assert rows.tolist() == list(range(ROWS)) and not log_weights.any()


def test_sampled_rows() -> None:
    """A row is sampled at most once, with its inclusion probability p, and has the weight 1 / p."""
    inclusion_probs = torch.as_tensor(inclusion_probabilities(SHARES, 4))
    torch.manual_seed(2)
    seen = torch.zeros(ROWS, dtype=torch.float64)
    for _ in range(2000):
        rows, log_weights = sample_rows(inclusion_probs, 4)
        assert len(set(rows.tolist())) == 4
        torch.testing.assert_close(log_weights.exp(), (1 / inclusion_probs[rows]).float())
        seen[rows] += 1
    assert (seen / 2000 - inclusion_probs).abs().max() < 0.05
    assert seen[1] == seen[4] == 2000


@pytest.mark.parametrize("in_parts", [True, False])
def test_over_all_draws_the_normaliser_is_right(
    in_parts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimated normaliser is on average that of all rows, for each true row."""
    generator = torch.Generator().manual_seed(3)
    weights, bias = (
        torch.randn(ROWS, WIDTH, generator=generator),
        torch.randn(ROWS, generator=generator),
    )
    hidden = torch.randn(ROWS, WIDTH, generator=generator)
    picked = torch.arange(ROWS)
    scores = hidden @ weights.T + bias
    parts = torch.randn(ROWS, ROWS, generator=generator) if in_parts else None
    whole = scores + torch.nn.functional.softplus(parts) if parts is not None else scores
    normalisers = []
    # certain, or eighths
    inclusion_probs = torch.as_tensor(inclusion_probabilities(np.array([2, 24, 5, 3, 4, 6, 4]), 4))
    for order, step in itertools.product(
        itertools.islice(itertools.permutations(range(ROWS)), 0, None, 240), range(8)
    ):
        monkeypatch.setattr(
            row_softmax.torch, "randperm", lambda *_, order=order, **__: torch.tensor(order)
        )
        monkeypatch.setattr(
            row_softmax.torch, "rand", lambda *_, step=step, **__: torch.tensor((step + 0.5) / 8)
        )
        rows, log_weights = sample_rows(inclusion_probs, 4)
        of_drawn = None if parts is None else parts[:, rows]
        log_probs = sampled_log_probs(
            whole[picked, picked], scores[:, rows] + log_weights, of_drawn, picked, rows
        )
        normalisers.append((whole[picked, picked] - log_probs).exp())
    torch.testing.assert_close(
        torch.stack(normalisers).mean(0), whole.exp().sum(1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("in_parts", [True, False])
@pytest.mark.parametrize("size", [1, 600])  # one chunk, or three
def test_gradients_of_an_estimate(size: int, in_parts: bool) -> None:
    """Those that torch finds of the same softmax, written out."""
    generator = torch.Generator().manual_seed(4)
    true, scores, parts = (
        torch.randn(shape, generator=generator) for shape in ((size,), (size, 4), (size, 4))
    )
    rows, picked = torch.tensor([1, 3, 5, 6]), torch.randint(ROWS, (size,), generator=generator)
    weights = torch.randn(size, generator=generator)
    results = []
    for ours in (True, False):
        given = [each.clone().requires_grad_() for each in (true, scores, parts)]
        if ours:
            found = sampled_log_probs(
                given[0], given[1], given[2] if in_parts else None, picked, rows
            )
        else:
            whole = given[1] + torch.nn.functional.softplus(given[2]) if in_parts else given[1]
            others = whole.masked_fill(rows == picked[:, None], -torch.inf)
            found = torch.log_softmax(torch.cat([given[0][:, None], others], 1), 1)[:, 0]
        (found * weights).sum().backward()
        results.append([found.detach(), *(each.grad for each in given[: 2 + in_parts])])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_parts_beyond_what_a_float_holds() -> None:
    """A part of 200 nats has the effect of one of 80: both have all of the probability."""
    parts = torch.tensor([[200.0, 0.0]], requires_grad=True)
    found = sampled_log_probs(
        torch.zeros(1), torch.zeros(1, 2), parts, torch.tensor([2]), torch.tensor([0, 1])
    )
    found.sum().backward()
    assert (
        found.item() == pytest.approx(-80, abs=1e-3)
        and parts.grad is not None
        and torch.isfinite(parts.grad).all()
    )


def test_a_network_draws_in_training_alone(device: str) -> None:
    drawing, whole = (
        make_model(30, WordTable.shaped(30, 10, 3), sampled_softmax_size=rows).to(device)
        for rows in (4, 0)
    )
    drawing.load_state_dict(whole.state_dict())
    words = torch.arange(30, device=device)[:, None]
    exact, _ = whole(words, whole.start_states(1))
    torch.testing.assert_close(drawing(words, drawing.start_states(1))[0], exact)
    losses = [drawing.loss(words, drawing.start_states(1))[0].item() for _ in range(3)]
    assert len(set(losses)) == 3
    assert whole.loss(words, whole.start_states(1))[0].item() == pytest.approx(-exact.mean().item())
    drawing.loss(words, drawing.start_states(1))[0].backward()
    for name, parameter in drawing.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


LOSSES: list[dict[str, Any]] = [
    {"sampled_softmax_size": 9},
    {"sampled_softmax_size": 20},
    {"residual_row_score": False},
    {"residual_dim": 0},
    {"tied": False, "residual_columns": 2},
    {"two_step": True},
    {"tied": False, "two_step": True, "cell_bias": False, "residual_dim": 0},
]


@pytest.mark.parametrize("settings", LOSSES, ids=str)
@pytest.mark.parametrize(
    "table",
    [
        WordTable.shaped(9, 3, 3),
        WordTable.shaped(9, 1, 9),
        WordTable.shaped(9, 9, 1),
        WordTable(3, 5, np.r_[:5, 10:14]),
    ],
    ids=["3 × 3", "1 × 9", "9 × 1", "free row"],
)
def test_without_a_draw_the_loss_is_that_of_the_forward_pass(
    table: WordTable, settings: dict[str, Any]
) -> None:
    """With no row sampled or all rows, the loss and its gradients are those of `forward`."""
    model = make_model(9, table, **settings)
    words = torch.arange(9).repeat(2)[:, None]
    gradients = []
    for loss in (
        model.loss(words, model.start_states(1))[0],
        -model(words, model.start_states(1))[0].mean(),
    ):
        model.zero_grad()
        loss.backward()
        gradients.append(
            [
                loss.detach(),
                *(
                    torch.zeros(()) if each.grad is None else each.grad
                    for each in model.parameters()
                ),
            ]
        )
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_inclusion_probabilities_are_of_the_words_that_rows_hold() -> None:
    """They follow a new table."""
    model = make_model(9, WordTable.shaped(9, 3, 3), sampled_softmax_size=2)
    counts = model.vocabulary.counts + 1
    for table in (model.table, model.table.shuffled(4)):
        model.set_table(table)
        shares = np.array([counts[table.row_of == row].sum() for row in range(3)])
        np.testing.assert_allclose(model.inclusion_probs, inclusion_probabilities(shares, 2))


def test_a_row_without_words_may_be_drawn() -> None:
    model = make_model(9, WordTable(3, 5, np.r_[:5, 10:14]), sampled_softmax_size=2)
    assert model.inclusion_probs[1] > 0
