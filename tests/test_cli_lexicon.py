"""The command `lexicon`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexicon_tools.cli import lexicon
from rescorer.models.vocabulary import Vocabulary


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lexicon, [str(argument) for argument in arguments])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    with gzip.open(tmp_path / "text.gz", "wt", encoding="utf-8") as file:
        file.write("The cat\nthe dog\nthe Straße\n")
    return tmp_path / "text.gz"


def test_vocabulary(tmp_path: Path, text: Path) -> None:
    result = run("vocabulary", text, text, "--output", tmp_path / "words.tsv", "--case", "lower", "--max-size", 4)
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr == f"4 words, 22.22 % of the text's 18 words unknown: {tmp_path / 'words.tsv'}\n"
    words = Vocabulary.load(tmp_path / "words.tsv")
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == {"</s>": 6, "the": 6, "cat": 2, "<unk>": 4}
    assert words.case == "lower"


def test_min_count(tmp_path: Path, text: Path) -> None:
    assert run("vocabulary", text, "--output", tmp_path / "words.tsv", "--min-count", 2).exit_code == 0
    assert set(Vocabulary.load(tmp_path / "words.tsv").words) == {"the", "</s>", "<unk>"}


@pytest.mark.parametrize(("content", "expected"), [
    (b"", "no word in the texts"), (b"a\n\xff\n", "text:2: "), (b"a </s>\n", "holds the word </s>"),
])
def test_bad_texts(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "text").write_bytes(content)
    result = run("vocabulary", tmp_path / "text", "--output", tmp_path / "words.tsv")
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1 and expected in result.stderr
    assert not (tmp_path / "words.tsv").exists()


def test_places_that_fail(tmp_path: Path, text: Path) -> None:
    for arguments in ((tmp_path / "none", "--output", tmp_path / "words.tsv"), (text, "--output", "/dev/full")):
        for command in ("vocabulary", "normalise"):
            result = run(command, *arguments)
            assert result.exit_code == 2 and "remedy" in result.stderr and result.stderr.count("\n") == 1


def test_normalise(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("The cat sat on 2 mats, and then it ran away.\n")
    result = run("normalise", tmp_path / "text", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert " ".join((tmp_path / "out").read_text().split()) == "the cat sat on two mats and then it ran away"
