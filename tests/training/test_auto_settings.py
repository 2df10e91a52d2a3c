"""The rule that chooses settings: at the sizes of the recipes it gives what they have."""

from __future__ import annotations

from typing import Any

import pytest

from rescorer.errors import InputError
from rescorer.training.auto_settings import (
    MIN_WORDS,
    Settings,
    TextSize,
    choose,
    choose_vocabulary,
)
from rescorer.training.settings import RunSettings

PTB = TextSize(929_589, 10_000, 73_760)
WIKITEXT_2 = TextSize(2_075_677, 33_278, 216_347)
VERSES = TextSize(759_021, 8_458, 25_531)
WIKIPEDIA = TextSize(13_000_009, 112_030, 148_198)
ENGLISH = TextSize(57_000_000, 281_000, 70_000)
HOUR = 3600.0


def speed(settings: Settings) -> float:
    """Words a second of a machine on which the width alone counts."""
    width = settings["hidden_dim"]
    assert isinstance(width, int)
    return 1_000_000 / width


def chosen(size: TextSize, hours: float | None = None, **given: Any) -> dict[str, Any]:
    choice = choose(size, given, hours and hours * HOUR, speed)
    RunSettings.of({**choice.settings, **given})  # they are in their bounds
    return dict(choice.settings)


def test_without_a_time_the_settings_are_those_of_the_recipes() -> None:
    ptb = chosen(PTB)
    assert {name: ptb[name] for name in ("epochs", "rows", "columns", "hidden_dim", "lr")} == {
        "epochs": 26,
        "rows": 3334,
        "columns": 3,
        "hidden_dim": 400,
        "lr": 0.003,
    }
    assert (ptb["dropout"], ptb["weight_dropout"], ptb["weight_decay"]) == (0.45, 0.4, 0.03)
    assert (ptb["tied"], ptb["residual_dim"], ptb["residual_row_score"]) == (False, 40, False)
    assert (ptb["batch_size"], ptb["sampled_softmax_size"]) == (32, 0)

    wikitext = chosen(WIKITEXT_2)
    assert (wikitext["epochs"], wikitext["hidden_dim"], wikitext["lr"]) == (12, 320, 0.004)
    assert wikitext["dropout"] == pytest.approx(0.4, abs=0.03)
    assert (wikitext["weight_dropout"], wikitext["weight_decay"]) == (0, 0.03)
    assert (wikitext["batch_size"], wikitext["sampled_softmax_size"]) == (64, 800)

    for size in (WIKIPEDIA, ENGLISH):
        large = chosen(size)
        assert (large["epochs"], large["rows"], large["hidden_dim"]) == (2, 3000, 256)
        assert (large["dropout"], large["weight_decay"], large["weight_dropout"]) == (0, 0, 0)
        assert (large["batch_size"], large["lr"], large["residual_row_score"]) == (64, 0.006, True)


def test_in_minutes_the_settings_are_those_of_the_demo() -> None:
    verses = chosen(VERSES, 5.8 * VERSES.words / 0.85 / speed({"hidden_dim": 256}) / HOUR)
    assert (verses["epochs"], verses["rows"], verses["columns"]) == (5, 1058, 8)
    assert (verses["residual_dim"], verses["residual_columns"]) == (64, 8)
    assert verses["dropout"] == pytest.approx(0.3, abs=0.03)
    assert (verses["weight_dropout"], verses["weight_decay"], verses["tied"]) == (0, 0, True)
    assert (verses["batch_size"], verses["sampled_softmax_size"], verses["lr"]) == (32, 256, 0.004)


@pytest.mark.parametrize("size", [PTB, WIKITEXT_2, VERSES, WIKIPEDIA, ENGLISH])
def test_a_run_ends_within_its_hours(size: TextSize) -> None:
    widths = []
    for hours in (0.05, 0.3, 1.0, 4.0, 20.0):
        choice = choose(size, {}, hours * HOUR, speed)
        assert choice.seconds < hours * HOUR
        assert choice.words_a_second == speed(choice.settings)
        widths.append(choice.settings["hidden_dim"])
        assert choice.seconds > 0.7 * hours * HOUR or choice.readings in (*range(2, 10), 26)
    assert widths == sorted(widths)  # type: ignore[type-var]


def test_a_text_is_read_in_part_if_the_time_is_short() -> None:
    part = chosen(WIKIPEDIA, 0.1)
    words = 0.1 * HOUR * 0.85 * speed(part) - WIKIPEDIA.valid / 3  # one validation
    assert part["epochs"] == pytest.approx(words / WIKIPEDIA.words, 0.01)
    assert part["epochs"] < 0.1 and part["intervals"] >= 1


@pytest.mark.parametrize("hours", [None, 0.5])
def test_given_settings_win_and_the_others_follow(hours: float | None) -> None:
    asked = []

    def measured(settings: Settings) -> float:
        asked.append(settings)
        return speed(settings)

    given = {"hidden_dim": 64, "epochs": 3, "rows": 700, "dropout": 0.0}
    choice = choose(PTB, given, hours and hours * HOUR, measured)
    assert not given.keys() & choice.settings.keys() and "columns" not in choice.settings
    assert choice.readings == 3 and choice.words_a_second == speed(given)
    assert choice.settings["weight_dropout"] == 0  # a text that is read three times
    assert all(given.items() <= settings.items() for settings in asked)


def test_a_text_of_ten_words_is_refused() -> None:
    with pytest.raises(InputError, match=r"has 10 words; expected at least 1,000; remedy: give m"):
        choose(TextSize(10, 8, 5), {}, None, speed)
    assert chosen(TextSize(MIN_WORDS, 200, 50))["batch_size"] == 8


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 0.001, 2.0])
def test_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match=r"--hours leaves .*; expected time for .*; remedy: give"):
        choose(WIKIPEDIA, {}, seconds, speed)


def test_few_words_are_validated_seldom_beside_a_large_validation_text() -> None:
    assert chosen(TextSize(50_000, 3000, 5000))["intervals"] == 26
    assert chosen(TextSize(50_000, 3000, 5_000_000))["intervals"] == 1


def test_vocabulary() -> None:
    assert choose_vocabulary(has_unknown=True).min_count == 1
    assert choose_vocabulary(has_unknown=False).min_count == 2
