"""The command `lexicon vocabulary`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lexicon_commands import run

from rescorer.models.vocabulary import Vocabulary


def test_vocabulary(tmp_path: Path, text: Path) -> None:
    result = run(
        "vocabulary",
        text,
        text,
        "--output",
        tmp_path / "words.tsv",
        "--case",
        "lower",
        "--max-size",
        4,
    )
    assert result.exit_code == 0 and result.stdout == ""
    assert (
        result.stderr
        == f"4 words, 22.22 % of the text's 18 words unknown: {tmp_path / 'words.tsv'}\n"
    )
    words = Vocabulary.load(tmp_path / "words.tsv")
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == {
        "</s>": 6,
        "the": 6,
        "cat": 2,
        "<unk>": 4,
    }
    assert words.case == "lower"


def test_min_count(tmp_path: Path, text: Path) -> None:
    assert (
        run("vocabulary", text, "--output", tmp_path / "words.tsv", "--min-count", 2).exit_code == 0
    )
    assert set(Vocabulary.load(tmp_path / "words.tsv").words) == {"the", "</s>", "<unk>"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no word in the texts"),
        (b"a\n\xff\n", "text:2: "),
        (b"a </s>\n", "holds the word </s>"),
    ],
)
def test_bad_texts(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "text").write_bytes(content)
    result = run("vocabulary", tmp_path / "text", "--output", tmp_path / "words.tsv")
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit)
    assert (
        result.stderr.startswith("error: ")
        and result.stderr.count("\n") == 1
        and expected in result.stderr
    )
    assert not (tmp_path / "words.tsv").exists()


def test_vocabulary_of_counts(tmp_path: Path, text: Path) -> None:
    assert run("count", text, "--output", tmp_path / "counts.tsv").exit_code == 0
    made = []
    for sources in (
        (text, text),
        (text, "--counts", tmp_path / "counts.tsv"),
        ("--counts", tmp_path / "counts.tsv", "--counts", tmp_path / "counts.tsv"),
    ):
        result = run(
            "vocabulary",
            *sources,
            "--output",
            tmp_path / "words.tsv",
            "--case",
            "lower",
            "--max-size",
            4,
        )
        made.append((result.stderr, (tmp_path / "words.tsv").read_text()))
    assert made[0] == made[1] == made[2]


def test_vocabulary_with_lists(tmp_path: Path, text: Path, names: Path) -> None:
    output = tmp_path / "words.tsv"
    result = run(
        "vocabulary",
        text,
        "--list",
        names,
        2,
        "--output",
        output,
        "--case",
        "lower",
        "--max-size",
        9,
    )
    assert result.stderr.splitlines() == [
        f"9 words, 22.22 % of the text's 9 words unknown: {output}",
        "places: 1 words, 1 of them not in the text",
        "places-alternates: 2 words, 2 of them not in the text",
        "surnames: 4 words, 3 of them not in the text",
    ]
    words = Vocabulary.load(output)
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == {
        "</s>": 3,
        "cat": 3,
        "the": 3,
        "<unk>": 2,
        "city": 2,
        "kings": 2,
        "lima": 2,
        "sao": 2,
        "são": 2,
    }
    assert (tmp_path / "words.lists.tsv").read_text() == names.read_text()


def test_vocabulary_of_lists_alone(tmp_path: Path, names: Path) -> None:
    assert run("vocabulary", "--list", names, 1, "--output", tmp_path / "words.tsv").exit_code == 0
    assert len(Vocabulary.load(tmp_path / "words.tsv")) == 8


def test_vocabulary_with_a_plain_list(tmp_path: Path, text: Path) -> None:
    (tmp_path / "pets.txt").write_text("cat\nhamster\n")
    result = run(
        "vocabulary", text, "--list", tmp_path / "pets.txt", 2, "--output", tmp_path / "words.tsv"
    )
    assert result.stderr.splitlines()[1:] == ["pets: 2 words, 1 of them not in the text"]
    words = Vocabulary.load(tmp_path / "words.tsv")
    assert words.counts[words.encode(["cat", "hamster"])].tolist() == [3, 2]
