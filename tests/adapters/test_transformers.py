"""Records of the shape of transformers' output; tests/adapters/toolkits has real ones."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from rescorer.adapters import from_transformers
from rescorer.errors import InputError


def output(**changed: object) -> SimpleNamespace:
    """Two utterances of two hypotheses, of 3, 1, 2 and 2 tokens."""
    indices = [[0, 1, 0], [1, -1, -1], [2, 2, -1], [3, 3, -1]]
    values = {
        "sequences": torch.tensor([[9, 5, 6, 0], [9, 0, 0, 0], [9, 7, 0, 0], [9, 8, 0, 0]]),
        "sequences_scores": torch.tensor([-0.5, -2.0, -1.0, -1.5]),
        "beam_indices": torch.tensor(indices),
    }
    return SimpleNamespace(**{**values, **changed})


TEXTS = ["a cat", "", "b", "c"]


@pytest.mark.parametrize(
    ("length_penalty", "scores"),
    [(0.0, [-0.5, -2.0, -1.0, -1.5]), (1.0, [-1.5, -2, -2, -3]), (2.0, [-4.5, -2, -4, -6])],
)
def test_means_become_sums(length_penalty: float, scores: list[float]) -> None:
    lists = from_transformers(["u", "v"], output(), TEXTS, length_penalty=length_penalty)
    found = [each for nbest in lists for each in nbest.hypotheses]
    assert [each.scores for each in found] == [{"first_pass": score} for score in scores]
    assert [each.words for each in found] == [("a", "cat"), (), ("b",), ("c",)]
    assert [nbest.utterance for nbest in lists] == ["u", "v"]


@pytest.mark.parametrize("name", ["sequences_scores", "beam_indices"])
def test_without_a_beam_search(name: str) -> None:
    with pytest.raises(InputError, match=r"num_beams above 1"):
        from_transformers(["u", "v"], output(**{name: None}), TEXTS)


def test_repeated_hypotheses() -> None:
    repeated = output(sequences=torch.tensor([[1, 2], [1, 2], [3, 4], [3, 4]]))
    with pytest.raises(InputError, match=r"2 times the same hypothesis"):
        from_transformers(["u", "v"], repeated, TEXTS)


@pytest.mark.parametrize(
    ("utterances", "texts"), [(["u"] * 3, TEXTS), ([], TEXTS), (["u", "v"], TEXTS[1:])]
)
def test_numbers_that_do_not_fit(utterances: list[str], texts: list[str]) -> None:
    with pytest.raises(InputError, match=r"4 scores, . texts and . utterances"):
        from_transformers(utterances, output(), texts)
