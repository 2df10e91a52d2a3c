"""A lattice: every path from its start to its end is a hypothesis; its arcs have named raw scores.

Shapes: A arcs, S states, U lattices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, overload

import numpy as np

# The labels that recognisers give to arcs without a word, in lower case. Labels of noises and of
# unknown words count as words.
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
SILENCE = 0  # the index of the label "" in every symbol table


def is_silent(label: str) -> bool:
    """Whether a label stands for no word. #0, #1, … are disambiguation symbols of Kaldi and k2."""
    return label.lower() in SILENT or (label.startswith("#") and label[1:].isdecimal())


@dataclass(frozen=True, eq=False)
class Symbols:
    """The symbol table of the arcs of one file, which its lattices share.

    Attributes:
        labels: the labels as the file spells them; the first is "". If the file numbers its
            symbols, the index is that number.
        words: the word of each label, "" for none. Default: the labels themselves.
        model_words: the word that language models score for each label. Default: `words`.
    """

    labels: tuple[str, ...]
    words: tuple[str, ...] = ()
    model_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.labels or self.labels[SILENCE].lower() not in SILENT:
            raise ValueError("the first label must be an empty one")
        if not self.words:
            object.__setattr__(
                self, "words", tuple("" if is_silent(label) else label for label in self.labels)
            )
        if not self.model_words:
            object.__setattr__(self, "model_words", self.words)
        if not len(self.labels) == len(self.words) == len(self.model_words):
            raise ValueError(f"{len(self.labels)} labels and {len(self.words)} words")

    @cached_property
    def of_models(self) -> Symbols:
        """The same labels, with the words that language models score as their words."""
        return self if self.model_words is self.words else Symbols(self.labels, self.model_words)

    @cached_property
    def spoken(self) -> np.ndarray:
        """[labels] bool: whether each label has a word."""
        return np.array([bool(word) for word in self.words])


class Column(Protocol):
    """A value for each arc or state, such as a NumPy array of one dimension."""

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> Column:
        """The values at these indices, in this order; an index may occur several times."""


@overload
def take_or_zero(column: np.ndarray, rows: np.ndarray) -> np.ndarray: ...
@overload
def take_or_zero(column: Column, rows: np.ndarray) -> Column: ...
def take_or_zero(column: Column, rows: np.ndarray) -> Column:
    """The values at these indices; index -1 gives 0, or the null value of a format's own column."""
    if not isinstance(column, np.ndarray):
        return column.take(rows)
    # The zero is appended, so that index -1 finds it.
    zeros: np.ndarray = np.zeros((1, *column.shape[1:]), column.dtype)
    extended = np.concatenate([column, zeros])
    return np.asarray(extended[rows])


@dataclass(frozen=True, eq=False)
class Lattice:
    """The arcs of one utterance, in topological order.

    State 0 is the start and state S - 1 the end. Every state is on a path from the start to the
    end. Arcs into the end stand for `</s>`: they have no label, and hold the scores of the file's
    final states. A lattice without any path has no states and no arcs.

    Attributes:
        utterance: its id, unique in a file.
        symbols: the symbol table of the labels.
        states: S.
        sources: [A] int64, ascending.
        targets: [A] int64, each greater than its source.
        labels: [A] int64, index into the symbols.
        scores: [A] float64 natural logs by name, finite. Never overwritten: rescoring adds names.
        arc_fields: other values of the arcs in this format, by name (transition ids, posteriors,
            …).
        state_fields: other values of the states (times, …); the end, which the file lacks, has a
            value, too.
        header: other values of the lattice.
        own_scales: the recogniser's scales of the scores, if the file holds them.
        own_word_penalty: nats that the recogniser subtracts for each word, at these scales.
        trimmed: number of states of the file that were on no path.
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
        """A new lattice made of arcs of this one; an arc may occur several times, or not at all.

        Args:
            arcs: [A'] the arc of this lattice that each new arc copies.
            sources, targets: [A'] states of the new lattice, in topological order.
            states: [S'] the state of this lattice that each new state copies.
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
    """Several lattices as one graph, with states numbered one lattice after the other.

    Returns:
        Sources [A] and targets [A] of all arcs; the first state [U + 1] and the first arc [U + 1]
        of each lattice, followed by S and A.
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
