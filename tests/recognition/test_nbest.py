"""The values that every reader makes."""

from __future__ import annotations

import pytest

from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, Hypothesis, NBest


def test_a_score_is_added_and_the_old_hypothesis_stays_as_it_was() -> None:
    old = Hypothesis("1", ("a", "b"), {ACOUSTIC: -1.0})
    new = old.with_scores({FIRST_LM: -2.0})
    assert new.scores == {ACOUSTIC: -1.0, FIRST_LM: -2.0}
    assert old.scores == {ACOUSTIC: -1.0}
    assert (new.key, new.words) == (old.key, old.words)


def test_a_raw_score_is_never_overwritten() -> None:
    with pytest.raises(ValueError, match="acoustic"):
        Hypothesis("1", ("a",), {ACOUSTIC: -1.0}).with_scores({ACOUSTIC: -2.0})


def test_score_names_are_those_of_the_hypotheses() -> None:
    hypothesis = Hypothesis("1", (), {FIRST_LM: -1.0, ACOUSTIC: -2.0})
    assert NBest("u", (hypothesis,)).score_names == (FIRST_LM, ACOUSTIC)
