"""The commands that use or make a spelling model."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import make_model
from tiny import KNOWN, nbest, write_arpa
from tiny_spelling import speller

import rescorer
from lexicon_tools.cli import lexicon
from rescorer.cli.lightrnn import lightrnn
from rescorer.cli.rescore import rescore
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.open_vocabulary import open_vocabulary
from rescorer.models.spelling import Spelling
from rescorer.recognition.formats import read_nbest, write_nbest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_model().save("old.pt")
    speller().save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa", [word for word in KNOWN if word != "mat"])
    Path("text").write_text("the cat sat on the strange mat\nstranger dog\n")
    write_nbest(
        "lists.jsonl", [nbest("u", ("the strange mat", -1.0), ("the strxnge mat", -1.0))], "jsonl"
    )
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(lightrnn, arguments)
    assert result.exit_code in (0, 2) and (result.exit_code or result.exception is None), (
        result.exception
    )
    return result


def perplexities(*options: str) -> list[float]:
    output = run(
        "perplexity", "text", "--lm", "lightrnn.pt", "--ngram", "ngram.arpa", *options
    ).stdout
    return [float(found) for found in re.findall(r"perplexity +([0-9.]+)", output)]


def test_perplexity_is_closed_unless_asked(here: Path) -> None:
    closed, spelled = perplexities(), perplexities("--open")
    assert len(closed) == 2 and all(
        more > 2 * less for less, more in zip(closed, spelled, strict=True)
    )
    model = open_vocabulary([rescorer.load("lightrnn.pt")])[0]
    total = sum(model.logprob(line.split()) for line in Path("text").read_text().splitlines())
    assert spelled[0] == pytest.approx(math.exp(-total / 11), rel=1e-3)


def test_open_needs_a_spelling(here: Path) -> None:
    result = run("perplexity", "text", "--lm", "old.pt", "--open")
    assert result.exit_code == 2 and "no model can spell" in result.stderr
    assert (
        "remedy: make one with `lightrnn spell" in result.stderr
        and len(result.stderr.splitlines()) == 1
    )
    with pytest.raises(InputError, match="spell"):
        rescorer.open_vocabulary([rescorer.load("old.pt")])


def test_spell(here: Path) -> None:
    result = run("spell", "old.pt", "--output", "new.pt")
    assert result.exit_code == 0 and "pieces" in result.stderr
    new = LightRNN.load("new.pt")
    assert (
        new.spelling == speller().spelling and new.vocabulary.words == make_model().vocabulary.words
    )
    assert rescorer.load("new.pt").logprob(["the", "cat"]) == rescorer.load("old.pt").logprob(
        ["the", "cat"]
    )
    before = Path("old.pt").read_bytes()
    result = run("spell", "old.pt", "--output", "old.pt")
    assert result.exit_code == 2 and "remedy: give another --output" in result.stderr
    assert Path("old.pt").read_bytes() == before
    assert (
        run("spell", "text", "--output", "other.pt").exit_code == 2
        and not Path("other.pt").exists()
    )


@pytest.mark.parametrize(("model", "same"), [("old.pt", True), ("lightrnn.pt", False)])
def test_rescore_tells_unknown_words_apart(here: Path, model: str, same: bool) -> None:
    result = CliRunner().invoke(
        rescore,
        ["lists.jsonl", "--lm", model, "--ngram", "ngram.arpa", "--nbest-output", "new.jsonl"],
    )
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert "lightrnn: 2 of 4 distinct words unknown" in result.stderr
    unknown = 3 if same else 2  # the LightRNN lists one word that KenLM does not know
    assert f"ngram: {unknown} of 4 distinct words unknown" in result.stderr
    one, two = read_nbest("new.jsonl").lists[0].hypotheses
    assert same or one.words[1] == "strange"
    for name in ("lightrnn", "ngram"):
        assert (one.scores[name] == pytest.approx(two.scores[name], abs=1e-4)) is same


def test_train_learns_it(sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run ends with the same spelling."""
    monkeypatch.chdir(tmp_path)
    assert (
        CliRunner()
        .invoke(lexicon, ["vocabulary", str(sentences), "--output", "words.tsv"])
        .exit_code
        == 0
    )
    Path("valid.txt").write_text(sentences.read_text().splitlines()[0] + "\n")
    options = [
        "train",
        str(sentences),
        "--valid",
        "valid.txt",
        "--vocabulary",
        "words.tsv",
        "--output",
        "new.pt",
        "--hidden-dim",
        "8",
        "--epochs",
        "1",
        "--batch-size",
        "4",
    ]
    assert run(*options).exit_code == 0
    model = LightRNN.load("new.pt")
    assert model.spelling == Spelling.learn(model.vocabulary.words)
    assert run(*options).exit_code == 0
    assert LightRNN.load("new.pt").spelling == model.spelling
