"""Best and summed scores over the paths of several lattices, computed level by level.

Shapes: U lattices with S states and A arcs in total, numbered one lattice after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np

from rescorer.recognition.graph import depths, runs
from rescorer.recognition.lattice import Lattice, union

Kind = Literal["best", "all"]


@dataclass(frozen=True, eq=False)
class Level:
    """States of one depth and the arcs on one side of them.

    Attributes:
        states: ascending.
        arcs: state by state, ascending for each.
        begins: where each state's arcs begin in `arcs`; every state has one or more.
    """

    states: np.ndarray
    arcs: np.ndarray
    begins: np.ndarray


@dataclass(frozen=True, eq=False)
class Trellis:
    """Several lattices in the levels of their topological order; some may have no path.

    The argument `totals` of each method is [A], the score of each arc as a finite natural log.

    Attributes:
        sources, targets: [A] states; `sources` ascends.
        depth: [S] the number of arcs on the longest path to each state.
        first_state, first_arc: [U + 1] where each lattice begins; the last is S or A.
        arriving: the states but the starts with the arcs into them, by depth.
        leaving: the states but the ends with the arcs out of them, by depth.
    """

    sources: np.ndarray
    targets: np.ndarray
    depth: np.ndarray
    first_state: np.ndarray
    first_arc: np.ndarray
    arriving: tuple[Level, ...]
    leaving: tuple[Level, ...]

    @classmethod
    def of(cls, lattices: Sequence[Lattice]) -> Trellis:
        """The trellis of any number of lattices. O(A log A + depth)."""
        sources, targets, first_state, first_arc = union(lattices)
        depth = depths(int(first_state[-1]), sources, targets)
        return cls(
            sources,
            targets,
            depth,
            first_state,
            first_arc,
            _levels(targets, depth),
            _levels(sources, depth),
        )

    @cached_property
    def owners(self) -> np.ndarray:
        """[A] the lattice of each arc."""
        return np.repeat(np.arange(len(self.first_arc) - 1), np.diff(self.first_arc))

    def forward(self, totals: np.ndarray, kind: Kind) -> np.ndarray:
        """[S] natural log of the best partial path from the start to each state, or of the sum."""
        values = np.zeros(len(self.depth))
        for level in self.arriving:
            values[level.states] = _REDUCE[kind](
                values[self.sources[level.arcs]] + totals[level.arcs], level.begins
            )
        return values

    def backward(self, totals: np.ndarray, kind: Kind) -> np.ndarray:
        """[S] the same from each state to the end; the start's value is the whole lattice's."""
        values = np.zeros(len(self.depth))
        for level in reversed(self.leaving):
            values[level.states] = _REDUCE[kind](
                values[self.targets[level.arcs]] + totals[level.arcs], level.begins
            )
        return values

    def through(self, totals: np.ndarray, kind: Kind) -> np.ndarray:
        """[A] natural log of the best whole path through each arc, or of the sum of all."""
        before, after = self.forward(totals, kind), self.backward(totals, kind)
        return np.asarray(before[self.sources] + totals + after[self.targets])

    def posteriors(self, totals: np.ndarray) -> np.ndarray:
        """[A] the posterior probability of each arc, where P(path) ∝ exp(its total)."""
        before, after = self.forward(totals, "all"), self.backward(totals, "all")
        whole = after[self.first_state[self.owners]]
        return np.asarray(np.exp(before[self.sources] + totals + after[self.targets] - whole))

    def best_paths(self, totals: np.ndarray) -> list[np.ndarray]:
        """The arcs of the best path of each lattice, in order, numbered within that lattice.

        A lattice without a path gives no arcs. Of equal paths, the first in the lexicographic order
        of arc numbers wins.
        """
        after = self.backward(totals, "best")
        # An arc is on a best path from its source if it attains the value of the source. `backward`
        # took the maximum of the same sums, so they are equal bit by bit.
        tight = np.flatnonzero(totals + after[self.targets] == after[self.sources])
        begins = self.sources[tight]
        lattice = np.flatnonzero(np.diff(self.first_state))
        state = self.first_state[lattice]
        lattices, arcs = [lattice[:0]], [state[:0]]
        # All lattices take one step at a time, until each is at its end.
        while len(lattice):
            arc = tight[np.searchsorted(begins, state)]
            lattices.append(lattice)
            arcs.append(arc - self.first_arc[lattice])
            inner = self.targets[arc] < self.first_state[lattice + 1] - 1
            lattice, state = lattice[inner], self.targets[arc[inner]]
        owner = np.concatenate(lattices)
        path = np.concatenate(arcs)[np.argsort(owner, kind="stable")]
        lengths = np.bincount(owner, minlength=len(self.first_arc) - 1)
        return np.split(path, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _levels(ends: np.ndarray, depth: np.ndarray) -> tuple[Level, ...]:
    """Arcs grouped by the state at one end [A]; the states are grouped by depth [S]."""
    # Sorted by depth, then by state: states are runs of arcs, levels are runs of states.
    order = np.lexsort((ends, depth[ends]))
    first = runs(ends[order])
    states = ends[order[first]]
    cuts = [*np.unique(depth[states], return_index=True)[1].tolist(), len(states)]
    first = np.append(first, len(order))
    return tuple(
        Level(states[begin:end], order[first[begin] : first[end]], first[begin:end] - first[begin])
        for begin, end in pairwise(cuts)
    )


def _log_sums(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Like np.add.reduceat, for probabilities given and returned as logs."""
    # log Σ e^v = m + log Σ e^(v − m) with the largest v as m, so that no exponential overflows.
    top = np.maximum.reduceat(values, begins)
    lengths = np.diff(begins, append=len(values))
    return np.asarray(
        top + np.log(np.add.reduceat(np.exp(values - np.repeat(top, lengths)), begins))
    )


_REDUCE: dict[Kind, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "best": np.maximum.reduceat,
    "all": _log_sums,
}
