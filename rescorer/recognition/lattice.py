"""A lattice: every path from its start to its end is a hypothesis, and its arcs carry named raw
scores.

Shapes: A arcs, S states, F final states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, overload

import numpy as np

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

    def take(self, indices: np.ndarray) -> Column:
        """The column of these rows, in this order; a row may be there several times."""


@overload
def take_or_zero(column: np.ndarray, rows: np.ndarray) -> np.ndarray: ...
@overload
def take_or_zero(column: Column, rows: np.ndarray) -> Column: ...
def take_or_zero(column: Column, rows: np.ndarray) -> Column:
    """These rows of a column; -1 is a row of zeros, or of what a format's own column takes for
    nothing.
    """
    if not isinstance(column, np.ndarray):
        return column.take(rows)
    # Zeros come last, so that -1 is their index.
    zeros: np.ndarray = np.zeros((1, *column.shape[1:]), column.dtype)
    extended = np.concatenate([column, zeros])
    return np.asarray(extended[rows])


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
    header: Mapping[str, object] = field(default_factory=dict)
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
