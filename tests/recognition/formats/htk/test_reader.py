"""SLF files and folders: what is read, and what is refused."""

from __future__ import annotations

import gzip
import math
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from htk_files import assert_same, assert_same_paths, heard, read, spelled, written
from tiny_lattices import HTK_LINKS, HTK_NODES

from rescorer.errors import InputError
from rescorer.recognition.formats import htk
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, PRONUNCIATION

DATA = os.environ.get("RESCORER_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="RESCORER_DATA does not name the folder of real data"
)
LN10 = math.log(10)


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
    assert lattice.arc_fields["variant"].tolist() == [1, -1, -1, -1, -1]
    assert lattice.arc_fields["alignment"].tolist() == [":a,0.1:", "", "", "", ""]
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
