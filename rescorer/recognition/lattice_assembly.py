"""Makes lattices from the arcs of a file.

Shapes: A arcs, S states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rescorer.recognition.graph import Cycle, on_paths, topological_order
from rescorer.recognition.lattice import Column, Lattice, Symbols


class LatticeError(ValueError):
    """Arcs that make no lattice. The reader adds their place in the file.

    Attributes:
        found, expected, remedy: as in InputError.
    """

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.expected, self.remedy = found, expected, remedy


@dataclass(frozen=True, eq=False)
class Arcs:
    """The arcs of a file, in any order.

    Attributes:
        sources, targets: [A] the file's numbers of states: any integers of 0 or more.
        labels: [A] index into the symbols.
        scores: [A] natural logs by name.
        fields: other values of the arcs, by name.
    """

    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    scores: Mapping[str, np.ndarray]
    fields: Mapping[str, Column] = field(default_factory=dict)


def assemble(
    utterance: str,
    symbols: Symbols,
    start: int,
    arcs: Arcs,
    *,
    states: int | None = None,
    state_fields: Mapping[str, Column] | None = None,
    header: Mapping[str, object] | None = None,
    own_scales: Mapping[str, float] | None = None,
    own_word_penalty: float = 0.0,
) -> Lattice:
    """Make a lattice from the arcs of a file, with states in topological order.

    States on no path are trimmed and counted. The caller adds a state `states` as the end, and an
    arc into it from each final state of the file. If the file is in topological order, the order
    of its states and arcs is kept. O(A) then, else O(A · depth).

    Args:
        start: the start's number in the file.
        states: the number of states of the file, which is also the number of the end; None: the end
            is the greatest target.
        state_fields: values of the file's states; the end gets those of the last state.

    Raises:
        LatticeError: a cycle, a state out of range, or a score that is not finite.
    """
    sources, targets = np.asarray(arcs.sources, np.int64), np.asarray(arcs.targets, np.int64)
    end = int(targets.max(initial=0)) if states is None else states
    _check(sources, targets, arcs.scores, start, end)
    kept = _keep(_number_densely(sources, targets, start, end))
    return Lattice(
        utterance,
        symbols,
        len(kept.states),
        kept.sources,
        kept.targets,
        np.asarray(arcs.labels, np.int64)[kept.arcs],
        {name: np.asarray(score, np.float64)[kept.arcs] for name, score in arcs.scores.items()},
        {name: column.take(kept.arcs) for name, column in arcs.fields.items()},
        {name: column.take(kept.states) for name, column in (state_fields or {}).items()},
        header or {},
        own_scales or {},
        own_word_penalty,
        kept.trimmed,
    )


class _Numbered(NamedTuple):
    """Arcs between states whose numbers are so dense that arrays over all of them fit memory.

    Attributes:
        sources, targets: [A].
        start, end: states.
        names: [end + 1] the number of each state in the file.
    """

    sources: np.ndarray
    targets: np.ndarray
    start: int
    end: int
    names: np.ndarray


def _number_densely(sources: np.ndarray, targets: np.ndarray, start: int, end: int) -> _Numbered:
    """Renumber the states if their numbers have wide gaps, so that memory grows with the arcs, not
    with the largest number.
    """
    if end <= 4 * len(sources) + 4:
        return _Numbered(sources, targets, start, end, np.arange(end + 1))
    states = np.concatenate([sources, targets, [start, end]])
    names, numbers = np.unique(states, return_inverse=True)
    arcs = len(sources)
    return _Numbered(numbers[:arcs], numbers[arcs:-2], int(numbers[-2]), int(numbers[-1]), names)


class _Kept(NamedTuple):
    """The states and arcs of a file that are on a path.

    Attributes:
        states: [S] the number in the file of each state of the lattice. The end has that of the
            file's last state, because the file has no values for the end.
        arcs: [A'] arcs of the file, sorted by their source in the lattice.
        sources, targets: [A'] states of the lattice.
        trimmed: number of states of the file that are left out.
    """

    states: np.ndarray
    arcs: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    trimmed: int


def _keep(numbered: _Numbered) -> _Kept:
    """The states and arcs that are on a path, in topological order."""
    order = _states_in_order(numbered)
    number = np.full(numbered.end + 1, -1, dtype=np.int64)  # each state's number in the lattice
    number[order] = np.arange(len(order))
    sources, targets = number[numbered.sources], number[numbered.targets]
    arcs = np.flatnonzero((sources >= 0) & (targets >= 0))
    arcs = arcs[np.argsort(sources[arcs], kind="stable")]
    last_of_file = max(0, int(numbered.names[-1]) - 1)
    states = np.minimum(numbered.names[order], last_of_file)
    trimmed = numbered.end - max(0, len(order) - 1)
    return _Kept(states, arcs, sources[arcs], targets[arcs], trimmed)


def _states_in_order(numbered: _Numbered) -> np.ndarray:
    """[S] the states that are on a path, in topological order."""
    sources, targets, start, end, names = numbered
    states = on_paths(sources, targets, start, end)
    is_kept = np.zeros(end + 1, bool)
    is_kept[states] = True
    kept = is_kept[sources] & is_kept[targets]
    try:
        return topological_order(states, sources[kept], targets[kept], start)
    except Cycle as cycle:
        raise LatticeError(
            f"state {names[cycle.state]} is on a cycle",
            "no cycles",
            "remove epsilon cycles, or make the lattice again",
        ) from None


def _check(
    sources: np.ndarray, targets: np.ndarray, scores: Mapping[str, np.ndarray], start: int, end: int
) -> None:
    if not len(sources):
        return
    worst = int(max(targets.max(), sources.max(), start))
    if min(int(sources.min()), int(targets.min()), start) < 0 or worst > end:
        raise LatticeError(
            f"an arc between states {int(sources.min())} and {worst}",
            f"states from 0 to {end - 1}",
            "make the lattice again",
        )
    for name, score in scores.items():
        bad = np.flatnonzero(~np.isfinite(score))
        if len(bad):
            raise LatticeError(
                f"the {name} score of the arc from {sources[bad[0]]} to {targets[bad[0]]} is not "
                "finite",
                "finite numbers",
                "make the lattice again, or take the arc out",
            )
    loops = np.flatnonzero(sources == targets)
    if len(loops):
        raise LatticeError(
            f"state {sources[loops[0]]} has an arc to itself",
            "no cycles",
            "remove epsilon cycles, or make the lattice again",
        )
