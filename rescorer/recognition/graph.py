"""Directed graphs: states are numbers from 0, arcs are two arrays.

Shapes: A arcs, S states.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components


class Cycle(ValueError):
    """A graph has a cycle.

    Attributes:
        state: a state on the cycle.
    """

    def __init__(self, state: int) -> None:
        super().__init__(f"state {state} is on a cycle")
        self.state = state


def on_paths(sources: np.ndarray, targets: np.ndarray, start: int, end: int) -> np.ndarray:
    """The states on the paths from start to end, ascending; none if there is no path."""
    if not len(sources):
        return np.zeros(0, np.int64)
    if start == 0 and (sources < targets).all():
        is_entered = np.bincount(targets, minlength=end + 1) > 0
        is_left = np.bincount(sources, minlength=end + 1) > 0
        # The usual case, without a search: arcs go forward, and every state but the start has an
        # arc into it and every state but the end one out of it. So all states are on a path.
        if is_entered[1:].all() and is_left[:-1].all():
            return np.arange(end + 1)
    graph = _matrix(end + 1, sources, targets)
    from_start = breadth_first_order(graph, start, return_predecessors=False)
    to_end = breadth_first_order(graph.T.tocsr(), end, return_predecessors=False)
    return np.asarray(np.intersect1d(from_start, to_end), np.int64)


def _matrix(states: int, sources: np.ndarray, targets: np.ndarray) -> csr_matrix:
    ones = np.ones(len(sources), np.int8)
    return csr_matrix((ones, (sources, targets)), shape=(states, states))


def topological_order(
    states: np.ndarray, sources: np.ndarray, targets: np.ndarray, start: int
) -> np.ndarray:
    """[S] the states in an order in which every arc goes forward: ascending order, if it does.

    Args:
        states: [S] ascending.
        sources, targets: [A] among these states.
        start: the state from which all others can be reached.

    Raises:
        Cycle: there is no such order.
    """
    if not len(states) or ((sources < targets).all() and states[0] == start):
        return states
    number = np.full(int(states[-1]) + 1, -1)
    number[states] = np.arange(len(states))
    sources, targets = number[sources], number[targets]
    graph = _matrix(len(states), sources, targets)
    # A state on a cycle shares its strongly connected component with others.
    components, component = connected_components(graph, directed=True, connection="strong")
    if components < len(states):
        is_on_cycle = np.bincount(component)[component] > 1
        raise Cycle(int(states[np.flatnonzero(is_on_cycle)[0]]))
    return np.asarray(states[np.argsort(depths(len(states), sources, targets), kind="stable")])


def depths(states: int, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[S] number of arcs of the longest path to each state, in a graph without cycles.

    O(A log A + depth).
    """
    begins, following = outgoing(states, sources)
    missing = np.bincount(targets, minlength=states)  # arcs whose source has no depth yet
    depth = np.zeros(states, dtype=np.int64)
    reached = np.flatnonzero(missing == 0)
    level = 0
    while len(reached):
        depth[reached] = level
        arcs = following[spans(begins[reached], begins[reached + 1])]
        hit, times = np.unique(targets[arcs], return_counts=True)
        missing[hit] -= times
        reached = hit[missing[hit] == 0]
        level += 1
    return depth


def outgoing(states: int, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The arcs out of each state s: `arcs[begins[s] : begins[s + 1]]`.

    Returns:
        begins [S + 1] and arcs [A].
    """
    begins = np.zeros(states + 1, dtype=np.int64)
    np.cumsum(np.bincount(sources, minlength=states), out=begins[1:])
    return begins, np.argsort(sources, kind="stable")


def spans(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The concatenation of `range(begin, end)` for all pairs.

    All lengths together give a running count. Each span adds the difference between its begin and
    the count at its start.
    """
    lengths = ends - begins
    last = lengths.cumsum()
    total = int(last[-1]) if len(last) else 0
    return np.asarray(np.arange(total) + (begins - (last - lengths)).repeat(lengths))


def runs(numbers: np.ndarray) -> np.ndarray:
    """The index at which each run of equal numbers begins.

    np.diff with `prepend` takes four times as long.
    """
    begins = np.empty(len(numbers), dtype=bool)
    begins[:1] = True
    np.not_equal(numbers[1:], numbers[:-1], out=begins[1:])
    return begins.nonzero()[0]
