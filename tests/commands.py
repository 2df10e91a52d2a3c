"""Runs the command `rescore` in tests, with lists that several test modules share."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from tiny import nbest

from rescorer.cli.rescore import rescore

LISTS = [
    nbest(
        "a-1", ("the cat sat on the mat", -2.0), ("the cat sat on a mat", -1.0), ("cat sat", -3.0)
    ),
    nbest("a-2", ("", -1.0), ("dog", -1.5)),
    nbest("b-1", ("a dog ran on the strange log", 0.0)),
]
REFERENCES = {"a-1": "the cat sat on the mat", "a-2": "", "b-1": "a dog ran on the strange log"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rescore, [str(argument) for argument in arguments])


def good(*arguments: str | Path) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result


def bad(*arguments: str | Path) -> str:
    """The one line on stderr of a run that fails and leaves no file behind."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    result = run(*arguments)
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before, (
        "a file was left or changed"
    )
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2 and result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and result.stderr.endswith(errors[0] + "\n") and "remedy: " in errors[0]
    return errors[0]
