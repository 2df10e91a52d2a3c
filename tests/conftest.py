"""Fixtures and tiny models of all test modules. Tests run in one thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from command_server import command_clients
from quick_processes import forkserver_context

from benchmarks.browser import CHROMIUM, Browser, running
from rescorer import parallel
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.rescoring import nbest
from rescorer.rescoring.tuning import TuningSettings
from rescorer.training import auto_settings, train
from rescorer.training.precision import has_bfloat16

torch.set_num_threads(1)  # tests compare parameters bit by bit
os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start

WORDS = ("</s>", "<unk>", "the", "cat", "dog", "sat", "ran", "on", "a", "mat", "log")


needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16("cpu"), reason="torch has no LSTM in bfloat16 for this processor"
)


def make_vocabulary(size: int = len(WORDS), case: str = "as-is") -> Vocabulary:
    """`size` words, the first ones of WORDS, with falling counts."""
    words = (*WORDS, *(f"w{number}" for number in range(len(WORDS), size)))[:size]
    return Vocabulary(words, np.arange(size, 0, -1, dtype=np.int64) * 3, case)


def make_model(
    size: int = len(WORDS),
    table: WordTable | None = None,
    *,
    seed: int = 0,
    case: str = "as-is",
    **settings: object,
) -> LightRNN:
    """A network of random parameters, biases of cells included, in eval mode."""
    torch.manual_seed(seed)
    model = LightRNN(
        LightRNNSettings(**{"hidden_dim": 6, "residual_dim": 16, **settings}),
        make_vocabulary(size, case),
        table or WordTable.shaped(size).shuffled(seed),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark `data` what is skipped without RESCORER_DATA."""
    reasons = (str(mark.kwargs.get("reason")) for mark in item.iter_markers("skipif"))
    if any(reason.startswith("RESCORER_DATA") for reason in reasons):
        item.add_marker(pytest.mark.data)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return str(request.param)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with running(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="session")
def commands() -> Iterator[Path]:
    """A folder for the PATH with `rescore` and `lightrnn`, which are quick to start."""
    with command_clients() as folder:
        yield folder


@pytest.fixture
def no_english_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package without its English model."""
    monkeypatch.setattr("rescorer.models.loading.ENGLISH", tmp_path / "no model")


@pytest.fixture
def english_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LightRNN:
    """A tiny lower-case model in place of the package's model."""
    model = make_model(case="lower")
    model.save(tmp_path / "english.pt")
    monkeypatch.setattr("rescorer.models.loading.ENGLISH", tmp_path / "english.pt")
    return model


@pytest.fixture
def quick_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short search for weights, for tests of other things."""
    monkeypatch.setattr(nbest, "TuningSettings", lambda: TuningSettings(rounds=2, population=4))


@pytest.fixture
def quick_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text is read twice, for tests of other things than the choice of settings."""
    monkeypatch.setattr(auto_settings, "_MOST_READINGS", 2)
    monkeypatch.setattr(train, "bfloat16_gain", lambda device: 0.5)


@pytest.fixture
def quick_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that start quickly, for tests of other things than their start."""
    context = forkserver_context()
    monkeypatch.setattr(
        parallel, "multiprocessing", SimpleNamespace(get_context=lambda method: context)
    )


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """A text of 400 sentences with a strong order: article, animal, verb, `on`, article, thing."""
    draw = np.random.default_rng(7)
    path = tmp_path / "sentences.txt"
    lines = (
        " ".join(
            [
                draw.choice(["the", "a"]),
                draw.choice(["cat", "dog"]),
                draw.choice(["sat", "ran"]),
                "on",
                draw.choice(["the", "a"]),
                draw.choice(["mat", "log"]),
            ]
        )
        for _ in range(400)
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
