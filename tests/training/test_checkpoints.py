"""Checkpoints: a killed and resumed run ends with the same parameters as an uninterrupted one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model, make_vocabulary, needs_bfloat16
from killed_training import assert_same, die, die_after, result_of
from quick_processes import forkserver_context
from tiny_training import SETTINGS, corpora_in, make_trainer

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.models.word_table import WordTable
from rescorer.training import loop as module
from rescorer.training.checkpoints import plain_dict
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.settings import TrainingSettings


@pytest.fixture
def folder(sentences: Path) -> Path:
    return sentences.parent


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
    process = forkserver_context().Process(target=run_until, args=(folder, settings, moment, times))
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
    """With dropout or sampled rows, and a new network in train or in eval mode."""
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


def test_a_finished_run_returns_its_best_again(folder: Path) -> None:
    best = make_trainer(folder).run()
    kept = (folder / "lightrnn.pt").read_bytes()
    assert make_trainer(folder).run() == best
    assert (folder / "lightrnn.pt").read_bytes() == kept


def test_a_checkpoint_with_damaged_settings(folder: Path) -> None:
    trainer = make_trainer(folder, replace(SETTINGS, epochs=1, intervals=None, reallocate_after=()))
    trainer._save_checkpoint()
    write_torch({**read_torch(trainer.checkpoint), "settings": [1]}, trainer.checkpoint)
    with pytest.raises(InputError, match=r"checkpoint.pt: not a checkpoint.*remedy"):
        trainer.run()


def test_a_resumed_run_keeps_its_provenance(folder: Path) -> None:
    """The provenance is that of the checkpoint, whatever the resumed run starts with."""
    quick = replace(SETTINGS, epochs=2, intervals=None, reallocate_after=())
    trainer = make_trainer(folder, quick)
    trainer.model.provenance = {"table": "ppmi"}
    trainer._save_checkpoint()
    trainer = make_trainer(folder, quick)
    trainer.model.provenance = {"table": "frequency"}
    trainer.run()
    assert LightRNN.load(folder / "lightrnn.pt").provenance["table"] == "ppmi"


@needs_bfloat16
def test_a_run_resumes_in_another_precision(folder: Path) -> None:
    quick = replace(SETTINGS, epochs=2, intervals=None, reallocate_after=())
    make_trainer(folder, quick)._save_checkpoint()
    lines: list[str] = []
    trainer = make_trainer(folder, replace(quick, precision="bfloat16"))
    trainer.say = lines.append
    trainer.run()
    assert f"going on from step 0 of {trainer.steps}" in lines


def test_a_resume_needs_the_same_run(folder: Path) -> None:
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
    differences = ["other settings", network, "texts of other lengths", network, network]
    for trainer, difference in zip(others, differences, strict=True):
        with pytest.raises(
            InputError, match=rf"checkpoint.pt: .* a run with {difference}; .*; remedy: "
        ):
            trainer.run()
    assert (folder / "work" / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("part", ["training text", "validation text", "vocabulary"])
def test_a_resume_needs_the_same_text_of_the_same_length(folder: Path, part: str) -> None:
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


def test_settings_are_as_they_come_back_from_a_file(folder: Path) -> None:
    write_torch({"settings": plain_dict(SETTINGS)}, folder / "settings.pt")
    assert read_torch(folder / "settings.pt")["settings"] == plain_dict(SETTINGS)
    assert plain_dict(SETTINGS)["reallocate_after"] == [1, 2]
