"""The lattice that --draw names, as it came and as it was rescored.

Shapes: A arcs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.lattice import Lattice
from rescorer.reports.lattice_drawing import DrawnArc, DrawnLattice, draw
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.lattice import first_pass_weights
from rescorer.rescoring.rescored_lattice import RescoredLattice, words_of
from rescorer.rescoring.trellis import Trellis

_MOST_ARCS = 150  # of a picture that can still be read
_ROUNDING = 1e-6  # nats


class DrawnUtterance:
    """Keeps what is drawn of one utterance, for which a picture is named, while lattices pass."""

    def __init__(self, path: Path | None) -> None:
        """Without a path, nothing is drawn."""
        self._path, self._utterance = path, path.stem if path else None
        self._drawn: list[DrawnLattice] = []

    def before(self, lattices: Iterable[Lattice]) -> Iterator[Lattice]:
        """The lattices, as they came."""
        for lattice in lattices:
            if lattice.utterance == self._utterance:
                totals = known_totals([lattice], first_pass_weights(lattice))
                self._drawn.append(drawn_lattice("before", lattice, totals))
            yield lattice

    def after(self, rescored: Iterable[RescoredLattice]) -> Iterator[RescoredLattice]:
        """The lattices with their new totals.

        Raises:
            InputError: none of them is of the utterance.
        """
        for result in rescored:
            if result.lattice.utterance == self._utterance:
                self._drawn.append(drawn_lattice("after", result.lattice, result.totals))
            yield result
        if self._path and not self._drawn:
            raise InputError(
                f"--draw {self._path}: no lattice of an utterance {self._utterance!r}",
                expected="an utterance of the input",
                remedy="name the picture for one, UTTERANCE.svg",
            )

    def write(self) -> None:
        """Draw the picture."""
        if self._path:
            draw(self._path, self._drawn)


def drawn_lattice(title: str, lattice: Lattice, totals: np.ndarray) -> DrawnLattice:
    """The arcs of the best paths, at most 150 arcs if the best path has no more.

    Args:
        totals: [A] the score of each arc.
    """
    if not lattice.states:
        return DrawnLattice(f"{title}: no path", ())
    trellis = Trellis.of([lattice])
    best = trellis.best_paths(totals)[0]
    posteriors = trellis.posteriors(totals)
    # Every arc of a path has a path as good: a bound leaves whole paths, up to rounding.
    through = trellis.through(totals, "best")
    bound = np.sort(through)[-_MOST_ARCS - 1] + _ROUNDING if lattice.arcs > _MOST_ARCS else -np.inf
    shown = np.union1d(np.flatnonzero(through > bound), best)
    words = " ".join(words_of(lattice, best))
    left_out = lattice.arcs - len(shown)
    more = f"; {left_out} arcs on worse paths are left out" if left_out else ""
    return DrawnLattice(
        f"{title}: {words}{more}",
        [
            DrawnArc(
                int(lattice.sources[arc]),
                int(lattice.targets[arc]),
                lattice.symbols.words[lattice.labels[arc]],
                float(posteriors[arc]),
                bool(arc in best),
            )
            for arc in shown.tolist()
        ],
    )
