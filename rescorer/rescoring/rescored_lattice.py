"""A rescored lattice: its best path, n-best list, posteriors and minimum-Bayes-risk hypothesis.

Shapes: A arcs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import (
    ACOUSTIC,
    FIRST_PASS,
    TOTAL,
    Hypothesis,
    NBest,
)
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.minimum_bayes_risk import MinimumBayesRiskWords, minimum_bayes_risk
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import Weights

# Bytes of a state and of an arc in the tables of expected errors, for each word of the best
# path.
_STATE_RISKS, _ARC_RISKS = 32, 18


@dataclass(frozen=True, eq=False)
class RescoredLattice:
    """A lattice with a total for each arc.

    Attributes:
        lattice: the lattice with the raw scores and the log-probabilities of models and mixture.
        totals: [A] the weighted sum of all scores.
        weights: the weights of the totals.
    """

    lattice: Lattice
    totals: np.ndarray
    weights: Weights

    def best(self) -> tuple[str, ...]:
        """The words of the best path; no words for a lattice without a path."""
        return words_of(self.lattice, Trellis.of([self.lattice]).best_paths(self.totals)[0])

    def n_best(self, n: int) -> NBest:
        """The best path of each of the n best word sequences, with every named score and the total.

        A lattice without any path gives one hypothesis without words, with scores of 0.
        """
        return self.listed(n_best(self.lattice, self.totals, n))

    def listed(self, paths: Sequence[np.ndarray]) -> NBest:
        """Paths as an n-best list, with every named score and the total."""
        return paths_list(self.lattice.with_scores({TOTAL: self.totals}), paths)

    def posteriors(self) -> np.ndarray:
        """[A] the posterior probability of each arc, where P(path) ∝ exp(its total)."""
        return Trellis.of([self.lattice]).posteriors(self.totals)

    def minimum_bayes_risk(self, memory: int | None = None) -> MinimumBayesRiskWords:
        """The minimum-Bayes-risk hypothesis and the confidence of each word.

        Raises:
            InputError: the tables of expected errors need more than `memory` bytes.
        """
        size = (_STATE_RISKS * self.lattice.states + _ARC_RISKS * self.lattice.arcs) * (
            len(self.best()) + 1
        )
        if memory is not None and size > memory:
            raise InputError(
                f"utterance {self.lattice.utterance!r}: the expected errors of "
                f"{self.lattice.arcs} arcs at {len(self.best())} words need {size >> 20} MiB",
                expected=f"at most {memory >> 20} MiB",
                remedy="leave --mbr and --confidence-output out, "
                "or lower --beam or --max-histories",
            )
        return minimum_bayes_risk(self.lattice, self.totals)

    def as_first_pass(self, lm_score: str) -> Lattice:
        """The lattice as a recogniser with this language model would have written it.

        The acoustic score is unchanged and `lm_score` holds the rest of the total. With
        `own_scales` the two sum to the total. Without an acoustic score, `first_pass` is the total.
        """
        lattice = replace(
            self.lattice,
            own_word_penalty=0.0,
            arc_fields={**self.lattice.arc_fields, "posterior": self.posteriors()},
        )
        if ACOUSTIC not in self.lattice.scores:
            return replace(lattice, scores={FIRST_PASS: self.totals}, own_scales={FIRST_PASS: 1.0})
        scale, acoustic = self.weights.scales[ACOUSTIC], self.lattice.scores[ACOUSTIC]
        return replace(
            lattice,
            scores={ACOUSTIC: acoustic, lm_score: self.totals - scale * acoustic},
            own_scales={ACOUSTIC: scale, lm_score: 1.0},
        )


def words_of(lattice: Lattice, path: np.ndarray) -> tuple[str, ...]:
    """The words on a path's arcs."""
    words = (lattice.symbols.words[label] for label in lattice.labels[path])
    return tuple(word for word in words if word)


def best_words(lattice: Lattice, weights: Weights) -> tuple[str, ...]:
    """The words of the best path by the lattice's raw scores."""
    return words_of(lattice, Trellis.of([lattice]).best_paths(known_totals([lattice], weights))[0])


def paths_list(lattice: Lattice, paths: Sequence[np.ndarray]) -> NBest:
    """Paths as an n-best list, each with the sums of its arcs' scores."""
    hypotheses = tuple(
        Hypothesis(
            str(place),
            words_of(lattice, path),
            {name: float(score[path].sum()) for name, score in lattice.scores.items()},
        )
        for place, path in enumerate(paths or [np.zeros(0, np.int64)], start=1)
    )
    return NBest(lattice.utterance, hypotheses)
