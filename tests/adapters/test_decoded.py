"""What every adapter checks."""

from __future__ import annotations

import math

import pytest

from rescorer.adapters.decoded import Decoded, make_lists, without_constant_lm
from rescorer.errors import InputError

TWO = [Decoded("a cat", {"score": -1.0}), Decoded("", {"score": -2.0})]


def test_lists() -> None:
    [nbest] = make_lists(["u"], [TWO])
    assert [(each.key, each.words) for each in nbest.hypotheses] == [("1", ("a", "cat")), ("2", ())]


@pytest.mark.parametrize(
    ("utterances", "decoded", "words"),
    [
        (["u"], [], "results of 0 utterances; expected 1"),
        (["u"], [TWO, TWO], "results of 2 utterances; expected 1"),
        (["u"], [[]], "utterance 'u': no hypotheses"),
        (["u"], [[*TWO, Decoded("b", {"am": math.nan})]], "hypothesis 3: am is nan"),
        (["u"], [[Decoded("b", {"am": -math.inf})]], "hypothesis 1: am is -inf"),
    ],
)
def test_errors(utterances: list[str], decoded: list[list[Decoded]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_lists(utterances, decoded)


@pytest.mark.parametrize(("lm", "names"), [(0.0, {"acoustic"}), (-1.0, {"acoustic", "first_lm"})])
def test_a_language_model_that_says_nothing(lm: float, names: set[str]) -> None:
    rows = [[Decoded("a", {"acoustic": -1.0, "first_lm": 0.0})]]
    rows.append([Decoded("b", {"acoustic": -2.0, "first_lm": lm})])
    for nbest in without_constant_lm(make_lists(["u", "v"], rows)):
        assert set(nbest.score_names) == names
