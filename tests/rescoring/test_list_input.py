"""N-best lists as an input of rescoring: what is checked and noted before they are scored."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import LISTS, nbest

from rescorer.errors import InputError
from rescorer.recognition.formats import write_nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK
from rescorer.rescoring import list_input
from rescorer.rescoring.list_input import ListSummary, read_lists
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings


def test_summary_of_lists() -> None:
    summary = ListSummary.of([nbest("u", ("cat cat", -1.0), ("cat", -2.0)), nbest("v", ("a", 0.0))])
    assert summary.utterances == ["u", "v"] and summary.hypotheses == 3
    assert summary.score_names == (FIRST_PASS,)
    assert summary.word_counts == Counter({"cat": 2, "a": 1})


def test_remarks_on_scores() -> None:
    assert list(ListSummary.of(LISTS).remarks()) == []
    ranked = nbest("u", ("cat", {RANK: 0.0}), ("dog", {RANK: -1.0}))
    (line,) = ListSummary.of([ranked]).remarks()
    assert "no scores" in line
    (line,) = ListSummary.of([nbest("u", ("cat", -1.0))]).remarks()
    assert "one hypothesis" in line


def test_held_references() -> None:
    held = [replace(each, reference=("the", "cat")) for each in LISTS]
    expected = dict.fromkeys(("one", "two", "three"), ("the", "cat"))
    assert ListSummary.of(held).references == expected
    assert ListSummary.of([*held[:2], LISTS[2]]).references is None, "not all lists have one"
    assert ListSummary.of([LISTS[0], *held[1:]]).references is None


def test_few_lists_are_kept_and_many_are_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lists.jsonl"
    write_nbest(path, LISTS, "jsonl")
    hypotheses = sum(len(each.hypotheses) for each in LISTS)
    for most in (hypotheses, hypotheses - 1):
        monkeypatch.setattr(list_input, "KEPT_HYPOTHESES", most)
        source = read_lists(InputFiles((path,)), OutputFiles(), RescoreSettings())
        assert list(source.lists) == list(source.lists) == list(LISTS)
        first = next(iter(source.lists))
        assert (first is next(iter(source.lists))) == (most == hypotheses)


def test_taken_names_are_refused_when_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    write_nbest(path, [nbest("u", ("cat", {FIRST_PASS: 0.0, "total": 0.0}))], "jsonl")
    with pytest.raises(InputError, match="already have the scores total"):
        read_lists(InputFiles((path,)), OutputFiles(), RescoreSettings())
