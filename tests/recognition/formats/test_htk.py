"""HTK's Standard Lattice Format."""

from __future__ import annotations

import gzip
import math
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_lattices import HTK_LINKS, HTK_NODES

from rescorer.errors import InputError
from rescorer.recognition.formats import htk
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Arcs, Lattice, Symbols, assemble
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, PRONUNCIATION

DATA = os.environ.get("RESCORER_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="RESCORER_DATA does not name the folder of real data"
)
LN10 = math.log(10)


def read(path: Path, text: str | None = None) -> Lattice:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    (lattice,) = htk.read(path, None, ErrorCollector())
    return lattice


def spelled(lattice: Lattice) -> list[tuple[int, int, str]]:
    labels = [lattice.symbols.labels[label] for label in lattice.labels]
    return list(zip(lattice.sources.tolist(), lattice.targets.tolist(), labels, strict=True))


def heard(lattice: Lattice) -> list[str]:
    return [lattice.symbols.words[label] for label in lattice.labels]


def assert_same(one: Lattice, other: Lattice) -> None:
    assert (one.utterance, one.states, spelled(one)) == (
        other.utterance,
        other.states,
        spelled(other),
    )
    for mine, theirs in (
        (one.scores, other.scores),
        (one.arc_fields, other.arc_fields),
        (one.state_fields, other.state_fields),
    ):
        assert mine.keys() == theirs.keys()
        for name, column in mine.items():
            np.testing.assert_array_equal(np.asarray(column), np.asarray(theirs[name]))
    assert (one.own_scales, one.own_word_penalty) == (other.own_scales, other.own_word_penalty)
    assert one.header == other.header
    assert heard(one) == heard(other)


def assert_same_paths(one: Lattice, other: Lattice) -> None:
    """The same but for names of scores and fields that a file does not have where no link says
    anything of them.
    """
    assert (one.utterance, one.states, spelled(one)) == (
        other.utterance,
        other.states,
        spelled(other),
    )
    assert one.own_word_penalty == other.own_word_penalty
    if one.arcs > 1:
        assert one.scores.keys() == other.scores.keys() and one.own_scales == other.own_scales
    for name, score in other.scores.items():
        np.testing.assert_array_equal(score, one.scores[name])
    for name in one.arc_fields:
        column = np.asarray(one.arc_fields[name])
        if name in other.arc_fields:
            np.testing.assert_array_equal(np.asarray(other.arc_fields[name]), column)
        else:
            assert all(value in ("", -1) or value != value for value in column[~one.ends].tolist())


def written(path: Path, lattice: Lattice) -> Lattice:
    htk.write(path, [lattice])
    return read(path)


def test_words_on_links(tmp_path: Path) -> None:
    lattice = read(tmp_path / "x.slf", HTK_LINKS)
    assert lattice.utterance == "utt-1"
    assert spelled(lattice) == [(0, 1, "a"), (0, 2, "b(2)"), (1, 3, ""), (2, 3, "c"), (3, 4, "")]
    assert heard(lattice) == ["a", "b", "", "c", ""]
    assert lattice.scores == {
        ACOUSTIC: pytest.approx(np.array([-1, -2, 0, -3, 0]) * LN10),
        FIRST_LM: pytest.approx(np.array([-0.3, 0, -0.5, 0, 0]) * LN10),
        PRONUNCIATION: pytest.approx(np.array([0, -1, 0, 0, 0]) * LN10),
        htk.NGRAM: pytest.approx(np.array([-7, 0, 0, 0, 0]) * LN10),
        "x1": pytest.approx(np.array([0, 0, 0, 4, 0]) * LN10),
    }
    assert lattice.arc_fields["posterior"] == pytest.approx(
        [0.75, math.nan, math.nan, math.nan, math.nan], nan_ok=True
    )
    assert lattice.arc_fields["variant"].tolist() == [1, -1, -1, -1, -1]  # type: ignore[attr-defined]
    assert lattice.arc_fields["alignment"].tolist() == [":a,0.1:", "", "", "", ""]  # type: ignore[attr-defined]
    assert lattice.state_fields["time"] == pytest.approx([0, 0.1, math.nan, 0.5, 0.5], nan_ok=True)
    assert lattice.header == {"lmname": "trigram"}
    assert lattice.own_scales == {
        ACOUSTIC: 0.5,
        FIRST_LM: 1.0,
        PRONUNCIATION: 0.5,
        htk.NGRAM: 0.5,
        "x1": 0.0,
    }
    assert lattice.own_word_penalty == pytest.approx(0.5 * LN10 / 2)
    assert lattice.trimmed == 0
    assert_same(lattice, written(tmp_path / "y.slf.gz", lattice))


def test_the_file_that_is_written(tmp_path: Path) -> None:
    htk.write(tmp_path / "y.lat", [read(tmp_path / "x.slf", HTK_LINKS.replace("base=10 ", ""))])
    assert (tmp_path / "y.lat").read_text().splitlines() == [
        "VERSION=1.1",
        "UTTERANCE=utt-1",
        "lmname=trigram",
        "acscale=0.5",
        "lmscale=1.0",
        "prscale=0.5",
        "ngscale=0.5",
        "x1scale=0.0",
        "wdpenalty=-0.25",
        "start=0",
        "end=3",
        "N=4\tL=4",
        "I=0\tt=0.0",
        "I=1\tt=0.1",
        "I=2",
        "I=3\tt=0.5",
        "J=0\tS=0\tE=1\tW=a\ta=-1.0\tl=-0.3\tr=0.0\tn=-7.0\tx1=0.0\tp=0.75\tv=1\td=:a,0.1:",
        "J=1\tS=0\tE=2\tW=b(2)\ta=-2.0\tl=0.0\tr=-1.0\tn=0.0\tx1=0.0",
        "J=2\tS=1\tE=3\tW=!NULL\ta=0.0\tl=-0.5\tr=0.0\tn=0.0\tx1=0.0",
        "J=3\tS=2\tE=3\tW=c\ta=-3.0\tl=0.0\tr=0.0\tn=0.0\tx1=4.0",
    ]


def test_words_on_nodes_are_of_the_links_that_enter(tmp_path: Path) -> None:
    lattice = read(tmp_path / "a b.slf", HTK_NODES.replace("start", "UTTERANCE=u\nstart"))
    assert spelled(lattice) == [
        (0, 2, "two(3)"),
        (0, 1, "won"),
        (1, 3, "!SENT_END"),
        (2, 3, "!SENT_END"),
        (3, 4, ""),
    ]
    assert heard(lattice) == ["two", "won", "", "", ""]
    assert lattice.scores[ACOUSTIC].tolist() == [-43000.5, -4, -1, -2, 0]
    assert lattice.arc_fields["variant"].tolist() == [3, 2, 1, 1, -1]  # type: ignore[attr-defined]
    assert lattice.state_fields["time"].tolist() == [0, 0.4, 0.4, 0.9, 0.9]  # type: ignore[attr-defined]
    assert lattice.own_scales == {} and lattice.own_word_penalty == 0
    assert_same(lattice, written(tmp_path / "y.slf", lattice))


def test_a_word_on_the_start(tmp_path: Path) -> None:
    lattice = read(
        tmp_path / "u.slf", "N=2 L=1\nI=0 W=hello a=-5 t=0.1\nI=1 W=you t=0.2\nJ=0 S=0 E=1 a=-1\n"
    )
    assert spelled(lattice) == [(0, 1, "hello"), (1, 2, "you"), (2, 3, "")]
    assert lattice.scores[ACOUSTIC].tolist() == [-5, -1, 0]
    assert lattice.state_fields["time"] == pytest.approx([math.nan, 0.1, 0.2, 0.2], nan_ok=True)
    assert_same(lattice, written(tmp_path / "u2" / "u.slf", lattice))
    assert spelled(read(tmp_path / "u.slf", "N=1 L=0\nI=0 W=yes\n")) == [(0, 1, "yes"), (1, 2, "")]


def test_long_names(tmp_path: Path) -> None:
    long = HTK_LINKS
    for short, name in (
        ("J=", "J="),
        (" S=", " START="),
        (" E=", " END="),
        ("W=", "WORD="),
        (" v=", " var="),
        (" a=", " acoustic="),
        (" l=", " language="),
        (" n=", " ngram="),
        (" p=", " posterior="),
        (" d=", " div="),
        (" t=", " time="),
        ("N=4 L=4", "NODES=4\n\nLINKS=4"),
    ):
        long = long.replace(short, name)
    assert_same(read(tmp_path / "x.slf", HTK_LINKS), read(tmp_path / "x.slf", long))


@pytest.mark.parametrize(
    ("spelling", "label"),
    [
        ("didn't", "didn't"),
        ("'em", "'em"),
        ('"em', '"em'),
        ('"\'em"', "'em"),
        ("'New York'", "New York"),
        ("New\\ York", "New York"),
        ("\\'em\\\\", "'em\\"),
        ("d\\303\\242y", "dây"),
        ("dây", "dây"),
        ("a=b", "a=b"),
        ('"a\\"b"', 'a"b'),
        ("'!NULL'", ""),
        ('""', ""),
        ("[noise]", "[noise]"),
        ("x()", "x()"),
    ],
)
def test_spellings_of_words(tmp_path: Path, spelling: str, label: str) -> None:
    lattice = read(tmp_path / "x.slf", f"N=2 L=1\nJ=0 S=0 E=1 W={spelling} a=-1\n")
    assert spelled(lattice) == [(0, 1, label), (1, 2, "")]
    assert heard(lattice) == [label, ""]
    assert lattice.scores[ACOUSTIC].tolist() == [-1, 0]
    assert_same(lattice, written(tmp_path / "x.slf", lattice))


@pytest.mark.parametrize("label", ["!NULL", "<s>", "!SENT_START", "!ENTER", "!EXIT", "<sil>"])
def test_silence(tmp_path: Path, label: str) -> None:
    assert heard(read(tmp_path / "x.slf", f"N=2 L=1\nJ=0 S=0 E=1 W={label}\n")) == ["", ""]


@pytest.mark.parametrize(
    ("base", "score"), [("", -2.0), ("base=2.5", -2 * math.log(2.5)), ("base=10", -2 * LN10)]
)
def test_bases(tmp_path: Path, base: str, score: float) -> None:
    lattice = read(tmp_path / "x.slf", f"{base}\nwdpenalty=-2\nN=2 L=1\nJ=0 S=0 E=1 a=-2\n")
    assert lattice.scores[ACOUSTIC].tolist() == [pytest.approx(score), 0]
    assert lattice.own_word_penalty == pytest.approx(-score)


def test_probabilities(tmp_path: Path) -> None:
    text = (
        "base=0 wdpenalty=0.5\nN=3 L=3\nJ=0 S=0 E=1 W=a a=0.5\nJ=1 S=0 E=2 W=b a=0 l=0.5\n"
        "J=2 S=1 E=2 W=c a=0.25 l=0.125\n"
    )
    lattice = read(tmp_path / "x.slf", text)
    assert spelled(lattice) == [(0, 1, "a"), (1, 2, "c"), (2, 3, "")]
    assert lattice.scores == {
        ACOUSTIC: pytest.approx(np.log([0.5, 0.25, 1])),
        FIRST_LM: pytest.approx(np.log([1, 0.125, 1])),
    }
    assert lattice.own_word_penalty == pytest.approx(math.log(2))
    assert read(tmp_path / "x.slf", text.replace("0.5", "0").replace("0.25", "0")).states == 0


@pytest.mark.parametrize(
    ("header", "scales", "penalty"),
    [
        ("", {}, 0),
        ("lmscale=4", {ACOUSTIC: 0.25, FIRST_LM: 1}, 0),
        ("wdpenalty=1", {ACOUSTIC: 1, FIRST_LM: 1}, -1),
        ("lmscale=4\nacscale=2 wdpenalty=-3", {ACOUSTIC: 0.5, FIRST_LM: 1}, 0.75),
        ("acscale=0.1 prscale=3", {ACOUSTIC: 0.1, FIRST_LM: 1, PRONUNCIATION: 3}, 0),
        ("lmscale=0 acscale=2 wdpenalty=1", {ACOUSTIC: 2, FIRST_LM: 0}, -1),
    ],
)
def test_the_recognisers_own_scales(
    tmp_path: Path, header: str, scales: dict[str, float], penalty: float
) -> None:
    lattice = read(tmp_path / "x.slf", f"{header}\nN=2 L=1\nJ=0 S=0 E=1 W=a a=-2\n")
    assert lattice.own_scales == scales and lattice.own_word_penalty == penalty
    assert_same(lattice, written(tmp_path / "x.slf", lattice))


def test_starts_and_ends(tmp_path: Path) -> None:
    lattice = read(
        tmp_path / "two.slf", "N=5 L=2\nI=4\nI=2\nI=0\nI=1\nI=3\nJ=0 S=2 E=4 W=a\nJ=1 S=2 E=0 W=b\n"
    )
    assert spelled(lattice) == [(0, 2, "a"), (0, 1, "b"), (1, 3, ""), (2, 3, "")]
    assert_same(lattice, written(tmp_path / "two.slf", lattice))
    ended = read(tmp_path / "x.slf", "end=0 N=3 L=2\nJ=0 S=2 E=1 W=a\nJ=1 S=2 E=0 W=b\n")
    assert spelled(ended) == [(0, 1, "b"), (1, 2, "")] and ended.trimmed == 1
    started = read(tmp_path / "x.slf", "start=1 N=3 L=2\nJ=0 S=0 E=2 W=a\nJ=1 S=1 E=2 W=b\n")
    assert spelled(started) == [(0, 1, "b"), (1, 2, "")]
    assert spelled(read(tmp_path / "x.slf", "N=1 L=0\nI=0\n")) == [(0, 1, "")]


@pytest.mark.parametrize(
    "text", ["start=0 end=1\nN=2 L=0\n", "N=0 L=0\n", "start=1 end=0\nN=2 L=1\nJ=0 S=0 E=1 W=a\n"]
)
def test_no_path_is_no_error(tmp_path: Path, text: str) -> None:
    lattice = read(tmp_path / "u.slf", text)
    assert (lattice.states, lattice.arcs) == (0, 0)
    assert_same(lattice, written(tmp_path / "u.slf", lattice))


def test_an_absurd_number_of_nodes(tmp_path: Path) -> None:
    lattice = read(tmp_path / "x.slf", "N=1000000000000 L=1\nJ=0 S=5 E=999999999999 W=a\n")
    assert spelled(lattice) == [(0, 1, "a"), (1, 2, "")]


@pytest.mark.parametrize(
    ("header", "token", "utterance"),
    [
        ("UTTERANCE=utt/7", "u.slf", "utt/7"),
        ("U='utt 8'", "u.v.slf.gz", "u.v"),
        ('UTTERANCE=""', "u.lat", "u"),
        ("VERSION=1.0", "plain", "plain"),
        ("UTTERANCE='utt9'", "u.htk", "utt9"),
    ],
)
def test_ids(tmp_path: Path, header: str, token: str, utterance: str) -> None:
    text = f"{header}\nN=1 L=0\n".encode()
    (tmp_path / token).write_bytes(gzip.compress(text) if token.endswith(".gz") else text)
    assert htk.matches(tmp_path / token)
    assert read(tmp_path / token).utterance == utterance


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "b.slf").write_text(HTK_LINKS)
    (folder / "a.slf.gz").write_bytes(gzip.compress(HTK_NODES.encode()))
    (folder / "c.lat").write_text(HTK_LINKS.replace("utt-1", "x/y"))
    (folder / "README").write_text("not a lattice")
    assert htk.matches(folder)
    lattices = list(htk.read(folder, None, ErrorCollector()))
    assert [lattice.utterance for lattice in lattices] == ["a", "utt-1", "x/y"]
    htk.write(tmp_path / "out", iter(lattices))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "a.slf",
        "utt-1.slf",
        "x_y.slf",
    ]
    for lattice, again in zip(
        lattices, htk.read(tmp_path / "out", None, ErrorCollector()), strict=True
    ):
        assert_same(lattice, again)


def test_faults_are_passed_over(tmp_path: Path) -> None:
    for name, text in (("a", HTK_LINKS), ("b", HTK_LINKS), ("c", "N=1\n"), ("d", HTK_NODES)):
        (tmp_path / f"{name}.slf").write_text(text)
    collector = ErrorCollector(skip=True)
    assert [lattice.utterance for lattice in htk.read(tmp_path, None, collector)] == ["utt-1", "d"]
    assert [str(error).partition(";")[0] for error in collector.errors] == [
        f"{tmp_path}/b.slf: utterance 'utt-1' is in a.slf too",
        f"{tmp_path}/c.slf: there is no L=",
    ]
    with pytest.raises(InputError, match=r"is in a\.slf too"):
        list(htk.read(tmp_path, None, ErrorCollector()))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text", b"utt-1 a b\n"),
        ("nbest", b"utt-1 -3.5 a\n"),
        ("jsonl", b'{"id": "a", "N=": 1}\n'),
        ("blank", b"\n# x\n"),
        ("kaldi", b"utt-1 \n0\t1\t4\t0,8.5,2_2\n"),
        ("binary.lat", b"utt-1 \0B\xd6\xfd\xb2\x7e\x06\0\0\0vector\n"),
        ("srilm", b"NBestList2.0\n(-1) a\n"),
        ("words", b"<eps> 0\nS=1 1\n"),
        ("empty", b""),
    ],
)
def test_other_formats_are_not_claimed(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    assert not htk.matches(tmp_path / name) and not htk.matches(tmp_path / f"{name}.gz")


def test_what_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("\ufeff\n# a comment\n  VERSION=1.0\n", encoding="utf-8")
    assert htk.matches(tmp_path / "x") and not htk.matches(tmp_path)
    (tmp_path / "cut.slf.gz").write_bytes(gzip.compress(HTK_LINKS.encode())[:-9])
    (tmp_path / "cut.gz").write_bytes(gzip.compress(HTK_LINKS.encode())[:-9])
    assert htk.matches(tmp_path / "cut.slf.gz") and htk.matches(tmp_path)
    with pytest.raises(
        InputError, match=r"cut.slf.gz:\d+: cannot be read on.*remedy: the file is damaged"
    ):
        read(tmp_path / "cut.slf.gz")
    with pytest.raises(InputError, match="cannot be read"):
        htk.matches(tmp_path / "absent")


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("N=4 L=4", "L=4", None, ["there is no N=", "the number of nodes"]),
        ("N=4 L=4", "N=4", None, ["there is no L=", "the number of links"]),
        ("N=4 L=4", "N=5 L=4", 6, ["N=5, but there are 4 nodes"]),
        ("N=4 L=4", "N=3 L=4", 6, ["N=3, but there are 4 nodes"]),
        ("N=4 L=4", "N=1000000000000 L=4", 6, ["but there are 4 nodes"]),
        ("N=4 L=4", "N=4 L=5", 6, ["L=5, but there are 4 links", "cut short"]),
        ("N=4 L=4", "N=4 L=3", 6, ["L=3, but there are 4 links"]),
        ("N=4 L=4", "N=-4 L=4", 6, ["NODES='-4'", "a whole number"]),
        ("N=4 L=4", "N=4 L=4\nN=4", 7, ["NODES= is there twice", "line 6"]),
        ("N=4 L=4", "N=4 L=4 start=4", 6, ["start=4", "a node below 4"]),
        ("N=4 L=4", "N=4 L=4 end=x", 6, ["end='x'"]),
        ("N=4 L=4", "N=4 L=4\nSUBLAT=np", 7, ["a sub-lattice", "expand the sub-lattices"]),
        ("N=4 L=4", "N=4 L=4\n.", 7, ["'.'", "name=value"]),
        ("I=2\n", "I=2 L=np\n", 9, ["sub-lattice"]),
        ("I=2\n", "I=9\n", 9, ["I=9", "a number below 4"]),
        ("I=2\n", "I=1\n", 9, ["I=1 is there twice"]),
        ("I=2\n", "I=2 t=now\n", 9, ["t='now'", "a finite number"]),
        ("J=1 ", "J=0 ", 12, ["J=0 is there twice"]),
        ("J=1 ", "J=7 ", 12, ["J=7", "a number below 4"]),
        ("S=0 E=2", "S=0 E=4", 12, ["E=4", "a number below 4"]),
        ("S=0 E=2", "S=x E=2", 12, ["S='x'", "a whole number"]),
        ("S=0 E=2", "E=2", 12, ["there is no S="]),
        ("S=0 E=2", "S=0 START=0 E=2", 12, ["S= is there twice"]),
        ("S=0 E=2", "S=0 S=0 E=2", 12, ["a field is there twice"]),
        ("S=0 E=2", "S=0 E=0", None, ["state 0 has an arc to itself"]),
        ("S=1 E=3", "S=1 E=0", None, ["no node has", "start="]),
        ("S=2 E=3", "S=2 E=2", None, ["state 2 has an arc to itself"]),
        ("S=0 E=2", "S=3 E=2", None, ["no node has", "end="]),
        ("S=0 E=1", "S=1 E=2", None, ["nodes 0 and 1 have", "start="]),
        ("a=-2", "a=nan", 12, ["a='nan'", "a finite number"]),
        ("a=-2", "a=-inf", 12, ["a='-inf'"]),
        ("a=-2", "a=1_0", 12, ["a='1_0'"]),
        ("a=-2", "a=-1e308", None, ["not finite"]),
        ("a=-2", "a -2", 12, ["'a'", "name=value"]),
        ("a=-2", "a=", 12, ["a=''"]),
        ("W=c", "W='c \\", 14, ["name=value"]),
        ("W=c", "W=c\\303", 14, ["not UTF-8"]),
        ("W=c", "W=c\x01", None, [r"'\x01'"]),
        ("v=1", "v=one", 11, ["v='one'", "a whole number"]),
        ("base=10", "base=0", 11, ["a=-1.0 with base=0", "a probability"]),
        ("base=10", "base=1", 5, ["base=1.0"]),
        ("base=10", "base=-2", 5, ["base=-2.0"]),
        ("lmscale=2", "lmscale=1e-320", 5, ["lmscale='1e-320'"]),
        ("lmscale=2", "lmscale=two", 5, ["lmscale='two'"]),
        ("utt-1", "utt-1 utt-2", 3, ["'utt-2'", "name=value"]),
    ],
)
def test_errors(tmp_path: Path, old: str, new: str, line: int | None, expected: list[str]) -> None:
    path = tmp_path / "x.slf"
    with pytest.raises(InputError) as caught:
        read(path, HTK_LINKS.replace(old, new))
    message = str(caught.value)
    assert message.startswith(f"{path}: " if line is None else f"{path}:{line}: "), message
    assert "; expected " in message and "; remedy: " in message and len(message.splitlines()) == 1
    assert all(part in message for part in expected), message


def test_cycles(tmp_path: Path) -> None:
    cycle = "start=0 end=3 N=4 L=4\nJ=0 S=0 E=1\nJ=1 S=1 E=2\nJ=2 S=2 E=1\nJ=3 S=2 E=3\n"
    with pytest.raises(
        InputError, match=r"x.slf: state 1 is on a cycle; expected no cycles; remedy: "
    ):
        read(tmp_path / "x.slf", cycle)


def test_words_on_the_nodes_of_backward_lattices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x.slf:2: words on the nodes of a backward lattice"):
        read(tmp_path / "x.slf", HTK_NODES.replace("start", "dir=b\nstart"))
    read(tmp_path / "x.slf", HTK_LINKS.replace("base", "dir=b base"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("<eps> 0\n")
    (tmp_path / "x.slf").write_text(HTK_LINKS)
    with pytest.raises(InputError, match=r"SLF spells its words; remedy: leave .*words.txt out"):
        list(htk.read(tmp_path / "x.slf", tmp_path / "words.txt", ErrorCollector()))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no SLF files"):
        list(htk.read(tmp_path / "empty", None, ErrorCollector()))
    with pytest.raises(InputError, match="cannot be read"):
        list(htk.read(tmp_path / "absent.slf", None, ErrorCollector()))
    (tmp_path / "a b.slf").write_text(HTK_NODES)
    with pytest.raises(InputError, match="utterance id 'a b'"):
        read(tmp_path / "a b.slf")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    lattice = read(tmp_path / "x.slf", HTK_LINKS)
    with pytest.raises(
        InputError, match=r"several lattices for one file.*remedy: give the name of a folder"
    ):
        htk.write(tmp_path / "y.slf", [lattice, lattice])
    with pytest.raises(InputError, match=r"two lattices for the file 'utt-1.slf'"):
        htk.write(tmp_path / "y", [lattice, lattice])
    for name in ("y", "y.slf"):
        with pytest.raises(InputError, match="no lattices to write"):
            htk.write(tmp_path / name, [])
    assert [file.name for file in tmp_path.iterdir()] == ["x.slf"]


def _kaldi_like(end_scores: list[float], finals: list[int]) -> Lattice:
    last = len(finals)
    arcs = Arcs(
        np.array([0, 0, *finals]),
        np.array([1, 2, *[3] * last]),
        np.array([1, 2, *[0] * last]),
        {GRAPH: np.array([-1.0, -2.0, *end_scores]), "lightrnn": np.zeros(2 + last)},
    )
    return assemble(
        "u",
        Symbols(("<eps>", "a", "New York")),
        0,
        arcs,
        states=3,
        own_scales={GRAPH: 1.0, ACOUSTIC: 0.1},
    )


def test_graph_scores_are_written_where_there_is_no_first_lm(tmp_path: Path) -> None:
    lattice = written(tmp_path / "u.slf", _kaldi_like([0.0, 0.0], [1, 2]))
    assert lattice.scores == {FIRST_LM: pytest.approx([-1, -2, 0, 0])}
    assert lattice.own_scales == {FIRST_LM: 1.0, ACOUSTIC: 0.1}
    assert spelled(lattice) == [(0, 1, "a"), (0, 2, "New York"), (1, 3, ""), (2, 3, "")]


@pytest.mark.parametrize(
    ("scores", "finals"), [([-3.0, 0.0], [1, 2]), ([-1.0, 0.0, 0.0], [1, 2, 2])]
)
def test_ends_that_score_are_links_into_a_final_node(
    tmp_path: Path, scores: list[float], finals: list[int]
) -> None:
    lattice = written(tmp_path / "u.slf", _kaldi_like(scores, finals))
    assert lattice.scores == {FIRST_LM: pytest.approx([-1, -2, *scores, 0])}
    assert spelled(lattice) == [
        (0, 1, "a"),
        (0, 2, "New York"),
        *((final, 3, "") for final in finals),
        (3, 4, ""),
    ]


def test_an_end_that_other_arcs_leave(tmp_path: Path) -> None:
    arcs = Arcs(
        np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([1, 0, 0]), {ACOUSTIC: np.zeros(3)}
    )
    lattice = written(tmp_path / "u.slf", assemble("u", Symbols(("", "a")), 0, arcs, states=2))
    assert spelled(lattice) == [(0, 1, "a"), (0, 2, ""), (1, 2, ""), (2, 3, "")]


WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("'\"\\ =#!("), max_size=5
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    states = draw(st.integers(2, 6))
    ends = draw(
        st.lists(
            st.tuples(st.integers(0, states - 2), st.integers(1, states - 1), WORDS), max_size=10
        )
    )
    arcs = [(min(s, t - 1), t, "" if word == "!NULL" else word) for s, t, word in ends] + [
        (states - 1, states, "")
    ]
    labels = tuple(dict.fromkeys(["", *(word for *_, word in arcs)]))
    column = st.lists(NUMBERS, min_size=len(arcs) - 1, max_size=len(arcs) - 1)
    names = draw(
        st.lists(
            st.sampled_from([ACOUSTIC, FIRST_LM, PRONUNCIATION, htk.NGRAM, "ds", "x9"]), unique=True
        )
    )
    order = [
        name for name in (ACOUSTIC, FIRST_LM, PRONUNCIATION, htk.NGRAM, "ds", "x9") if name in names
    ]
    fields: dict[str, np.ndarray] = {}
    if draw(st.booleans()):
        fields["variant"] = np.array([*range(len(arcs) - 1), -1])
        fields["posterior"] = np.array([*draw(column), math.nan])
    own = draw(st.booleans())
    return assemble(
        draw(st.sampled_from(["u", "a/b", "'u", "ü\\"])),
        Symbols(labels),
        0,
        Arcs(
            np.array([arc[0] for arc in arcs]),
            np.array([arc[1] for arc in arcs]),
            np.array([labels.index(arc[2]) for arc in arcs]),
            {name: np.array([*draw(column), 0.0]) for name in order},
            fields,
        ),
        states=states,
        header={"lmname": draw(WORDS)},
        own_scales={**{name: draw(NUMBERS) for name in order}, FIRST_LM: 1.0} if own else {},
        own_word_penalty=draw(NUMBERS) if own else 0.0,
    )


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lattice=lattices())
def test_what_is_written_is_read_again(tmp_path: Path, lattice: Lattice) -> None:
    again = written(tmp_path / "x.slf", lattice)
    assert_same_paths(lattice, again)
    assert again.header == lattice.header
    assert_same(again, written(tmp_path / "y.slf", again))


TOKENS = [
    "nan",
    "-inf",
    "1e999",
    "1_0",
    "9" * 30,
    "-",
    "\0",
    "\n",
    " ",
    "\x1c",
    "\u2028",
    "\u0663",
    '"',
    "'",
    "\\",
    "\\377",
    "=",
    "J=",
    "I=",
    "N=9",
    "L=0",
    "#",
    ".",
    "base=0 ",
    "start=2 ",
    "end=1 ",
    "W=",
    "dir=b ",
    "S=1 ",
]


def _damaged(text: str, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 3))):
        at, kind = chance.randrange(len(text) + 1), chance.randrange(5)
        if kind == 0:
            text = text[:at] + text[at + chance.choice((1, 1, 3, 30)) :]
        elif kind == 1:
            text = text[:at] + chance.choice(TOKENS) + text[at:]
        elif kind == 2:
            text = text[:at] + chr(chance.randrange(1, 256)) + text[at + 1 :]
        elif kind == 3:
            lines = text.splitlines(keepends=True) or ["\n"]
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
            text = "".join(lines)
        else:
            digits = [place for place, sign in enumerate(text) if sign.isdigit()]
            at = chance.choice(digits or [0])
            text = text[:at] + str(chance.randrange(12)) + text[at + 1 :]
    data = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data) + 1)]
    if chance.random() < 0.1:
        data = gzip.compress(data, 1)[: chance.randrange(20, 200)]
    return data


@pytest.mark.parametrize("text", [HTK_LINKS, HTK_NODES])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, text: str) -> None:
    chance = random.Random(len(text))
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for round_ in range(800):
            path = tmp_path / f"{round_}.slf"
            path.write_bytes(_damaged(text, chance))
            htk.matches(path)
            try:
                lattice = read(path)
            except InputError as error:
                assert len(str(error).splitlines()) == 1 and "remedy: " in str(error)
            else:
                count += 1
                again = written(tmp_path / "again.slf", lattice)
                assert_same_paths(lattice, again)
                assert_same(again, written(tmp_path / "again.slf", again))
            path.unlink()
    assert 40 < count < 720


@needs_data
def test_theanolms_lattice_is_that_of_its_kaldi_text() -> None:
    folder = Path(DATA or "") / "lattices" / "theanolm"
    lattice = read(folder / "lattice.slf")
    rows = [line.split() for line in (folder / "lattice.lat").read_text().splitlines()[1:]]
    arcs, finals = [row for row in rows if len(row) == 4], [row for row in rows if len(row) == 2]
    kaldi = sorted(
        (int(s), int(t), *(-float(cost) for cost in weight.split(",")[:2]))
        for s, t, _, weight in arcs
    )
    # Kaldi's final weights are the links with !EXIT, into the last node.
    kaldi += sorted(
        (int(s), 23, *(-float(cost) for cost in weight.split(",")[:2])) for s, weight in finals
    )
    ours = list(
        zip(
            lattice.sources.tolist(),
            lattice.targets.tolist(),
            lattice.scores[FIRST_LM].tolist(),
            lattice.scores[ACOUSTIC].tolist(),
            strict=True,
        )
    )
    assert np.array(sorted(ours[:-1])) == pytest.approx(np.array(sorted(kaldi))) and ours[-1] == (
        23,
        24,
        0,
        0,
    )
    number: dict[str, set[str]] = {}
    words = heard(lattice)
    for (source, target, lm, acoustic), word in zip(ours, words, strict=True):
        same = [
            row[2]
            for row in arcs
            if (int(row[0]), int(row[1])) == (source, target)
            and row[3] == f"{0.0 - lm},{0.0 - acoustic},"
        ]
        for label in same:
            number.setdefault(word, set()).add(label)
    assert (
        number.pop("") == {"0"}
        and len(number) == 12
        and all(len(labels) == 1 for labels in number.values())
    )
    assert lattice.own_scales == {ACOUSTIC: 1 / 12.3, FIRST_LM: 1.0}
    assert lattice.own_word_penalty == pytest.approx(-0.7 / 12.3)
    assert lattice.utterance == "lattice"


def _best(lattice: Lattice, scores: np.ndarray) -> float:
    best = np.full(lattice.states, -math.inf)
    best[0] = 0
    for source, target, score in zip(lattice.sources, lattice.targets, scores, strict=True):
        best[target] = max(best[target], best[source] + score)
    return float(best[-1])


@pytest.mark.slow
@needs_data
def test_pocketsphinx(tmp_path: Path) -> None:
    folder = Path(DATA or "") / "lattices" / "kathleen-sphinx"
    assert htk.matches(folder)
    lattices = list(htk.read(folder, None, ErrorCollector()))
    assert len(lattices) == 240
    worst = min(lattice.scores[ACOUSTIC].min() for lattice in lattices)
    assert worst < -43000
    for lattice in lattices:
        posterior = np.nan_to_num(np.asarray(lattice.arc_fields["posterior"]), nan=1.0)
        assert -43000 < _best(lattice, lattice.scores[ACOUSTIC]) < 0
        # Links of posterior 0 are dead: there is a path without them.
        assert _best(lattice, np.log(np.maximum(posterior, 1e-300))) > math.log(1e-300)
    htk.write(tmp_path / "out", lattices[:12])
    for lattice, again in zip(
        lattices, htk.read(tmp_path / "out", None, ErrorCollector()), strict=False
    ):
        assert_same(lattice, again)
