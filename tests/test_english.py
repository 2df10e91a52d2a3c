"""The English model of the package: what is promised of the file, and that it is found where nothing is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import nbest

import rescorer
from rescorer.cli import rescore
from rescorer.errors import InputError
from rescorer.models.light_rnn import LightRNN
from rescorer.models.loading import ENGLISH, ENGLISH_NAME
from rescorer.recognition.formats import write_nbest

needs_model = pytest.mark.skipif(not ENGLISH.exists(), reason="rescorer/english/lightrnn.pt is not there yet")


def test_load_without_a_path(english_model: LightRNN) -> None:
    model = rescorer.load()
    assert isinstance(model, LightRNN) and model.name == ENGLISH_NAME
    assert model.logprob(["THE", "cat"]) == english_model.logprob(["the", "cat"])


def test_a_package_without_it(no_english_model: None) -> None:
    with pytest.raises(InputError, match=r"no language model; remedy: give --lm"):
        rescorer.load()


def test_where_it_lies() -> None:
    assert Path(rescorer.__file__).parent / "english" / "lightrnn.pt" == ENGLISH
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^"rescorer.english" = \["lightrnn.pt", "README.md"\]', text, re.MULTILINE)


@needs_model
def test_what_is_promised() -> None:
    assert ENGLISH.stat().st_size <= 20_000_000
    model = rescorer.load()
    assert isinstance(model, LightRNN) and model.spelling
    assert len(model.vocabulary) >= 250_000 and model.vocabulary.case == "lower"
    readme = (ENGLISH.parent / "README.md").read_text(encoding="utf-8")
    for part in ("Wikipedia", "novels", "CC BY-SA", "public domain", "perplexity", "--width"):
        assert part.lower() in readme.lower(), f"the README of the model does not tell: {part}"


@needs_model
def test_rescore_with_nothing_else(tmp_path: Path) -> None:
    lists = tmp_path / "lists.jsonl"
    write_nbest(lists, [nbest("u", ("he recognised beach", -1.0), ("he recognised speech at once", -1.2))], "jsonl")
    result = CliRunner().invoke(rescore, [str(lists)])
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert result.stdout.startswith("u he recognised ") and ENGLISH_NAME in result.stderr
