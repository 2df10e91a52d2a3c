"""The training loop: it learns, it logs, and it trains any network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from conftest import make_model, make_vocabulary, needs_bfloat16
from tiny_training import SETTINGS, corpora_in, make_trainer, rows_of

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.torch_file import read_torch
from rescorer.models.trainable import Trainable
from rescorer.models.word_table import WordTable
from rescorer.training.loop import Trainer
from rescorer.training.settings import TrainingSettings


@pytest.fixture
def folder(sentences: Path) -> Path:
    return sentences.parent


# ---- learning ----


@pytest.mark.parametrize(
    "network",
    [{}, {"residual_dim": 0, "cell_bias": False, "tied": False}, {"sampled_softmax_size": 3}],
    ids=str,
)
def test_learns(folder: Path, device: str, network: dict[str, Any]) -> None:
    trainer = make_trainer(folder, replace(SETTINGS, epochs=8), device, **network)
    valid = trainer.valid_corpus.ids
    before = perplexity(log_probs_of(trainer.model, valid))
    counts = np.bincount(trainer.train_corpus.ids, minlength=11)
    shares = counts[counts > 0] / counts.sum()
    unigram = math.exp(-(shares * np.log(shares)).sum())
    best = trainer.run()
    # five coins a sentence of seven words
    assert 2 ** (5 / 7) * 0.97 < best < 1.8 < unigram < before

    rows = [row for row in rows_of(folder) if not row["event"]]
    assert best == pytest.approx(min(float(row["valid_perplexity"]) for row in rows), abs=1e-3)
    assert float(rows[-1]["train_perplexity"]) < float(rows[0]["train_perplexity"])
    kept = LightRNN.load(folder / "lightrnn.pt", device)
    assert perplexity(log_probs_of(kept, valid)) == pytest.approx(best, rel=1e-5)
    assert kept.provenance["valid_perplexity"] == best
    assert kept.provenance["training"]["epochs"] == 8
    assert kept.provenance["train_words"] == len(trainer.train_corpus)


def test_best_model_is_kept_not_the_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(folder, replace(SETTINGS, reallocate_after=()))
    figures = iter([5.0, 3.0, 4.0, 3.0])
    monkeypatch.setattr(trainer, "_valid_perplexity", lambda: next(figures))
    assert trainer.run() == 3.0
    assert LightRNN.load(folder / "lightrnn.pt").provenance["interval"] == 2


@needs_bfloat16
def test_bfloat16(folder: Path) -> None:
    trainer = make_trainer(
        folder, replace(SETTINGS, precision="bfloat16", epochs=6, reallocate_after=(1,))
    )
    assert trainer.run() < 2.3
    assert all(parameter.dtype == torch.float32 for parameter in trainer.model.parameters())


def test_gradients_are_clipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    clip = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(
        torch.nn.utils,
        "clip_grad_norm_",
        lambda p, limit: (limits.append(limit), clip(p, limit))[1],
    )
    make_trainer(folder, replace(SETTINGS, clip=0.25)).run()
    assert len(limits) == 3 * 28 and set(limits) == {0.25}


def test_learning_rate_rises_then_falls(folder: Path) -> None:
    trainer = make_trainer(folder, replace(SETTINGS, epochs=10, intervals=None))
    rates = []
    for step in range(trainer.steps):
        trainer.step = step
        rates.append(trainer._learning_rate())
    top = rates.index(max(rates))
    assert 0 < rates[0] < max(rates) == 0.02 and top <= 0.03 * trainer.steps
    assert rates[top:] == sorted(rates[top:], reverse=True) and rates[-1] < 0.001 * rates[top]


# ---- logs ----


def test_logs(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines: list[str] = []
    trainer = make_trainer(folder)
    trainer.say = lines.append
    trainer.run()
    rows = rows_of(folder)
    assert [(row["interval"], row["event"]) for row in rows] == [
        ("1", ""),
        ("1", "reallocated"),
        ("2", ""),
        ("2", "reallocated"),
        ("3", ""),
        ("4", ""),
    ]
    size = trainer.batched.size
    assert [int(row["step"]) for row in rows] == [21, 21, 42, 42, 63, 84]
    assert int(rows[-1]["tokens"]) == 3 * size and int(rows[0]["tokens"]) == 21 * 8 * 10
    assert sum("words moved" in line for line in lines) == 2
    assert sum("validation" in line for line in lines) == 6
    assert not any("nan" in line for line in lines)

    events = EventAccumulator(str(folder / "work" / "tensorboard"))
    events.Reload()
    # A file a write: those of one second are read in the order of their names, which is not that of
    # their making.
    valid = sorted(events.Scalars("valid_perplexity"), key=lambda event: event.step)
    assert [event.step for event in valid] == [21, 21, 42, 42, 63, 84]
    assert sorted(event.step for event in events.Scalars("train_perplexity")) == [21, 42, 63, 84]
    assert valid[-1].value == pytest.approx(float(rows[-1]["valid_perplexity"]), abs=1e-3)


def test_a_part_of_an_epoch_reads_the_first_words_of_each_stream(folder: Path) -> None:
    half = replace(SETTINGS, epochs=0.5, intervals=None, reallocate_after=())
    trainer = make_trainer(folder, half)
    steps = trainer.steps_an_epoch
    totals = []
    trainer.progress = lambda stage, done, total: totals.append(total)
    trainer.run()
    assert trainer.step == trainer.steps == math.ceil(steps / 2) < steps
    assert set(totals) == {trainer.steps * SETTINGS.batch_size * SETTINGS.bptt}
    assert [row["tokens"] for row in trainer.log.rows] == totals[:1]
    more = make_trainer(folder, replace(half, epochs=1.5))
    assert (more.steps, more.settings.interval_count) == (math.ceil(1.5 * steps), 2)


def test_progress_counts_words_up_to_all_epochs(folder: Path) -> None:
    trainer = make_trainer(folder)
    steps: list[tuple[str, int, int]] = []
    trainer.progress = lambda *step: steps.append(step)
    trainer.run()
    total = trainer.settings.epochs * trainer.batched.size
    training = [done for stage, done, _ in steps if stage == "training"]
    assert training[0] == 0 and training[-1] == total and training == sorted(training)
    assert {stage for stage, _, _ in steps} == {"training", "measuring costs"}


# ---- any network that is Trainable ----


class LastWord(NamedTuple):
    word: torch.Tensor  # [1, U]

    def detach(self) -> LastWord:
        return self


class Bigram(Trainable):
    """A number for each pair of words."""

    name = "bigram"

    def __init__(self, settings: str = "") -> None:
        super().__init__()
        self.settings, self.vocabulary, self.provenance = settings, make_vocabulary(), {}
        self.scores = torch.nn.Parameter(torch.zeros(11, 11))

    def start_states(self, size: int) -> LastWord:
        return LastWord(torch.full((1, size), self.vocabulary.end_id, device=self.device))

    def forward(self, words: torch.Tensor, state: LastWord) -> tuple[torch.Tensor, LastWord]:
        before = torch.cat([state.word, words[:-1]])
        log_probs = torch.log_softmax(self.scores, -1)[before, words]
        return log_probs, LastWord(words[-1:])

    def as_dict(self) -> dict[str, Any]:
        return {
            "settings": self.settings,
            "scores": self.scores.detach(),
            "provenance": self.provenance,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Bigram:
        model = cls(content["settings"])
        model.load_state_dict({"scores": content["scores"]})
        model.provenance = content["provenance"]
        return model


def make_bigram_trainer(folder: Path, settings: TrainingSettings, note: str = "") -> Trainer:
    return Trainer(
        Bigram(note), *corpora_in(folder), settings, folder / "bigram.pt", folder / "work"
    )


def test_any_network_is_trained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(SETTINGS, epochs=8, lr=0.3, reallocate_after=())
    trainer = make_bigram_trainer(folder, settings)
    step = trainer.train_step

    def stop() -> int:
        if trainer.step == 100:
            raise KeyboardInterrupt
        return step()

    monkeypatch.setattr(trainer, "train_step", stop)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    with pytest.raises(InputError, match="other settings"):
        make_bigram_trainer(folder, settings, "another").run()
    best = make_bigram_trainer(folder, settings).run()
    # Seven bits a sentence of seven words: after an article, animals and things are equally likely.
    assert best == pytest.approx(2, rel=0.03)
    kept = Bigram.from_dict(read_torch(folder / "bigram.pt"))
    assert perplexity(log_probs_of(kept, trainer.valid_corpus.ids)) == pytest.approx(best, rel=1e-5)
    assert kept.provenance["valid_perplexity"] == best
    assert int(rows_of(folder)[-1]["tokens"]) == 8 * trainer.batched.size


def test_only_a_light_rnn_is_reallocated(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a reallocation of a bigram.*LightRNN; remedy"):
        make_bigram_trainer(folder, SETTINGS)


# ---- errors ----


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"bptt": 0},
        {"lr": 0.0},
        {"lr": math.nan},
        {"clip": -1.0},
        {"precision": "float16"},
        {"intervals": 0},
        {"reallocate_after": (10,)},
        {"reallocate_after": (0,)},
    ],
    ids=str,
)
def test_settings_check_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingSettings(**wrong)


def test_too_little_text(folder: Path) -> None:
    with pytest.raises(InputError, match=r"2240 words; expected .* 5000 streams; remedy"):
        make_trainer(folder, replace(SETTINGS, batch_size=5000))
    with pytest.raises(InputError, match=r"3 steps; expected at least 4.*remedy"):
        make_trainer(folder, replace(SETTINGS, batch_size=1000))


@pytest.mark.parametrize("value", [math.nan, 1e30])
def test_divergence_is_an_error_not_a_model(folder: Path, value: float) -> None:
    trainer = make_trainer(folder)
    with torch.no_grad():
        trainer.model.row_out.bias[0] = value
    with pytest.raises(InputError, match=r"diverged.*remedy"):
        trainer.run()
    assert not (folder / "lightrnn.pt").exists()


# ---- perplexity ----


@pytest.mark.parametrize(
    ("batch_size", "bptt"), [(1, 256), (1, 7), (3, 5), (7, 256), (50, 2), (200, 1)]
)
def test_every_id_is_scored_once(batch_size: int, bptt: int) -> None:
    model = make_model()
    ids = np.random.default_rng(0).integers(0, 11, 101)
    found = log_probs_of(model, ids, batch_size=batch_size, bptt=bptt)
    assert found.shape == (101,)
    length = math.ceil(101 / batch_size)
    with torch.no_grad():
        parts = [
            model(torch.as_tensor(ids[begin : begin + length, None]), model.start_states(1))[0][
                :, 0
            ]
            for begin in range(0, 101, length)
        ]
    np.testing.assert_allclose(found, torch.cat(parts).numpy(), atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (12, 1), (2, 6)])
def test_perplexity_of_a_uniform_model(shape: tuple[int, int]) -> None:
    model = make_model(12, WordTable.shaped(12, *shape))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    ids = np.random.default_rng(0).integers(0, 12, 500)
    assert perplexity(log_probs_of(model, ids, batch_size=3)) == pytest.approx(12, rel=1e-5)


def test_perplexity() -> None:
    assert perplexity(np.log([0.5, 0.125])) == pytest.approx(4)
    assert perplexity(np.array([-1e9])) == math.inf
    assert perplexity(np.array([-1.0, math.nan])) == math.inf
