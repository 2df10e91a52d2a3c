"""A model that many threads use gives each of them the same scores as a single thread."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from conftest import make_model
from tiny import KNOWN, draw_sentences, make_ngram

from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.mixture import Mixture
from rescorer.models.ngram import Ngram
from rescorer.models.open_vocabulary import open_vocabulary
from rescorer.models.spelling import Spelling

THREADS, ROUNDS = 8, 3


@cache
def _speller() -> LightRNN:
    light = make_model()
    light.spelling = Spelling.learn(light.vocabulary.words)
    return light


def _models(folder: Path) -> list[LanguageModel]:
    return open_vocabulary([_speller(), make_ngram(folder, KNOWN[:5])])


def _mixture(folder: Path) -> LanguageModel:
    return Mixture(_models(folder), [0.25, 0.75])


KINDS: dict[str, Callable[[Path], LanguageModel]] = {
    "opened LightRNN": lambda folder: _models(folder)[0],
    "opened n-gram": lambda folder: _models(folder)[1],
    "mixture": _mixture,
}


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads switch as often as Python allows, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def _totals(model: LanguageModel, sentences: Sequence[tuple[str, ...]]) -> list[float]:
    return [model.logprob(sentence) for sentence in sentences]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_threads(tmp_path: Path, kind: str) -> None:
    # Words of a single thread among words of all threads: each thread encodes new words all the
    # time.
    texts = [
        draw_sentences(5, seed, (*KNOWN, *(f"new{place}" for place in range(seed, seed + 20))))
        for seed in range(THREADS)
    ]
    alone = [_totals(KINDS[kind](tmp_path), text) for text in texts]
    for _ in range(ROUNDS):
        model = KINDS[kind](tmp_path)
        with ThreadPoolExecutor(THREADS) as threads:
            assert list(threads.map(lambda text, model=model: _totals(model, text), texts)) == alone
        assert [_totals(model, text) for text in texts] == alone, "known words keep their ids"


class _SlowList(list[str]):
    """Another thread runs right after each added word."""

    def append(self, word: str) -> None:
        super().append(word)
        time.sleep(1e-5)


def test_ids_of_an_ngram_belong_to_one_word(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(100)]
    model: Ngram = make_ngram(tmp_path, words)
    model._words = _SlowList(model._words)
    orders = [words[shift * 12 :] + words[: shift * 12] for shift in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(model.encode, orders))
    assert [model._words[index] for index in model.encode(words).tolist()] == words
