"""Normalised hypotheses, equal ones added up."""

from __future__ import annotations

import math

from tiny import nbest

from rescorer.decoding.hypotheses import merge_equal


def test_probabilities_are_added_up() -> None:
    raw = nbest("u", ("The cat.", -2.0), ("a dog", -1.5), ("the CAT", -2.0), (" the  cat", -3.0))
    merged = merge_equal(raw, "a-z")
    assert [each.words for each in merged.hypotheses] == [("the", "cat"), ("a", "dog")]
    total = math.log(2 * math.exp(-2) + math.exp(-3))
    assert merged.hypotheses[0].scores == {"first_pass": round(total, 4)}
    assert [each.key for each in merged.hypotheses] == ["1", "2"]


def test_letters_and_apostrophes() -> None:
    raw = nbest("u", ("'Tis O'Neill's  café-bar 42", -1.0))
    assert merge_equal(raw, "a-zà-ÿ").hypotheses[0].words == ("tis", "o'neill's", "café", "bar")
    assert merge_equal(raw, "a-z").hypotheses[0].words == ("tis", "o'neill's", "caf", "bar")


def test_nothing_left() -> None:
    assert merge_equal(nbest("u", ("...", -1.0)), "a-z").hypotheses[0].words == ()
