"""Kaldi's archives of lattices."""

from __future__ import annotations

import gzip
import itertools
import math
import os
import random
import resource
import struct
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescorer.errors import InputError
from rescorer.recognition.formats.kaldi_lattice import matches, read, write
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.formats.transition_ids import PackedIds
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH

DATA = os.environ.get("RESCORER_DATA")
KALDI = Path(DATA or ".") / "lattices" / "kathleen-kaldi"
needs_data = pytest.mark.skipif(
    not DATA, reason="RESCORER_DATA does not name the folder of real data"
)

WORDS = "<eps> 0\nto 1\nbe 2\nor 3\n#0 9\n"
INFINITY = (math.inf, math.inf)
MAGIC = struct.pack("<I", 0x7EB2FDD6)

# An FST by states: (final weight or None, arcs), an arc (input label, output label, weight,
# target), a weight (graph, acoustic, ids). The answers below are those of this one.
COMPACT = [
    (None, [(1, 1, (0.5, 2.25, (3, 1, 1, 12)), 1), (2, 2, (0.0, 0.0, ()), 2)]),
    (None, [(3, 3, (-1.0, 8.0, (7,)), 2)]),
    ((0.125, 0.0, (5, 5)), []),
]
COMPACT_TEXT = "0\t1\t1\t0.5,2.25,3_1_1_12\n0\t2\t2\n1\t2\t3\t-1,8,7\n2\t0.125,0,5_5\n"
PLAIN = [
    (None, [(3, 1, (0.5, 2.25), 1), (0, 2, (0.0, 0.0), 2)]),
    (None, [(7, 3, (-1.0, 8.0), 2)]),
    ((0.125, 0.0), []),
]
PLAIN_TEXT = "0\t1\t3\t1\t0.5,2.25\n0\t2\t0\t2\n1\t2\t7\t3\t-1,8\n2\t0.125,0\n"
SPELLED_TEXT = "0\t1\tto\t0.5,2.25,3_1_1_12\n0\t2\tbe\n1\t2\tor\t-1,8,7\n2\t0.125,0,5_5\n"


def _weight(name: str, weight: tuple | None) -> bytes:
    graph, acoustic, *ids = weight or (*INFINITY, ())
    packed = struct.pack("<dd" if "8" in name else "<ff", graph, acoustic)
    if not name.startswith("compact"):
        return packed
    return packed + struct.pack(f"<i{len(ids[0])}i", len(ids[0]), *ids[0])


def _header(
    name: str = "compactlattice44",
    states: int = 0,
    start: int | None = None,
    *,
    version: int = 2,
    flags: int = 0,
    kind: str = "vector",
) -> bytes:
    names = b"".join(struct.pack("<i", len(each)) + each.encode() for each in (kind, name))
    start = (0 if states else -1) if start is None else start
    return MAGIC + names + struct.pack("<iiQqqq", version, flags, 3, start, states, 0)


def _binary(name: str, fst: list, key: str = "utt") -> bytes:
    body = b""
    for final, arcs in fst:
        body += _weight(name, final) + struct.pack("<q", len(arcs))
        for ilabel, olabel, weight, target in arcs:
            body += (
                struct.pack("<ii", ilabel, olabel)
                + _weight(name, weight)
                + struct.pack("<i", target)
            )
    return key.encode() + b" " + _header(name, len(fst)) + body


def _archive(
    folder: Path, content: bytes | str, name: str = "lat.1", words: str | None = WORDS
) -> Path:
    if words is not None:
        (folder / "words.txt").write_text(words)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def _read(path: Path, words: Path | None = None) -> list[Lattice]:
    assert matches(path)
    return list(read(path, words, ErrorCollector()))


def _ids(lattice: Lattice) -> list[str]:
    return [each.decode() for each in lattice.arc_fields["transition_ids"].texts()]


def _assert_same(lattice: Lattice, other: Lattice, tolerance: float = 0.0) -> None:
    assert (lattice.utterance, lattice.states) == (other.utterance, other.states)
    for name in ("sources", "targets", "labels"):
        np.testing.assert_array_equal(getattr(lattice, name), getattr(other, name))
    assert lattice.score_names == other.score_names
    for name in lattice.score_names:
        np.testing.assert_allclose(lattice.scores[name], other.scores[name], rtol=tolerance, atol=0)
    assert _ids(lattice) == _ids(other)
    assert lattice.header["type"] == other.header["type"]


BINARIES = {
    "lattice4": PLAIN,
    "lattice8": PLAIN,
    "compactlattice44": COMPACT,
    "compactlattice84": COMPACT,
}
CONTENTS: dict[str, bytes] = {
    **{name: _binary(name, fst) for name, fst in BINARIES.items()},
    "compact text": f"utt \n{COMPACT_TEXT}\n".encode(),
    "plain text": f"utt \n{PLAIN_TEXT}\n".encode(),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", CONTENTS)
def test_every_type_is_read(tmp_path: Path, kind: str, packed: bool) -> None:
    content = CONTENTS[kind]
    [lattice] = _read(_archive(tmp_path, gzip.compress(content) if packed else content))
    assert (lattice.utterance, lattice.states, lattice.trimmed) == ("utt", 4, 0)
    assert lattice.sources.tolist() == [0, 0, 1, 2]
    assert lattice.targets.tolist() == [1, 2, 2, 3]
    assert [lattice.symbols.words[label] for label in lattice.labels] == ["to", "be", "or", ""]
    assert lattice.scores[GRAPH].tolist() == [-0.5, 0.0, 1.0, -0.125]
    assert lattice.scores[ACOUSTIC].tolist() == [-2.25, 0.0, -8.0, 0.0]
    assert not np.signbit(lattice.scores[ACOUSTIC][1])
    compact = "compact" in kind
    assert _ids(lattice) == (["3_1_1_12", "", "7", "5_5"] if compact else ["3", "", "7", ""])
    assert lattice.header == {
        "type": "compact" if compact else "lattice",
        "precision": "double" if "8" in kind else "float",
        "text": "text" in kind,
        "spelled": False,
    }


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_type_is_written_as_it_was(tmp_path: Path, kind: str) -> None:
    [lattice] = _read(_archive(tmp_path, CONTENTS[kind]))
    write(tmp_path / "out", [lattice])
    assert (tmp_path / "out").read_bytes() == CONTENTS[kind]
    write(tmp_path / "out.gz", [lattice])
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == CONTENTS[kind]


@pytest.mark.parametrize("kind", BINARIES)
@pytest.mark.parametrize("name", ["out.txt", "out.text.gz"])
def test_a_name_asks_for_text(tmp_path: Path, kind: str, name: str) -> None:
    [lattice] = _read(_archive(tmp_path, CONTENTS[kind]))
    write(tmp_path / name, [lattice])
    content = (tmp_path / name).read_bytes()
    text = COMPACT_TEXT if "compact" in kind else PLAIN_TEXT
    assert (
        gzip.decompress(content) if name.endswith("gz") else content
    ) == f"utt \n{text}\n".encode()
    [again] = _read(tmp_path / name)
    _assert_same(again, lattice)


def test_words_that_are_spelled_out_need_no_table(tmp_path: Path) -> None:
    content = f"a \n{SPELLED_TEXT}\nb \n0 1 <eps> 0,1,\n0 1 4\n1\n\n"
    first, second = _read(_archive(tmp_path, content, words=None))
    assert first.symbols.labels == ("<eps>", "to", "be", "or") and first.labels.tolist() == [
        1,
        2,
        3,
        0,
    ]
    assert second.symbols.labels == ("<eps>", "4") and second.labels.tolist() == [0, 1, 0]
    assert first.header["spelled"] and first.header["type"] == "compact"
    write(tmp_path / "out", [first, second])
    assert (
        tmp_path / "out"
    ).read_text() == f"a \n{SPELLED_TEXT}\nb \n0\t1\t<eps>\t0,1,\n0\t1\t4\n1\n\n"


def test_words_on_a_plain_lattice_are_spelled_out_too(tmp_path: Path) -> None:
    content = "utt \n0 1 7 to 1,2\n0 1 8 Zoë\n1\n\n"
    [lattice] = _read(_archive(tmp_path, content, words=None))
    assert lattice.symbols.labels == ("<eps>", "to", "Zoë") and _ids(lattice) == ["7", "8", ""]
    write(tmp_path / "out", [lattice])
    assert (tmp_path / "out").read_text() == content.replace(" ", "\t").replace("utt\t", "utt ")


def test_the_table_that_is_given_goes_before_the_one_beside(tmp_path: Path) -> None:
    path = _archive(tmp_path, CONTENTS["lattice4"], words="<eps> 0\nfalse 1\n")
    given = tmp_path / "other.txt"
    given.write_text("or 3\nto 1\n<eps> 0\nbe 2\n")
    [lattice] = _read(path, given)
    assert lattice.symbols.labels == ("<eps>", "to", "be", "or")


def test_lattices_without_a_path(tmp_path: Path) -> None:
    no_final = "0 1 1 1,2,3\n"
    content = b"".join(
        [
            b"a \n\n",
            b"b " + _header(),
            f"c \n{no_final}0 Infinity,Infinity,\n\n".encode(),
            b"d " + _header("lattice8"),
            _binary("lattice4", [(None, [(1, 1, (0, 0), 0)][:0])], "e"),
        ]
    )
    lattices = _read(_archive(tmp_path, content))
    assert [(lattice.utterance, lattice.states, lattice.arcs) for lattice in lattices] == [
        (key, 0, 0) for key in "abcde"
    ]
    for name in ("out", "out.txt"):
        write(tmp_path / name, lattices)
        assert [(lattice.utterance, lattice.states) for lattice in _read(tmp_path / name)] == [
            (k, 0) for k in "abcde"
        ]


def test_text_as_hands_write_it(tmp_path: Path) -> None:
    # The start is 2, and the last blank line is not there.
    content = "\n  a\t\r\n2  1 1 0.5,1e1,3 \r\n1 0,0,\r\n \r\n\nb\n0 -1.5,2,\n"
    a, b = _read(_archive(tmp_path, content))
    assert (a.utterance, a.states, a.labels.tolist(), a.scores[ACOUSTIC].tolist()) == (
        "a",
        3,
        [1, 0],
        [-10.0, 0.0],
    )
    assert (b.utterance, b.states, b.scores[GRAPH].tolist()) == ("b", 2, [1.5])


def test_text_costs_are_floats_unless_they_are_too_long(tmp_path: Path) -> None:
    content = "a \n0 1 1 0.1,1,\n1\n\nb \n0 1 1 0.1,0.12345678901234567,\n1\n\n"
    a, b = _read(_archive(tmp_path, content))
    assert (a.header["precision"], a.scores[GRAPH][0]) == ("float", -float(np.float32(0.1)))
    assert (b.header["precision"], b.scores[GRAPH][0]) == ("double", -0.1)


def test_an_end_that_is_no_final_weight_becomes_an_arc(tmp_path: Path) -> None:
    symbols = Symbols(("<eps>", "to"))
    arcs = Arcs(
        np.array([0, 1, 1, 0]),
        np.array([1, 2, 2, 2]),
        np.array([1, 0, 0, 0]),
        {ACOUSTIC: np.array([-1.0, -2, -3, -4]), GRAPH: np.array([0.0, -5, -6, -7])},
    )
    write(tmp_path / "out.txt", [assemble("utt", symbols, 0, arcs)])
    assert (tmp_path / "out.txt").read_text() == (
        "utt \n0\t1\t1\t0,1,\n0\t7,4,\n1\t2\t0\t6,3,\n1\t5,2,\n2\n\n"
    )


def _scp(folder: Path, lines: str) -> Path:
    (folder / "lat.scp").write_text(lines)
    return folder / "lat.scp"


def test_an_scp_of_white_space_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "in.scp"
    path.write_bytes(b"\x1f")
    with pytest.raises(InputError, match="empty"):
        list(read(path, None, ErrorCollector()))


def test_scp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [
        CONTENTS[kind].replace(b"utt", kind[:4].encode(), 1)
        for kind in ("lattice8", "compact text")
    ]
    _archive(tmp_path, b"".join(contents))
    (tmp_path / "one").write_bytes(contents[0][5:])
    second = len(contents[0]) + 5
    for name in ("lat.1", str(tmp_path / "lat.1")):
        scp = _scp(tmp_path, f"b {name}:{second}\na {name}:5\nc one\n")
        assert [lattice.utterance for lattice in _read(scp)] == ["b", "a", "c"]
    monkeypatch.chdir(tmp_path)
    assert [lattice.header["type"] for lattice in _read(Path("lat.scp"))] == [
        "compact",
        "lattice",
        "lattice",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a gone:5", ["lat.scp:1: ", "'a'", "no file 'gone'"]),
        ("a lat.1:7", ["lat.1: ", "utterance 'a'", "byte 7", "expected an OpenFst file"]),
        ("a gunzip -c lat.1.gz |", ["lat.scp:1: ", "commands are not run"]),
        (f"a {'x' * 300}", ["lat.scp:1: ", "'a'", "no file 'xxx"]),
        (f"a {'x/' * 5000}:7", ["lat.scp:1: ", "'a'", "no file 'x/x"]),
        ("a lat\x00.1:7", ["lat.scp:1: ", "'a'", "no file 'lat"]),
        ("a .", ["lat.scp:1: ", "no file '.'"]),
        ("a /dev/zero:5", ["lat.scp:1: ", "no file '/dev/zero'"]),
        ("a lat.1:999999999999999999", ["lat.1: ", "byte 999999999999999999 cannot be sought"]),
        ("a", ["lat.scp:1: ", "''"]),
        ("\x01 lat.1:4", ["lat.scp:1: ", "utterance id"]),
        ("a packed.gz:5", ["packed.gz: ", "is compressed"]),
        ("a lat.1:100000", ["lat.1: ", "byte 100000", "ends inside"]),
    ],
)
def test_bad_entries_of_an_scp(tmp_path: Path, line: str, expected: list[str]) -> None:
    _archive(tmp_path, CONTENTS["compactlattice44"])
    (tmp_path / "packed.gz").write_bytes(gzip.compress(CONTENTS["lattice4"]))
    scp = _scp(tmp_path, f"{line}\nb lat.1:4\n")
    _refused(scp, expected)
    collector = ErrorCollector(skip=True)
    assert [lattice.utterance for lattice in read(scp, None, collector)] == ["b"]
    assert len(collector.errors) == 1


def _refused(path: Path, expected: list[str], words: Path | None = None) -> None:
    with pytest.raises(InputError) as caught:
        list(read(path, words, ErrorCollector()))
    message = str(caught.value)
    assert "remedy: " in message and len(message.splitlines()) == 1
    assert all(part in message for part in expected), message


def _arc(weight: tuple = (0.0, 0.0, ()), label: int = 1, target: int = 1) -> bytes:
    return _binary(
        "compactlattice44", [(None, [(label, label, weight, target)]), ((0.0, 0.0, ()), [])], "bad"
    )


# Errors after which the next lattice can be found.
BAD: dict[str, tuple[bytes, list[str]]] = {
    "nan": (
        _arc((math.nan, 0.0, ())),
        ["byte ", "the graph score of the arc from 0 to 1 is not finite"],
    ),
    "infinite": (_arc((*INFINITY, ())), ["is not finite"]),
    "half infinite end": (
        _binary("lattice4", [((0.0, math.inf), [])], "bad"),
        ["acoustic score", "not finite"],
    ),
    "word out of range": (_arc(label=10), ["byte N", "word 10 is not in ", "words.txt", "up to 9"]),
    "word in a gap": (_arc(label=5), ["word 5 is not in "]),
    "negative word": (_arc(label=-1), ["word -1 is not in "]),
    "state out of range": (_arc(target=2), ["byte N", "arc to state 2", "states from 0 to 1"]),
    "negative state": (_arc(target=-1), ["arc to state -1"]),
    "self-loop": (_arc(target=0), ["state 0 has an arc to itself"]),
    "repeated": (CONTENTS["lattice4"], ["'utt'", "was there before", "remedy: "]),
    "text nan": (b"bad \n0 1 1 nan,0,\n1\n\n", [":7: ", "'bad'", "is not finite"]),
    "text Infinity": (b"bad \n0 1 1 Infinity,Infinity,\n1\n\n", [":7: ", "is not finite"]),
    "text BadNumber": (b"bad \n0 1 1 BadNumber,0,\n1\n\n", [":8: ", "BadNumber"]),
    "text word": (b"bad \n0 1 1\n0 1 5 0,1,\n1\n\n", [":9: ", "word 5 is not in "]),
    "text word no number": (b"bad \n0 1 1\n0 1 3x 0,1,\n1\n\n", [":9: ", "'3x' is not a number"]),
    "text cycle": (b"bad \n0 1 1\n1 2 1\n2 1 1\n2\n\n", [":7: ", "cycle"]),
    "text fields": (
        b"bad \n0 1 1\n0 1 2 3 4 5\n1\n\n",
        [":9: ", "'0 1 2 3 4 5'", "source target word"],
    ),
    "text mixed": (b"bad \n0 1 1 0,1,\n0 1 1 0,1,\n0 1 1 1 0,1\n1\n\n", [":10: "]),
    "text state": (b"bad \n0 -1 1\n\n", [":8: "]),
    "text long": (b"bad \n0 99999999999999999999 1\n\n", [":8: "]),
    "text underscore": (b"bad \n0 1_0 1\n\n", [":8: "]),
    "text cost": (b"bad \n0 1 1 0,1_0,\n\n", [":8: "]),
    "text ids": (b"bad \n0 1 1 0,1,3__4\n\n", [":8: "]),
    "text ids end": (b"bad \n0 1 1 0,1,3_\n\n", [":8: "]),
    "text great id": (b"bad \n0 1 1 0,1,99999999999\n\n", [":8: "]),
    "text great input": (b"bad \n0 1 99999999999 1 0,1\n\n", [":8: "]),
    "key of two": (b"bad 123\n0 1 1\n1\n\n", [":7: ", "'bad'", "'123' after the id"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_lattice_is_told_or_passed_over(tmp_path: Path, name: str) -> None:
    bad, expected = BAD[name]
    # An archive may change from text to binary: what follows shows that reading goes on.
    before = CONTENTS["compact text"] if "text" in name or "key" in name else b""
    before = before or CONTENTS["lattice4"]
    path = _archive(tmp_path, before + bad + CONTENTS["compactlattice84"].replace(b"utt", b"end"))
    if before == CONTENTS["lattice4"]:
        expected = [part.replace("byte N", f"byte {len(before) + _BODY + 20}") for part in expected]
    _refused(path, [str(path), *expected])
    collector = ErrorCollector(skip=True)
    assert [lattice.utterance for lattice in read(path, None, collector)] == ["utt", "end"]
    assert len(collector.errors) == 1 and all(part in str(collector.errors[0]) for part in expected)


def _with(content: bytes, at: int, value: int, size: str = "<i") -> bytes:
    patch = struct.pack(size, value)
    return content[:at] + patch + content[at + len(patch) :]


_GOOD = CONTENTS["compactlattice44"]
_BODY = 4 + len(_header())  # where the first state begins
# Errors after which it cannot.
LOST: dict[str, tuple[bytes, list[str]]] = {
    "magic": (b"bad \xd6\xfd\xb2\x7f" + _GOOD[8:], ["byte 4", "expected an OpenFst file"]),
    "other bytes": (b"bad \0B" + _GOOD[4:], ["byte 4", "expected an OpenFst file"]),
    "fst type": (b"bad " + _header(kind="const"), ["'const'", "expected vector", "fstconvert"]),
    "arc type": (b"bad " + _header("standard"), ["'standard'", "lattice4"]),
    "name length": (
        b"bad " + MAGIC + struct.pack("<i", 1 << 30),
        ["the name of a type has 1073741824 bytes"],
    ),
    "version": (b"bad " + _header(version=1), ["version 1"]),
    "symbols": (b"bad " + _header(flags=1), ["tables of symbols", "fstsymbols"]),
    "negative states": (b"bad " + _header(states=-1, start=0), ["-1 states"]),
    "start": (b"bad " + _header(states=2, start=2), ["the start 2"]),
    "many states": (b"bad " + _header(states=1 << 60), ["ends inside the lattice"]),
    "many arcs": (_with(_GOOD, _BODY + 12, 1 << 62, "<q"), [f"byte {_BODY + 12}", "arcs"]),
    "2**31 - 1 arcs": (_with(_GOOD, _BODY + 12, (1 << 31) - 1, "<q"), ["byte "]),
    "2**31 - 1 plain arcs": (
        _with(CONTENTS["lattice4"], 4 + len(_header("lattice4")) + 8, (1 << 31) - 1, "<q"),
        ["ends inside"],
    ),
    "negative arcs": (
        _with(_GOOD, _BODY + 12, -1, "<q"),
        [f"byte {_BODY + 12}", "a state with -1 arcs"],
    ),
    "negative string": (_with(_GOOD, _BODY + 36, -1), [f"byte {_BODY + 36}", "a string of -1"]),
    "long string": (
        _with(_GOOD, _BODY + 36, (1 << 31) - 1),
        [f"byte {_BODY + 36}", "a string of 2147483647"],
    ),
    "negative final string": (_with(_GOOD, _BODY + 8, -1), [f"byte {_BODY + 8}", "a string of -1"]),
    "key not UTF-8": (b"b\xe9d \n0 1 1\n1\n\n", ["byte 0", "utterance id"]),
    "no key": (b" \xd6\xfd\xb2\x7e\0\0 ", ["byte "]),
    "text cut": (b"bad \n0 1 1 0,1,\n", [":3: ", "ends inside the lattice"]),
    "text cut in a line": (b"bad \n0 1 1 0,1,\n1 0,", [":3: ", "ends inside the lattice"]),
    "text cut after the key": (b"bad ", ["ends inside the lattice"]),
}


@pytest.mark.parametrize("name", LOST)
def test_what_does_not_tell_its_end_is_the_last(tmp_path: Path, name: str) -> None:
    bad, expected = LOST[name]
    path = _archive(tmp_path, bad)
    tracemalloc.start()
    _refused(path, [str(path), *expected])
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    path = _archive(tmp_path, CONTENTS["lattice4"].replace(b"utt", b"one", 1) + bad)
    collector = ErrorCollector(skip=True)
    assert [lattice.utterance for lattice in read(path, None, collector)] == ["one"]
    assert len(collector.errors) == 1


@pytest.mark.parametrize("kind", CONTENTS)
def test_cut_short_anywhere(tmp_path: Path, kind: str) -> None:
    content = CONTENTS[kind]
    for length in range(1, len(content) - 1):
        path = _archive(tmp_path, content[:length])
        with pytest.raises(InputError) as caught:
            list(read(path, None, ErrorCollector()))
        assert "remedy: " in str(caught.value)


def test_gzip_cut_short(tmp_path: Path) -> None:
    several = b"".join(
        CONTENTS["compactlattice44"].replace(b"utt", b"%05d" % n, 1) for n in range(5000)
    )
    packed = gzip.compress(several)
    path = _archive(tmp_path, packed[: len(packed) // 2], "lat.1.gz")
    _refused(path, ["lat.1.gz: ", "cannot be read on", "cut short"])
    collector = ErrorCollector(skip=True)
    assert len(list(read(path, None, collector))) > 100 and len(collector.errors) == 1
    _refused(_archive(tmp_path, packed[:12], "lat.1.gz"), ["cannot be read on"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("<eps> 0\nto\n", ["words.txt:2: ", "'to'"]),
        ("<eps> 0\nto be 1\n", ["words.txt:2: "]),
        ("<eps> 0\nto 1\nbe 1\n", ["words.txt:3: ", "id 1 is there twice"]),
        ("<eps> 0\nto one\n", ["words.txt:2: ", "'to one'"]),
        ("<eps> 0\nto -1\n", ["words.txt:2: "]),
        ("<eps> 0\nto 999999999999\n", ["words.txt:2: "]),
        ("to 0\nbe 1\n", ["words.txt: ", "id 0 is 'to'", "<eps> 0"]),
        ("", ["words.txt: ", "empty"]),
    ],
)
def test_a_damaged_table_is_never_passed_over(
    tmp_path: Path, words: str, expected: list[str]
) -> None:
    path = _archive(tmp_path, _GOOD, words=words)
    _refused(path, expected)
    with pytest.raises(InputError):
        list(read(path, None, ErrorCollector(skip=True)))


@pytest.mark.parametrize("kind", CONTENTS)
def test_numbers_without_a_table(tmp_path: Path, kind: str) -> None:
    path = _archive(tmp_path, CONTENTS[kind], words=None)
    _refused(path, [str(path), "no words.txt", "--symbols words.txt"])
    with pytest.raises(InputError):
        list(read(path, None, ErrorCollector(skip=True)))


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"")])
def test_an_empty_archive(tmp_path: Path, content: bytes) -> None:
    path = _archive(tmp_path, content)
    assert not matches(path)
    _refused(path, ["the file is empty"])


@pytest.mark.parametrize(
    "content",
    [
        b"utt-1 -3.5 to be\nutt-2 -4 or\n",
        b"utt-1 to be\nutt-2 or not\n",
        b"utt-1\nutt-2 or not\n",
        b"1\n2 3 4\n5\n",
        b"1\n2\n",
        b"utt-1\n\n",
        b"VERSION=1.0\nUTTERANCE=x\nN=2 L=1\n",
        b'{\n"a": 1}\n',
        b'{"id": "a", "hyp": "b"}\n',
        b"[\n1\n2\n",
        b"PK\x03\x04\x14\0\0\0",
        b"to 1\nbe 2\n",
        b"0 1 1 0,1,\n",
        b"",
        b"utt 123\n0 1 1 0,1,\n\n",
        b"a words.txt\n",
        b"a gone.ark\n",
        b"utt-1\r\n\r\nutt-2 good day\r\n",
    ],
)
def test_other_formats_are_not_claimed(tmp_path: Path, content: bytes) -> None:
    assert not matches(_archive(tmp_path, content))
    assert not matches(_archive(tmp_path, gzip.compress(content)))


def test_what_is_claimed(tmp_path: Path) -> None:
    assert not matches(tmp_path)
    # the reader tells that a is not there
    assert matches(_archive(tmp_path, "utt a:5\n", "lost.scp"))
    assert matches(_archive(tmp_path, b"1 \n0 1 2\n1\n\n"))
    assert matches(_archive(tmp_path, b"a \n\nb \n\n"))
    with pytest.raises(InputError, match=r"gone: cannot be read"):
        matches(tmp_path / "gone")


def _small(**changes: object) -> Lattice:
    arcs = Arcs(
        np.array([0, 1]),
        np.array([1, 2]),
        np.array([1, 0]),
        {ACOUSTIC: np.array([-1.0, 0.0]), GRAPH: np.array([-2.0, 0.0])},
    )
    values = {"utterance": "utt", "symbols": Symbols(("<eps>", "to")), **changes}
    header = values.pop("header", {})
    return assemble(
        values["utterance"], values["symbols"], 0, values.get("arcs", arcs), header=header
    )  # type: ignore


@pytest.mark.parametrize(
    ("lattices", "expected"),
    [
        ([], ["no lattices"]),
        ([_small(), _small()], ["'utt'", "was there before"]),
        ([_small(utterance="a b")], ["'a b'", "white space"]),
        (
            [_small(), _small(utterance="b", symbols=Symbols(("", "be")))],
            ["'b'", "numbered otherwise"],
        ),
        ([_small(header={"spelled": True})], ["spelled out", ".txt"]),
        (
            [
                _small(
                    arcs=Arcs(np.array([0]), np.array([1]), np.array([0]), {FIRST_LM: np.zeros(1)})
                )
            ],
            ["no score is named graph", "first_lm", "another format"],
        ),
        (
            [
                _small(
                    arcs=Arcs(
                        np.array([0]),
                        np.array([1]),
                        np.array([0]),
                        {ACOUSTIC: np.full(1, 1e39), GRAPH: np.zeros(1)},
                    )
                )
            ],
            ["a cost of 1e+39"],
        ),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, lattices: list[Lattice], expected: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        write(tmp_path / "out", iter(lattices))
    assert all(
        part in str(caught.value) for part in [str(tmp_path / "out"), *expected, "remedy: "]
    ), caught.value
    assert list(tmp_path.iterdir()) == []


_COSTS = {
    "float": st.floats(-(2.0**99), 2.0**99, width=32)
    | st.sampled_from([0.0, 1e9, 2.0**24, float(np.float32(1e-40))]),
    "double": st.floats(-1e300, 1e300) | st.sampled_from([0.0, 0.1, 16777217.0]),
}


@st.composite
def _lattices(draw: st.DrawFn) -> Lattice:
    compact, precision = draw(st.booleans()), draw(st.sampled_from(["float", "double"]))
    states = draw(st.integers(1, 5))
    forward = [*itertools.combinations(range(states), 2)]
    pairs = draw(st.lists(st.sampled_from(forward), max_size=8)) if forward else []
    ends = sorted(draw(st.sets(st.integers(0, states - 1), min_size=1)))
    count = len(pairs) + len(ends)
    sizes = [draw(st.integers(0, 3 if compact else number < len(pairs))) for number in range(count)]
    pool = draw(st.lists(st.integers(1, 999_999_999), min_size=sum(sizes), max_size=sum(sizes)))
    cost = st.lists(_COSTS[precision], min_size=count, max_size=count)
    lengths = np.array(sizes, np.int64)
    arcs = Arcs(
        np.array([source for source, _ in pairs] + ends),
        np.array([target for _, target in pairs] + [states] * len(ends)),
        np.array([draw(st.integers(0, 3)) for _ in pairs] + [0] * len(ends)),
        {ACOUSTIC: 0.0 - np.array(draw(cost)), GRAPH: 0.0 - np.array(draw(cost))},
        {
            "transition_ids": PackedIds(
                np.array(pool, np.int32), np.cumsum(lengths) - lengths, lengths
            )
        },
    )
    header = {"type": "compact" if compact else "lattice", "precision": precision}
    return assemble(
        "utt", Symbols(("<eps>", "to", "be", "or")), 0, arcs, states=states, header=header
    )


@settings(deadline=None, max_examples=150)
@given(lattice=_lattices(), name=st.sampled_from(["out", "out.txt", "out.gz", "out.txt.gz"]))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, lattice: Lattice, name: str) -> None:
    folder = tmp_path_factory.mktemp("round")
    (folder / "words.txt").write_text(WORDS)
    write(folder / name, [lattice])
    [again] = list(read(folder / name, None, ErrorCollector()))
    if not lattice.arcs:
        assert not again.arcs
        return
    if (
        ".txt" in name
        and not any(_ids(lattice))
        and not any(score.any() for score in lattice.scores.values())
    ):
        # text of weights that are left out tells the type by its fields only
        assert again.states == lattice.states
    else:
        _assert_same(again, lattice)


@pytest.mark.parametrize("cost", [1e13, -12345678901234.0, 123456789012345.0, 0.1, 16777217.0])
def test_text_of_doubles_is_read_as_doubles(tmp_path: Path, cost: float) -> None:
    """However short it is: 1e13 is 14 characters, no more than a float may take, and no float."""
    (tmp_path / "words.txt").write_text(WORDS)
    scores = {ACOUSTIC: np.array([0.0]), GRAPH: np.array([cost])}
    fields = {
        "transition_ids": PackedIds(
            np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64)
        )
    }
    arcs = Arcs(np.array([0]), np.array([1]), np.array([0]), scores, fields)
    header = {"type": "lattice", "precision": "double"}
    lattice = assemble(
        "utt", Symbols(("<eps>", "to", "be", "or")), 0, arcs, states=1, header=header
    )
    write(tmp_path / "out.txt", [lattice])
    [again] = list(read(tmp_path / "out.txt", None, ErrorCollector()))
    _assert_same(again, lattice)
    assert again.header["precision"] == "double"


TOKENS = (
    b"\n",
    b" ",
    b"\t",
    b"\0",
    b"9" * 19,
    b"-",
    b"_",
    b",",
    b"nan",
    b"Infinity",
    b"\xff",
    b"\n\n",
)


def _damage(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(data) or 1)
        kind = chance.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            data[at : at + 4] = struct.pack(
                "<i", chance.choice((-1, 0, 1, 5, 1 << 24, (1 << 31) - 1, -(1 << 31)))
            )
        elif kind == 2:
            del data[at : at + chance.choice((1, 2, 8, 40))]
        elif kind == 3:
            data[at:at] = chance.choice(TOKENS)
        else:
            data[at:at] = data[at : at + chance.choice((1, 4, 30))]
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data) + 1)]
    if chance.random() < 0.1:
        packed = gzip.compress(bytes(data))
        data = bytearray(packed[: chance.randrange(1, len(packed) + 1)])
    return bytes(data)


@contextmanager
def _memory_beyond(size: int) -> Iterator[None]:
    """At most so many bytes more of address space than now; beyond, a MemoryError.

    tracemalloc would take longer than the readers.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("kind", [*CONTENTS, "spelled"])
def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    chance = random.Random(f"damage {kind}")
    one = CONTENTS.get(kind, f"utt \n{SPELLED_TEXT}\n".encode())
    whole = b"".join(one.replace(b"utt", key, 1) for key in (b"a", b"b-2", b"c"))
    rounds, refused, began = 300, 0, time.monotonic()
    with _memory_beyond(30_000_000), warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(rounds):
            path = _archive(tmp_path, _damage(whole, chance), f"in-{number}")
            outcome: list[InputError] = []
            for act in (lambda path=path: matches(path), lambda path=path: _write_again(path)):
                try:
                    act()
                except InputError as error:
                    assert len(str(error).splitlines()) == 1 and "remedy: " in str(error)
                    outcome.append(error)
            refused += bool(outcome)
            list(_skipping(path))
    assert rounds / 10 < refused < rounds * 0.98
    assert time.monotonic() - began < 60


def _write_again(path: Path) -> None:
    lattices = list(read(path, None, ErrorCollector()))
    out = path.with_name(f"{path.name}.out")
    write(out, lattices)
    for lattice, other in zip(lattices, read(out, None, ErrorCollector()), strict=True):
        assert (lattice.utterance, lattice.arcs) == (other.utterance, other.arcs)


def _skipping(path: Path) -> list[Lattice]:
    try:
        return list(read(path, None, ErrorCollector(skip=True)))
    except InputError:  # the file itself cannot be opened, or its words are nowhere
        return []


@needs_data
def test_real_text_and_binary_are_the_same() -> None:
    count = 0
    for text, binary in itertools.zip_longest(_stream("pruned.txt.gz"), _stream("pruned.1.gz")):
        _assert_same(text, binary, 1e-5)
        count += 1
    assert count == 240


def _stream(name: str) -> Iterator[Lattice]:
    assert matches(KALDI / name)
    return read(KALDI / name, None, ErrorCollector())


def _without_properties(archive: bytes) -> bytes:
    """A binary archive of CompactLattices without what OpenFst only infers."""
    before = _header()[: -8 * 4]
    parts = archive.split(before)
    return before.join([parts[0], *(part[8:] for part in parts[1:])])


@needs_data
@pytest.mark.parametrize("name", ["pruned.1.gz", "pruned.txt.gz"])
def test_real_archives_are_written_as_kaldi_wrote_them(tmp_path: Path, name: str) -> None:
    write(tmp_path / "out.gz", _stream(name))
    old, new = (gzip.decompress(path.read_bytes()) for path in (KALDI / name, tmp_path / "out.gz"))
    same = old == new if "txt" in name else _without_properties(old) == _without_properties(new)
    assert same  # not compared in the assertion: it would show megabytes


@needs_data
def test_the_best_path_is_kaldis(tmp_path: Path) -> None:
    """At acoustic scale 0.1, the best path has the words and the costs that Kaldi's own programs
    found.
    """
    folder = KALDI / "reference"
    words, graph, acoustic = (
        dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
        for file in (
            folder / "1best.words",
            folder / "1best.graph-cost",
            folder / "1best.acoustic-cost",
        )
    )
    for lattice in _stream("pruned.1.gz"):
        total = lattice.scores[GRAPH] + 0.1 * lattice.scores[ACOUSTIC]
        best = np.full(lattice.states, -np.inf)
        best[0], came = 0.0, np.zeros(lattice.states, np.int64)
        for arc, (source, target) in enumerate(zip(lattice.sources, lattice.targets, strict=True)):
            if best[source] + total[arc] > best[target]:
                best[target], came[target] = best[source] + total[arc], arc
        expected = -float(graph[lattice.utterance]) - 0.1 * float(acoustic[lattice.utterance])
        assert best[-1] == pytest.approx(expected, rel=1e-5)
        path, state = [], lattice.states - 1
        while state:
            path.append(lattice.labels[came[state]])
            state = int(lattice.sources[came[state]])
        assert [str(word) for word in reversed(path) if word] == words[lattice.utterance].split()
