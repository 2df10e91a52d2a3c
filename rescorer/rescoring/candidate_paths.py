"""Paths of candidates in a lattice: how they enter, and how they leave for a format to write.

The path of a candidate repeats the arcs of the span that it replaces, with other labels.

Shapes: A arcs, C candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rescorer.models.expected_words import marked
from rescorer.recognition.lattice import SILENCE, Lattice, Symbols, take_or_zero
from rescorer.recognition.nbest import BIAS, REPLACED, SOUND, SPELLING
from rescorer.reports.error_rate import errors
from rescorer.rescoring.names import LONGEST_NAME, Name

# Arc field: on the first arc of a candidate its place among the candidates, which the header has
# under the same name; −1 on all other arcs.
CANDIDATE = "candidate"
# Scales of the added scores in the first pass: a candidate never wins there.
FIRST_PASS_SCALES = {SOUND: 1.0, SPELLING: 0.0, REPLACED: -5.0, BIAS: 0.0}


@dataclass(frozen=True)
class Candidate:
    """A name beside a span of arcs.

    Attributes:
        arcs: of the lattice that is replaced, in a row.
        written: the words on them.
        name: what may have been said.
        sound: the raw score `sound`.
    """

    arcs: tuple[int, ...]
    written: tuple[str, ...]
    name: Name
    sound: float

    @property
    def replaces(self) -> bool:
        """False if the name is what was written."""
        return self.name.words != self.written


@dataclass(frozen=True, eq=False)
class ExtendedSymbols:
    """Symbols of lattices with more labels, for expected words.

    Attributes:
        symbols: all of them.
        labels: of each expected word.
    """

    symbols: Symbols
    labels: Mapping[str, int]

    @classmethod
    def of(cls, symbols: Symbols, expected: Iterable[str]) -> ExtendedSymbols:
        """A word that has a label gets another one, because models score it as expected."""
        words = tuple(sorted(expected))
        extended = Symbols(
            (*symbols.labels, *words),
            (*symbols.words, *words),
            (*symbols.model_words, *map(marked, words)),
        )
        labels = {word: len(symbols.labels) + place for place, word in enumerate(words)}
        return cls(extended, labels)


def with_candidates(
    lattice: Lattice,
    candidates: Sequence[Candidate],
    weights: Mapping[str, float],
    extended: ExtendedSymbols,
) -> Lattice:
    """The lattice with a path for each candidate.

    The path of a name has the arcs of its span with other labels, so it keeps their scores and
    fields. A name with more words than the span has arcs gets further arcs with scores of 0.
    """
    lattice, labels = replace(lattice, symbols=extended.symbols), extended.labels
    paths = [_Path.of(lattice, each, labels) for each in candidates]
    first = lattice.arcs + np.cumsum([0, *(len(path.rows) for path in paths)])[:-1]
    beside = _beside(lattice, paths)
    scores = {name: np.zeros(beside.arcs) for name in FIRST_PASS_SCALES}
    expected = _expected_arcs(lattice, weights)
    scores[BIAS][expected] = [weights[_word(lattice, arc).lower()] for arc in expected]
    beside.labels[expected] = [labels[_word(lattice, arc)] for arc in expected]
    scores[SOUND][first] = [each.sound for each in candidates]
    scores[SPELLING][first] = [-_letter_distance(each) for each in candidates]
    scores[REPLACED][first] = [each.replaces for each in candidates]
    scores[BIAS][first] = [each.name.weight for each in candidates]
    place = np.full(beside.arcs, -1)
    place[first] = np.arange(len(candidates))
    scored = beside.with_scores(scores)
    placed = replace(
        scored,
        arc_fields={**scored.arc_fields, CANDIDATE: place},
        own_scales={**lattice.own_scales, **_first_pass_scales(lattice)},
        header={**lattice.header, CANDIDATE: tuple(candidates)},
    )
    return _in_order(placed, lattice.states, paths)


def _first_pass_scales(lattice: Lattice) -> dict[str, float]:
    """A replacement costs more than the recogniser's word penalty can give back."""
    penalties = LONGEST_NAME * abs(lattice.own_word_penalty)
    return {**FIRST_PASS_SCALES, REPLACED: FIRST_PASS_SCALES[REPLACED] - penalties}


def _expected_arcs(lattice: Lattice, words: Collection[str]) -> list[int]:
    """The arcs whose word is among these, which are in lower case."""
    used = np.unique(lattice.labels)
    wanted = [label for label in used.tolist() if lattice.symbols.words[label].lower() in words]
    found: list[int] = np.flatnonzero(np.isin(lattice.labels, wanted)).tolist()
    return found


def expected_on_arcs(lattice: Lattice, words: Collection[str]) -> set[str]:
    """The words on arcs that are among these, which are in lower case."""
    return {_word(lattice, arc) for arc in _expected_arcs(lattice, words)}


def _word(lattice: Lattice, arc: int) -> str:
    return lattice.symbols.words[int(lattice.labels[arc])]


def _letter_distance(candidate: Candidate) -> float:
    """Edits between the letters of what was written and of the name, a letter of the longer."""
    written, name = "".join(candidate.written), "".join(candidate.name.words)
    return errors(name, written) / max(len(written), len(name))


@dataclass(frozen=True)
class _Path:
    """The arcs of a candidate.

    Attributes:
        rows: the arc of the lattice that each repeats; -1 for an arc of zeros.
        labels: of each arc: the words of the name, then silence.
        states: the states of the lattice whose fields the states between the arcs repeat.
        source, target: states of the lattice.
    """

    rows: tuple[int, ...]
    labels: tuple[int, ...]
    states: tuple[int, ...]
    source: int
    target: int

    @classmethod
    def of(cls, lattice: Lattice, candidate: Candidate, labels: Mapping[str, int]) -> _Path:
        arcs, words = candidate.arcs, candidate.name.words
        length = max(len(arcs), len(words))
        targets = lattice.targets[list(arcs)].tolist()
        return cls(
            rows=arcs + (-1,) * (length - len(arcs)),
            labels=(*(labels[word] for word in words), *[SILENCE] * (length - len(words))),
            states=tuple([*targets, *[targets[-1]] * (length - len(arcs))][: length - 1]),
            source=int(lattice.sources[arcs[0]]),
            target=targets[-1],
        )


def _beside(lattice: Lattice, paths: Sequence[_Path]) -> Lattice:
    """The lattice with the paths beside it: new states and arcs come last, so that the states are
    not in topological order.
    """
    sources: list[int] = []
    targets: list[int] = []
    states: list[int] = []
    for path in paths:
        between = [lattice.states + len(states) + k for k in range(len(path.states))]
        sources += [path.source, *between]
        targets += [*between, path.target]
        states += path.states
    rows = np.array([row for path in paths for row in path.rows], np.int64)
    rows = np.append(np.arange(lattice.arcs), rows)
    origin = np.append(np.arange(lattice.states), np.array(states, np.int64))
    new_labels = np.array([label for path in paths for label in path.labels], np.int64)
    return replace(
        lattice,
        states=lattice.states + len(states),
        sources=np.append(lattice.sources, np.array(sources, np.int64)),
        targets=np.append(lattice.targets, np.array(targets, np.int64)),
        labels=np.append(lattice.labels, new_labels),
        scores={name: take_or_zero(score, rows) for name, score in lattice.scores.items()},
        arc_fields={name: take_or_zero(each, rows) for name, each in lattice.arc_fields.items()},
        state_fields={name: each.take(origin) for name, each in lattice.state_fields.items()},
    )


def _in_order(lattice: Lattice, old_states: int, paths: Sequence[_Path]) -> Lattice:
    """The lattice of `_beside` with its states in topological order: those of a path come right
    after the state where it begins.
    """
    if not lattice.arcs:
        return lattice
    after = [path.source + 0.5 for path in paths for _ in path.states]
    order = np.argsort(np.append(np.arange(old_states), after), kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    arcs = np.argsort(number[lattice.sources], kind="stable")
    sources, targets = number[lattice.sources[arcs]], number[lattice.targets[arcs]]
    return lattice.take(arcs, sources, targets, order)


def without_candidates(lattice: Lattice) -> Lattice:
    """The lattice as its format can hold it: candidates are arcs like all others.

    Words that the lattice's own symbols have get the labels of those again.
    """
    symbols, labels = _own_symbols(lattice.symbols)
    return replace(
        lattice,
        symbols=symbols,
        labels=labels[lattice.labels],
        arc_fields={k: v for k, v in lattice.arc_fields.items() if k != CANDIDATE},
        header={k: v for k, v in lattice.header.items() if k != CANDIDATE},
    )


@lru_cache(maxsize=4)
def _own_symbols(symbols: Symbols) -> tuple[Symbols, np.ndarray]:
    """The symbols without marks of expected words, and the label there of each label."""
    first: dict[str, int] = {}
    labels = np.arange(len(symbols.labels))
    for label, word in enumerate(symbols.words):
        if word:
            labels[label] = first.setdefault(word, label)
    return Symbols(symbols.labels, symbols.words), labels


def words_without_number(lattice: Lattice) -> list[str]:
    """The words of a lattice with candidates that its own table of symbols lacks."""
    symbols = lattice.symbols
    own = {
        word
        for word, scored in zip(symbols.words, symbols.model_words, strict=True)
        if word == scored
    }
    used = {symbols.words[label] for label in np.unique(lattice.labels).tolist()}
    return sorted(used - own)
