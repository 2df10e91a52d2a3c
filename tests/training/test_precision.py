"""The measured gain of bfloat16."""

import pytest
import torch

from rescorer.training import precision
from rescorer.training.precision import bfloat16_gain, has_bfloat16


def test_the_fastest_of_each_precision_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {
        torch.float32: iter([9.0, 3.0, 5.0, 4.0, 8.0]),
        torch.bfloat16: iter([7.0, 8.0, 2.0, 9.0, 6.0]),
    }
    monkeypatch.setattr(precision, "_seconds", lambda left, right: next(seconds[left.dtype]))
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    assert bfloat16_gain("cpu") == 1.5


def test_a_processor_that_cannot_run_it_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setattr(torch.nn.LSTM, "forward", refuse)
    assert not has_bfloat16("cpu") and bfloat16_gain("cpu") == 0.0
    assert has_bfloat16("cuda")


def test_a_gpu_is_not_measured() -> None:
    assert bfloat16_gain("cuda") == 2.0
