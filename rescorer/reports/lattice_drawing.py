"""Lattices as a picture, laid out by Graphviz."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rescorer.errors import InputError
from rescorer.extras import Foreign, import_extra
from rescorer.files import whole_path

FORMATS = (".svg", ".pdf", ".png")
_BEST, _OTHER = "#c62828", "#777777"
_WIDEST = 4.0  # points, of an arc that every path takes


@dataclass(frozen=True)
class DrawnArc:
    """An arc of a picture.

    Attributes:
        source, target: states.
        word: "" if nothing is said.
        posterior: probability that the arc is taken.
        is_best: whether it is on the best path.
    """

    source: int
    target: int
    word: str
    posterior: float
    is_best: bool


@dataclass(frozen=True)
class DrawnLattice:
    """A lattice of a picture, with the title above it."""

    title: str
    arcs: Sequence[DrawnArc]


def check_drawing(path: Path) -> None:
    """Check that a picture can be drawn.

    Raises:
        InputError: Graphviz is missing, or the path names no kind of picture.
    """
    import_extra("graphviz", "draw")
    if path.suffix not in FORMATS:
        raise InputError(
            f"{path.name} is no picture that can be drawn",
            expected=f"a name that ends in {', '.join(FORMATS)}",
            remedy="give the picture such a name",
        )
    if shutil.which("dot") is None:
        raise InputError(
            "drawing needs the program dot of Graphviz, which is not on the PATH",
            expected="it to be installed",
            remedy="apt-get install graphviz, or leave --draw out",
        )


def draw(path: Path, lattices: Iterable[DrawnLattice]) -> None:
    """Write one picture of lattices, whole or not at all, in the format of its suffix.

    The best path is red, and the width of an arc goes with its posterior.

    Raises:
        InputError: as `check_drawing`, or Graphviz fails, or it cannot be written.
    """
    check_drawing(path)
    picture = import_extra("graphviz", "draw").Digraph(graph_attr={"rankdir": "LR"})
    picture.attr("node", shape="point")
    picture.attr("edge", fontname="sans-serif", arrowsize="0.6")
    for number, lattice in enumerate(lattices):
        with picture.subgraph(name=f"cluster_{number}") as part:
            _add(part, lattice, f"{number}.")
    try:
        content = picture.pipe(format=path.suffix[1:], quiet=True)
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"Graphviz fails with status {error.returncode}",
            remedy="draw an .svg, or install another version of Graphviz",
            file=path,
        ) from None
    with whole_path(path) as work:
        work.write_bytes(content)


def _add(part: Foreign, lattice: DrawnLattice, prefix: str) -> None:
    """Add a lattice to a part of the picture, whose states have names with this prefix."""
    escape = import_extra("graphviz", "draw").escape
    part.attr(label=escape(lattice.title), labelloc="t", labeljust="l", fontname="sans-serif")
    part.attr(color="#cccccc")
    if not lattice.arcs:
        part.node(f"{prefix}0")
    for arc in lattice.arcs:
        colour = _BEST if arc.is_best else _OTHER
        part.edge(
            f"{prefix}{arc.source}",
            f"{prefix}{arc.target}",
            label=escape(f"{arc.word or 'ε'} {arc.posterior:.2f}"),
            color=colour,
            fontcolor=colour,
            penwidth=f"{max(1.0, _WIDEST * arc.posterior):.2f}",
        )
