"""Records of the shape of pyctcdecode's beams; tests/adapters/toolkits has real ones."""

from __future__ import annotations

import pytest

from rescorer.adapters import from_pyctcdecode

FRAMES = [("a", (0, 2))]


def test_the_difference_is_the_language_model() -> None:
    beams = [("a cat", None, FRAMES, -3.0, -7.5), ("a", None, FRAMES, -4.0, -8.0)]
    processes = [("b", FRAMES, -1.0, -2.0)]
    lists = from_pyctcdecode(["u", "v"], [beams, processes])
    found = [each for nbest in lists for each in nbest.hypotheses]
    assert [each.words for each in found] == [("a", "cat"), ("a",), ("b",)]
    assert [each.scores["acoustic"] for each in found] == [-3.0, -4.0, -1.0]
    assert [each.scores["first_lm"] for each in found] == pytest.approx([-4.5, -4.0, -1.0])


def test_no_language_model() -> None:
    [nbest] = from_pyctcdecode(["u"], [[("a", None, FRAMES, -3.0, -3.0)]])
    assert nbest.score_names == ("acoustic",)
