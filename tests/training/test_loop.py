"""Trainer: it learns, it says what it did, and SIGKILL costs nothing but time."""

from __future__ import annotations

import csv
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from conftest import make_model, make_vocabulary

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.models.trainable import Trainable
from rescorer.models.word_table import WordTable
from rescorer.training import loop as module
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import SINGLE_PROCESS, ProcessGroup
from rescorer.training.loop import Trainer, TrainingSettings
from rescorer.training.reallocation.reallocate import ReallocationSettings

SETTINGS = TrainingSettings(
    epochs=3,
    batch_size=8,
    bptt=10,
    lr=0.02,
    intervals=4,
    reallocate_after=(1, 2),
    checkpoint_seconds=0,
    reallocation=ReallocationSettings(batch_size=4, bptt=16),
)


def make_trainer(
    folder: Path,
    settings: TrainingSettings = SETTINGS,
    device: str = "cpu",
    *,
    processes: ProcessGroup = SINGLE_PROCESS,
    **network: Any,
) -> Trainer:
    """A new network, and what lies in the folder: sentences.txt, and perhaps a checkpoint."""
    torch.manual_seed(5)
    network = {"hidden_dim": 12, "dropout": 0.2, "num_layers": 2, **network}
    model = LightRNN(
        LightRNNSettings(**network), make_vocabulary(), WordTable.shaped(11).shuffled(2)
    ).to(device)
    return Trainer(
        model,
        *corpora_in(folder),
        settings,
        folder / "lightrnn.pt",
        folder / "work",
        processes=processes,
    )


def corpora_in(folder: Path) -> list[Corpus]:
    """The first 320 sentences and the rest."""
    if not (folder / "train.ids").exists():
        lines = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines(keepends=True)
        for name, part in (("train", lines[:320]), ("valid", lines[320:])):
            (folder / f"{name}.txt").write_text("".join(part), encoding="utf-8")
            Corpus.encode([folder / f"{name}.txt"], make_vocabulary(), folder / f"{name}.ids")
    return [Corpus.open(folder / f"{name}.ids") for name in ("train", "valid")]


@pytest.fixture
def folder(sentences: Path) -> Path:
    return sentences.parent


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "work" / "log.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- it learns ----


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


# ---- it says what it did ----


def test_logs(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    said: list[str] = []
    trainer = make_trainer(folder)
    trainer.say = said.append
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
    assert sum("words moved" in line for line in said) == 2
    assert sum("validation" in line for line in said) == 6
    assert not any("nan" in line for line in said)

    events = EventAccumulator(str(folder / "work" / "tensorboard"))
    events.Reload()
    # A file a write: those of one second are read in the order of their names, which is not that of
    # their making.
    valid = sorted(events.Scalars("valid_perplexity"), key=lambda event: event.step)
    assert [event.step for event in valid] == [21, 21, 42, 42, 63, 84]
    assert sorted(event.step for event in events.Scalars("train_perplexity")) == [21, 42, 63, 84]
    assert valid[-1].value == pytest.approx(float(rows[-1]["valid_perplexity"]), abs=1e-3)


def test_bar(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = make_trainer(folder)
    trainer.progress = True
    trainer.run()
    shown = capsys.readouterr().err
    assert "tok/s" in shown and "100%" in shown


# ---- it goes on ----


def result_of(folder: Path) -> dict[str, Any]:
    """All that two runs must agree in."""
    checkpoint = read_torch(folder / "work" / "checkpoint.pt")
    kept = read_torch(folder / "lightrnn.pt")
    return {
        "parameters": checkpoint["model"]["parameters"],
        "cells": checkpoint["model"]["cells"],
        "optimiser": checkpoint["optimiser"]["state"],
        "random": checkpoint["random"],
        "best": checkpoint["best"],
        "kept": {name: kept[name] for name in ("parameters", "cells", "provenance")},
        "log": [{**row, "seconds": None} for row in rows_of(folder)],
    }


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif torch.is_tensor(one):
        assert torch.equal(one, other)
    else:
        assert one == other


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(times: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose caller is killed right after the call of that number."""
    calls = iter(range(1, times + 1))

    def wrapped(*args: Any, **keywords: Any) -> Any:
        result = function(*args, **keywords)
        if next(calls, times) == times:
            die()
        return result

    return wrapped


def die_halfway(times: int, name: str) -> Callable[..., Any]:
    """Path.write_bytes, whose caller is killed when half of the file of that name is written for
    that time.
    """
    write, calls = Path.write_bytes, iter(range(1, times + 1))

    def wrapped(path: Path, content: Any) -> int:
        if path.name == name and next(calls) == times:
            write(path, content[: len(content) // 2])
            die()
        return write(path, content)

    return wrapped


def run_until(folder: Path, settings: TrainingSettings, moment: str, times: int) -> None:
    torch.set_num_threads(1)
    if moment == "step":
        Trainer.train_step = die_after(times, Trainer.train_step)  # type: ignore[method-assign]
    elif moment == "best model":
        Trainer._save_best = die_after(times, Trainer._save_best)  # type: ignore[method-assign]
    elif moment == "log":
        Trainer._write_log = die_after(times, Trainer._write_log)  # type: ignore[method-assign]
    elif moment == "reallocation":
        module.reallocate = die_after(times, module.reallocate)  # type: ignore[attr-defined]
    elif moment.startswith("half of "):
        Path.write_bytes = die_halfway(times, moment.removeprefix("half of "))
    make_trainer(folder, settings).run()


def killed(folder: Path, settings: TrainingSettings, moment: str, times: int = 1) -> bool:
    """Train in a process of its own; whether it was killed on the way."""
    context = multiprocessing.get_context("forkserver")
    # What a run imports on its way, in torch too, is imported once for all of them.
    context.set_forkserver_preload(
        ["pytest", "torch._dynamo", "torch.utils.tensorboard", "rescorer.training.loop"]
    )
    process = context.Process(target=run_until, args=(folder, settings, moment, times))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.parametrize(
    ("checkpoint_seconds", "moments"),
    [
        (
            0.0,
            [
                ("step", 1),
                ("half of checkpoint.pt", 6),
                ("log", 1),
                ("half of lightrnn.pt", 1),
                ("best model", 1),
                ("reallocation", 1),
                ("step", 28),
            ],
        ),
        (1000.0, [("step", 5), ("step", 25), ("reallocation", 1)]),
    ],
)
def test_killed_and_resumed_ends_the_same(
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    checkpoint_seconds: float,
    moments: list[tuple[str, int]],
) -> None:
    settings = replace(SETTINGS, checkpoint_seconds=checkpoint_seconds)
    other = tmp_path_factory.mktemp("uncut")
    (other / "sentences.txt").write_bytes((folder / "sentences.txt").read_bytes())
    make_trainer(other, settings).run()
    for moment, times in moments:
        assert killed(folder, settings, moment, times), moment
    assert not killed(folder, settings, "never")
    assert_same(result_of(folder), result_of(other))


@pytest.mark.parametrize("network", [{}, {"tied": False, "sampled_softmax_size": 3}], ids=str)
def test_resumes_where_an_epoch_begins(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, network: dict[str, Any]
) -> None:
    """With dropout, or rows that are drawn, whichever mode the new network comes in."""
    settings = replace(SETTINGS, intervals=None, reallocate_after=(1,))
    other = tmp_path_factory.mktemp("uncut")
    (other / "sentences.txt").write_bytes((folder / "sentences.txt").read_bytes())
    make_trainer(other, settings, **network).run()
    for mode in (True, False):
        trainer = make_trainer(folder, settings, **network)
        trainer.model.train(mode)
        save = trainer._save_checkpoint

        def stop(trainer: Trainer = trainer, save: Callable[[], None] = save) -> None:
            save()
            if trainer.step % trainer.steps_an_epoch == 0:
                raise KeyboardInterrupt

        trainer._save_checkpoint = stop  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            trainer.run()
    make_trainer(folder, settings, **network).run()
    assert_same(result_of(folder), result_of(other))


def test_finished_run_says_its_best_again(folder: Path) -> None:
    best = make_trainer(folder).run()
    kept = (folder / "lightrnn.pt").read_bytes()
    assert make_trainer(folder).run() == best
    assert (folder / "lightrnn.pt").read_bytes() == kept


def test_a_checkpoint_whose_settings_are_none_is_a_damaged_one(folder: Path) -> None:
    trainer = make_trainer(folder, replace(SETTINGS, epochs=1, intervals=None, reallocate_after=()))
    trainer._save_checkpoint()
    write_torch({**read_torch(trainer.checkpoint), "settings": [1]}, trainer.checkpoint)
    with pytest.raises(InputError, match=r"checkpoint.pt: not a checkpoint.*remedy"):
        trainer.run()


def test_a_resumed_run_tells_how_it_began(folder: Path) -> None:
    """Its table is that of the checkpoint, whichever first table is asked for when it goes on."""
    quick = replace(SETTINGS, epochs=2, intervals=None, reallocate_after=())
    trainer = make_trainer(folder, quick)
    trainer.model.provenance = {"table": "ppmi"}
    trainer._save_checkpoint()
    trainer = make_trainer(folder, quick)
    trainer.model.provenance = {"table": "frequency"}
    trainer.run()
    assert LightRNN.load(folder / "lightrnn.pt").provenance["table"] == "ppmi"


def test_a_run_goes_on_in_another_precision(folder: Path) -> None:
    quick = replace(SETTINGS, epochs=2, intervals=None, reallocate_after=())
    make_trainer(folder, quick)._save_checkpoint()
    said: list[str] = []
    trainer = make_trainer(folder, replace(quick, precision="bfloat16"))
    trainer.say = said.append
    trainer.run()
    assert f"going on from step 0 of {trainer.steps}" in said


def test_resume_wants_the_same_run(folder: Path) -> None:
    quick = replace(SETTINGS, epochs=1, intervals=None, reallocate_after=())
    make_trainer(folder, quick).run()
    before = (folder / "work" / "checkpoint.pt").read_bytes()
    others = [
        make_trainer(folder, replace(quick, lr=0.5)),
        make_trainer(folder, quick, hidden_dim=13),
        make_trainer(folder, quick),
        make_trainer(folder, quick),
        make_trainer(folder, quick),
    ]
    others[2].train_corpus = Corpus(others[2].train_corpus.ids[:-1])
    words = list(make_vocabulary().words)
    words[3:5] = reversed(words[3:5])
    others[3].model.vocabulary = replace(others[3].model.vocabulary, words=tuple(words))
    others[4].model = make_model(11, WordTable.shaped(11, 2), **asdict(others[4].model.settings))
    network = "other settings of its network or another vocabulary"
    told = ["other settings", network, "texts of other lengths", network, network]
    for trainer, difference in zip(others, told, strict=True):
        with pytest.raises(
            InputError, match=rf"checkpoint.pt: .* a run with {difference}; .*; remedy: "
        ):
            trainer.run()
    assert (folder / "work" / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("part", ["training text", "validation text", "vocabulary"])
def test_resume_wants_the_same_text_of_the_same_length(folder: Path, part: str) -> None:
    """Sentences in another order, and counts of another text."""
    quick = replace(SETTINGS, epochs=1, intervals=None, reallocate_after=())
    make_trainer(folder, quick).run()
    before = (folder / "work" / "checkpoint.pt").read_bytes()
    model, (train, valid) = make_trainer(folder, quick).model, corpora_in(folder)
    if part == "vocabulary":
        model.vocabulary = replace(model.vocabulary, counts=model.vocabulary.counts[::-1].copy())
    elif part == "training text":
        train = Corpus(np.roll(train.ids, 7))
    else:
        valid = Corpus(np.roll(valid.ids, 7))
    trainer = Trainer(model, train, valid, quick, folder / "lightrnn.pt", folder / "work")
    with pytest.raises(
        InputError, match=f"checkpoint.pt: .* a run with another {part}; .*; remedy: "
    ):
        trainer.run()
    assert (folder / "work" / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", "half"])
def test_damaged_checkpoint(folder: Path, content: bytes | str) -> None:
    quick = replace(SETTINGS, epochs=1, intervals=None, reallocate_after=())
    make_trainer(folder, quick).run()
    path = folder / "work" / "checkpoint.pt"
    whole = path.read_bytes()
    path.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"checkpoint.pt: not a checkpoint.*remedy"):
        make_trainer(folder, quick).run()


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
    # Seven bits a sentence of seven words: after an article it does not know whether an animal or a
    # thing follows.
    assert best == pytest.approx(2, rel=0.03)
    kept = Bigram.from_dict(read_torch(folder / "bigram.pt"))
    assert perplexity(log_probs_of(kept, trainer.valid_corpus.ids)) == pytest.approx(best, rel=1e-5)
    assert kept.provenance["valid_perplexity"] == best
    assert int(rows_of(folder)[-1]["tokens"]) == 8 * trainer.batched.size


def test_only_a_light_rnn_is_reallocated(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a reallocation of a bigram.*LightRNN; remedy"):
        make_bigram_trainer(folder, SETTINGS)


# ---- what cannot be trained ----


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
def test_perplexity_of_a_model_that_knows_nothing(shape: tuple[int, int]) -> None:
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
