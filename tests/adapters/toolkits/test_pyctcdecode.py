"""Beams of pyctcdecode with a KenLM model, whose score KenLM itself gives."""

from __future__ import annotations

import math
from pathlib import Path

import kenlm
import numpy as np
import pytest
from tiny import write_arpa

from rescorer.adapters import from_pyctcdecode

pyctcdecode = pytest.importorskip(
    "pyctcdecode", reason="pyctcdecode is not installed: make test-adapters"
)
pytestmark = pytest.mark.filterwarnings("ignore")

LETTERS = ["", *"acdehotsgm", " "]
ALPHA, BETA = 0.7, 1.1


def logits(frames: int = 12) -> np.ndarray:
    """Random log-probabilities around "the cat"."""
    draw = np.random.default_rng(0)
    values = draw.normal(size=(frames, len(LETTERS)))
    for frame, letter in enumerate("the cat"):
        values[frame, LETTERS.index(letter)] += 6
    values[7:, 0] += 6
    return values - np.log(np.exp(values).sum(1, keepdims=True))


def test_the_difference_is_the_language_model(tmp_path: Path) -> None:
    write_arpa(tmp_path / "lm.arpa")
    model = kenlm.Model(str(tmp_path / "lm.arpa"))
    decoder = pyctcdecode.build_ctcdecoder(
        LETTERS, str(tmp_path / "lm.arpa"), alpha=ALPHA, beta=BETA, unk_score_offset=0.0
    )
    [nbest] = from_pyctcdecode(["u"], [decoder.decode_beams(logits(), beam_width=20)])
    assert len(nbest.hypotheses) > 5

    def weighted(words: tuple[str, ...]) -> float:
        return ALPHA * model.score(" ".join(words)) * math.log(10) + BETA * len(words)

    for each in nbest.hypotheses:
        # pyctcdecode scores what comes after a last space as one more word, which is unknown.
        expected = {weighted(each.words), weighted((*each.words, "<unk>"))}
        assert any(each.scores["first_lm"] == pytest.approx(one, abs=1e-5) for one in expected)
        assert each.scores["acoustic"] < 0


def test_without_a_language_model_there_is_none() -> None:
    decoder = pyctcdecode.build_ctcdecoder(LETTERS)
    [nbest] = from_pyctcdecode(["u"], [decoder.decode_beams(logits())])
    assert nbest.score_names == ("acoustic",)
    assert nbest.hypotheses[0].words == ("the", "cat")


def test_beams_of_several_processes(tmp_path: Path) -> None:
    write_arpa(tmp_path / "lm.arpa")
    decoder = pyctcdecode.build_ctcdecoder(LETTERS, str(tmp_path / "lm.arpa"))
    batch = decoder.decode_beams_batch(None, [logits(), logits(10)])
    lists = from_pyctcdecode(["a", "b"], batch)
    alone = from_pyctcdecode(["a"], [decoder.decode_beams(logits())])
    assert lists[0] == alone[0]
