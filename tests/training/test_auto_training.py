"""Vocabulary and settings that a training makes for itself."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_vocabulary

from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.auto_training import Chooser, duration, saved_choice, write_vocabulary
from rescorer.training.corpus import Corpus

TINY = {"hidden_dim": 4, "residual_dim": 2, "batch_size": 4, "bptt": 5}


@pytest.fixture
def chooser(tmp_path: Path) -> Chooser:
    torch.set_num_threads(1)
    texts = np.random.default_rng(1).integers(0, 11, 3000).astype("<u4")
    ticks = itertools.count(0, 0.5)  # every step takes half a second
    return Chooser(
        make_vocabulary(),
        Corpus(texts[:2000]),
        Corpus(texts[2000:]),
        tmp_path,
        clock=lambda: next(ticks),
    )


def test_speed_is_that_of_training_steps(chooser: Chooser) -> None:
    assert chooser.speed(TINY) == 4 * 5 / 0.5
    shared = Chooser(
        chooser.words, chooser.train, chooser.valid, chooser.work, "cpu", 3, chooser.clock
    )
    assert shared.speed(TINY) == 3 * 4 * 5 / 0.5
    assert not list(chooser.work.iterdir())


def test_a_choice_is_said_and_recorded(chooser: Chooser) -> None:
    said: list[str] = []
    # 40 words a second: 0.85 · 200 s are 6,800 words; a validation costs 333, a reading 2,000
    settings = chooser.choose(TINY, 230.0, 30.0, said.append)
    assert settings["epochs"] == 3 and not TINY.keys() & settings.keys()
    assert saved_choice(chooser.work) == settings
    assert "epochs 3" in said[0] and "reads the text 3 times" in said[1] and len(said) == 2
    assert "at 40 words a second" in said[1] and "--hours" not in said[1]
    chooser.choose({**TINY, "epochs": 2}, None, 30.0, said.append)
    assert "--hours chooses what fits into that time" in said[3]
    chooser.choose(TINY, 40.0, 0.0, said.append)
    assert "reads the text 0.513 times" in said[5] and "more --hours would read all" in said[5]
    chooser.choose({**TINY, "epochs": 9}, 40.0, 0.0, said.append)
    assert "more than --hours, because --epochs is given" in said[7]


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    assert saved_choice(tmp_path) == {}
    for content in ("", "{}", "[]", json.dumps({"settings": 3})):
        (tmp_path / "choice.json").write_text(content)
        with pytest.raises(InputError, match=r"choice.json: no record of chosen settings; remedy"):
            saved_choice(tmp_path)


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("b a b\nc a\n", ["</s>", "a", "b", "<unk>"], "all in lower case"),
        ("a <unk> b\n", ["</s>", "<unk>", "a", "b"], "of the text, which has <unk>"),
        ("The the The\nthe\n", ["</s>", "The", "the", "<unk>"], "50 % of the words have capitals"),
    ],
)
def test_vocabulary_of_a_text(tmp_path: Path, text: str, words: list[str], told: str) -> None:
    (tmp_path / "text").write_text(text)
    said: list[str] = []
    write_vocabulary([tmp_path / "text"], tmp_path / "words.tsv", said.append)
    assert sorted(Vocabulary.load(tmp_path / "words.tsv").words) == sorted(words)
    assert told in said[0] and len(said) == 1


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (89, "89 s"), (100, "2 min"), (3599, "1 h 0 min"), (6600, "1 h 50 min")],
)
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
