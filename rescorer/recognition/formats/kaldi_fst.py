"""One lattice as Kaldi has it, before it is a lattice of ours and after: weights on arcs and on
final states.

A CompactLattice accepts words, and transition ids are a part of its weights; a Lattice turns
transition ids into words, one arc for each. Costs are negated natural logs, and scores are negated
here.

Shapes: A arcs, F final states.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.formats.transition_ids import TransitionIds, no_ids
from rescorer.recognition.lattice import SILENCE, Lattice, Symbols
from rescorer.recognition.lattice_assembly import Arcs, LatticeError, assemble
from rescorer.recognition.nbest import ACOUSTIC, GRAPH

TRANSITION_IDS = "transition_ids"  # the field of the arcs
# names in a lattice's header
TYPE, PRECISION, TEXT, SPELLED = "type", "precision", "text", "spelled"
COMPACT, LATTICE = "compact", "lattice"  # types
FLOAT, DOUBLE = "float", "double"  # precisions
AGAIN = "make the archive again"


class Fst(NamedTuple):
    """The states, arcs and final states.

    Attributes:
        compact: a CompactLattice, not a Lattice.
        precision: FLOAT or DOUBLE.
        start: -1 where there is no state.
        states: how many; their numbers are below it.
        sources, targets, labels: [A] int64.
        finals: [F] int64.
        costs: [A + F, 2] float64: graph and acoustic, of the arcs and then of the final states.
        ids: [A + F].
    """

    compact: bool
    precision: str
    start: int
    states: int
    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    finals: np.ndarray
    costs: np.ndarray
    ids: TransitionIds

    @property
    def endings(self) -> np.ndarray:
        """[F] bool: which final states really are final; a weight of two infinities says that a
        state is not.
        """
        return np.asarray(~np.isposinf(self.costs[len(self.sources) :]).all(axis=1))


def to_lattice(
    fst: Fst, utterance: str, symbols: Symbols, place: Place, *, text: bool, spelled: bool
) -> Lattice:
    """The lattice of an FST. Raises InputError where it is none."""
    ending = fst.endings
    finals = fst.finals[ending]
    rows = np.concatenate([np.arange(len(fst.sources)), len(fst.sources) + np.flatnonzero(ending)])
    with np.errstate(invalid="ignore"):  # what is not finite is found below
        scores = 0.0 - fst.costs[rows]  # not -costs: the score of 0 is 0, not -0
    arcs = Arcs(
        np.concatenate([fst.sources, finals]),
        np.concatenate([fst.targets, np.full(len(finals), fst.states)]),
        np.concatenate([fst.labels, np.full(len(finals), SILENCE)]),
        {ACOUSTIC: scores[:, 1], GRAPH: scores[:, 0]},
        {TRANSITION_IDS: fst.ids.take(rows)},
    )
    header = {
        TYPE: COMPACT if fst.compact else LATTICE,
        PRECISION: fst.precision,
        TEXT: text,
        SPELLED: spelled,
    }
    try:
        return assemble(
            utterance, symbols, max(fst.start, 0), arcs, states=fst.states, header=header
        )
    except LatticeError as error:
        raise place.error(error.found, error.expected, error.remedy) from None


def of_lattice(lattice: Lattice, place: Place) -> Fst:
    """The FST of a lattice: of the arcs that end in a state, the first becomes its final weight.

    A second one, or one with a label, becomes an arc into a further state that is final.

    Raises:
        InputError: the lattice has no acoustic or no graph score, or one that is too great for its
            precision.
    """
    first = np.zeros(lattice.arcs, bool)
    ends = np.flatnonzero(lattice.ends & (lattice.labels == SILENCE))
    first[ends[np.unique(lattice.sources[ends], return_index=True)[1]]] = True
    others = np.flatnonzero(lattice.ends & ~first)
    targets = lattice.targets.copy()
    targets[others] = max(0, lattice.states - 1) + np.arange(len(others))
    inner, final = np.flatnonzero(~first), np.flatnonzero(first)
    rows = np.concatenate([inner, final, np.full(len(others), -1)])
    ids = lattice.arc_fields.get(TRANSITION_IDS)
    ids = (ids if isinstance(ids, TransitionIds) else no_ids(lattice.arcs)).take(rows)
    precision = str(lattice.header.get(PRECISION, FLOAT))
    return Fst(
        _is_compact(lattice, ids, len(inner)),
        precision,
        0 if lattice.states else -1,
        max(0, lattice.states - 1) + len(others),
        lattice.sources[inner],
        targets[inner],
        lattice.labels[inner],
        np.concatenate([lattice.sources[final], targets[others]]),
        _costs(lattice, rows, precision, place),
        ids,
    )


def _is_compact(lattice: Lattice, ids: TransitionIds, arcs: int) -> bool:
    if lattice.header.get(TYPE, COMPACT) != LATTICE:
        return True
    lengths = ids.packed().lengths  # what a Lattice cannot hold, a CompactLattice can
    return bool((lengths[:arcs] > 1).any() or lengths[arcs:].any())


def _costs(lattice: Lattice, rows: np.ndarray, precision: str, place: Place) -> np.ndarray:
    costs = np.zeros((len(rows), 2))
    for column, name in enumerate((GRAPH, ACOUSTIC)):
        score = lattice.scores.get(name)
        if score is None and lattice.arcs:
            raise place.error(
                f"no score is named {name}, only {', '.join(map(show, lattice.scores)) or 'none'}",
                f"{ACOUSTIC} and {GRAPH}, the two costs of Kaldi's lattices",
                "name the scores so, or write another format",
            )
        costs[:, column] = 0.0 - np.append(np.zeros(0) if score is None else score, 0.0)[rows]
    if precision == FLOAT and (worst := np.abs(costs).max(initial=0.0)) > np.finfo(np.float32).max:
        raise place.error(f"a cost of {worst}", "costs that a float holds", "correct the score")
    return costs
