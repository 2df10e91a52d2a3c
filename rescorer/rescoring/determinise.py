"""Determinisation of lattices: one path, the best, remains for each word sequence.

The subset construction (Mohri, "Finite-state transducers in language and speech processing", 1997)
works as in Kaldi's `lattice-determinize`: while paths with the same words differ in their arcs, the
arcs are held back as residuals until later words decide between the paths. A new arc represents a
sequence of old arcs. Its scores are their sums, and its transition ids are theirs in order.

Shapes: A old arcs, X new arcs, N old arcs in all rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from itertools import chain, pairwise
from typing import Protocol, runtime_checkable

import numpy as np

from rescorer.recognition.graph import outgoing
from rescorer.recognition.lattice import SILENCE, Column, Lattice
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.rescoring.lattice_paths import NO_WORD, words_on_arcs

# Limits on how often an old arc is visited and how often it occurs in new arcs, on average. Above
# them, the lattice stays undeterminised.
_WORK, _ROWS = 8, 2
_Row = tuple[int, ...]  # arcs
_Subset = tuple[tuple[int, _Row], ...]  # old states, ascending, each with its residual
# state → (total of the best partial path to it, residual arcs)
_Ways = dict[int, tuple[float, _Row]]


@runtime_checkable
class Joinable(Column, Protocol):
    """A column that can merge several rows into one."""

    def joined(self, indices: np.ndarray, lengths: np.ndarray) -> Column:
        """The column of X rows: row x merges the next `lengths[x]` of the rows `indices` [N]."""


def determinised(lattice: Lattice, totals: np.ndarray) -> Lattice:
    """The lattice with only the best path of each word sequence, and no silent arcs but the ends.

    The sum of each score over a path equals that of the old path. The lattice is returned unchanged
    if the result would be larger, or if its format has columns that cannot be merged (times,
    symbols of a decoding graph).

    Args:
        totals: [A] the score of each arc, without terms that are equal for equal words.
    """
    fields = {
        name: column for name, column in lattice.arc_fields.items() if isinstance(column, Joinable)
    }
    unsupported = (
        len(fields) < len(lattice.arc_fields)
        or lattice.state_fields
        or lattice.labels[lattice.ends].any()
    )
    search = None if unsupported or not lattice.arcs else _Search.of(lattice, totals)
    if search is None or not search.run():
        return lattice
    rows = np.fromiter(chain.from_iterable(search.rows), np.int64)  # [N]
    lengths = np.fromiter(map(len, search.rows), np.int64)  # [X]
    owners = np.repeat(np.arange(len(lengths)), lengths)
    arcs = Arcs(
        np.array(search.sources),
        search.new_targets(),
        search.labels[search.words],
        {
            name: np.bincount(owners, score[rows], len(lengths))
            for name, score in lattice.scores.items()
        },
        {name: column.joined(rows, lengths) for name, column in fields.items()},
    )
    found = assemble(lattice.utterance, lattice.symbols, 0, arcs, states=len(search.subsets))
    return replace(
        lattice,
        states=found.states,
        sources=found.sources,
        targets=found.targets,
        labels=found.labels,
        scores=found.scores,
        arc_fields=found.arc_fields,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Builds the new lattice. A new state is a subset: the old states that the same words reach.

    Attributes:
        leaving: [S] the old arcs out of each state.
        targets, totals, word: [A] of the old arcs.
        labels: [W + 1] a label of each word; the last is the end's.
        subsets: the old states of each new state, each with its residual arcs.
        sources, destinations, words, rows: [X] of the new arcs; a destination of -1 is the end.
    """

    leaving: list[list[int]]
    targets: list[int]
    totals: list[float]
    word: list[int]
    labels: np.ndarray
    subsets: list[_Subset]
    sources: list[int] = field(default_factory=list)
    destinations: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)

    @classmethod
    def of(cls, lattice: Lattice, totals: np.ndarray) -> _Search:
        names, word = words_on_arcs(lattice)
        labels = np.zeros(len(names) + 1, np.int64)
        labels[word[::-1]] = lattice.labels[::-1]  # the first of a word's labels
        labels[[NO_WORD, -1]] = SILENCE
        begins, arcs = outgoing(lattice.states, lattice.sources)
        return cls(
            [arcs[begin:end].tolist() for begin, end in pairwise(begins)],
            lattice.targets.tolist(),
            totals.tolist(),
            np.where(lattice.ends, len(names), word).tolist(),
            labels,
            [((0, ()),)],
        )

    def run(self) -> bool:
        """Find all subsets. Returns False if the new lattice exceeds its limits."""
        numbers = {self.subsets[0]: 0}
        arcs, work, residuals = len(self.targets), 0, 0
        for number, subset in enumerate(self.subsets):  # the loop appends to this list
            by_word, visited = self._follow(subset)
            work += visited
            for word, ways in by_word.items():
                row, after = self._emit(ways)
                self.sources.append(number)
                self.words.append(word)
                self.rows.append(row)
                residuals += len(row)
                if word == len(self.labels) - 1:
                    self.destinations.append(-1)
                    continue
                if after not in numbers:
                    numbers[after] = len(self.subsets)
                    self.subsets.append(after)
                self.destinations.append(numbers[after])
            if len(self.rows) > arcs or residuals > _ROWS * arcs or work > _WORK * arcs:
                return False
        return True

    def _follow(self, subset: _Subset) -> tuple[dict[int, _Ways], int]:
        """The best partial paths by the next word, and the number of visited arcs."""
        ways = {state: (sum(self.totals[arc] for arc in row), row) for state, row in subset}
        queue = list(ways)  # old states are numbered in topological order
        heapify(queue)
        by_word: dict[int, _Ways] = {}
        visited = 0
        while queue:
            state = heappop(queue)
            total, row = ways[state]
            visited += len(self.leaving[state])
            for arc in self.leaving[state]:
                silent = self.word[arc] == NO_WORD
                there = ways if silent else by_word.setdefault(self.word[arc], {})
                target, more = self.targets[arc], total + self.totals[arc]
                old = there.get(target)
                if old is None or more > old[0]:
                    there[target] = (more, (*row, arc))
                    if silent and old is None:
                        heappush(queue, target)
        return by_word, visited

    def _emit(self, ways: _Ways) -> tuple[_Row, _Subset]:
        """The common prefix of all partial paths, and the subset with their residuals after it."""
        rows = [row for _, row in ways.values()]
        shared = _common(min(rows), max(rows))
        return rows[0][:shared], tuple((state, ways[state][1][shared:]) for state in sorted(ways))

    def new_targets(self) -> np.ndarray:
        """[X] the target of each new arc; the end has a number here."""
        targets = np.array(self.destinations)
        return np.where(targets < 0, len(self.subsets), targets)


def _common(one: _Row, other: _Row) -> int:
    """The length of the common prefix of two rows.

    For the least and the greatest of several rows, it is the common prefix of all.
    """
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
