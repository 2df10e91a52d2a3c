"""A tiny random Whisper in CTranslate2; transformers' forced decoding is the truth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_whisper import END, LONGEST, MEL_BINS, PROMPT, forced_decoding, make_whisper

from rescorer.adapters import from_ctranslate2
from rescorer.errors import InputError

ctranslate2 = pytest.importorskip(
    "ctranslate2", reason="ctranslate2 is not installed: make test-adapters"
)
pytestmark = pytest.mark.filterwarnings("ignore")


def show(ids: list[int]) -> str:
    return " ".join(map(str, ids))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """transformers' and CTranslate2's."""
    folder = tmp_path_factory.mktemp("whisper")
    model = make_whisper(folder)
    return model, ctranslate2.models.Whisper(str(folder / "ctranslate2"), intra_threads=1)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_scores_are_sums_over_tokens(models: tuple[Any, Any], length_penalty: float) -> None:
    model, whisper = models
    features = torch.randn(1, MEL_BINS, 2 * LONGEST, generator=torch.Generator().manual_seed(0))
    results = whisper.generate(
        ctranslate2.StorageView.from_array(features.numpy()), [list(PROMPT)], beam_size=5,
        num_hypotheses=5, length_penalty=length_penalty, return_scores=True, max_length=25,
        suppress_blank=False,
    )  # fmt: skip
    [nbest] = from_ctranslate2(["u"], results, show, length_penalty=length_penalty)
    lengths = set()
    for each in nbest.hypotheses:
        ids = list(map(int, each.words))
        expected = forced_decoding(model, features, list(PROMPT), [*ids, END])
        assert each.scores["first_pass"] == pytest.approx(expected, abs=1e-3)
        lengths.add(len(ids))
    assert len(lengths) > 1


def test_results_without_scores(models: tuple[Any, Any]) -> None:
    _, whisper = models
    features = ctranslate2.StorageView.from_array(torch.zeros(1, MEL_BINS, 2 * LONGEST).numpy())
    results = whisper.generate(features, [list(PROMPT)], beam_size=2, max_length=9)
    with pytest.raises(InputError, match=r"return_scores=True"):
        from_ctranslate2(["u"], results, show)
