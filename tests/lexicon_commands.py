"""Runs `lexicon` in tests."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from lexicon_tools.cli import lexicon


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lexicon, [str(argument) for argument in arguments])


def fails(result: Result, expected: str) -> bool:
    """Whether a command ended as it must for what a user can cause."""
    one_line = (
        result.stderr.startswith("error: ")
        and result.stderr.count("\n") == 1
        and "remedy: " in result.stderr
    )
    return (
        one_line
        and result.exit_code == 2
        and isinstance(result.exception, SystemExit)
        and expected in result.stderr
    )
