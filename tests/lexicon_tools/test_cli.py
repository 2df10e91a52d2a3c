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


def test_places_that_fail(tmp_path: Path, text: Path) -> None:
    for arguments in (
        (tmp_path / "none", "--output", tmp_path / "words.tsv"),
        (text, "--output", "/dev/full"),
    ):
        for command in ("vocabulary", "normalise"):
            result = run(command, *arguments)
            assert (
                result.exit_code == 2
                and "remedy" in result.stderr
                and result.stderr.count("\n") == 1
            )


def test_normalise(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("The cat sat on 2 mats, and then it ran away.\n")
    result = run("normalise", tmp_path / "text", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (
        " ".join((tmp_path / "out").read_text().split())
        == "the cat sat on two mats and then it ran away"
    )


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


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """words.tsv of a gazetteer: two surnames, of which one is a place as well."""
    (tmp_path / "surnames.tsv").write_text(
        "surname\tcount\nLima\t5\nSão-Cat\t3\n", encoding="utf-8"
    )
    (tmp_path / "places.tsv").write_text(
        "name\tpopulation\talternate_names\nLima\t9\tMOW|Лима|City of Kings\n"
    )
    result = run(
        "gazetteer",
        tmp_path / "surnames.tsv",
        tmp_path / "places.tsv",
        "--output",
        tmp_path / "names.tsv",
        "--phrases",
        tmp_path / "phrases.txt",
        "--report",
        tmp_path / "dropped.tsv",
        "--cap",
        "places-alternates",
        2,
    )
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr.splitlines() == [
        "places: 1 words of 1 names",
        "places-alternates: 2 words of 3 names",
        "surnames: 4 words of 2 names",
        "places-alternates: left out, code: 1",
        "places-alternates: left out, other script: 1",
        "places-alternates: left out, words beyond the cap: 1",
        f"6 words, 2 names of several words: {tmp_path / 'names.tsv'}",
    ]
    return tmp_path / "names.tsv"


def test_gazetteer(tmp_path: Path, names: Path) -> None:
    assert names.read_text() == (
        "lima\t14\tplaces,surnames\ncity\t9\tplaces-alternates\nkings\t9\tplaces-alternates\n"
        "cat\t3\tsurnames\nsao\t3\tsurnames\nsão\t3\tsurnames\n"
    )
    assert (tmp_path / "phrases.txt").read_text() == "sao cat\nsão cat\n"
    assert (tmp_path / "dropped.tsv").read_text() == (
        "list\treason\tcount\texamples\nplaces-alternates\tcode\t1\t'MOW'\n"
        "places-alternates\tother script\t1\t'Лима'\nplaces-alternates\twords beyond the "
        "cap\t1\t'of'\n"
    )


def test_count(tmp_path: Path, text: Path) -> None:
    for processes in (1, 2):
        result = run(
            "count",
            text,
            text,
            "--output",
            tmp_path / "counts.tsv",
            "--processes",
            processes,
            "--memory",
            64,
        )
        assert result.exit_code == 0 and result.output == ""
        assert (
            tmp_path / "counts.tsv"
        ).read_text() == "</s>\t6\nthe\t4\nStraße\t2\nThe\t2\ncat\t2\ndog\t2\n"


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


def test_oov(tmp_path: Path, text: Path, names: Path) -> None:
    assert (
        run("vocabulary", text, "--output", tmp_path / "words.tsv", "--case", "lower").exit_code
        == 0
    )
    (tmp_path / "test").write_text("the cat of Lima\nLima city\n")
    result = run("oov", tmp_path / "test", "--vocabulary", tmp_path / "words.tsv", "--lists", names)
    assert result.exit_code == 0 and [line.split() for line in result.stdout.splitlines()] == [
        ["text", "words", "unknown", "%", "distinct", "unknown", "%"],
        ["all", "6", "4", "66.67", "5", "3", "60.00"],
        ["places", "2", "2", "100.00", "1", "1", "100.00"],
        ["places-alternates", "1", "1", "100.00", "1", "1", "100.00"],
        ["surnames", "3", "2", "66.67", "2", "1", "50.00"],
        ["in", "no", "list", "2", "1", "50.00", "2", "1", "50.00"],
        ["2", "lima", "places", "surnames"],
        ["1", "city", "places-alternates"],
        ["1", "of"],
    ]
    (tmp_path / "lists.jsonl").write_text(
        '{"id": "u", "nbest": [{"text": "the dog", "score": -1}], "ref": "fog"}\n'
    )
    result = run("oov", tmp_path / "lists.jsonl", "--vocabulary", tmp_path / "words.tsv")
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["hypotheses", "words", "unknown"],
        ["all", "2", "0"],
        ["references", "words", "unknown"],
        ["all", "1", "1"],
        ["1", "fog"],
    ]


def test_words_txt(tmp_path: Path, text: Path) -> None:
    words, symbols = tmp_path / "words.tsv", tmp_path / "words.txt"
    assert run("vocabulary", text, "--output", words, "--case", "lower").exit_code == 0
    for kind in ("kaldi", "k2"):
        assert (
            run("words-txt", "--vocabulary", words, "--output", symbols, "--kind", kind).output
            == ""
        )
        assert symbols.read_text().startswith("<eps> 0\n!SIL 1\n<SPOKEN_NOISE> 2\n<UNK> 3\ncat 4\n")
        result = run("words-txt", "--vocabulary", words, "--check", symbols)
        assert result.exit_code == 0 and result.stdout.splitlines() == [
            "4 words are in both",
            f"{words} lacks 0 words of {symbols}",
            f"{symbols} lacks 0 words of {words}",
        ]
    symbols.write_text("<eps> 0\nTHE 1\nDOGS 2\n")
    result = run("words-txt", "--vocabulary", words, "--check", symbols)
    assert result.exit_code == 0 and result.stdout.splitlines() == [
        "1 words are in both",
        f"{words} lacks 1 words of {symbols}, the first: DOGS",
        f"{symbols} lacks 3 words of {words}, the first: cat, dog, straße",
    ]
    symbols.write_text("<eps> 0\nEIN 1\n")
    assert fails(run("words-txt", "--vocabulary", words, "--check", symbols), "none of its 1 words")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("count", "none"), "none: cannot be read"),
        (("count", "bad"), "bad:1: byte 0xff is not UTF-8"),
        (("gazetteer", "none.tsv"), "none.tsv: cannot be read"),
        (("gazetteer", "bad"), "bad:1: byte 0xff"),
        (("gazetteer", "good", "--cap", "bad", "1"), "--cap bad: no such list"),
        (("vocabulary",), "no words"),
        (("vocabulary", "--counts", "good"), "good:1: 'the'"),
        (("vocabulary", "--list", "bad", "1"), "bad:1: byte 0xff"),
        (("pieces", "good", "--bpe-model", "bad"), "bad: no model of sentencepiece"),
        (
            ("vocabulary", "good", "--list", "names.tsv", "1", "--max-size", "3"),
            "the lists hold 6 words",
        ),
        (("words-txt", "--vocabulary", "good"), "good:1: "),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: Path,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad").write_bytes(b"\xff\n")
    Path("good").write_text("the\n")
    before = sorted(tmp_path.iterdir())
    assert fails(run(*arguments, "--output", "out"), expected)
    assert sorted(tmp_path.iterdir()) == before


def test_one_thing_to_do(tmp_path: Path) -> None:
    assert fails(run("words-txt", "--vocabulary", tmp_path / "words.tsv"), "nothing to do")
    assert fails(run("oov", tmp_path / "none", "--vocabulary", tmp_path / "none"), "cannot be read")
