"""A lattice: every path from its start to its end is a hypothesis, and its arcs carry named raw
scores.

Shapes: A arcs, S states, F final states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

# What recognisers write on arcs where nothing was said, in lower case. Noises and unknown words are
# words.
SILENT = frozenset(
    {
        "",
        "<eps>",
        "<epsilon>",
        "!null",
        "!sent_start",
        "!sent_end",
        "!enter",
        "!exit",
        "<s>",
        "</s>",
        "<sil>",
        "!sil",
        "<silence>",
    }
)
SILENCE = 0  # the index of the label "" in every table of symbols


def is_silent(label: str) -> bool:
    """Whether nothing was said; #0, #1, … are marks of Kaldi's and k2's graphs."""
    return label.lower() in SILENT or (label.startswith("#") and label[1:].isdecimal())


@dataclass(frozen=True, eq=False)
class Symbols:
    """What stands on the arcs of one file; its lattices share it.

    Attributes:
        labels: as the file spells them; the first is "". Where the file counts its symbols, the
            index is their number.
        words: what a language model hears for each, "" for nothing; the labels themselves without
            it.
    """

    labels: tuple[str, ...]
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.labels or self.labels[SILENCE].lower() not in SILENT:
            raise ValueError("the first label must be an empty one")
        if not self.words:
            object.__setattr__(
                self, "words", tuple("" if is_silent(label) else label for label in self.labels)
            )
        elif len(self.words) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels and {len(self.words)} words")

    @cached_property
    def spoken(self) -> np.ndarray:
        """[labels] bool: which are words."""
        return np.array([bool(word) for word in self.words])


class Column(Protocol):
    """Something for each arc or state, of which some can be taken: a NumPy array of one dimension
    is one.
    """

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> Any:
        """The column of these rows, in this order; a row may be there several times."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """The arcs of one utterance, in topological order.

    State 0 is the start and state S - 1 the end; every state is on a path from one to the other.
    The arcs into the end are the sentence's ends: they carry `</s>` and what the file says of final
    states, and no label. A lattice without any path has no states and no arcs.

    Attributes:
        utterance: its id, unique in a file.
        symbols: what the labels mean.
        states: S.
        sources: [A] int64, ascending.
        targets: [A] int64, each greater than its source.
        labels: [A] int64, index into the symbols.
        scores: [A] float64 natural logs by name, finite. Never overwritten: rescoring adds names.
        arc_fields: what else the format keeps for arcs, by its own name (transition ids,
            posteriors, …).
        state_fields: what else it keeps for states (times, …); the end, which is ours, has a row
            too.
        header: what else it keeps for the lattice.
        own_scales: the recogniser's own scales of the scores, where the file tells them.
        own_word_penalty: nats that the recogniser takes off for each word, at these scales.
        trimmed: how many states of the file were on no path.
    """

    utterance: str
    symbols: Symbols
    states: int
    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    scores: Mapping[str, np.ndarray]
    arc_fields: Mapping[str, Column] = field(default_factory=dict)
    state_fields: Mapping[str, Column] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    own_scales: Mapping[str, float] = field(default_factory=dict)
    own_word_penalty: float = 0.0
    trimmed: int = 0

    @property
    def arcs(self) -> int:
        """A."""
        return len(self.sources)

    @property
    def ends(self) -> np.ndarray:
        """[A] bool: which arcs end the sentence."""
        return np.asarray(self.targets == self.states - 1)

    @property
    def score_names(self) -> tuple[str, ...]:
        return tuple(self.scores)

    def with_scores(self, scores: Mapping[str, np.ndarray]) -> Lattice:
        """The same lattice with more named scores, [A] each.

        Raises:
            ValueError: a name is taken already.
        """
        if taken := self.scores.keys() & scores.keys():
            raise ValueError(f"raw scores are never overwritten: {sorted(taken)}")
        return replace(self, scores={**self.scores, **scores})

    def take(
        self, arcs: np.ndarray, sources: np.ndarray, targets: np.ndarray, states: np.ndarray
    ) -> Lattice:
        """Another lattice made of this one's arcs, each as often as it is wanted.

        Args:
            arcs: [A'] which arc of this lattice each is.
            sources, targets: [A'] states of the new lattice, in topological order as above.
            states: [S'] which state of this lattice each is.
        """
        return replace(
            self,
            states=len(states),
            sources=sources,
            targets=targets,
            labels=self.labels[arcs],
            scores={name: score[arcs] for name, score in self.scores.items()},
            arc_fields={name: column.take(arcs) for name, column in self.arc_fields.items()},
            state_fields={name: column.take(states) for name, column in self.state_fields.items()},
        )


class LatticeError(ValueError):
    """What makes arcs no lattice; the reader adds where they stand.

    Attributes:
        found, expected, remedy: as in InputError.
    """

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.expected, self.remedy = found, expected, remedy


@dataclass(frozen=True, eq=False)
class Arcs:
    """Arcs as a file has them: in any order, between states of any numbers.

    Attributes:
        sources, targets: [A] the file's own numbers of states, any integers of 0 or more.
        labels: [A] index into the symbols.
        scores: [A] natural logs by name.
        fields: by name, a row for each arc.
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
    header: Mapping[str, Any] | None = None,
    own_scales: Mapping[str, float] | None = None,
    own_word_penalty: float = 0.0,
) -> Lattice:
    """Make a lattice of a file's arcs: states in topological order, those on no path trimmed and
    counted.

    The file's final states are given as arcs into a further state `states`, in `arcs` like the
    others. Where the file is in topological order already, its own order of states and arcs is
    kept. O(A), and O(A · depth) where it is not.

    Args:
        start: the file's number of the start.
        states: the file's number of states, and so the number that stands for the end; the greatest
            target if None.
        state_fields: a row for each of the file's states; the end's row repeats the last.

    Raises:
        LatticeError: a cycle, a state that is out of range, a score that is not finite.
    """
    sources, targets = np.asarray(arcs.sources, np.int64), np.asarray(arcs.targets, np.int64)
    end = int(targets.max(initial=0)) if states is None else states
    _check(sources, targets, arcs.scores, start, end)
    # numbers with wide gaps: memory follows the arcs, not the numbers
    if end > 4 * len(sources) + 4:
        names, places = np.unique(
            np.concatenate([sources, targets, [start, end]]), return_inverse=True
        )
        sources, targets = places[: len(sources)], places[len(sources) : -2]
        start, end = int(places[-2]), int(places[-1])
    else:
        names = np.arange(end + 1)
    kept = _on_paths(sources, targets, start, end)
    number = np.full(end + 1, -1, dtype=np.int64)
    number[kept] = 0
    arc = (
        np.flatnonzero((number[sources] >= 0) & (number[targets] >= 0))
        if len(sources)
        else np.zeros(0, np.int64)
    )
    order = _topological(kept, sources[arc], targets[arc], start, names)
    number[order] = np.arange(len(order))
    arc = arc[np.argsort(number[sources[arc]], kind="stable")]
    rows = np.minimum(names[order], max(0, int(names[-1]) - 1))
    return Lattice(
        utterance,
        symbols,
        len(kept),
        number[sources[arc]],
        number[targets[arc]],
        np.asarray(arcs.labels, np.int64)[arc],
        {name: np.asarray(score, np.float64)[arc] for name, score in arcs.scores.items()},
        {name: column.take(arc) for name, column in arcs.fields.items()},
        {name: column.take(rows) for name, column in (state_fields or {}).items()},
        header or {},
        own_scales or {},
        own_word_penalty,
        trimmed=end - max(0, len(kept) - 1),
    )


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


def _on_paths(sources: np.ndarray, targets: np.ndarray, start: int, end: int) -> np.ndarray:
    """The states that are on a path from start to end, ascending; none where there is no path."""
    if not len(sources):
        return np.zeros(0, np.int64)
    if start == 0 and (sources < targets).all():
        entered, left = (
            np.bincount(states, minlength=end + 1) > 0 for states in (targets, sources)
        )
        # the usual case: each state leads back to 0 and on to the end
        if entered[1:].all() and left[:-1].all():
            return np.arange(end + 1)
    graph = csr_matrix(
        (np.ones(len(sources), np.int8), (sources, targets)), shape=(end + 1, end + 1)
    )
    seen = [
        breadth_first_order(each, root, return_predecessors=False)
        for each, root in ((graph, start), (graph.T.tocsr(), end))
    ]
    return np.asarray(np.intersect1d(*seen), np.int64)


def _topological(
    states: np.ndarray, sources: np.ndarray, targets: np.ndarray, start: int, names: np.ndarray
) -> np.ndarray:
    """`states` in an order in which every arc goes forward; as they are where they are in one.

    Raises:
        LatticeError: there is none; `names` has the file's numbers of the states.
    """
    if not len(states) or ((sources < targets).all() and states[0] == start):
        return states
    number = np.full(int(states[-1]) + 1, -1)
    number[states] = np.arange(len(states))
    sources, targets = number[sources], number[targets]
    graph = csr_matrix(
        (np.ones(len(sources), np.int8), (sources, targets)), shape=(len(states), len(states))
    )
    components, component = connected_components(graph, directed=True, connection="strong")
    if components < len(states):
        first = int(states[np.flatnonzero(np.bincount(component)[component] > 1)[0]])
        raise LatticeError(
            f"state {names[first]} is on a cycle",
            "no cycles",
            "remove epsilon cycles, or make the lattice again",
        )
    return np.asarray(states[np.argsort(depths(len(states), sources, targets), kind="stable")])


def depths(states: int, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[S] how many arcs the longest path to each state has, in a graph without cycles. O(A log A +
    depth).
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
    """(begins [S + 1], arcs [A]): the arcs that leave state s are arcs[begins[s] : begins[s +
    1]].
    """
    begins = np.zeros(states + 1, dtype=np.int64)
    np.cumsum(np.bincount(sources, minlength=states), out=begins[1:])
    return begins, np.argsort(sources, kind="stable")


def spans(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The numbers from each begin to before its end, one span after the other."""
    lengths = ends - begins
    last = lengths.cumsum()
    total = int(last[-1]) if len(last) else 0
    return np.asarray(np.arange(total) + (begins - (last - lengths)).repeat(lengths))


def runs(numbers: np.ndarray) -> np.ndarray:
    """Where each run of equal numbers begins; np.diff with `prepend` takes four times as long, at
    any length.
    """
    begins = np.empty(len(numbers), dtype=bool)
    begins[:1] = True
    np.not_equal(numbers[1:], numbers[:-1], out=begins[1:])
    return begins.nonzero()[0]


def union(lattices: Sequence[Lattice]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Several lattices side by side: sources [A], targets [A], first state [U + 1], first arc [U +
    1] of each.
    """
    states = np.cumsum([0, *(lattice.states for lattice in lattices)])
    arcs = np.cumsum([0, *(lattice.arcs for lattice in lattices)])
    none = [np.zeros(0, dtype=np.int64)]
    sources = np.concatenate(
        none + [lat.sources + first for lat, first in zip(lattices, states, strict=False)]
    )
    targets = np.concatenate(
        none + [lat.targets + first for lat, first in zip(lattices, states, strict=False)]
    )
    return sources, targets, states, arcs
