"""Validation texts that stand in the training text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.training.corpus import Corpus
from rescorer.training.held_out import check_held_out, shared_words

END = 0
PATH = Path("valid.txt")


def corpus(*sentences: list[int]) -> Corpus:
    ids = [word for sentence in sentences for word in (*sentence, END)]
    return Corpus(np.array(ids, dtype="<u4"))


def test_shared_words_against_brute_force() -> None:
    draw = np.random.default_rng(3)
    for _ in range(20):
        texts = [
            [list(draw.integers(1, 4, draw.integers(1, 4))) for _ in range(draw.integers(1, 15))]
            for _ in range(2)
        ]
        train, valid = texts
        expected = sum(len(sentence) + 1 for sentence in valid if sentence in train)
        assert shared_words(corpus(*train), corpus(*valid), END) == expected


def test_the_training_text_is_refused() -> None:
    text = corpus([1, 2], [3])
    with pytest.raises(InputError, match=r"valid.txt: the validation text is the training text; "):
        check_held_out(text, corpus([1, 2], [3]), END, PATH, print)


def test_most_of_it_is_told() -> None:
    said: list[str] = []
    train = corpus([1, 2], [3, 1, 1], [2])
    check_held_out(train, corpus([3, 1, 1], [9]), END, PATH, said.append)
    assert said[0].startswith("valid.txt: 67 % of the validation text stands in the training text")
    check_held_out(train, corpus([3, 1, 1], [9, 9, 9]), END, PATH, said.append)
    assert len(said) == 1
