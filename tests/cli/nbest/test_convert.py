"""The command `nbest convert`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rescorer.cli.nbest import nbest
from rescorer.recognition.formats import read_nbest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(nbest, ["convert", *arguments])


def test_lists_are_written_in_another_format() -> None:
    Path("lists").write_text("u-1 -1.5 he can see\nu-2 -2 he can sea\n")
    result = run("lists", "out.jsonl")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert read_nbest("out.jsonl").format == "jsonl"
    assert read_nbest("out.jsonl").lists == read_nbest("lists").lists


def test_what_cannot_be_read_leaves_no_output() -> None:
    Path("lists").write_text("u-1 -1.5 he can see\nu-2 x he can sea\n")
    result = run("lists", "out.jsonl")
    assert result.exit_code == 2 and result.stderr.startswith("error: lists:2: 'x' is not a number")
    assert not Path("out.jsonl").exists()
