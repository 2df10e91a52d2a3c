"""Word error rates against a textbook computation and kaldialign itself."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import kaldialign
import pytest
from tiny import draw_sentences

from rescorer.reports.error_rate import (
    ErrorRate,
    error_rate,
    error_rates_by_list,
    errors,
    errors_of_style,
    improvement_probability,
)

PAIRS = list(zip(draw_sentences(60, seed=1), draw_sentences(60, seed=2), strict=True))
REFERENCES, HYPOTHESES = zip(*PAIRS, strict=True)


def distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein's, row by row."""
    row = list(range(len(hypothesis) + 1))
    for i, spoken in enumerate(reference, start=1):
        before, row[0] = row[0], i
        for j, heard in enumerate(hypothesis, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (spoken != heard))
    return row[-1]


def test_errors() -> None:
    assert [errors(*pair) for pair in PAIRS] == [distance(*pair) for pair in PAIRS]
    assert errors((), ()) == 0
    assert errors(("a", "b"), ()) == errors((), ("a", "b")) == 2


def test_error_rate() -> None:
    rate = error_rate(REFERENCES, HYPOTHESES)
    wrong, words = sum(distance(*pair) for pair in PAIRS), sum(map(len, REFERENCES))
    assert (rate.errors, rate.words) == (wrong, words)
    assert rate.percent == pytest.approx(100 * wrong / words)
    assert rate.low < rate.percent < rate.high
    interval = kaldialign.bootstrap_wer_ci(
        [list(r) for r in REFERENCES], [list(h) for h in HYPOTHESES]
    )
    assert (rate.low, rate.high) == pytest.approx(
        (100 * interval["ci95min"], 100 * interval["ci95max"])
    )
    assert rate == error_rate(REFERENCES, HYPOTHESES), (
        "the interval is drawn the same way each time"
    )
    assert (
        f"{rate.percent:.2f} % [" in rate.describe()
        and f"({wrong} of {words} words)" in rate.describe()
    )


def test_more_utterances_make_the_interval_narrower() -> None:
    few, many = error_rate(REFERENCES, HYPOTHESES), error_rate(REFERENCES * 9, HYPOTHESES * 9)
    assert many.percent == few.percent
    assert (many.high - many.low) == pytest.approx((few.high - few.low) / 3, rel=0.1)


def test_an_interval_begins_at_zero_at_the_least() -> None:
    rate = error_rate(
        [("a", "b"), ("c", "d")] * 3, [("a", "b")] + [("c", "d"), ("a", "b")] * 2 + [("c",)]
    )
    assert rate.errors == 1 and rate.low == 0.0


def test_one_utterance_and_no_word() -> None:
    one = error_rate([("a", "b")], [("a",)])
    assert (one.percent, one.low, one.high) == (50.0, 50.0, 50.0)
    none = error_rate([()], [("a",)])
    assert (none.errors, none.words) == (1, 0)
    assert all(math.isnan(value) for value in (none.percent, none.low, none.high))
    assert json.loads(json.dumps(none.as_dict(), allow_nan=False)) == {
        "percent": None,
        "errors": 1,
        "words": 0,
        "low": None,
        "high": None,
    }
    assert error_rate([], []).words == 0


def test_improvement_probability() -> None:
    assert improvement_probability(REFERENCES, HYPOTHESES, REFERENCES) == 1.0
    assert improvement_probability(REFERENCES, REFERENCES, HYPOTHESES) == 0.0
    assert improvement_probability(REFERENCES, HYPOTHESES, HYPOTHESES) == 0.0


@pytest.mark.parametrize("listed", [{"the", "mat"}, {"sat"}, set(), {"nothing of these"}])
def test_errors_by_list_sum_to_all(listed: set[str]) -> None:
    inside, outside = error_rates_by_list(REFERENCES, HYPOTHESES, listed)
    total = error_rate(REFERENCES, HYPOTHESES)
    assert (inside.errors + outside.errors, inside.words + outside.words) == (
        total.errors,
        total.words,
    )
    for rate in (inside, outside):
        assert math.isnan(rate.low) if not rate.words else rate.low <= rate.percent <= rate.high


def test_errors_by_list_count_by_the_reference_and_insertions_by_the_hypothesis() -> None:
    references = [("to", "paris"), ("go",), ("rome",)]
    hypotheses = [("to", "parish"), ("go", "rome"), ()]
    inside, outside = error_rates_by_list(references, hypotheses, {"paris", "rome"})
    assert (inside.errors, inside.words) == (3, 2)  # paris misheard, rome inserted, rome deleted
    assert (outside.errors, outside.words) == (0, 2)


def test_errors_by_list_of_one_utterance_have_no_interval() -> None:
    inside, outside = error_rates_by_list([("paris",)], [("rome",)], {"paris"})
    assert isinstance(inside, ErrorRate) and inside.percent == 100 and math.isnan(inside.low)
    assert (outside.errors, outside.words) == (0, 0)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("the cat sat", "the cat sat", 0),
        ("the cat sat", "The cat, sat.", 3),
        ("the cat sat", "THE BIG CAT SAT", 3),  # the insertion is none of style
        ("the - cat", "the cat", 1),
        ("cats", "cat's", 0),  # another word
        ("cat", "'cat'", 1),
        ("cat’s", "cat's", 1),
        ("Straße", "strasse", 1),
        ("a dog", "a frog", 0),
        ("", "...", 1),
    ],
)
def test_errors_of_case_and_punctuation(reference: str, hypothesis: str, expected: int) -> None:
    assert errors_of_style([reference.split()], [hypothesis.split()]) == expected
