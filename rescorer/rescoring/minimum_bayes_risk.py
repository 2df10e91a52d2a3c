"""The minimum-Bayes-risk hypothesis of a lattice and the confidence of each word.

Xu, Povey, Mangu & Zhu, "Minimum Bayes Risk decoding and system combination based on a recursion for
lattice edit distance", 2011. Shapes: A arcs, S states, a arcs of one level, Q positions of the
hypothesis, W distinct words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from rescorer.recognition.lattice import Lattice
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.rescoring.lattice_paths import NO_WORD, n_best, words_on_arcs
from rescorer.rescoring.trellis import Trellis

_TOTAL = "total"
_NEGLIGIBLE = 1e-6  # probability of all pruned paths together
# extra cost of an insertion, so that of equal alignments the one with the fewest insertions wins
_INSERTION_COST = 1e-5
_STARTS = 4  # best paths that the search starts from
_TIE = 1e-12  # errors closer than this differ by rounding
# An arc's word is aligned to a position or inserted; a position without a word is skipped.
_ALIGNED, _INSERTED, _SKIPPED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class MinimumBayesRiskWords:
    """The minimum-Bayes-risk hypothesis.

    Attributes:
        words: without sentence marks.
        confidences: [words] the probability, 0 to 1, that the word is right at its position.
        expected_errors: the expected word errors by the recursion, an upper bound of the true
            expectation up to 1e-4.
    """

    words: tuple[str, ...]
    confidences: np.ndarray
    expected_errors: float


def minimum_bayes_risk(lattice: Lattice, totals: np.ndarray) -> MinimumBayesRiskWords:
    """Find the word sequence with the fewest expected word errors, by local search.

    Each round replaces the word at each position by the most probable word or by none, while the
    expected errors decrease. The search starts from the words of the best paths and of the path
    with the most probable arcs, and returns the best local optimum. It does not guarantee the
    global one.

    Positions are the words and the gaps around them. A recursion over the lattice computes the
    expected edit distance. It averages the distances of all partial paths to a state before it
    aligns the rest, so it gives an upper bound, which is exact if all partial paths to a state
    have the same alignment. Arcs without a word change no alignment. The least probable
    arcs, whose paths have a probability below 1e-6 together, are pruned first.
    A round takes O(A · Q) time and memory.

    Args:
        totals: [A] natural logs, finite and scaled such that P(path) ∝ exp(Σ totals).

    Returns:
        No words and no errors for a lattice without a path.
    """
    if not lattice.states:
        return MinimumBayesRiskWords((), np.zeros(0), 0.0)
    recursion = _Recursion.of(_probable(lattice, totals))
    best: _Evaluation | None = None
    seen: set[tuple[int, ...]] = set()
    for words in recursion.starts():
        found = _descend(recursion, words, seen)
        if found and (best is None or found.errors < best.errors - _TIE):
            best = found
    assert best is not None  # the first start is new
    return recursion.hypothesis(best)


def _descend(
    recursion: _Recursion, words: np.ndarray, seen: set[tuple[int, ...]]
) -> _Evaluation | None:
    """Take the most probable words while the expected errors decrease.

    Returns:
        None if the start is in `seen`.
    """
    found = None
    while (key := tuple(words.tolist())) not in seen:
        seen.add(key)
        next_one = recursion.evaluate(words)
        if found is not None and next_one.errors > found.errors - _TIE:
            break
        found = next_one
        words = found.improved()
    return found


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """The result of the recursion for one hypothesis.

    Attributes:
        positions: [Q] gaps, which are NO_WORD, and a word between one and the next.
        probabilities: [W, Q] the probability of each word, or of none, at each position; each
            column sums to 1.
        errors: expected.
    """

    positions: np.ndarray
    probabilities: np.ndarray
    errors: float

    @property
    def words(self) -> np.ndarray:
        return self.positions[1::2]

    def improved(self) -> np.ndarray:
        """The most probable words; of equally probable words the present one."""
        best, now = self.probabilities.argmax(0), np.arange(len(self.positions))
        ahead = self.probabilities[best, now] > self.probabilities[self.positions, now] + _TIE
        words = np.where(ahead, best, self.positions)
        return np.asarray(words[words != NO_WORD])


@dataclass(frozen=True, eq=False)
class _Recursion:
    """The data that all rounds share.

    Attributes:
        names: [W] the words by number.
        words: [A] the number of each arc's word.
        totals: [A]
        shares: [A] the probability of the arc among the arcs into its target.
    """

    lattice: Lattice
    trellis: Trellis
    names: tuple[str, ...]
    words: np.ndarray
    totals: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, lattice: Lattice) -> _Recursion:
        trellis, totals = Trellis.of([lattice]), lattice.scores[_TOTAL]
        before = trellis.forward(totals, "all")
        shares = np.exp(before[lattice.sources] + totals - before[lattice.targets])
        return cls(lattice, trellis, *words_on_arcs(lattice), totals, shares)

    def starts(self) -> Iterator[np.ndarray]:
        """Word sequences from which the search starts; the best path's is the first."""
        after = self.trellis.posteriors(self.totals) * (self.words != NO_WORD)
        surest = self.trellis.best_paths(after)[0]
        for path in (*n_best(self.lattice, self.totals, _STARTS), surest):
            words = self.words[path]
            yield np.asarray(words[words != NO_WORD])

    def hypothesis(self, found: _Evaluation) -> MinimumBayesRiskWords:
        """The words and their confidences."""
        sure = found.probabilities[found.words, np.arange(1, len(found.positions), 2)].clip(0, 1)
        return MinimumBayesRiskWords(
            tuple(self.names[word] for word in found.words), sure, found.errors
        )

    def evaluate(self, words: np.ndarray) -> _Evaluation:
        """The paper's forward and backward passes for one hypothesis."""
        positions = np.full(2 * len(words) + 1, NO_WORD)
        positions[1::2] = words
        errors, moves = self._align(positions)
        return _Evaluation(positions, self._collect(moves), errors)

    def _align(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """The expected errors and each arc's move at each prefix of the hypothesis [A, Q + 1]."""
        # deletions: the errors of a path without words so far
        passed = np.concatenate([[0], np.cumsum(positions != NO_WORD)])
        errors = np.empty((len(self.trellis.depth), len(passed)))
        errors[0] = passed
        moves = np.empty((len(self.words), len(passed)), dtype=np.int8)
        for level in self.trellis.arriving:
            before, words = errors[self.trellis.sources[level.arcs]], self.words[level.arcs, None]
            inserted = before + np.where(words == NO_WORD, 0.0, 1 + _INSERTION_COST)
            cost = np.where(words == NO_WORD, np.inf, words != positions)
            aligned = np.pad(before[:, :-1] + cost, ((0, 0), (1, 0)), constant_values=np.inf)
            here = np.minimum(aligned, inserted) - passed
            best = np.minimum.accumulate(here, 1)  # or an earlier position, then skips
            move = np.where(aligned <= inserted + _TIE, _ALIGNED, _INSERTED)
            moves[level.arcs] = np.where(best < here - _TIE, _SKIPPED, move)
            shares = self.shares[level.arcs, None]
            errors[level.states] = np.add.reduceat(shares * (best + passed), level.begins)
        return float(errors[-1, -1]), moves

    def _collect(self, moves: np.ndarray) -> np.ndarray:
        """[W, Q] the probability of each word, or of none, at each position."""
        reached = np.zeros((len(self.trellis.depth), moves.shape[1]))
        reached[-1, -1] = 1.0
        standing = np.empty((len(self.words), moves.shape[1]))
        none = np.zeros(moves.shape[1])
        for level in reversed(self.trellis.leaving):
            move = moves[level.arcs]
            mass = _fall(
                self.shares[level.arcs, None] * reached[self.trellis.targets[level.arcs]],
                move == _SKIPPED,
            )
            none += np.where(move == _SKIPPED, mass, 0.0).sum(0)
            standing[level.arcs] = np.where(move == _ALIGNED, mass, 0.0)
            back = np.where(move == _INSERTED, mass, 0.0)
            back[:, :-1] += standing[level.arcs, 1:]
            reached[level.states] = np.add.reduceat(back, level.begins)
        none += np.cumsum(reached[0, ::-1])[::-1]  # before the first arc
        arcs = np.arange(len(self.words))
        probabilities = (
            csr_matrix((np.ones(len(arcs)), (self.words, arcs)), shape=(len(self.names), len(arcs)))
            @ standing
        )
        probabilities[NO_WORD] += none
        return np.asarray(probabilities[:, 1:])


def _fall(mass: np.ndarray, skipped: np.ndarray) -> np.ndarray:
    """[a, Q + 1] the mass after each skipped position passes its own to the one before."""
    above = np.cumsum(mass[:, ::-1], 1)[:, ::-1]
    above = np.pad(above, ((0, 0), (0, 1)))
    last = mass.shape[1]
    floors = np.where(skipped, last, np.arange(last))
    floors = np.pad(
        np.minimum.accumulate(floors[:, ::-1], 1)[:, ::-1], ((0, 0), (0, 1)), constant_values=last
    )
    return np.asarray((above[:, :-1] - np.take_along_axis(above, floors[:, 1:], 1)).clip(0))


def _probable(lattice: Lattice, totals: np.ndarray) -> Lattice:
    """The lattice with its totals, without arcs whose probability is negligible together."""
    posteriors = Trellis.of([lattice]).posteriors(totals)
    order = np.argsort(posteriors, kind="stable")
    # The running sum of the least posteriors bounds the probability of all paths through them.
    kept = np.sort(order[np.cumsum(posteriors[order]) > _NEGLIGIBLE])
    arcs = Arcs(
        lattice.sources[kept], lattice.targets[kept], lattice.labels[kept], {_TOTAL: totals[kept]}
    )
    return assemble(lattice.utterance, lattice.symbols, 0, arcs, states=lattice.states - 1)
