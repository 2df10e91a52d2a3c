"""The command `nbest head`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from rescorer.cli.nbest import nbest


def test_the_first_lists_are_shown() -> None:
    Path("lists").write_text(
        '{"id": "a", "ref": "he can", "nbest": [{"text": "he can", "score": -2.125, "scores": '
        '{"lm": -1}}, {"text": "", "score": -3, "scores": {"lm": -4}}]}\n'
        '{"id": "b", "nbest": [{"text": "yes", "score": -1, "scores": {"lm": 0}}]}\n'
    )
    whole = CliRunner().invoke(nbest, ["head", "lists"])
    assert whole.exit_code == 0 and whole.stdout.splitlines() == [
        "a: 2 hypotheses",
        "  reference: he can",
        "  1: he can  [first_pass=-2.125 lm=-1]",
        "  2:   [first_pass=-3 lm=-4]",
        "b: 1 hypotheses",
        "  1: yes  [first_pass=-1 lm=0]",
    ]
    part = (
        CliRunner()
        .invoke(nbest, ["head", "lists", "--utterances", "1", "--hypotheses", "1"])
        .stdout
    )
    assert part.splitlines() == whole.stdout.splitlines()[:3]
