"""Training on a little text beside old text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model

from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.training.new_words.finetune import _Streams, fine_tune
from rescorer.training.settings import FineTuningSettings


def test_streams_go_round() -> None:
    streams = _Streams(np.arange(10, 17), 2)
    assert streams.read(0, 3).T.tolist() == [[10, 11, 12], [13, 14, 15]]
    assert streams.read(3, 5).T.tolist() == [[13, 14, 15, 16, 10], [16, 10, 11, 12, 13]]
    assert _Streams(np.array([4]), 3).read(7, 2).tolist() == [[4, 4, 4], [4, 4, 4]]


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_both_texts_are_learnt(device: str, share: float) -> None:
    model = make_model(dropout=0.1).to(device)
    examples, replay = np.array([2, 3, 5, 0]), np.array([8, 4, 6, 7, 2, 9, 0] * 5)
    before = [perplexity(log_probs_of(model, text)) for text in (examples, replay)]
    settings = FineTuningSettings(batch_size=8, bptt=7, example_share=share, lr=0.02)
    assert settings.example_streams == 8 * share
    assert settings.replayed_words(80) == 80 * 7 * 8 * (1 - share)
    fine_tune(model, examples, replay, settings, steps=80, seed=1)
    assert not model.training and all(parameter.grad is None for parameter in model.parameters())
    for text, old in zip((examples, replay), before, strict=True):
        assert perplexity(log_probs_of(model, text)) < 0.5 * old


def test_the_seed_decides_alone() -> None:
    found = []
    for outside, seed in ((1, 3), (2, 3), (1, 4)):
        model = make_model(dropout=0.2)
        torch.manual_seed(outside)
        examples, replay = np.array([2, 3, 0]), np.arange(11)
        fine_tune(model, examples, replay, FineTuningSettings(), steps=5, seed=seed)
        assert torch.initial_seed() == outside
        found.append(model.row_in.weight.detach().clone())
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    "bad",
    [
        {"batch_size": 1},
        {"bptt": 0},
        {"example_share": 1.0},
        {"clip": 0.0},
        {"lr": float("nan")},
        {"replay_words": 0},
    ],
)
def test_settings_check_themselves(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        FineTuningSettings(**bad)


def test_either_text_has_a_stream() -> None:
    assert FineTuningSettings(batch_size=2, example_share=0.01).example_streams == 1
    assert FineTuningSettings(batch_size=2, example_share=0.99).example_streams == 1
