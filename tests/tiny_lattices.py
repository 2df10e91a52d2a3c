"""Random small lattices, and all their paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tiny import KNOWN

from rescorer.recognition.formats import LATTICE_FORMATS
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM

EMPTY = ""
HTK = LATTICE_FORMATS["htk"]
# Two lattices with all fields that are read: words on links, and words on nodes.
HTK_LINKS = """# words on links
VERSION=1.1
UTTERANCE=utt-1
lmname=trigram
base=10 lmscale=2 wdpenalty=-0.5
N=4 L=4
I=0 t=0.00
I=1 t=0.10
I=2
I=3 t=0.50
J=0 S=0 E=1 W=a v=1 a=-1 l=-0.3 n=-7 p=0.75 d=:a,0.1:
J=1 S=0 E=2 W=b(2) a=-2 r=-1
J=2 S=1 E=3 W=!NULL l=-0.5
J=3 S=2 E=3 W=c x1=4 a=-3
"""
HTK_NODES = """VERSION=1.0
start=3
end=0
N=4 L=4
I=0 t=0.9 W=!SENT_END v=1
I=1 t=0.4 W=one v=2
I=2 t=0.4 W=two(3) v=3
I=3 t=0.0 W=!SENT_START v=1
J=0 S=1 E=0 a=-1 p=0.25
J=1 S=2 E=0 a=-2 p=0.75
J=2 S=3 E=2 a=-43000.5 p=0.75
J=3 S=3 E=1 a=-4 p=0.25 W=won
"""


def make_lattice(
    arcs: Sequence[tuple[int, int, str]],
    finals: Sequence[int],
    scores: Sequence[float] = (),
    name: str = "tiny",
) -> Lattice:
    """A lattice of arcs (source, target, word) from state 0 and of final states.

    The scores are those of the arcs, then of the final states; 0 by default.
    """
    labels = (EMPTY, *sorted({word for _, _, word in arcs} - {EMPTY}))
    end = max([*finals, *(max(source, target) for source, target, _ in arcs)], default=0) + 1
    rows = [*arcs, *((state, end, EMPTY) for state in finals)]
    return assemble(
        name,
        Symbols(labels),
        0,
        Arcs(
            np.array([source for source, _, _ in rows], dtype=np.int64),
            np.array([target for _, target, _ in rows], dtype=np.int64),
            np.array([labels.index(word) for _, _, word in rows], dtype=np.int64),
            {"score": np.array(scores, dtype=np.float64) if len(scores) else np.zeros(len(rows))},
        ),
        states=end,
    )


def random_lattice(
    draw: np.random.Generator,
    states: int,
    arcs: int,
    words: Sequence[str],
    finals: int = 2,
    silent: float = 0.3,
) -> Lattice:
    """A lattice with silent and parallel arcs, several final states and states in random order.

    Some of these lattices have no path.
    """
    number = (
        np.concatenate([[0], 1 + draw.permutation(states - 1)])
        if states > 1
        else np.zeros(1, np.int64)
    )
    rows = []
    for _ in range(arcs if states > 1 else 0):
        source = int(draw.integers(states - 1))
        target = int(draw.integers(source + 1, min(states, source + 4)))
        word = EMPTY if draw.random() < silent else str(draw.choice(np.array(words)))
        rows.append((int(number[source]), int(number[target]), word))
    last = number[np.maximum(states - 1 - np.arange(finals), 0)]
    ends = sorted(set(last.tolist()))
    return make_lattice(rows, ends, draw.normal(size=len(rows) + len(ends)))


def all_paths(lattice: Lattice) -> list[list[int]]:
    """The arcs of every path."""
    partial: dict[int, list[list[int]]] = {0: [[]]}
    for state in range(lattice.states):
        for arc in np.flatnonzero(lattice.sources == state).tolist():
            longer = [[*path, arc] for path in partial[state]]
            partial.setdefault(int(lattice.targets[arc]), []).extend(longer)
    return partial[lattice.states - 1] if lattice.states else []


def words_of(lattice: Lattice, path: Sequence[int]) -> tuple[str, ...]:
    """The words of a path."""
    words = (lattice.symbols.words[int(lattice.labels[arc])] for arc in path)
    return tuple(word for word in words if word)


def path_totals(totals: np.ndarray, paths: Sequence[Sequence[int]]) -> np.ndarray:
    """The total of each path."""
    return np.array([totals[list(path)].sum() for path in paths])


def probabilities(totals: np.ndarray, paths: Sequence[Sequence[int]]) -> np.ndarray:
    """P(path) ∝ exp of its total."""
    sums = path_totals(totals, paths)
    shares = np.exp(sums - sums.max())
    return np.asarray(shares / shares.sum())


def draw_lattices(count: int = 6) -> list[Lattice]:
    """Random lattices that have a path, with the scores of HTK lattices."""
    draw, lattices = np.random.default_rng(3), []
    while len(lattices) < count:
        lattice = random_lattice(draw, 6, 14, (*KNOWN, "strange"))
        if lattice.states:
            acoustic, lm = 10 * lattice.scores["score"], draw.normal(size=lattice.arcs)
            lattices.append(
                replace(
                    lattice,
                    utterance=f"u{len(lattices)}",
                    scores={
                        ACOUSTIC: np.where(lattice.ends, 0.0, acoustic),
                        FIRST_LM: np.where(lattice.ends, 0.0, lm),
                    },
                )
            )
    return lattices
