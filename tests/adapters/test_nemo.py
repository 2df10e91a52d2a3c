"""Records of the shape of NeMo's hypotheses; tests/adapters/toolkits has real ones."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from rescorer.adapters import from_nemo
from rescorer.errors import InputError

HYPOTHESES = [
    SimpleNamespace(text="he can", score=torch.tensor(-1.5), y_sequence=[1, 2]),
    SimpleNamespace(text="", score=-2.0, y_sequence=[]),
]


def test_both_shapes() -> None:
    lists = from_nemo(["u", "v"], [HYPOTHESES, SimpleNamespace(n_best_hypotheses=HYPOTHESES)])
    for nbest in lists:
        assert [each.words for each in nbest.hypotheses] == [("he", "can"), ()]
        assert [each.scores for each in nbest.hypotheses] == [
            {"first_pass": -1.5},
            {"first_pass": -2.0},
        ]


def test_text_that_was_not_decoded() -> None:
    with pytest.raises(InputError, match=r"without text.*model.transcribe"):
        from_nemo(["u"], [[SimpleNamespace(text=None, score=-1.0)]])


def test_no_hypotheses() -> None:
    with pytest.raises(InputError, match=r"no hypotheses"):
        from_nemo(["u"], [SimpleNamespace(n_best_hypotheses=None)])
