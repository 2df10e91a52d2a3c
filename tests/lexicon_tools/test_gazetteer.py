"""Lists of names become words that are spoken."""

from __future__ import annotations

import gzip
import lzma
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import make_vocabulary

from lexicon_tools.counts import read_counts
from lexicon_tools.gazetteer import Gazetteer, read_gazetteer, without_diacritics
from lexicon_tools.word_lists import (
    Listed,
    by_list,
    joined,
    pseudo_counts,
    read_word_lists,
    write_word_lists,
)
from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_list import read_word_list
from rescorer.recognition.formats import words_txt
from rescorer.recognition.spoken_words import has_other_script, normalise
from rescorer.training.reallocation.unseen import read_lists

DATA = os.environ.get("RESCORER_DATA")

PLACES = """\
name\tcountry\tpopulation\talternate_names
São Paulo\tBR\t1000\tSAO|San Pablo|sheng bao luo|Сан-Паулу|Saint-Paul
Winston-Salem\tUS\t200\t
Salem\tUS\t50\thttp://salem.example
Walla Walla\tUS\t30\t
Lyon 03\tFR\t7\tLyon 3
Xi’an\tCN\t9\t
Москва\tRU\t800\tMoscow|MOW|Moskva
"""


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def counts(found: Gazetteer, name: str) -> dict[str, int]:
    return {word: found.words[word].count for word in by_list(found.words)[name]}


def test_places(tmp_path: Path) -> None:
    found = read_gazetteer([table(tmp_path / "places.tsv", PLACES)])
    assert counts(found, "places") == {
        "são": 1000,
        "sao": 1000,
        "paulo": 1000,
        "winston": 200,
        "salem": 250,
        "walla": 30,
        "lyon": 7,
        "zero": 7,
        "three": 7,
        "xi'an": 9,
    }
    assert counts(found, "places-alternates") == {
        "san": 1000,
        "pablo": 1000,
        "saint": 1000,
        "paul": 1000,
        "moscow": 800,
        "moskva": 800,
    }
    assert found.phrases == [
        "saint paul",
        "san pablo",
        "sao paulo",
        "são paulo",
        "winston salem",
        "walla walla",
        "lyon three",
        "lyon zero three",
    ]
    assert found.names == {"places": 7, "places-alternates": 10}
    assert found.dropped == {
        ("places", "other script"): ["Москва"],
        ("places-alternates", "code"): ["SAO", "MOW"],
        ("places-alternates", "lower case"): ["sheng bao luo"],
        ("places-alternates", "other script"): ["Сан-Паулу"],
        ("places-alternates", "web address"): ["http://salem.example"],
    }


def test_words_are_those_of_the_normaliser(tmp_path: Path) -> None:
    names = [
        "O’Brien",
        "St. John's-on-Sea",
        "Ra’s Bayrūt",
        "Hawaiʻi",
        "Stavropol’",
        "N'Dour, Youssou",
        "to-day",
        "AT&T",
        "Zürich (Kreis 11)",
        "ＦＵＬＬ ﬁne",
        "Cafe\u0301",
    ]
    found = read_gazetteer([table(tmp_path / "names.txt", "\n".join(names))])
    spoken = {word for name in names for sentence in normalise(name) for word in sentence}
    assert set(found.words) == spoken | {without_diacritics(word) for word in spoken}
    assert {"café", "cafe", "o'brien", "hawai'i", "bayrūt", "bayrut"} <= set(found.words)


def test_case_as_it_is(tmp_path: Path) -> None:
    path = table(
        tmp_path / "names.txt", "McDonald\nMCDONALD\nÉtoile-du-Nord\nıssık İz\nThe 1990S\nTo-Day\n"
    )
    found = read_gazetteer([path], case="as-is")
    assert set(found.words) == {
        "McDonald",
        "MCDONALD",
        "Étoile",
        "Etoile",
        "du",
        "Nord",
        "ıssık",
        "issik",
        "İz",
        "Iz",
        "The",
        "nineteen",
        "nineties",
        "today",
    }
    assert read_gazetteer([path]).words["mcdonald"] == Listed(2, ("names",))


@pytest.mark.parametrize("name", ["O'Brien", "Étoile", "ŁÓDŹ", "İz", "ÆSIR", "ẞ"])
def test_the_normaliser_keeps_case(name: str) -> None:
    assert normalise(name, keep_case=True) == [[name]]
    assert not has_other_script(name)


def test_other_scripts() -> None:
    assert all(map(has_other_script, ("Москва", "東京", "Al-Medy قرية", "Aλ")))
    assert not any(map(has_other_script, ("", "¡Olé! 3 №", "Cafe\u0301", "Hawaiʻi", "10º")))


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("são", "sao"),
        ("łódź", "lodz"),
        ("straße", "strasse"),
        ("Århus", "Arhus"),
        ("Þór", "Thor"),
        ("ıssık", "issik"),
        ("đà", "da"),
        ("œuvre", "oeuvre"),
        ("thành", "thanh"),
        ("o'brien", "o'brien"),
        ("ế", "e"),
    ],
)
def test_without_diacritics(word: str, plain: str) -> None:
    assert without_diacritics(word) == plain


def test_several_lists(tmp_path: Path) -> None:
    surnames = tmp_path / "surnames.csv.gz"
    surnames.write_bytes(gzip.compress(b'Count,Last Name\n5,"Salem"\n3,"de la Cruz, Jr."\n'))
    words = tmp_path / "english-words.txt.xz"
    words.write_bytes(lzma.compress(b"salem\ncruz's\n"))
    found = read_gazetteer([table(tmp_path / "places.tsv", PLACES), surnames, words])
    assert found.words["salem"] == Listed(250 + 5 + 1, ("english-words", "places", "surnames"))
    assert found.words["cruz"] == Listed(3, ("surnames",)) and found.words["cruz's"] == Listed(
        1, ("english-words",)
    )
    assert "de la cruz jr" in found.phrases


def test_lists_of_one_name_are_one(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    paths = [
        table(tmp_path / "names.txt", "Ann\nBob\n"),
        table(tmp_path / "more/names.tsv", "name\tcount\nAnn\t6\n"),
    ]
    assert read_gazetteer(paths).words == {
        "ann": Listed(7, ("names",)),
        "bob": Listed(1, ("names",)),
    }


def test_caps(tmp_path: Path) -> None:
    found = read_gazetteer(
        [table(tmp_path / "places.tsv", PLACES)], caps={"places": 4, "places-alternates": 0}
    )
    assert set(found.words) == {"sao", "são", "paulo", "salem"}
    assert found.phrases == ["sao paulo", "são paulo"]
    assert found.dropped["places", "words beyond the cap"] == [
        "winston",
        "walla",
        "xi'an",
        "lyon",
        "three",
        "zero",
    ]
    assert len(found.dropped["places-alternates", "words beyond the cap"]) == 6
    with pytest.raises(
        InputError, match="--cap cities: no such list; expected one of places, places-alternates"
    ):
        read_gazetteer([tmp_path / "places.tsv"], caps={"cities": 1})


def test_names_without_words_are_reported(tmp_path: Path) -> None:
    path = table(tmp_path / "names.tsv", "name\tcount\n\t1\n?!\t2\nNew\x07 York\t3\nAnn\t4\n")
    found = read_gazetteer([path])
    assert set(found.words) == {"ann"}
    found.save(tmp_path / "words.tsv", tmp_path / "phrases.txt", tmp_path / "dropped.tsv")
    assert [line for _, line in read_lines(tmp_path / "dropped.tsv")] == [
        "list\treason\tcount\texamples",
        "names\tcontrol characters\t1\t'New\\x07 York'",
        "names\tempty\t1\t''",
        "names\tno letters\t1\t'?!'",
    ]
    assert (tmp_path / "words.tsv").read_text() == "ann\t4\tnames\n" and (
        tmp_path / "phrases.txt"
    ).read_text() == ""


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.tsv",
            b"country\tcount\nUS\t1\n",
            r"a\.tsv:1: no column of names among 'country', 'count'; expected one",
        ),
        ("a.tsv", b"", "no column of names among none"),
        ("a.tsv", b"name\tcount\n", r"a\.tsv: no name; expected at least one"),
        ("a.tsv", b"name\tcount\nAnn\tmany\n", r"a\.tsv:2: count 'many'; expected a whole number"),
        ("a.tsv", b"name\tpopulation\nAnn\t-3\n", r"a\.tsv:2: count '-3'"),
        ("a.tsv", b"name\tcount\nAnn\t1.5\n", r"a\.tsv:2: count '1\.5'"),
        ("a.tsv", b"name\tcount\nAnn\t\n", r"a\.tsv:2: count ''"),
        ("a.tsv", b"name\tcount\nAnn\n", r"a\.tsv:2: 1 columns; expected 2"),
        ("a.csv", b'name,count\n"Ann,1\n', r"a\.csv:2: unexpected end of data; expected comma"),
        ("a.txt", b"", "no name"),
        ("a.txt", b"\n  \n", "no name"),
        ("a.txt", b"Ann\t3\n", r"a\.txt:1: 'Ann\\t3' holds a tab; expected one name a line"),
        ("a.txt", "Ann\nKöln\n".encode("latin-1"), r"a\.txt:2: byte 0xf6 is not UTF-8"),
        ("a.tsv", "name\nKöln\n".encode("utf-16"), "is not UTF-8"),
        ("two words.txt", b"Ann\n", "list name 'two words'; expected letters"),
        ("none.txt", None, "cannot be read"),
    ],
)
def test_bad_lists(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=expected) as error:
        read_gazetteer([tmp_path / name])
    assert "remedy" in str(error.value) and "\n" not in str(error.value)


WORDS = {
    "ann": Listed(4, ("names",)),
    "são": Listed(9, ("names", "places")),
    "xi'an": Listed(4, ("places",)),
}


def test_word_lists_come_back(tmp_path: Path) -> None:
    write_word_lists(tmp_path / "words.tsv.gz", WORDS)
    assert [line for _, line in read_lines(tmp_path / "words.tsv.gz")] == [
        "são\t9\tnames,places",
        "ann\t4\tnames",
        "xi'an\t4\tplaces",
    ]
    assert read_word_lists(tmp_path / "words.tsv.gz") == WORDS


def test_word_lists_in_lower_case(tmp_path: Path) -> None:
    write_lines(tmp_path / "words.tsv", ["Ann\t1\tb", "ann\t2\ta", "ANN\t4\tb"])
    assert read_word_lists(tmp_path / "words.tsv", case="lower") == {"ann": Listed(7, ("a", "b"))}
    assert len(read_word_lists(tmp_path / "words.tsv")) == 3


def test_word_lists_together() -> None:
    more = {"ann": Listed(1, ("places",)), "new": Listed(0, ("names",))}
    assert joined([WORDS, more]) == {**WORDS, **more, "ann": Listed(5, ("names", "places"))}
    assert by_list(WORDS) == {"names": {"ann", "são"}, "places": {"são", "xi'an"}}
    assert pseudo_counts([(WORDS, 2), (more, 0)]) == {"ann": 2, "são": 2, "xi'an": 2, "new": 0}
    assert "new" in pseudo_counts([(more, 0)])


@pytest.mark.parametrize(
    "line",
    [
        "ann\tx",
        "ann\t1\tnames\tmore",
        "New York",
        "<s>",
        "ann\tx\tnames",
        "ann\t-1\tnames",
        "ann\t1\ta b",
        "ann\t1\ta,,b",
        "a b\t1\tnames",
        "a\x07b\t1\tnames",
        "<unk>\t1\tnames",
        "<UNK>\t1\tnames",
        "</s>\t1\tnames",
        "\t1\tnames",
        "caf\xe9 bar",
    ],
)
def test_bad_word_lists(tmp_path: Path, line: str) -> None:
    (tmp_path / "words.tsv").write_text(f"good\t1\tnames\n{line}\n")
    with pytest.raises(InputError, match=r"words\.tsv:2: .*remedy: .*`lexicon gazetteer`"):
        read_word_lists(tmp_path / "words.tsv")


def test_plain_word_lists(tmp_path: Path) -> None:
    (tmp_path / "girls.v2.txt.gz").write_bytes(
        gzip.compress("\ufeffAnn \r\nZoë\t3\r\n\r\nann\t2\told\r\n".encode())
    )
    assert read_word_lists(tmp_path / "girls.v2.txt.gz", case="lower") == {
        "ann": Listed(3, ("girls", "old")),
        "zoë": Listed(3, ("girls",)),
    }
    (tmp_path / "my girls.txt").write_text("Ann\n")
    with pytest.raises(InputError, match=r"list name 'my girls'.*rename"):
        read_word_lists(tmp_path / "my girls.txt")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
def test_lists_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "names.txt").write_bytes("Zoë\nLéa\n".encode(encoding))
    for read in (read_word_lists, lambda path: read_gazetteer([path])):
        with pytest.raises(InputError, match=r"names\.txt.*(not UTF-8|\\x00|control characters)"):
            read(tmp_path / "names.txt")


def test_empty_word_list(tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("")
    with pytest.raises(InputError, match="no word"):
        read_word_lists(tmp_path / "words.tsv")


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_real_lists() -> None:
    folder = Path(str(DATA)) / "gazetteers"
    found = read_gazetteer(
        [folder / "surnames.tsv.xz", folder / "first-names.tsv.xz"], caps={"surnames": 1000}
    )
    lists = by_list(found.words)
    assert found.names == {"surnames": 167_407, "first-names": 53_615}
    assert len(lists["surnames"]) == 1000 and len(lists["first-names"]) == 53_615
    assert found.words["smith"].count >= 2_442_977
    assert list(found.dropped) == [("surnames", "words beyond the cap")]


@pytest.mark.parametrize(
    "read",
    [
        read_word_lists,
        read_counts,
        Vocabulary.load,
        words_txt.read,
        lambda path: read_gazetteer([path]),
        lambda path: read_lists(path, make_vocabulary()),
        lambda path: list(read_word_list(path)),
    ],
)
@pytest.mark.parametrize(
    "line",
    ["anna\t{}", "anna\t{}\tlist", "anna\t-{}", "anna {}", "anna\t1e{}", "name\tcount\nanna\t{}"],
)
def test_a_count_of_5000_digits_is_told(
    tmp_path: Path, read: Callable[[Path], object], line: str
) -> None:
    """Python refuses to convert such a number."""
    path = tmp_path / "words.tsv"
    path.write_text(line.format("9" * 5000) + "\n")
    with suppress(InputError):  # some readers pass over what stands after a word
        read(path)


def test_odd_white_space_around_a_count(tmp_path: Path) -> None:
    path = tmp_path / "names.tsv"
    path.write_text("name\tcount\nBudapest\t\x1c12\x1c\n")
    assert read_gazetteer([path]).words["budapest"].count == 12
