"""The spelling model is a distribution over all strings."""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.models import spelling
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import read_torch, write_torch

RESERVED = 1e-3  # for any character
PIECES = {"▁": 0.3, "▁a": 0.1, "▁ab": 0.05, "a": 0.2, "b": 0.15, "ba": 0.12, "bab": 0.08}
WORDS = ["the", "cat", "dog", "sat", "catalogue", "dogs", "cats", "satin", "then", "naïve"]


def by_hand(scale: float = 1 - RESERVED, known: float = 0.0) -> Spelling:
    return Spelling({piece: math.log(prob * scale) for piece, prob in PIECES.items()}, known)


def segmentations(word: str) -> Iterator[list[str]]:
    """All segmentations of "▁" and a word."""
    text = f"▁{word}"
    for cuts in itertools.product([False, True], repeat=len(text) - 1):
        ends = [place for place, cut in enumerate(cuts, start=1) if cut]
        yield [text[begin:end] for begin, end in zip([0, *ends], [*ends, len(text)], strict=True)]


def prob_of_piece(piece: str) -> float:
    any_character = RESERVED / 0x110000 if len(piece) == 1 and piece != "▁" else 0
    return PIECES.get(piece, 0) * (1 - RESERVED) + any_character


@pytest.mark.parametrize("word", ["a", "b", "ab", "babab", "abcab", "ω", "bbbbab"])
def test_is_the_sum_over_all_segmentations(word: str) -> None:
    expected = sum(math.prod(map(prob_of_piece, pieces)) for pieces in segmentations(word))
    assert by_hand().log_prob(word) == pytest.approx(math.log(expected), abs=1e-12)


def test_all_strings_sum_to_one() -> None:
    """Sums strings of a and b up to a length, and bounds longer ones and other characters."""
    model = by_hand()
    length = 14
    total = sum(
        math.exp(model.log_prob("".join(letters)))
        for size in range(length + 1)
        for letters in itertools.product("ab", repeat=size)
    )
    inner = sum(map(PIECES.get, ("a", "b", "ba", "bab"))) * (1 - RESERVED)
    # A string of more than 14 letters has more than (14 − 2) / 3 pieces after the first.
    tail = inner ** ((length - 2) // 3)
    others = RESERVED / (1 - inner)  # at least one character of a word is not a or b
    assert 1 - tail - others <= total <= 1
    longer = sum(
        math.exp(model.log_prob("".join(letters)))
        for letters in itertools.product("ab", repeat=length + 1)
    )
    assert 0 < longer < tail
    # The strings of one character, character by character, and all others.
    one = sum(math.exp(model.log_prob(letter)) for letter in "ab")
    strange = (0x110000 - 2) * math.exp(model.log_prob("ω"))
    empty, start = 0.3 * (1 - RESERVED), (0.3 + 0.1 + 0.05) * (1 - RESERVED)
    assert math.exp(model.log_prob("")) == pytest.approx(empty)
    expected = (
        empty * (PIECES["a"] + PIECES["b"]) * (1 - RESERVED)
        + empty * RESERVED
        + 0.1 * (1 - RESERVED)
    )
    assert one + strange == pytest.approx(expected)
    assert start + sum(map(PIECES.get, ("a", "b", "ba", "bab"))) * (
        1 - RESERVED
    ) + RESERVED == pytest.approx(1)


def test_known_words_are_left_out() -> None:
    model = by_hand().knowing(["", "a", "ab"])
    known = sum(math.exp(model.log_prob(word)) for word in ("", "a", "ab"))
    assert model.known == pytest.approx(known)
    assert model.unknown_log_prob("ba") == pytest.approx(model.log_prob("ba") - math.log(1 - known))
    other = model.knowing(["bb", "aa"], but=["a"])
    assert other.known == pytest.approx(
        sum(math.exp(model.log_prob(word)) for word in ("", "ab", "bb", "aa"))
    )
    assert by_hand().knowing(["a"]).knowing([], but=["a"]).known == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["a"],
        WORDS,
        [f"w{number}" for number in range(50)],
        ["▁", "a▁b"],
        ["日本"],
        # more characters than pieces, which sentencepiece refuses
        [chr(0x4E00 + number) for number in range(2500)],
    ],
)
def test_learns_from_any_vocabulary(words: list[str]) -> None:
    model = Spelling.learn(["</s>", "<unk>", *words])
    assert math.fsum(map(math.exp, model.pieces.values())) == pytest.approx(1 - RESERVED)
    assert model.known == pytest.approx(
        sum(math.exp(model.log_prob(word)) for word in ("", "<s>", "</s>", "<unk>", *words)),
        abs=1e-12,
    )
    for word in ("new", "ω", "▁", "a▁b", "a b", "\udc80", "🦊" * 3, "x" * 3000):
        assert -math.inf < model.unknown_log_prob(word) < 0
    assert model == Spelling.learn(["</s>", "<unk>", *words]), "the same each time"


def test_likes_what_it_learnt_from() -> None:
    model = Spelling.learn(
        [
            *(
                first + last
                for first in ("mac", "wil", "john", "ander")
                for last in ("son", "ton", "ville", "stone", "man")
            ),
            "zebra",
        ]
    )
    assert model.log_prob("wilman") > model.log_prob("nmlawi") + 3
    assert model.log_prob("zebra") > model.log_prob("ωebra")


def test_a_large_vocabulary_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(spelling, "_MAX_TRAINING_WORDS", 10)
    monkeypatch.setattr(
        spelling,
        "_learn_pieces",
        lambda words: seen.extend(words) or dict.fromkeys(["▁", "w"], math.log((1 - RESERVED) / 2)),
    )
    words = [f"w{number}" for number in range(25)]
    Spelling.learn(words)
    assert seen == words[::3], "rare words too"


def test_is_kept_as_plain_data(tmp_path: Path) -> None:
    model = Spelling.learn([*WORDS, "tensor", "plain"])
    write_torch({"spelling": model.as_dict()}, tmp_path / "file.pt")
    assert Spelling.from_dict(read_torch(tmp_path / "file.pt")["spelling"]) == model


@pytest.mark.parametrize("change", [{"known": 1.0}, {"known": -0.1}, {"known": math.nan}])
def test_refuses_what_is_no_distribution(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="known words"):
        Spelling.from_dict({**by_hand().as_dict(), **change})
    with pytest.raises(ValueError, match="sum to"):
        by_hand(scale=1.1)
    with pytest.raises(ValueError, match="sum to"):
        Spelling({"▁": math.nan}, 0.0)


def test_without_sentencepiece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(InputError, match=r"sentencepiece.*not installed; remedy: pip install"):
        Spelling.learn(WORDS)


def test_refuses_pieces_that_leave_a_word_without_probability() -> None:
    for pieces in ({"a": math.log(0.999)}, {"▁": -math.inf, "a": math.log(0.999)}):
        with pytest.raises(ValueError, match="no probability"):
            Spelling(pieces, 0.0)
    with pytest.raises(ValueError, match="not a string"):
        Spelling({"▁": math.log(0.999), None: -math.inf}, 0.0)  # type: ignore[dict-item]


def test_the_time_goes_with_the_length_of_a_word() -> None:
    """A damaged file may be one long word; with quadratic time it would take minutes."""
    model = by_hand()
    begun = time.perf_counter()
    long = model.log_prob("ab" * 150_000)
    assert time.perf_counter() - begun < 6
    # Far from its beginning, each "ab" adds the same.
    step = model.log_prob("ab" * 1001) - model.log_prob("ab" * 1000)
    assert long == pytest.approx(model.log_prob("ab" * 1000) + step * 149_000, rel=1e-9)
