"""The report: rows, verdict, text and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import make_model
from tiny import LISTS, nbest

from rescorer.recognition.nbest import FIRST_PASS
from rescorer.rescoring.nbest import report, score_lists
from rescorer.rescoring.weights import TunedWeights, Weights


@pytest.fixture
def model() -> Any:
    return make_model()


REFERENCES = {"one": ("the", "cat", "ran"), "two": ("dog",), "three": ("a", "dog", "ran")}


def weighing(scale: float, penalty: float = 0.0) -> Weights:
    return Weights({FIRST_PASS: scale}, lm_scale=0.0, word_penalty=penalty)


def test_report(tmp_path: Path, model: Any) -> None:
    scored = score_lists(LISTS, [model])
    # the last of each list; the longest of the best
    tuned = TunedWeights(weighing(-1.0), weighing(1.0, -2.0))
    found = report(LISTS, REFERENCES, scored, tuned, tuned.weights, {"cat", "dog"})
    assert {name: rate.errors for name, rate in found.rows.items()} == {
        "first pass": 2,
        "first pass, tuned word penalty": 1,
        "oracle": 0,
        "rescored": 2,
    }
    assert all(rate.words == 7 for rate in found.rows.values())
    listed, others = found.listed["first pass"]
    assert (listed.errors, listed.words, others.errors, others.words) == (1, 3, 1, 4)
    assert not found.worse
    text = "\n".join(found.describe())
    assert "WER first pass " in text and "listed words" in text and "no difference shown" in text
    found.save(tmp_path / "wer.json")
    content = json.loads((tmp_path / "wer.json").read_text())
    assert content["rows"]["rescored"]["percent"] == pytest.approx(100 * 2 / 7)
    assert [rate["errors"] for rate in content["listed"]["first pass"]] == [1, 1]
    assert content["worse"] is False


def test_report_without_tuned_weights_or_list(model: Any) -> None:
    found = report(LISTS, REFERENCES, score_lists(LISTS, [model]), None, weighing(1.0))
    assert list(found.rows) == ["first pass", "oracle", "rescored"] and not found.listed


def test_report_warns_when_rescoring_made_it_worse(model: Any) -> None:
    lists = [nbest(f"u{number}", ("the cat", 0.0), ("a dog", -1.0)) for number in range(4)]
    references = {each.utterance: ("the", "cat") for each in lists}
    found = report(lists, references, score_lists(lists, [model]), None, weighing(-1.0))
    assert found.worse and found.describe()[-1].startswith("WARNING")
    assert (
        found.verdict == "worse"
        and "WARNING: worse, rescored against first pass" in found.describe()[-2]
    )
    better = report(
        lists,
        {name: ("a", "dog") for name in references},
        score_lists(lists, [model]),
        None,
        weighing(-1.0),
    )
    assert not better.worse and better.improvement == 1.0 and better.verdict == "better"
    assert [line.split()[0] for line in better.describe()] == ["WER"] * 3 + ["better,"], (
        "nothing to warn of"
    )


@pytest.mark.parametrize(
    ("right", "verdict"), [(38, "better"), (2, "worse"), (20, "no difference shown")]
)
def test_a_verdict_against_the_first_pass_with_a_tuned_penalty(
    tmp_path: Path, model: Any, right: int, verdict: str
) -> None:
    """The result is right in some of 40 lists, the first pass with a tuned penalty in all
    others.
    """
    lists = [nbest(f"u{number}", ("the cat", 0.0), ("dog", -1.0)) for number in range(40)]
    references = {
        each.utterance: ("dog",) if number < right else ("the", "cat")
        for number, each in enumerate(lists)
    }
    found = report(
        lists,
        references,
        score_lists(lists, [model]),
        TunedWeights(weighing(-1.0), weighing(1.0)),
        weighing(-1.0),
    )
    assert found.verdict == verdict
    line = next(line for line in found.describe() if verdict in line)
    assert (
        line.startswith("WARNING") == (verdict == "worse")
        and "first pass, tuned word penalty" in line
    )
    found.save(tmp_path / "wer.json")
    assert json.loads((tmp_path / "wer.json").read_text())["verdict"] == verdict


def test_the_same_choices_show_no_difference(model: Any) -> None:
    found = report(LISTS, REFERENCES, score_lists(LISTS, [model]), None, weighing(1.0))
    assert found.verdict == "no difference shown" and found.improvement == found.deterioration == 0


def test_report_of_references_without_words(tmp_path: Path, model: Any) -> None:
    found = report(
        LISTS,
        dict.fromkeys(REFERENCES, ()),
        score_lists(LISTS, [model]),
        None,
        weighing(1.0),
        {"cat"},
    )
    found.save(tmp_path / "wer.json")
    assert json.loads((tmp_path / "wer.json").read_text())["rows"]["oracle"]["percent"] is None
