"""Lattices determinised by their words: of the paths with the same words the best stays.

Subset construction (Mohri, "Finite-state transducers in language and speech processing", 1997) as
Kaldi's `lattice-determinize` has it: where paths with the same words part in their arcs, the arcs
wait until the words tell which path it is. A new arc holds a row of old ones: its scores are their
sums, its transition ids theirs in a row.

Shapes: A old arcs, X new arcs, N old arcs in all rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from itertools import chain, pairwise
from typing import Protocol, runtime_checkable

import numpy as np

from rescorer.recognition.lattice import SILENCE, Arcs, Column, Lattice, assemble, outgoing
from rescorer.rescoring.lattice_paths import NO_WORD, words_on_arcs

# Of an old arc, on average: how often it is looked at and stands in rows. Where it is more,
# determinising is given up.
_WORK, _ROWS = 8, 2
_Row = tuple[int, ...]  # arcs
_Subset = tuple[tuple[int, _Row], ...]  # old states, ascending, each with the arcs that wait
# by state: the total of the best way there, and its arcs that wait
_Ways = dict[int, tuple[float, _Row]]


@runtime_checkable
class Joinable(Column, Protocol):
    """A column of which several rows make one."""

    def joined(self, indices: np.ndarray, lengths: np.ndarray) -> Column:
        """The column of [X] rows that hold so many [X] of these [N] each."""


def determinised(lattice: Lattice, totals: np.ndarray) -> Lattice:
    """The lattice with, for each of its word sequences, the best path alone, and no silent arcs but
    the ends.

    The sum of each score over a path is that of the old path. The lattice comes back as it is where
    that would make it larger, or where its format keeps what cannot stand in a row (times, symbols
    of a decoding graph).

    Args:
        totals: [A] the score of each arc, without what is equal for equal words.
    """
    fields = {
        name: column for name, column in lattice.arc_fields.items() if isinstance(column, Joinable)
    }
    strange = (
        len(fields) < len(lattice.arc_fields)
        or lattice.state_fields
        or lattice.labels[lattice.ends].any()
    )
    search = None if strange or not lattice.arcs else _Search.of(lattice, totals)
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
    """The new lattice as it grows: a new state is a subset, old states that the same words lead to.

    Attributes:
        leaving: [S] the old arcs out of each state.
        targets, totals, word: [A] of the old arcs.
        labels: [W + 1] a label of each word; the last is the end's.
        subsets: of each new state, its old states with the row of arcs that wait for each.
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
        labels[word[::-1]] = lattice.labels[::-1]  # of a word's several labels the first
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
        """Find all subsets; False where the new lattice gets larger than the old one."""
        numbers = {self.subsets[0]: 0}
        arcs, work, waiting = len(self.targets), 0, 0
        for number, subset in enumerate(self.subsets):  # which grows meanwhile
            by_word, looked_at = self._follow(subset)
            work += looked_at
            for word, ways in by_word.items():
                row, after = self._emit(ways)
                self.sources.append(number)
                self.words.append(word)
                self.rows.append(row)
                waiting += len(row)
                if word == len(self.labels) - 1:
                    self.destinations.append(-1)
                    continue
                if after not in numbers:
                    numbers[after] = len(self.subsets)
                    self.subsets.append(after)
                self.destinations.append(numbers[after])
            if len(self.rows) > arcs or waiting > _ROWS * arcs or work > _WORK * arcs:
                return False
        return True

    def _follow(self, subset: _Subset) -> tuple[dict[int, _Ways], int]:
        """The best ways by the next word, and how many arcs were looked at."""
        ways = {state: (sum(self.totals[arc] for arc in row), row) for state, row in subset}
        queue = list(ways)  # old states are numbered in topological order
        heapify(queue)
        by_word: dict[int, _Ways] = {}
        looked_at = 0
        while queue:
            state = heappop(queue)
            total, row = ways[state]
            looked_at += len(self.leaving[state])
            for arc in self.leaving[state]:
                silent = self.word[arc] == NO_WORD
                there = ways if silent else by_word.setdefault(self.word[arc], {})
                target, more = self.targets[arc], total + self.totals[arc]
                old = there.get(target)
                if old is None or more > old[0]:
                    there[target] = (more, (*row, arc))
                    if silent and old is None:
                        heappush(queue, target)
        return by_word, looked_at

    def _emit(self, ways: _Ways) -> tuple[_Row, _Subset]:
        """The arcs that all ways begin with, and what waits behind them."""
        rows = [row for _, row in ways.values()]
        shared = _common(min(rows), max(rows))
        return rows[0][:shared], tuple((state, ways[state][1][shared:]) for state in sorted(ways))

    def new_targets(self) -> np.ndarray:
        """[X] with the number of the end."""
        targets = np.array(self.destinations)
        return np.where(targets < 0, len(self.subsets), targets)


def _common(one: _Row, other: _Row) -> int:
    """How many arcs two rows begin with alike; of the least and the greatest row, what all rows
    between share.
    """
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
