"""The n best word sequences of a lattice. Paths that differ only in times or silences count once.

Shapes: A arcs, S states, W distinct words.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count

import numpy as np

from rescorer.recognition.graph import outgoing, runs, spans
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.trellis import Trellis

NO_WORD = 0


def words_on_arcs(lattice: Lattice) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct words of a lattice [W] and the index of each arc's word [A].

    The first word is always "", which stands for no word.
    """
    # Python looks at each distinct label once; several labels may have the same word.
    labels, place = np.unique(lattice.labels, return_inverse=True)
    index = {"": NO_WORD}
    numbers = [
        index.setdefault(lattice.symbols.words[label], len(index)) for label in labels.tolist()
    ]
    return tuple(index), np.asarray(numbers, np.int64)[place]


def n_best(lattice: Lattice, totals: np.ndarray, n: int) -> list[np.ndarray]:
    """The best path of each of the n best word sequences, best first; all if there are fewer.

    A* over prefixes of words (Mohri & Riley, "An efficient algorithm for the n-best-strings
    problem", 2002). A prefix is represented by the set of states that it reaches, which is computed
    on demand. The heuristic is exact and the search follows the best continuation of a prefix
    first, so each sentence takes at most one step for each of its words, whatever the ties. A
    step visits the arcs that leave the prefix's states, and repeats for each silent arc in a row.
    Memory holds the states of all visited prefixes.

    Args:
        totals: [A] the score of each arc, a finite natural log.

    Returns:
        The arcs of each path, in order. The order of sentences with equal scores is deterministic.
    """
    if n < 1 or not lattice.states:
        return []
    search = _Search.of(lattice, totals)
    serial = count(0, -1)  # ties: the newest entry first, so that a sentence is completed
    queue = [(0.0, next(serial), 0, search.root())]
    found: list[np.ndarray] = []
    while queue and len(found) < n:
        loss, _, place, prefix = heapq.heappop(queue)
        if place + 1 < len(prefix.losses):
            # The parentheses keep the sum from falling below `loss` by rounding.
            later = loss + (prefix.losses[place + 1] - prefix.losses[place])
            heapq.heappush(queue, (later, next(serial), place + 1, prefix))
        longer = search.follow(prefix, place)
        if longer.states[-1] == lattice.states - 1:
            found.append(search.path(longer))
        else:
            heapq.heappush(queue, (loss, next(serial), 0, longer))
    return found


@dataclass(frozen=True, eq=False)
class _Prefix:
    """A word prefix and all states that it reaches.

    Attributes:
        before: the prefix without the last word.
        states: ascending.
        arrivals: the last arc of the best partial path to each state.
        arcs: the arcs with the next words, grouped by word.
        values: the score of the best partial path through each of these arcs.
        begins: where each next word's arcs begin.
        order: the next words by the best total through them, best first.
        losses: the best total less that of each word, in this order, ascending.
    """

    before: _Prefix | None
    states: np.ndarray
    arrivals: np.ndarray
    arcs: np.ndarray
    values: np.ndarray
    begins: np.ndarray
    order: np.ndarray
    losses: list[float]


@dataclass(frozen=True, eq=False)
class _Search:
    """The data that all steps share.

    Attributes:
        words: [A] the index of each arc's word; the end of the sentence counts as a word.
        after: [S] the best total from each state to the end.
        spoken, silent: the arcs with and without a word, as `outgoing` gives them.
        scores: [S] buffer for the best score to each state, -inf between steps.
        ways: [S] buffer for the last arc of that partial path.
    """

    sources: np.ndarray
    targets: np.ndarray
    totals: np.ndarray
    words: np.ndarray
    after: np.ndarray
    spoken: tuple[np.ndarray, np.ndarray]
    silent: tuple[np.ndarray, np.ndarray]
    scores: np.ndarray
    ways: np.ndarray

    @classmethod
    def of(cls, lattice: Lattice, totals: np.ndarray) -> _Search:
        names, numbers = words_on_arcs(lattice)
        words = np.where(lattice.ends, len(names), numbers)
        spoken, silent = (_some(lattice, chosen) for chosen in (words != NO_WORD, words == NO_WORD))
        return cls(
            lattice.sources,
            lattice.targets,
            totals,
            words,
            Trellis.of([lattice]).backward(totals, "best"),
            spoken,
            silent,
            np.full(lattice.states, -np.inf),
            np.full(lattice.states, -1),
        )

    def root(self) -> _Prefix:
        """The empty prefix."""
        self.scores[0] = 0.0
        return self._close(None, np.zeros(1, np.int64))

    def follow(self, prefix: _Prefix, place: int) -> _Prefix:
        """The prefix with one more word, the `place`th best."""
        word = prefix.order[place]
        end = prefix.begins[word + 1] if word + 1 < len(prefix.begins) else len(prefix.arcs)
        span = slice(prefix.begins[word], end)
        return self._close(prefix, self._arrive(prefix.arcs[span], prefix.values[span]))

    def path(self, prefix: _Prefix) -> np.ndarray:
        """The arcs of the best path to the last of the prefix's states."""
        state, arcs = int(prefix.states[-1]), []
        while state:
            arc = int(prefix.arrivals[prefix.states.searchsorted(state)])
            arcs.append(arc)
            state = int(self.sources[arc])
            if self.words[arc] != NO_WORD and prefix.before:
                prefix = prefix.before
        return np.array(arcs[::-1], dtype=np.int64)

    def _close(self, before: _Prefix | None, states: np.ndarray) -> _Prefix:
        """Add the states that silent arcs reach, then rank the next words."""
        # `scores` holds the best score to each reached state. An arc that improves a score makes
        # its target new again, until no silent arc improves any.
        reached, new = states, states
        while len(new):
            arcs, values = self._leave(new, self.silent)
            if not len(arcs):
                break
            better = values > self.scores[self.targets[arcs]]
            new = self._arrive(arcs[better], values[better])
            reached = np.union1d(reached, new) if len(new) else reached
        arcs, values = self._leave(reached, self.spoken)
        # Arcs sorted by word are runs, one for each next word, which `reduceat` ranks.
        by_word = self.words[arcs].argsort(kind="stable")
        arcs, values = arcs[by_word], values[by_word]
        begins = runs(self.words[arcs])
        totals = values + self.after[self.targets[arcs]]
        best = np.maximum.reduceat(totals, begins) if len(begins) else totals
        order = (-best).argsort(kind="stable")
        self.scores[reached] = -np.inf
        return _Prefix(
            before,
            reached,
            self.ways[reached],
            arcs,
            values,
            begins,
            order,
            (best[order[:1]] - best[order]).tolist(),
        )

    def _leave(
        self, states: np.ndarray, arcs: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Those of the arcs that leave the states, and the best score through each."""
        begins, leaving = arcs
        some = leaving[spans(begins[states], begins[states + 1])]
        return some, self.scores[self.sources[some]] + self.totals[some]

    def _arrive(self, arcs: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Record the best partial path to each target; of equal ones, that with the first arc.

        Returns:
            The targets, ascending.
        """
        # Sorted by target, then best first: the first arc of each run of targets wins.
        order = np.lexsort((arcs, -values, self.targets[arcs]))
        arcs, values = arcs[order], values[order]
        first = runs(self.targets[arcs])
        states = self.targets[arcs[first]]
        self.scores[states], self.ways[states] = values[first], arcs[first]
        return np.asarray(states)


def _some(lattice: Lattice, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`outgoing` for the chosen arcs [A] only."""
    arcs = np.flatnonzero(chosen)
    begins, order = outgoing(lattice.states, lattice.sources[arcs])
    return begins, arcs[order]
