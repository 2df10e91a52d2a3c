"""Beam searches of transformers on a tiny random model; forced decoding gives the sums."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_whisper import END, LONGEST, MEL_BINS, START, forced_decoding, make_whisper

from rescorer.adapters import from_transformers
from rescorer.errors import InputError

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed: make test-adapters"
)
pytestmark = pytest.mark.filterwarnings("ignore")

FEATURES = torch.randn(2, MEL_BINS, 2 * LONGEST, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_whisper(tmp_path_factory.mktemp("whisper"))


def search(model: Any, generate: Any, length_penalty: float) -> Any:
    return generate(
        model, FEATURES, num_beams=4, num_return_sequences=3, max_new_tokens=25,
        length_penalty=length_penalty, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip


def generated(row: list[int]) -> list[int]:
    """The tokens after the start, up to the end where there is one."""
    return row[1 : row.index(END, 1) + 1] if END in row[1:] else row[1:]


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_scores_are_sums_over_tokens(whisper: Any, length_penalty: float) -> None:
    output = search(whisper, transformers.GenerationMixin.generate, length_penalty)
    texts = [" ".join(map(str, row)) for row in output.sequences.tolist()]
    lists = from_transformers(["a", "b"], output, texts, length_penalty=length_penalty)
    assert [nbest.utterance for nbest in lists] == ["a", "b"]
    found = [each for nbest in lists for each in nbest.hypotheses]
    assert [each.words for each in found] == [tuple(text.split()) for text in texts]
    expected = [
        forced_decoding(whisper, FEATURES[place // 3, None], [START], generated(row))
        for place, row in enumerate(output.sequences.tolist())
    ]
    assert [each.scores["first_pass"] for each in found] == pytest.approx(expected, abs=1e-3)
    assert len({len(generated(row)) for row in output.sequences.tolist()}) > 1


def test_whisper_s_own_generate_repeats_the_best(whisper: Any) -> None:
    output = search(whisper, type(whisper).generate, 1.0)
    with pytest.raises(InputError, match=r"3 times the same hypothesis.*GenerationMixin"):
        from_transformers(["a", "b"], output, ["x"] * 6)
