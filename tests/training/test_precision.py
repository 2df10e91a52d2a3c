"""The measured gain of bfloat16."""

import pytest
import torch

from rescorer.training import precision
from rescorer.training.precision import bfloat16_gain


def test_the_fastest_of_each_precision_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {
        torch.float32: iter([9.0, 3.0, 5.0, 4.0, 8.0]),
        torch.bfloat16: iter([7.0, 8.0, 2.0, 9.0, 6.0]),
    }
    monkeypatch.setattr(precision, "_seconds", lambda left, right: next(seconds[left.dtype]))
    assert bfloat16_gain("cpu") == 1.5


def test_a_gpu_is_not_measured() -> None:
    assert bfloat16_gain("cuda") == 2.0
