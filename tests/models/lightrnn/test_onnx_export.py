"""An exported LightRNN gives torch's scores in float32, and similar scores in int8."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model
from tiny import draw_sentences

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.word_table import WordTable

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from rescorer.models.lightrnn import onnx_export
from rescorer.models.lightrnn.onnx_export import (
    PARITY,
    as_int8,
    as_onnx,
    export,
    log_probs_of_sentences,
)
from rescorer.models.onnx_scorer import OnnxScorer

SENTENCES = draw_sentences(20)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"two_step": True},
    {"tied": False},
    {"residual_dim": 0},
    {"residual_dim": 3},
    {"cell_bias": False},
    {"num_layers": 2, "dropout": 0.5, "weight_dropout": 0.5},
    {"residual_dim": 0, "cell_bias": False, "two_step": True, "num_layers": 2},
    {"rows": 7, "columns": 2},
    {"rows": 2, "columns": 17, "cell_bias": False},
]


def made(settings: dict[str, Any]) -> LightRNN:
    settings = dict(settings)
    table = WordTable.shaped(
        11, settings.pop("rows", None), settings.pop("columns", None)
    ).shuffled(3)
    return make_model(table=table, **settings)


def largest(found: list[np.ndarray], given: list[np.ndarray]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(found, given, strict=True))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_setting_scores_as_torch_does(settings: dict[str, Any]) -> None:
    model = made(settings)
    given = log_probs_of_sentences(model, SENTENCES)
    content = as_onnx(model)
    assert largest(OnnxScorer(content).log_probs(SENTENCES), given) < PARITY
    assert 0 < largest(OnnxScorer(as_int8(content)).log_probs(SENTENCES), given) < 0.2


def test_torch_is_asked_as_the_protocol_is() -> None:
    model = make_model()
    sums = [float(each.sum()) for each in log_probs_of_sentences(model, SENTENCES)]
    assert sums == pytest.approx([model.logprob(sentence) for sentence in SENTENCES], abs=1e-5)


def test_the_model_stays_as_it_is() -> None:
    model = make_model()
    buffers, before = dict(model.named_buffers()), model.logprob(["the", "cat"])
    as_onnx(model)
    assert not model.training and isinstance(model.row_of, torch.Tensor)
    assert all(value is buffers[name] for name, value in model.named_buffers())
    assert model.logprob(["the", "cat"]) == before


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "settings", [{"dropout": 0.5}, {"num_layers": 2, "dropout": 0.5, "weight_dropout": 0.5}]
)
def test_a_network_with_dropout(settings: dict[str, Any], training: bool, tmp_path: Path) -> None:
    """Dropout is off in the export, and all modules keep their mode."""
    model = make_model(**settings).train(training)
    assert "torch" in export(model, tmp_path / "model.onnx", sentences=SENTENCES)[0]
    assert all(module.training == training for module in model.modules())
    found = OnnxScorer.load(tmp_path / "model.onnx").log_probs(SENTENCES)
    assert largest(found, log_probs_of_sentences(model.eval(), SENTENCES)) < PARITY


def test_a_file_holds_no_table_and_free_cells_are_bits() -> None:
    """A larger table of the same words adds embeddings, biases, and an eighth of a byte a cell."""
    model = make_model(40, WordTable(40, 100, np.arange(40) * 100), cell_bias=False)
    larger = make_model(40, WordTable(40, 900, np.arange(40) * 900), cell_bias=False)
    vectors = 4 * (larger.parameter_count() - model.parameter_count())
    added = len(as_onnx(larger)) - len(as_onnx(model)) - vectors
    assert added < 2 * 40 * 800 / 8


# most parameters belong to cells, or to rows
@pytest.mark.parametrize("rows", [45, 500])
@pytest.mark.parametrize("tied", [False, True])
def test_int8_is_at_most_a_third(tied: bool, rows: int) -> None:
    model = make_model(2000, WordTable.shaped(2000, rows), hidden_dim=128, tied=tied)
    content = as_onnx(model)
    assert len(as_int8(content)) < len(content) / 3


def test_the_report_tells_sizes_and_losses(tmp_path: Path) -> None:
    model = make_model()
    float32, int8, perplexity = export(
        model, tmp_path / "int8.onnx", int8=True, sentences=SENTENCES
    )
    size = (tmp_path / "int8.onnx").stat().st_size
    words = sum(len(sentence) + 1 for sentence in SENTENCES)
    assert f"over {words} words" in float32 and f"int8: {size:,} bytes" in int8
    before, after = (float(part.split()[-1]) for part in perplexity.split(",")[:2])
    given = np.concatenate(log_probs_of_sentences(model, SENTENCES))
    assert before == pytest.approx(np.exp(-given.mean()), abs=0.006) and after == pytest.approx(
        before, rel=0.05
    )


def test_without_sentences_random_ones_are_compared(tmp_path: Path) -> None:
    (float32,) = export(make_model(), tmp_path / "model.onnx")
    assert "over 2,080 words" in float32  # 0 + 1 + … + 63, and 64 times </s>
    assert OnnxScorer.load(tmp_path / "model.onnx").logprob([]) < 0


@pytest.mark.parametrize("off", [2 * PARITY, float("nan")])
def test_a_file_that_scores_otherwise_is_not_written(
    off: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = onnx_export._scores
    monkeypatch.setattr(onnx_export, "_scores", lambda *arguments: scores(*arguments) + off)
    with pytest.raises(InputError, match=r"nats a word off torch's; expected at most 0\.0001"):
        export(make_model(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_tied_vectors_are_stored_once() -> None:
    tied, model = (make_model(400, hidden_dim=64, tied=tied) for tied in (True, False))
    left_out = 4 * (model.parameter_count() - tied.parameter_count())
    whole, small = as_onnx(model), as_onnx(tied)
    assert abs(len(whole) - len(small) - left_out) < 1000 < left_out
    # look-ups and products round them differently
    columns = tied.column_out.weight.numel()
    assert (
        abs(len(as_int8(whole)) - len(as_int8(small)) - (left_out / 4 - columns))
        < 1500
        < left_out / 4
    )


def inexpressible(self: LightRNN, hidden: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
    return torch.special.i0e(hidden)


def inexpressible_scores(self: LightRNN, hidden: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
    # the same number for any number of columns
    return torch.special.i0e(hidden).mean(-1, keepdim=True)


@pytest.mark.parametrize(
    ("method", "settings", "named"),
    [
        ("mix_rows", {}, "two_step False: .*i0e.*remedy: train with two_step True"),
        ("mix_rows", {"num_layers": 2}, "two_step False: "),
        (
            "column_scores",
            {"num_layers": 2},
            r"this network \(hidden_dim 6, num_layers 2, .*sampled_softmax_size None\): "
            r".*i0e.*remedy",
        ),
    ],
)
def test_what_onnx_cannot_express_is_named(
    method: str, settings: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        LightRNN, method, inexpressible if method == "mix_rows" else inexpressible_scores
    )
    with pytest.raises(InputError, match=f"ONNX cannot express {named}"):
        as_onnx(make_model(**settings))


def test_a_setting_of_a_later_release_is_named() -> None:
    @dataclass(frozen=True)
    class Settings(LightRNNSettings):
        curl: float = 0.0

    class Curled(LightRNN):
        settings: Settings

        def row_scores(self, hidden: torch.Tensor) -> torch.Tensor:
            return super().row_scores(torch.special.i0e(hidden) if self.settings.curl else hidden)

    model = make_model()
    as_onnx(Curled(Settings(hidden_dim=8), model.vocabulary, model.table))
    with pytest.raises(
        InputError, match=r"cannot express curl 0\.5: .*remedy: train with curl 0\.0$"
    ):
        as_onnx(Curled(Settings(hidden_dim=8, curl=0.5), model.vocabulary, model.table))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_package_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match=f"{package} is not installed; remedy: pip install onnx onnxruntime"
    ):
        as_onnx(make_model())
