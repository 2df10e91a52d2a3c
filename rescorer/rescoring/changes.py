"""What names replaced in rescored lattices, and the scores that decided.

A change is compared with the best path that does not take it: the difference of each weighted score
shows what spoke for the name (above 0) and what against it.

Shapes: A arcs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rescorer.files import write_lines
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.candidate_paths import CANDIDATE, Candidate
from rescorer.rescoring.rescored_lattice import RescoredLattice
from rescorer.rescoring.trellis import Trellis

_COLUMNS = ("utterance", "written", "became", "class", "total")
_NEVER = -1e30  # total of an arc that may not be taken


@dataclass(frozen=True)
class Change:
    """A name that replaced what was written.

    Attributes:
        candidate: the name and what was written.
        total: nats by which the path with the name is ahead; NaN if the beam left no other path.
        parts: the part of each weighted score in it, with `lm` and `word_penalty`; none for NaN.
    """

    utterance: str
    candidate: Candidate
    total: float
    parts: Mapping[str, float]

    def fields(self, names: Sequence[str]) -> list[str]:
        """The fields of a line of the table, with the parts of these names."""
        name = self.candidate.name
        words = [self.utterance, " ".join(self.candidate.written), " ".join(name.words), name.kind]
        numbers = [self.total, *(self.parts.get(part, math.nan) for part in names)]
        return words + ["" if math.isnan(number) else f"{number:.3f}" for number in numbers]


def changes_of(result: RescoredLattice, lm_score: str) -> Iterator[Change]:
    """The changes on the best path of a lattice.

    Args:
        lm_score: name of the raw score that holds the language models' log-probability.
    """
    lattice = result.lattice
    candidates = lattice.header.get(CANDIDATE, ())
    places = lattice.arc_fields.get(CANDIDATE)
    if not isinstance(candidates, tuple) or not isinstance(places, np.ndarray):
        return
    trellis = Trellis.of([lattice])
    best = trellis.best_paths(result.totals)[0]
    scores = _weighted_scores(result, lm_score)
    for arc in best[places[best] >= 0].tolist():
        candidate = candidates[places[arc]]
        if not candidate.replaces:
            continue
        same = places == places[arc]  # the candidate's arc, once for each history
        other = trellis.best_paths(np.where(same, _NEVER, result.totals))[0]
        if same[other].any():
            yield Change(lattice.utterance, candidate, math.nan, {})
        else:
            total = _difference(result.totals, best, other)
            parts = {name: _difference(values, best, other) for name, values in scores.items()}
            yield Change(lattice.utterance, candidate, total, parts)


def _weighted_scores(result: RescoredLattice, lm_score: str) -> dict[str, np.ndarray]:
    """The parts of the totals [A], by name."""
    lattice, weights = result.lattice, result.weights
    parts = {name: scale * lattice.scores[name] for name, scale in weights.scales.items()}
    parts["lm"] = weights.lm_scale * lattice.scores[lm_score]
    parts["word_penalty"] = -weights.word_penalty * _is_spoken(lattice)
    return parts


def _is_spoken(lattice: Lattice) -> np.ndarray:
    return np.asarray(lattice.symbols.spoken[lattice.labels] & ~lattice.ends)


def _difference(values: np.ndarray, path: np.ndarray, other: np.ndarray) -> float:
    return float(values[path].sum() - values[other].sum())


def write_changes(path: Path, changes: Sequence[Change]) -> None:
    """Write a table with a header, whole or not at all."""
    names = list(dict.fromkeys(name for change in changes for name in change.parts))
    lines = ["\t".join((*_COLUMNS, *names))]
    write_lines(path, [*lines, *("\t".join(change.fields(names)) for change in changes)])
