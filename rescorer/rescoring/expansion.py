"""Expansion of lattices by the histories of language models: every arc gets its own LM score.

A state of the expanded lattice is a pair: a state of the old lattice and a history that leads to
it. Histories with the same last N - 1 words merge, and the best one represents all of them (N = 0:
none merge). All lattices of a batch are expanded together, one topological level after the other.
Histories are numbered over the whole batch. Each pair of history and word is scored once, whatever
the number of arcs that carry it.

The n-gram approximation and its pruning follow Liu et al. (2014) and Xu et al. (2018), "A pruned
RNNLM lattice-rescoring algorithm".

Shapes: A arcs and S states of all old lattices; E expanded states and X expanded arcs; C arcs
considered at a level; H histories; W distinct words; K models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from rescorer.models.language_model import LanguageModel
from rescorer.recognition.graph import runs, spans
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.arc_totals import NO_WORD, ArcTotals
from rescorer.rescoring.growing import Growing
from rescorer.rescoring.histories import MODELS_SHARE, Histories
from rescorer.rescoring.pruning import Pruning, best_of_each, run_lengths
from rescorer.rescoring.settings import ExpansionSettings as ExpansionSettings
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import Weights

# Bytes of an expanded arc, measured: here, in the lattice that is made of it, and while its best
# path is sought.
_ARC_BYTES, _ARC_BYTES_A_MODEL = 140, 48


class OverBudgetError(Exception):
    """The batch exceeds its memory budget."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """The expanded lattices of a batch, concatenated. Every state lies on a path to an end.

    Attributes:
        origin_arcs: [X] the old arc of each arc, numbered over the batch.
        sources, targets: [X] the expanded states of each arc; sources ascend.
        log_probs: [X, K] natural log P of the arc's word after its history; 0 where the arc has no
            word.
        lm: [X] natural log P under the mixture, with the weights' treatment of unknown words.
        origin_states: [E] the old state of each state, numbered over the batch; the states of
            a lattice are contiguous.
        scored: number of (history, word) pairs that the models scored.
    """

    origin_arcs: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    log_probs: np.ndarray
    lm: np.ndarray
    origin_states: np.ndarray
    scored: int


def expand(
    lattices: Sequence[Lattice],
    models: Sequence[LanguageModel],
    weights: Weights,
    first_pass: Weights,
    settings: ExpansionSettings,
    memory: int,
) -> Expansion:
    """Expand a batch of lattices.

    Each (history, word) pair is scored once and each expanded arc is visited once, level by level.

    Args:
        weights: the weights of the new totals, by which histories merge and are pruned.
        first_pass: the weights of the old totals. The best old path through each arc guides the
            pruning.
        memory: bytes for histories, their models' states and the expanded arcs.

    Raises:
        OverBudgetError: the batch needs more memory.
    """
    trellis = Trellis.of(lattices)
    arcs = ArcTotals.of(lattices, weights, first_pass)
    pruning = Pruning.of(trellis, arcs.first_pass, settings.beam, settings.max_histories)
    histories = Histories(models, arcs.words, settings.order, weights, memory)
    growth = _Growth(trellis, arcs, pruning, histories, weights.lm_scale, settings.apart, memory)
    into = np.flatnonzero(pruning.kept_arcs)
    levels = trellis.depth[trellis.targets[into]]
    # Arcs sorted by the level of their target; level l is order[cuts[l - 1] : cuts[l]].
    order = np.lexsort((trellis.targets[into], levels))
    cuts = np.searchsorted(levels[order], np.arange(1, int(trellis.depth.max(initial=0)) + 2))
    for level, (begin, end) in enumerate(pairwise(cuts), start=1):
        growth.grow(into[order[begin:end]], level)
    return growth.done()


class _Growth:
    """Builds the expanded lattices of a batch, level by level."""

    def __init__(
        self,
        trellis: Trellis,
        arcs: ArcTotals,
        pruning: Pruning,
        histories: Histories,
        lm_scale: float,
        apart: float,
        memory: int,
    ) -> None:
        self._trellis, self._arcs, self._pruning, self._histories = (
            trellis,
            arcs,
            pruning,
            histories,
        )
        self._lm_scale, self._apart, self._memory = lm_scale, apart, memory
        states = len(trellis.depth)
        some = np.diff(trellis.first_state) > 0
        self._is_end = np.zeros(states, dtype=bool)
        self._is_end[trellis.first_state[1:][some] - 1] = True
        # [S] the last level that looks back at each state, its first expanded state and how many it
        # has.
        self._last_level = np.zeros(states, dtype=np.int64)
        np.maximum.at(self._last_level, trellis.sources, trellis.depth[trellis.targets])
        starts = trellis.first_state[:-1][some]
        self._starts = len(starts)  # the first of the expanded states
        self._first, self._count = np.zeros((2, states), dtype=np.int64)
        self._first[starts], self._count[starts] = np.arange(len(starts)), 1
        first = np.zeros(len(starts), np.int64)  # history of each
        # [E]
        self._state, self._history, self._score = map(
            Growing, (starts, first, np.zeros(len(starts)))
        )
        histories.extend(first, self._last_level[starts])
        none, models = np.zeros(0, np.int64), len(histories.models)
        self._origin, self._source, self._target, self._log_probs, self._lm = map(
            Growing, (none, none, none, np.zeros((0, models)), np.zeros(0))
        )  # [X]
        self._bounds = [0]  # where the arcs into each level begin, and the end

    def grow(self, into: np.ndarray, level: int) -> None:
        """Expand the states of a level. `into` are the arcs into them, ordered by target."""
        counts = self._count[self._trellis.sources[into]]
        self._check_memory(int(counts.sum()))
        arc = np.repeat(into, counts)  # [C]
        first = self._first[self._trellis.sources[into]]
        source = spans(first, first + counts)
        history, log_probs, lm = self._follow(self._history.rows[source], self._arcs.word_of[arc])
        score = self._score.rows[source] + self._arcs.known[arc] + self._lm_scale * lm
        group, best = self._merge(self._trellis.targets[arc], history, score)
        self._check_memory(0)
        states = self._trellis.targets[arc[best]]
        kept = self._pruning.survivors(states, score[best])
        number = best_of_each(states, score[best])
        number[kept] = kept
        number = len(self._state) + np.searchsorted(kept, number)
        self._add_arcs(number[group], arc, source, log_probs, lm)
        self._add_states(states[kept], history[best[kept]], score[best[kept]])
        self._histories.forget(level)

    def _follow(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Like `Histories.follow`, but an arc without a word keeps its history."""
        spoken = words != NO_WORD
        longer, lm = histories.copy(), np.zeros(len(histories))
        log_probs = np.zeros((len(histories), len(self._histories.models)))
        longer[spoken], log_probs[spoken], lm[spoken] = self._histories.follow(
            histories[spoken], words[spoken]
        )
        return longer, log_probs, lm

    def _merge(
        self, targets: np.ndarray, histories: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The group of each arc [C] and each group's best arc; groups are ordered by target."""
        last_words = (
            histories[:, None] if self._histories.exact else self._histories.last_words(histories)
        )
        # All histories merge at the end state.
        columns = np.where(self._is_end[targets, None], 0, last_words).T
        order = np.lexsort((-scores, *columns, targets))
        sorted_columns = np.concatenate([columns, targets[None]])[:, order]
        differs = np.ones(len(order), dtype=bool)
        (sorted_columns[:, 1:] != sorted_columns[:, :-1]).any(axis=0, out=differs[1:])
        group = np.empty(len(order), dtype=np.int64)
        group[order] = np.cumsum(differs) - 1
        return group, order[differs]

    def _add_arcs(
        self,
        targets: np.ndarray,
        arcs: np.ndarray,
        sources: np.ndarray,
        log_probs: np.ndarray,
        lm: np.ndarray,
    ) -> None:
        for column, new in (
            (self._origin, arcs),
            (self._source, sources),
            (self._target, targets),
            (self._log_probs, log_probs),
            (self._lm, lm),
        ):
            column.append(new)
        self._bounds.append(len(self._origin))

    def _add_states(self, states: np.ndarray, histories: np.ndarray, scores: np.ndarray) -> None:
        begins = runs(states)
        self._first[states[begins]] = len(self._state) + begins
        self._count[states[begins]] = run_lengths(begins, len(states))
        for column, new in (
            (self._state, states),
            (self._history, histories),
            (self._score, scores),
        ):
            column.append(new)
        going_on = ~self._is_end[states]
        self._histories.extend(histories[going_on], self._last_level[states[going_on]])

    def _check_memory(self, more: int) -> None:
        """Raise OverBudgetError if the stored arcs and `more` candidate arcs exceed the budget.

        The models' working memory is not part of this budget.
        """
        models = len(self._histories.models)
        kept = len(self._origin) * (_ARC_BYTES + _ARC_BYTES_A_MODEL * models)
        looked_at = more * (_ARC_BYTES + _ARC_BYTES_A_MODEL * models) // 2
        if kept + looked_at + self._histories.bytes > (1 - MODELS_SHARE) * self._memory:
            raise OverBudgetError

    def done(self) -> Expansion:
        """The expanded lattices. They contain every path of the arcs that pruning keeps.

        A history merges with the best one of its lattice state if no path over it lies within
        `apart` of the best path. Paths within `apart` therefore have the scores of their own
        history. A merged path continues from a better history, and its total stays below the best
        path's.
        """
        origin, source, target, state = (
            each.rows for each in (self._origin, self._source, self._target, self._state)
        )
        merged = self._merged(self._backward())
        arcs = np.flatnonzero(merged[source] == source)
        source, target = source[arcs], merged[target[arcs]]
        alive = self._alive(source, target)
        lattice = np.searchsorted(self._trellis.first_state, state[alive], side="right")
        # Levels ascend within each lattice, so this order is topological.
        order = alive[np.argsort(lattice, kind="stable")]
        number = np.full(len(state), -1)
        number[order] = np.arange(len(order))
        source, target = number[source], number[target]
        kept = np.flatnonzero((source >= 0) & (target >= 0))
        kept = kept[np.argsort(source[kept], kind="stable")]
        return Expansion(
            origin[arcs[kept]],
            source[kept],
            target[kept],
            self._log_probs.rows[arcs[kept]],
            self._lm.rows[arcs[kept]],
            state[order],
            self._histories.scored,
        )

    def _backward(self) -> np.ndarray:
        """[E] the best total from each state to the end, computed level by level from the last."""
        values = np.full(len(self._state), -np.inf)
        values[self._is_end[self._state.rows]] = 0.0
        source, target = self._source.rows, self._target.rows
        totals = self._arcs.known[self._origin.rows] + self._lm_scale * self._lm.rows
        for begin, end in zip(self._bounds[-2::-1], self._bounds[:0:-1], strict=True):
            np.maximum.at(values, source[begin:end], totals[begin:end] + values[target[begin:end]])
        return values

    def _merged(self, after: np.ndarray) -> np.ndarray:
        """[E] the state that each state merges into; itself if it does not merge."""
        state, score = self._state.rows, self._score.rows
        starts = np.searchsorted(state[: self._starts], state, side="right") - 1
        behind = after[starts] - (score + after)
        by_state = np.argsort(state, kind="stable")
        best = np.empty(len(by_state), np.int64)
        best[by_state] = by_state[best_of_each(state[by_state], score[by_state])]
        # 1e-6: the sum of a path's scores depends on their order in the last digits.
        return np.where(behind <= self._apart + 1e-6, np.arange(len(best)), best)

    def _alive(self, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The expanded states on a path from a start to an end, ascending."""
        size = len(self._state)
        ends = np.flatnonzero(self._is_end[self._state.rows])
        starts = np.arange(self._starts)
        before, after = (
            _reached(np.append(begins, np.full(len(roots), size)), np.append(into, roots), size)
            for begins, into, roots in ((sources, targets, starts), (targets, sources, ends))
        )
        return np.intersect1d(before, after)


def _reached(sources: np.ndarray, targets: np.ndarray, root: int) -> np.ndarray:
    """The states that can be reached from the root; their numbers are less than its own."""
    graph = csr_matrix(
        (np.ones(len(sources), np.int8), (sources, targets)), shape=(root + 1, root + 1)
    )
    reached = breadth_first_order(graph, root, return_predecessors=False)
    return np.asarray(reached[reached < root])
