"""The English model of the package: the facts of its README, and that it is the default."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import nbest

import rescorer
from lexicon_tools.cli import lexicon
from rescorer.cli.rescore import rescore
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.loading import ENGLISH, ENGLISH_NAME
from rescorer.recognition.formats import write_nbest

DATA = os.environ.get("RESCORER_DATA")
needs_model = pytest.mark.skipif(
    not ENGLISH.exists(), reason="rescorer/english/lightrnn.pt is not there yet"
)


def test_load_without_a_path(english_model: LightRNN) -> None:
    model = rescorer.load()
    assert isinstance(model, LightRNN) and model.name == ENGLISH_NAME
    assert model.logprob(["THE", "cat"]) == english_model.logprob(["the", "cat"])


def test_a_package_without_it(no_english_model: None) -> None:
    with pytest.raises(InputError, match=r"no language model; remedy: give --lm"):
        rescorer.load()


def test_where_it_lies() -> None:
    assert Path(rescorer.__file__).parent / "english" / "lightrnn.pt" == ENGLISH
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^"rescorer.english" = \["lightrnn.pt", "README.md"\]', text, re.MULTILINE)


@needs_model
def test_what_is_promised() -> None:
    assert ENGLISH.stat().st_size <= 20_000_000
    model = rescorer.load()
    assert isinstance(model, LightRNN) and model.spelling
    assert len(model.vocabulary) >= 250_000 and model.vocabulary.case == "lower"
    readme = (ENGLISH.parent / "README.md").read_text(encoding="utf-8")
    for part in ("Wikipedia", "novels", "CC BY-SA", "public domain", "perplexity", "--hidden-dim"):
        assert part.lower() in readme.lower(), f"the README of the model does not tell: {part}"


@needs_model
@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_how_many_of_its_words_are_names(tmp_path: Path) -> None:
    """Counts words of the lists of places and names, with the limits of the recipe's stage 3."""
    lists = [f"{DATA}/gazetteers/{name}.tsv.xz" for name in ("places", "surnames", "first-names")]
    caps = {"places-alternates": 0, "places": 55_000, "surnames": 65_000, "first-names": 22_000}
    options = [part for name, cap in caps.items() for part in ("--cap", name, str(cap))]
    result = CliRunner().invoke(
        lexicon, ["gazetteer", *lists, *options, "--output", str(tmp_path / "names.tsv")]
    )
    assert result.exit_code == 0, result.output
    names = [
        line.split("\t")[0]
        for line in (tmp_path / "names.tsv").read_text(encoding="utf-8").splitlines()
    ]
    assert rescorer.load().knows(names).sum() >= 125_000


@needs_model
def test_rescore_with_nothing_else(tmp_path: Path) -> None:
    lists = tmp_path / "lists.jsonl"
    write_nbest(
        lists,
        [nbest("u", ("he recognised beach", -1.0), ("he recognised speech at once", -1.2))],
        "jsonl",
    )
    result = CliRunner().invoke(rescore, [str(lists)])
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert result.stdout.startswith("u he recognised ") and ENGLISH_NAME in result.stderr
