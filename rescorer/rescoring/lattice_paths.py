"""The n best sentences of a lattice: different in their words, where paths may differ in times and
silences only.

Shapes: A arcs, S states, W distinct words.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count

import numpy as np

from rescorer.recognition.lattice import Lattice, outgoing, runs, spans
from rescorer.rescoring.trellis import Trellis

NO_WORD = 0


def words_on_arcs(lattice: Lattice) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct words of a lattice [W], "" being the first even if it is on no arc, and which
    each arc has [A].
    """
    labels, place = np.unique(lattice.labels, return_inverse=True)
    index = {"": NO_WORD}
    numbers = [
        index.setdefault(lattice.symbols.words[label], len(index)) for label in labels.tolist()
    ]
    return tuple(index), np.asarray(numbers, np.int64)[place]


def n_best(lattice: Lattice, totals: np.ndarray, n: int) -> list[np.ndarray]:
    """The best path of each of the n best word sequences, best first; fewer where there are fewer.

    A* over prefixes of words (Mohri & Riley, "An efficient algorithm for the n-best-strings
    problem", 2002): a prefix is the set of states that it leads to, found when it is needed. What
    is promised beyond is exact, and the best continuation of a prefix is always the next to be
    followed, so that each sentence costs at most one step for each of its words, whatever the
    lattice and its ties. A step costs the arcs that leave the prefix's states, and once more for
    each silent arc in a row; memory is the states of all prefixes on the way.

    Args:
        totals: [A] natural logs, finite: the score of each arc.

    Returns:
        The arcs of each path, in order. Equal sentences come in an order that is always the same.
    """
    if n < 1 or not lattice.states:
        return []
    search = _Search.of(lattice, totals)
    serial = count(0, -1)  # of equal promises the newest first: straight on to a sentence's end
    queue = [(0.0, next(serial), 0, search.root())]
    found: list[np.ndarray] = []
    while queue and len(found) < n:
        loss, _, place, prefix = heapq.heappop(queue)
        if place + 1 < len(prefix.losses):
            # so rounded that it is never less
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
    """Some words, and all states that lie behind them.

    Attributes:
        before: the prefix without the last word.
        states: ascending.
        arrivals: the last arc of the best way to each state.
        arcs: arcs with the next words, word by word.
        values: the score of the best way over each of these.
        begins: where each next word's arcs begin.
        order: the next words by what they promise, best first.
        losses: what each of them, in this order, costs against the first, ascending.
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
    """What all steps share.

    Attributes:
        words: [A] the number of each arc's word; the end of the sentence counts as one.
        after: [S] the best from each state to the end.
        spoken, silent: the arcs with and without a word, as `outgoing` gives them.
        scores: [S] room for the best way to each state, -inf between steps.
        ways: [S] room for its last arc.
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
        """No words yet."""
        self.scores[0] = 0.0
        return self._close(None, np.zeros(1, np.int64))

    def follow(self, prefix: _Prefix, place: int) -> _Prefix:
        """The prefix with one more word, the `place`th best."""
        word = prefix.order[place]
        end = prefix.begins[word + 1] if word + 1 < len(prefix.begins) else len(prefix.arcs)
        span = slice(prefix.begins[word], end)
        return self._close(prefix, self._arrive(prefix.arcs[span], prefix.values[span]))

    def path(self, prefix: _Prefix) -> np.ndarray:
        """The arcs of the best way to the last of its states."""
        state, arcs = int(prefix.states[-1]), []
        while state:
            arc = int(prefix.arrivals[prefix.states.searchsorted(state)])
            arcs.append(arc)
            state = int(self.sources[arc])
            if self.words[arc] != NO_WORD and prefix.before:
                prefix = prefix.before
        return np.array(arcs[::-1], dtype=np.int64)

    def _close(self, before: _Prefix | None, states: np.ndarray) -> _Prefix:
        """Add the states behind silent arcs, then see what the next words promise."""
        reached, new = states, states
        while len(new):
            arcs, values = self._leave(new, self.silent)
            if not len(arcs):
                break
            better = values > self.scores[self.targets[arcs]]
            new = self._arrive(arcs[better], values[better])
            reached = np.union1d(reached, new) if len(new) else reached
        arcs, values = self._leave(reached, self.spoken)
        by_word = self.words[arcs].argsort(kind="stable")
        arcs, values = arcs[by_word], values[by_word]
        begins = runs(self.words[arcs])
        promises = values + self.after[self.targets[arcs]]
        best = np.maximum.reduceat(promises, begins) if len(begins) else promises
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
        """The arcs, of these, that leave the states, and the score of the best way over each."""
        begins, leaving = arcs
        some = leaving[spans(begins[states], begins[states + 1])]
        return some, self.scores[self.sources[some]] + self.totals[some]

    def _arrive(self, arcs: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Note the best way to each target, of equal ones that over the first arc; the targets,
        ascending.
        """
        order = np.lexsort((arcs, -values, self.targets[arcs]))
        arcs, values = arcs[order], values[order]
        first = runs(self.targets[arcs])
        states = self.targets[arcs[first]]
        self.scores[states], self.ways[states] = values[first], arcs[first]
        return np.asarray(states)


def _some(lattice: Lattice, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`outgoing` for the arcs that are chosen [A] alone."""
    arcs = np.flatnonzero(chosen)
    begins, order = outgoing(lattice.states, lattice.sources[arcs])
    return begins, arcs[order]
