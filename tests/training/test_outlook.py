"""Estimates from the log of a run: curves whose law is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rescorer.training.outlook import PowerLaw, outlook
from rescorer.training.training_log import LogRow

WORDS = np.arange(1, 13) * 1e6


def log(perplexities: list[float], train: float = 50.0, event: str = "") -> list[LogRow]:
    return [
        LogRow(
            interval=number,
            step=number,
            tokens=int(words),
            train_perplexity=train,
            valid_perplexity=perplexity,
            lr=0.1,
            seconds=1.0,
            event=event,
        )
        for number, (words, perplexity) in enumerate(zip(WORDS, perplexities, strict=False), 1)
    ]


@pytest.mark.parametrize(
    ("floor", "scale", "exponent"), [(0.0, 9e3, 0.3), (80.0, 5e4, 0.5), (40.0, 700.0, 0.1)]
)
def test_a_law_is_found_again(floor: float, scale: float, exponent: float) -> None:
    law = PowerLaw(floor, scale, exponent)
    found = PowerLaw.fit(WORDS, np.array([law(words) for words in WORDS]))
    assert found.exponent == pytest.approx(exponent)
    assert (found.floor, found.scale) == pytest.approx((floor, scale), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("curve", [[100.0] * 12, [100.0 + n for n in range(12)]])
def test_a_curve_that_does_not_fall_stays(curve: list[float]) -> None:
    law = PowerLaw.fit(WORDS, np.array(curve))
    assert law(1e7) == pytest.approx(law(1e9), rel=1e-3) and law.scale >= 0


def test_twice_the_time() -> None:
    law = PowerLaw(80.0, 5e4, 0.5)
    first, second = outlook(log([law(words) for words in WORDS]), 12)
    assert f"at best {law(24e6):.1f} in twice the time, {law(48e6):.1f} in four times" in first
    assert first.startswith("estimate from the curve")
    assert "50.0 of the training text, 94.4 of the validation text: more text would help" in second


def test_what_more_text_would_bring() -> None:
    curve = [100 / math.log(words) for words in WORDS]
    assert "more text would not" in outlook(log(curve), 0.4)[1]
    alike = outlook(log(curve, train=curve[-1]), 1)[1]
    assert "twice the text would bring about as much as twice the time" in alike


def test_too_few_points() -> None:
    rows = log([200.0, 150.0, 140.0])
    assert outlook(rows, 1) == ["too few validations for an estimate of what more time would bring"]
    assert outlook(rows + log([1.0, 1.0], event="reallocated"), 1) == outlook(rows, 1)
