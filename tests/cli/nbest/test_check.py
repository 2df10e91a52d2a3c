"""The command `nbest check`, and the summaries that it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny import nbest as make_list

from rescorer.cli.nbest import nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK, Hypothesis, NBest
from rescorer.recognition.summary import summarise


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nbest, ["check", *arguments])


def test_what_lists_hold_is_printed() -> None:
    Path("lists").write_text(
        '{"id": "a", "ref": "x", "nbest": [{"text": "x", "score": -2}, '
        '{"text": "y", "score": -1}]}\n'
        '{"id": "b", "nbest": [{"text": "z", "score": -12.5}]}\n'
    )
    result = run("lists")
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.splitlines() == [
        "format jsonl",
        "2 utterances, 3 hypotheses: 1 to 2 each",
        "1 utterances have a reference",
        "score first_pass: -12.5 to -1, best first in 1 of 2",
    ]


def test_faults_are_listed_by_line() -> None:
    Path("lists").write_text("a-1 -1 x\na-2 y\nb-1 -2 z\nb-1 -3 z\nc-x -1 z\n")
    result = run("lists")
    assert result.exit_code == 2
    *kept, first, second, third = result.stdout.splitlines()
    assert kept[:2] == ["format text", "2 utterances, 2 hypotheses: 1 each"]
    assert first.startswith("fault: lists:2: 'y' is not a number")
    assert second.startswith("fault: lists:4: key 'b-1' is there twice")
    assert third.startswith("fault: lists:5: key 'c-x' has no number at its end")
    assert result.stderr == "error: lists: 3 faults; remedy: correct them, as listed above\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"id": "a", "nbest": []}\n', "fault: lists:1: utterance 'a': no hypotheses"),
        ('{"audio_filepath": "a.wav", "text": "x"}\n', 'fault: lists:1: no "beams"'),
    ],
)
def test_a_file_of_faults_alone(content: str, fault: str) -> None:
    Path("lists").write_text(content)
    result = run("lists")
    assert result.exit_code == 2 and result.stdout.startswith(f"nothing can be used\n{fault}")


def test_what_is_no_list_is_an_error() -> None:
    Path("lists").write_text("just some words\n")
    result = run("lists")
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("error: lists:1: the format is not known by its content")


def _lists(mean: bool) -> list[NBest]:
    lengths = [1 + number % 12 for number in range(30)]
    return [
        NBest(
            f"u{number}",
            (
                Hypothesis(
                    "1",
                    ("word",) * length,
                    {FIRST_PASS: -0.5 - 0.01 * (number % 7) if mean else -0.5 * length},
                ),
                Hypothesis("2", ("word",), {FIRST_PASS: -9.0}),
            ),
        )
        for number, length in enumerate(lengths)
    ]


def test_a_mean_over_tokens_is_doubted() -> None:
    assert summarise(_lists(mean=False)).doubts == ()
    (doubt,) = summarise(_lists(mean=True)).doubts
    assert "first_pass does not fall with the number of words" in doubt
    assert summarise(_lists(mean=True)[:10]).doubts == (), "too few to tell"


def test_lists_without_choice_or_scores_are_doubted() -> None:
    (one, no_words) = summarise([make_list("u", ("", -1.0))]).doubts
    assert "one hypothesis" in one and "no hypothesis has a word" in no_words
    (doubt,) = summarise([make_list("u", ("a", {RANK: 0.0}), ("b", {RANK: -1.0}))]).doubts
    assert "no scores" in doubt
