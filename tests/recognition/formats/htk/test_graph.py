"""Nodes and links of SLF: words, starts, ends and cycles."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from htk_files import assert_same, heard, read, spelled, written
from tiny_lattices import HTK_LINKS, HTK_NODES

from rescorer.errors import InputError
from rescorer.recognition.nbest import ACOUSTIC


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
    assert lattice.state_fields["time"].tolist() == [0, 0.4, 0.4, 0.9, 0.9]
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
