"""Compares the LSTM with torch's LSTM."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rescorer.models.lightrnn.lstm import LSTM


def draw(num_layers: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Inputs [7, 3, 5] and a state."""
    torch.manual_seed(1)
    return torch.randn(7, 3, 5), (torch.randn(num_layers, 3, 5), torch.randn(num_layers, 3, 5))


def peer_of(lstm: LSTM, num_layers: int) -> nn.LSTM:
    """torch's LSTM with the same weights."""
    peer = nn.LSTM(5, 5, num_layers)
    peer.load_state_dict(lstm.state_dict())
    return peer


def same(
    one: tuple[Tensor, tuple[Tensor, Tensor]], other: tuple[Tensor, tuple[Tensor, Tensor]]
) -> bool:
    return torch.equal(one[0], other[0]) and all(map(torch.equal, one[1], other[1]))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_forget_gates_begin_open(num_layers: int) -> None:
    lstm = LSTM(5, num_layers, 0.0, 0.0)
    for layer in range(num_layers):
        assert getattr(lstm, f"bias_hh_l{layer}")[5:10].tolist() == [1] * 5


@pytest.mark.parametrize("num_layers", [1, 2])
def test_scores_with_all_weights(num_layers: int) -> None:
    lstm = LSTM(5, num_layers, 0.0, 0.5).eval()
    inputs, state = draw(num_layers)
    assert same(lstm(inputs, state), peer_of(lstm, num_layers)(inputs, state))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_trains_without_the_dropped_weights(num_layers: int) -> None:
    """As torch's LSTM with dropped weights 0 and the others scaled, the same for all words."""
    lstm, share = LSTM(5, num_layers, 0.0, 0.4).train(), 0.4
    inputs, state = draw(num_layers)
    peer, kept = peer_of(lstm, num_layers), {}
    torch.manual_seed(2)
    found = lstm(inputs, state)
    torch.manual_seed(2)
    with torch.no_grad():
        for layer in range(num_layers):
            name = f"weight_hh_l{layer}"
            kept[name] = nn.functional.dropout(torch.ones(20, 5), share) > 0
            getattr(peer, name).copy_(getattr(lstm, name) * kept[name] / (1 - share))
    expected = peer(inputs, state)
    assert torch.allclose(found[0], expected[0], atol=1e-6)

    before = {name: value.clone() for name, value in lstm.state_dict().items()}
    found[0].sum().backward()
    expected[0].sum().backward()
    for name, parameter in lstm.named_parameters():
        gradient = getattr(peer, name).grad
        if name in kept:
            assert 0 < kept[name].sum() < kept[name].numel()
            gradient = gradient * kept[name] / (1 - share)
        assert torch.allclose(parameter.grad, gradient, atol=1e-5), name
        assert torch.equal(parameter, before[name])


def test_each_step_draws_its_own() -> None:
    lstm = LSTM(5, 1, 0.0, 0.4).train()
    inputs, state = draw(1)
    assert not same(lstm(inputs, state), lstm(inputs, state))
    assert same(lstm.eval()(inputs, state), lstm(inputs, state))


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_step_is_one_word_of_torch(num_layers: int) -> None:
    """Also if histories share an input, whose gates are then computed once."""
    lstm = LSTM(5, num_layers, 0.0, 0.5).eval()
    _, state = draw(num_layers)
    inputs, which = torch.randn(2, 5), torch.tensor([1, 0, 1])
    found = lstm.step(lstm.input_gates(inputs)[which], *state)
    _, expected = peer_of(lstm, num_layers)(inputs[which][None], state)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
