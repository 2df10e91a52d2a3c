"""Records of the shape of CTranslate2's results; tests/adapters/toolkits has real ones."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from rescorer.adapters import from_ctranslate2
from rescorer.errors import InputError


def show(ids: list[int]) -> str:
    return " ".join(map(str, ids))


@pytest.mark.parametrize(("length_penalty", "scores"), [(0.0, [-0.5, -2.0]), (1.0, [-1.5, -2.0])])
def test_means_become_sums(length_penalty: float, scores: list[float]) -> None:
    result = SimpleNamespace(sequences_ids=[[5, 6, 7], [8]], scores=[-0.5, -2.0])
    [nbest] = from_ctranslate2(["u"], [result], show, length_penalty=length_penalty)
    assert [each.words for each in nbest.hypotheses] == [("5", "6", "7"), ("8",)]
    assert [each.scores["first_pass"] for each in nbest.hypotheses] == scores


def test_empty_hypotheses() -> None:
    """CTranslate2 divides by their length; without a penalty they are like the others."""
    result = SimpleNamespace(sequences_ids=[[5], []], scores=[-0.5, -math.inf])
    [nbest] = from_ctranslate2(["u"], [result], show)
    assert len(nbest.hypotheses) == 1
    result = SimpleNamespace(sequences_ids=[[5], []], scores=[-0.5, -3.0])
    [nbest] = from_ctranslate2(["u"], [result], show, length_penalty=0.0)
    assert nbest.hypotheses[1].scores == {"first_pass": -3.0}


def test_no_scores() -> None:
    with pytest.raises(InputError, match=r"0 scores of 1 hypotheses.*return_scores=True"):
        from_ctranslate2(["u"], [SimpleNamespace(sequences_ids=[[5]], scores=[])], show)
