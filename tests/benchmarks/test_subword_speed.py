"""The comparison of the subword LSTM's speed with a plain loop."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import subword_speed
from benchmarks.subword_speed import Peer, compare, operations, peer_step


def test_the_peer_is_the_network_of_the_baseline() -> None:
    """As many parameters but for torch's second bias of the gates, which both have."""
    entry = subword_speed.Entry.parse("full-tied:hidden_dim=8")
    words = ("</s>", "<unk>", *"abcdefgh")
    vocabulary = subword_speed.Vocabulary(words, np.arange(10))
    ours = entry.make({}, vocabulary, {})
    peer = Peer(10, 8)
    assert ours.parameter_count() == sum(part.numel() for part in peer.parameters())


def test_the_peer_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subword_speed, "_STREAMS", 2)
    monkeypatch.setattr(subword_speed, "_BPTT", 5)
    torch.manual_seed(0)
    losses: list[float] = []
    loss = torch.nn.functional.nll_loss

    def noted(*arguments: Any) -> torch.Tensor:
        losses.append(loss(*arguments).item())
        return loss(*arguments)

    monkeypatch.setattr(torch.nn.functional, "nll_loss", noted)
    step = peer_step(np.tile(np.arange(4), 30), 4, 16)
    for _ in range(150):
        step()
    assert losses[0] == pytest.approx(math.log(4), abs=0.7) and losses[-1] < 0.7


def test_operations_of_a_step() -> None:
    """Four gates, each of two products; the softmax; and twice as many backward."""
    forward = 64 * 35 * (2 * 4 * 2 * 16 * 16 + 2 * 16 * 50)
    assert operations(50, 16) == 3 * forward


def test_a_row_of_a_small_network() -> None:
    row = compare(50, 16, SimpleNamespace(turns=2, seconds=0.01))  # type: ignore[arg-type]
    assert row["pieces"] == 50 and min(row[key] for key in ("ours", "peer", "gigaflops")) > 0
    assert row["bound"] > 0 and row["ratio"] > 0
