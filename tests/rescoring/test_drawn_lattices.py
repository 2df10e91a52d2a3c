"""Pictures of lattices: what is drawn, and the picture that Graphviz makes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from tiny_lattices import make_lattice

from rescorer.errors import InputError
from rescorer.reports.lattice_drawing import DrawnArc, DrawnLattice, check_drawing, draw
from rescorer.rescoring.drawn_lattices import drawn_lattice

NASTY = 'a"<b>&\\n|{'
needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="no Graphviz here: apt-get install graphviz"
)


def test_the_best_path_and_posteriors() -> None:
    lattice = make_lattice([(0, 1, "the"), (1, 2, "cat"), (1, 2, "mat")], [2])
    totals = np.log([1.0, 0.75, 0.25, 1.0])
    drawn = drawn_lattice("before", lattice, totals)
    assert drawn.title == "before: the cat"
    found = {arc.word: (arc.is_best, round(arc.posterior, 6)) for arc in drawn.arcs}
    assert found == {"the": (True, 1), "cat": (True, 0.75), "mat": (False, 0.25), "": (True, 1)}


def test_many_arcs_are_left_out() -> None:
    """Of 100 places with 3 words each, the worst words go; every place keeps its best."""
    words = [(place, place + 1, f"w{rank}") for place in range(100) for rank in range(3)]
    lattice = make_lattice(words, [100])
    ranks = np.array([int(lattice.symbols.words[label][1:] or 0) for label in lattice.labels])
    drawn = drawn_lattice("after", lattice, -(1.0 + np.arange(lattice.arcs) / 1e3) * ranks)
    assert len(drawn.arcs) == 150 and sum(arc.is_best for arc in drawn.arcs) == 101
    assert {arc.word for arc in drawn.arcs} == {"w0", "w1", ""}
    assert drawn.title.endswith("; 151 arcs on worse paths are left out")


def test_a_lattice_without_a_path() -> None:
    assert drawn_lattice("before", make_lattice([], []), np.zeros(0)).title == "before: no path"


@needs_dot
@pytest.mark.parametrize("suffix", [".svg", ".pdf", ".png"])
def test_pictures(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("graphviz", reason="not installed: pip install graphviz")
    arcs = [DrawnArc(0, 1, NASTY, 0.25, True), DrawnArc(0, 1, "", 0.75, False)]
    path = tmp_path / f"u-1{suffix}"
    draw(path, [DrawnLattice(f"before: {NASTY}", arcs), DrawnLattice("after: no path", ())])
    content = path.read_bytes()
    if suffix != ".svg":
        assert content.startswith(b"%PDF" if suffix == ".pdf" else b"\x89PNG")
        return
    texts = [each.text for each in ElementTree.fromstring(content).iter() if each.text]
    assert {f"before: {NASTY}", f"{NASTY} 0.25", "ε 0.75", "after: no path"} <= set(texts)


def test_graphviz_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("graphviz", reason="not installed: pip install graphviz")
    (tmp_path / "dot").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(InputError, match="Graphviz fails with status 3"):
        draw(tmp_path / "u.svg", [])
    assert not (tmp_path / "u.svg").exists()


def test_another_suffix(tmp_path: Path) -> None:
    pytest.importorskip("graphviz", reason="not installed: pip install graphviz")
    with pytest.raises(InputError, match=r"u\.bmp is no picture.*\.svg, \.pdf, \.png"):
        check_drawing(tmp_path / "u.bmp")


def test_graphviz_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "graphviz", sys)  # any module stands for it
    with pytest.raises(InputError, match=r"the program dot.*apt-get install graphviz"):
        check_drawing(tmp_path / "u.svg")
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(InputError, match=r"graphviz is not installed.*pip install"):
        check_drawing(tmp_path / "u.svg")
