"""The English model of the package: the facts of its README, and that it is the default."""

from __future__ import annotations

import lzma
import os
import re
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny import nbest

import rescorer
from lexicon_tools.gazetteer import read_gazetteer
from rescorer.cli.rescore import rescore
from rescorer.errors import InputError
from rescorer.files import write_lines
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
@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_how_many_of_its_words_are_names(tmp_path: Path) -> None:
    """Counts words of the lists of places and names, with the limits of the recipe's stage 3.

    The lists begin with the most frequent names. The rest and the other names of places, beyond
    the limits but for some 1,300 words, are not read.
    """
    limits = {"places": (55_000, 80_000), "surnames": (65_000, 67_000)}
    limits["first-names"] = (22_000, 23_000)
    for name, (_, rows) in limits.items():
        with lzma.open(f"{DATA}/gazetteers/{name}.tsv.xz", "rt", encoding="utf-8") as file:
            columns = (line.rstrip("\n").split("\t")[:3] for line in islice(file, rows + 1))
            write_lines(tmp_path / f"{name}.tsv", map("\t".join, columns))
    names = read_gazetteer(
        [tmp_path / f"{name}.tsv" for name in limits],
        caps={name: cap for name, (cap, _) in limits.items()},
    )
    assert rescorer.load().knows(list(names.words)).sum() >= 125_000


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
