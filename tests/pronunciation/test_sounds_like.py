"""Names that sound like spans, against every pair of pronunciations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_edits import edit_cost

from rescorer.errors import InputError
from rescorer.pronunciation.confusions import Confusions, EditRates, uniform_confusions
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.pair_costs import ExcessTables
from rescorer.pronunciation.phones import PhoneSet
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.pronunciation.sounds_like import SoundsLike, WordPhones

FEW = PhoneSet("ABCD")
RATES = EditRates(substituted=0.1, deleted=0.05, inserted=0.02, merged=0.02, split=0.02)
SILENT = ("7", "dây")  # no pronunciation


class Letters:
    """In place of the grapheme-to-phoneme model: it can say nothing, and counts the words."""

    phones = FEW

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pronounce(self, words: Sequence[str], n: int) -> list[tuple[Pronunciation, ...]]:
        self.asked += words
        return [() for _ in words]


def pronouncer(entries: dict[str, list[str]], letters: Any = None) -> Pronouncer:
    """Of a lexicon: the pronunciations of each word as strings of phones."""
    rows = [
        (word, Pronunciation(tuple(phones), 1.0)) for word, all in entries.items() for phones in all
    ]
    return Pronouncer([Lexicon(rows, FEW)], letters or Letters())


def random_entries(draw: np.random.Generator, count: int) -> dict[str, list[str]]:
    def said() -> str:
        return "".join(draw.choice(list(FEW.symbols), draw.integers(1, 4)))

    letters = "abcdefghijklmnopqrstuvwxyz"
    return {
        f"{letters[number]}x": sorted({said() for _ in range(draw.integers(1, 4))})
        for number in range(count)
    }


def varied_confusions(draw: np.random.Generator) -> Confusions:
    """A table where each confusion has its own probability."""
    table = uniform_confusions(FEW, RATES).probabilities
    other = SimpleNamespace(
        arrays=lambda: iter([draw.uniform(0.2, 1, each.shape) for each in table.arrays()])
    )
    varied = table.combine(other, np.multiply)  # type: ignore[arg-type]
    return Confusions(FEW, varied.normalised(1 - RATES.inserted))


def tables(confusions: Confusions) -> ExcessTables:
    return ExcessTables(confusions.costs())


@pytest.mark.parametrize("seed", range(8))
def test_finds_what_all_pairs_find(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every other time by the index, as for long lists.
    monkeypatch.setattr("rescorer.pronunciation.sounds_like._FEW", 0 if seed % 2 else 1500)
    draw = np.random.default_rng(seed)
    entries = random_entries(draw, 8)
    words = [*entries, *SILENT]
    names = [tuple(draw.choice(words, draw.integers(1, 3)).tolist()) for _ in range(12)]
    given = [
        [tuple(draw.choice(list(FEW.symbols), 3).tolist())] if draw.random() < 0.2 else []
        for _ in names
    ]
    spans = [tuple(draw.choice(words, draw.integers(1, 4)).tolist()) for _ in range(10)]
    confusions, n = varied_confusions(draw), 3
    bound, per_phone = 3.0, 1.1
    index = SoundsLike(names, given, WordPhones(pronouncer(entries), n), tables(confusions))
    found = index.find(spans, bound, per_phone)
    lexicon = Lexicon(
        [(word, Pronunciation(tuple(p), 1.0)) for word, all in entries.items() for p in all], FEW
    )

    def ways(phrase: tuple[str, ...]) -> list[np.ndarray]:
        said = [[each.phones for each in lexicon.get(word, ())][:n] for word in phrase]
        return [FEW.ids(sum(way, ())) for way in islice(product(*said), n)]

    costs = confusions.costs()
    expected: dict[tuple[int, int], list[tuple[float, int]]] = {}  # (sound, phones)
    for (s, span), (e, name) in product(enumerate(spans), enumerate(names)):
        for heard in ways(span):
            right = costs.substitution[heard, heard].sum()
            for said in map(FEW.ids, given[e]) if given[e] else ways(name):
                sound = right - edit_cost(said, heard, costs)
                if -sound <= bound + per_phone * min(len(heard), len(said)):
                    expected.setdefault((s, e), []).append((min(0.0, sound), len(heard)))
    pairs = list(zip(found.spans.tolist(), found.names.tolist(), strict=True))
    assert pairs == sorted(expected) and len(pairs) > 5
    for pair, sound, phones in zip(pairs, found.sound, found.phones, strict=True):
        best = max(expected[pair])[0]
        assert sound == pytest.approx(best, abs=1e-4)
        assert phones in {length for value, length in expected[pair] if value > best - 1e-4}


def test_the_same_words_cost_nothing() -> None:
    phones = WordPhones(pronouncer({"ax": ["AB"], "bx": ["CD"]}), 3)
    found = SoundsLike(
        [("ax",), ("ax", "bx")], [[], []], phones, tables(uniform_confusions(FEW))
    ).find([("ax",), ("ax", "bx"), ("bx",)], 0.001, 0.0)
    assert list(zip(found.spans, found.names, found.sound, found.phones, strict=True)) == [
        (0, 0, 0.0, 2),
        (1, 1, 0.0, 4),
    ]


def test_phrases_sound_like_words() -> None:
    """Where one word ends does not matter."""
    phones = WordPhones(pronouncer({"mary": ["AB"], "ann": ["C"], "maryann": ["ABC"]}), 3)
    found = SoundsLike(
        [("maryann",), ("mary", "ann")], [[], []], phones, tables(uniform_confusions(FEW))
    ).find([("mary", "ann"), ("maryann",)], 0.001, 0.0)
    assert list(zip(found.spans, found.names, strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not found.sound.any()


def test_names_without_a_pronunciation() -> None:
    phones = WordPhones(pronouncer({"ax": ["AB"]}), 3)
    names = [("7",), ("ax", "7"), ("dây",), ("ax",)]
    given: list[list[tuple[str, ...]]] = [[], [], [("A", "B")], []]
    index = SoundsLike(names, given, phones, tables(uniform_confusions(FEW)))
    assert index.silent == 2
    found = index.find([("ax",), ("7",), ("ax", "7")], 1.0, 0.0)
    assert list(zip(found.spans, found.names, strict=True)) == [(0, 2), (0, 3)]


def test_no_names_and_no_spans() -> None:
    phones = WordPhones(pronouncer({"ax": ["AB"]}), 3)
    confusions = uniform_confusions(FEW)
    assert len(SoundsLike([], [], phones, tables(confusions)).find([("ax",)], 9.0, 9.0).spans) == 0
    assert (
        len(SoundsLike([("ax",)], [[]], phones, tables(confusions)).find([], 9.0, 9.0).spans) == 0
    )
    assert (
        len(SoundsLike([("ax",)], [[]], phones, tables(confusions)).find([("7",)], 9.0, 9.0).spans)
        == 0
    )


def test_an_unknown_phone_is_named() -> None:
    with pytest.raises(InputError, match="unknown phone 'X'; expected one of A B C D"):
        SoundsLike(
            [("ax",)],
            [[("A", "X")]],
            WordPhones(pronouncer({"ax": ["A"]}), 3),
            tables(uniform_confusions(FEW)),
        )


def test_each_word_is_pronounced_once_and_the_most_probable_ways_count() -> None:
    letters = Letters()
    phones = WordPhones(pronouncer({"ax": ["A", "B", "C"], "bx": ["A", "D"]}, letters), 2)
    phones.learn(["ax", "7", "7", "bx"])
    assert [way.tolist() for way in phones.of_words(("ax",))] == [[0], [1]]
    assert [way.tolist() for way in phones.of_words(("ax", "bx"))] == [[0, 0], [0, 3]]
    assert phones.of_words(("ax", "7")) == [] and phones.of_words(("7",)) == []
    assert letters.asked.count("7") == 1
