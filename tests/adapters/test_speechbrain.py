"""Records of the shape of SpeechBrain's results; tests/adapters/toolkits has real ones."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from rescorer.adapters import (
    from_speechbrain_ctc,
    from_speechbrain_seq2seq,
    from_speechbrain_transducer,
)


def show(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def test_ctc() -> None:
    hypotheses = [SimpleNamespace(text="a cat", score=-3.0, lm_score=-7.0, text_frames=None)]
    [nbest] = from_speechbrain_ctc(["u"], [hypotheses])
    assert nbest.hypotheses[0].words == ("a", "cat")
    assert nbest.hypotheses[0].scores == {"acoustic": -3.0, "first_lm": -4.0}


@pytest.mark.parametrize(("is_mean", "scores"), [(True, [-4.0, -3.0]), (False, [-1.0, -1.5])])
def test_seq2seq(is_mean: bool, scores: list[float]) -> None:
    """Of 4 places, hypotheses of 3 tokens and of one; 1 ends them."""
    tokens = torch.tensor([[[5, 6, 7, 1], [8, 1, 0, 0]]])
    result = (tokens, torch.tensor([[0.75, 0.25]]), torch.tensor([[-1.0, -1.5]]), None)
    [nbest] = from_speechbrain_seq2seq(["u"], result, show, length_normalization=is_mean)
    assert [each.words for each in nbest.hypotheses] == [("5", "6", "7"), ("8",)]
    assert [each.scores["first_pass"] for each in nbest.hypotheses] == scores


def test_transducer() -> None:
    result = ([[5, 6]], None, [[[5, 6], []]], [[torch.tensor(-0.5), torch.tensor(-2.0)]])
    [nbest] = from_speechbrain_transducer(["u"], result, show)
    assert [each.words for each in nbest.hypotheses] == [("5", "6"), ()]
    assert [each.scores["first_pass"] for each in nbest.hypotheses] == [-1.5, -2.0]
