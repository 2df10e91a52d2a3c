"""SLF files that are written."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from htk_files import assert_same, assert_same_paths, read, spelled, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_lattices import HTK_LINKS

from rescorer.errors import InputError
from rescorer.recognition.formats import htk
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, PRONUNCIATION


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
