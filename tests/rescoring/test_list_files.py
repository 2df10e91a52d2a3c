"""Files of n-best lists: what is noted when they are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_model
from tiny import LISTS, nbest

from rescorer.errors import InputError
from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK
from rescorer.rescoring.list_files import (
    held_references,
    read_lists,
    rescore_list_files,
    score_remarks,
)
from rescorer.rescoring.nbest import rescore
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings


def test_score_remarks() -> None:
    assert score_remarks(LISTS) == []
    ranked = nbest("u", ("cat", {RANK: 0.0}), ("dog", {RANK: -1.0}))
    assert "no scores" in score_remarks([ranked])[0]
    assert "one hypothesis" in score_remarks([nbest("u", ("cat", -1.0))])[0]


def test_held_references() -> None:
    held = [replace(each, reference=("the", "cat")) for each in LISTS]
    assert held_references(held) == dict.fromkeys(("one", "two", "three"), ("the", "cat"))
    assert held_references([*held[:2], LISTS[2]]) == {}, "not all lists have one"


def test_lists_are_read_rescored_and_written(tmp_path: Path) -> None:
    """The flow of the command gives what `rescore` gives in Python."""
    path, out, model = tmp_path / "lists.jsonl", tmp_path / "out.jsonl", make_model()
    write_nbest(path, LISTS, "jsonl")
    files, outputs = InputFiles((path,)), OutputFiles(nbest=out)
    source = read_lists(files, outputs, RescoreSettings())
    assert source.format == "jsonl" and source.side.weights is None and not source.side.references
    messages: list[str] = []
    outcome = rescore_list_files(source, [model], outputs, RescoreSettings(), messages.append)
    expected = rescore(LISTS, model)
    assert outcome.best == {each.utterance: each.hypotheses[0].words for each in expected}
    assert outcome.report is None and outcome.tuned is None
    assert [each.utterance for each in read_nbest(out).lists] == ["one", "two", "three"]
    assert any(line.startswith("no --weights: ") for line in messages)


def test_taken_names_are_refused_when_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    write_nbest(path, [nbest("u", ("cat", {FIRST_PASS: 0.0, "total": 0.0}))], "jsonl")
    with pytest.raises(InputError, match="already have the scores total"):
        read_lists(InputFiles((path,)), OutputFiles(), RescoreSettings())
