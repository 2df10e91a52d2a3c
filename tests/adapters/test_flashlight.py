"""Records of the shape of flashlight's and torchaudio's hypotheses; tests/adapters/toolkits has
real ones.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from rescorer.adapters import from_flashlight, from_torchaudio
from rescorer.errors import InputError

WORDS = ["the", "cat"]


def torchaudio(words: list[str], tokens: list[int]) -> SimpleNamespace:
    return SimpleNamespace(words=words, tokens=torch.tensor(tokens), score=-2.0, timesteps=None)


def flashlight(words: list[int], tokens: list[int]) -> SimpleNamespace:
    return SimpleNamespace(
        words=words, tokens=tokens, score=-5.0, emittingModelScore=-3.0, lmScore=-1.0
    )


def test_torchaudio() -> None:
    results = [[torchaudio(["the", "cat"], [1, 2, 3]), torchaudio([], [0, 0])]]
    [nbest] = from_torchaudio(["u"], results)
    assert [each.words for each in nbest.hypotheses] == [("the", "cat"), ()]
    assert nbest.hypotheses[0].scores == {"first_pass": -2.0}


def test_flashlight() -> None:
    [nbest] = from_flashlight(
        ["u"], [[flashlight([-1, 0, -1, 1], [0, 2, 3, -1])]], WORDS.__getitem__
    )
    assert nbest.hypotheses[0].words == ("the", "cat")
    assert nbest.hypotheses[0].scores == {"acoustic": -3.0, "first_lm": -2.0}


def test_without_a_lexicon() -> None:
    results = [[torchaudio([], [1, 2, 3])]]
    with pytest.raises(InputError, match=r"tokens without words.*to_text"):
        from_torchaudio(["u"], results)
    [nbest] = from_torchaudio(["u"], results, lambda ids: " ".join(map(str, ids)))
    assert nbest.hypotheses[0].words == ("1", "2", "3")
    with pytest.raises(InputError, match=r"tokens without words"):
        from_flashlight(["u"], [[flashlight([-1, -1, -1], [1, 2, 3])]], WORDS.__getitem__)


def test_silence_has_no_words() -> None:
    [nbest] = from_torchaudio(["u"], [[torchaudio([], [1, 0, 1])]])
    assert nbest.hypotheses[0].words == ()
