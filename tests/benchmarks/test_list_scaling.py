"""The lists that the benchmark makes: as many hypotheses as wanted, none twice."""

from __future__ import annotations

from dataclasses import replace

from tiny import LISTS

from benchmarks.list_scaling import repeated


def test_repeated_lists() -> None:
    lists = [replace(each, reference=("the", "cat")) for each in LISTS]
    made = list(repeated(lists, 13))  # 3 + 2 + 1 hypotheses a round
    assert [each.utterance for each in made] == [
        *("one-0", "two-0", "three-0", "one-1", "two-1", "three-1", "one-2")
    ]
    words = [hypothesis.words for each in made for hypothesis in each.hypotheses]
    assert len(set(words)) == len(words) == 15
    assert made[0].reference == (made[0].hypotheses[0].words[0], "the", "cat")
    assert made[3].hypotheses[1].words[1:] == LISTS[0].hypotheses[1].words
