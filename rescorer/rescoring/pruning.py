"""Pruning of a lattice: which arcs are expanded, and which histories of a state survive.

Shapes: A arcs and S states of all lattices of a batch; C histories of one level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rescorer.recognition.graph import runs
from rescorer.rescoring.trellis import Trellis


@dataclass(frozen=True, eq=False)
class Pruning:
    """Which arcs are expanded and which histories survive.

    A history of a lattice state is pruned if
        (its score - the best score at that state)
        + (the old best path through the state - the old best path) < -beam.
    This is the history's score plus the exact backward score of the old lattice, corrected by the
    difference between old and new scores at that state. The rule depends on one state alone, not on
    the batch or the order of states.

    Attributes:
        kept_arcs: [A] bool, whether the best old path through the arc lies within the beam.
        slack: [S] nats by which a history's score may be below the best of its state.
        max_histories: the most histories of a state; 0: any number.
    """

    kept_arcs: np.ndarray
    slack: np.ndarray
    max_histories: int

    @classmethod
    def of(cls, trellis: Trellis, totals: np.ndarray, beam: float, max_histories: int) -> Pruning:
        if math.isinf(beam):
            return cls(
                np.ones(len(totals), bool),
                np.full(len(trellis.depth), np.inf),
                max_histories,
            )
        forward, backward = trellis.forward(totals, "best"), trellis.backward(totals, "best")
        some = np.diff(trellis.first_state) > 0
        best = np.zeros(len(some))
        best[some] = backward[trellis.first_state[:-1][some]]
        of_state = np.repeat(best, np.diff(trellis.first_state))
        # The sum of a path's scores depends on their order in the last digits. The tolerance keeps
        # the best path within any beam.
        rounding = 1e-6 + 1e-12 * np.abs(of_state)
        slack = beam + np.minimum(0.0, forward + backward - of_state + rounding)
        through = (
            forward[trellis.sources]
            + totals
            + backward[trellis.targets]
            - of_state[trellis.sources]
        )
        return cls(through + rounding[trellis.sources] >= -beam, slack, max_histories)

    def survivors(self, states: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """The indices of the histories that survive, ascending.

        `states` must ascend. Each state keeps its best history.
        """
        begins = runs(states)
        best = np.repeat(np.maximum.reduceat(scores, begins), run_lengths(begins, len(states)))
        kept = np.flatnonzero((best - scores <= self.slack[states]) | (scores == best))
        if not self.max_histories:
            return kept
        # Best first within each state: the rank of a history is its distance from its run's begin.
        kept = kept[np.lexsort((-scores[kept], states[kept]))]
        begins = runs(states[kept])
        rank = np.arange(len(kept)) - np.repeat(begins, run_lengths(begins, len(kept)))
        return np.sort(kept[rank < self.max_histories])


def best_of_each(states: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each history, the index of the best history of its state; `states` must ascend."""
    begins = runs(states)
    # Sorting keeps the runs of states in place and puts the best of each run first.
    best = np.lexsort((-scores, states))[begins]
    return np.asarray(np.repeat(best, run_lengths(begins, len(states))))


def run_lengths(begins: np.ndarray, end: int) -> np.ndarray:
    """The lengths of runs that begin at `begins`; the last one ends before `end`.

    np.diff takes several times as long for few runs.
    """
    return np.asarray(np.concatenate([begins[1:], [end]]) - begins)
