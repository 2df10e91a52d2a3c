"""Weights tuned on lattices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rescorer.errors import InputError
from rescorer.models.expected_words import unmarked
from rescorer.models.language_model import LanguageModel
from rescorer.models.sentence_model import SentenceModel
from rescorer.progress import Progress, silent
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import SOUND, Hypothesis, NBest
from rescorer.recognition.normalisers import AS_WRITTEN, Normaliser
from rescorer.reports.error_rate import Words
from rescorer.reports.run_details import WeightCurve
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.expansion import (
    ExpansionSettings,
)
from rescorer.rescoring.lattice import default_weights, first_pass_weights, rescore_lattices
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.nbest import (
    MEMORY,
    check_score_names,
    hypothesis_errors,
    scored_lists,
    tune_lists,
    tuning_curves,
)
from rescorer.rescoring.prefix_tree import SentenceScorer
from rescorer.rescoring.rescored_lattice import RescoredLattice, paths_list
from rescorer.rescoring.sentence_ranking import SentenceRanking
from rescorer.rescoring.weights import TunedWeights, Weights

# Paths of each lattice in each round; 100 take 1.2 to 1.4 times as long, with no fewer errors.
_TUNING_PATHS = 50
# Rounds at most; with names there are more weights, and more paths that only some weights prefer.
_TUNING_ROUNDS = 3
_ROUNDS_WITH_NAMES = 6


@dataclass(frozen=True, eq=False)
class LatticeTuning:
    """The chosen weights, and the lists of the last round.

    Attributes:
        is_default: whether the default weights had the fewest errors.
    """

    weights: TunedWeights
    lists: _GrowingLists
    is_default: bool

    def curves(self) -> tuple[WeightCurve, ...]:
        """The word error rate on the lists against each weight."""
        return self.lists.curves(self.weights.weights)


def tune_lattices(
    lattices: Sequence[Lattice],
    references: Mapping[str, Words],
    models: Sequence[LanguageModel],
    settings: ExpansionSettings | None = None,
    memory: int = MEMORY,
    *,
    kind: str = "linear",
    executor: Executor = serial_executor,
    progress: Progress = silent,
    normaliser: Normaliser = AS_WRITTEN,
    sentence_models: Sequence[SentenceModel] = (),
) -> LatticeTuning:
    """Find the weights with the fewest word errors on these lattices, as in minimum-error-rate
    training (Och, 2003).

    Weights are tuned on n-best lists. These hold the best paths of the first pass and of the
    default weights. Each round tunes on the lists, rescores the lattices with the weights and adds
    their best paths. The lists lack paths that other weights prefer, so the weights of a later
    round may be worse: the result is the round with the fewest errors of the lattices' best paths,
    or the default weights if they have fewer.

    Raises:
        InputError: no lattice with a path, or a score with a name that rescoring uses.
    """
    # The lists hold what the models score: expected words are marked there.
    lattices = [
        replace(lattice, symbols=lattice.symbols.of_models) for lattice in lattices if lattice.arcs
    ]
    if not lattices:
        raise InputError("no lattice with a path", expected="at least one utterance")
    scorer = SentenceScorer(models, memory, executor, progress, sentence_models)
    for lattice in lattices:
        check_score_names(lattice.score_names, scorer.names, lattice.utterance)
    growing = _GrowingLists(lattices, references, scorer, normaliser)

    def rescored(weights: TunedWeights, stage: str) -> _Round:
        arcs = weights.without_sentence_models()
        best = rescore_lattices(lattices, models, arcs, settings, memory, executor=executor)
        return growing.add_best_paths(weights, best, partial(progress, stage))

    most = _ROUNDS_WITH_NAMES if SOUND in lattices[0].scores else _TUNING_ROUNDS
    default = default_weights(lattices, models, memory, sentence_models)[0]
    rounds = [rescored(default, "paths of the default weights")]
    for turn in range(1, most + 1):
        stage = f"tuning {turn} of at most {most}"
        weights = growing.tune(stage, kind, progress)
        rounds.append(rescored(weights, f"paths of {stage}"))
        if not rounds[-1].has_new_paths:
            break
    best = min(reversed(rounds), key=lambda each: each.errors)
    return LatticeTuning(best.weights, growing, best is rounds[0])


@dataclass(frozen=True)
class _Round:
    """A rescoring of the lattices.

    Attributes:
        errors: of the best paths.
        has_new_paths: whether a lattice had paths that its list lacked.
    """

    weights: TunedWeights
    errors: int
    has_new_paths: bool


def _unmarked(nbest: NBest) -> NBest:
    """The list with the words themselves."""
    return replace(
        nbest,
        hypotheses=tuple(
            replace(each, words=tuple(map(unmarked, each.words))) for each in nbest.hypotheses
        ),
    )


class _GrowingLists:
    """N-best lists of lattices, to which every round adds paths.

    Attributes:
        lists: for each lattice, first the best paths of the first pass.
    """

    def __init__(
        self,
        lattices: Sequence[Lattice],
        references: Mapping[str, Words],
        scorer: SentenceScorer,
        normaliser: Normaliser,
    ) -> None:
        guide = first_pass_weights(lattices[0])
        self.lists = [
            paths_list(lattice, n_best(lattice, known_totals([lattice], guide), _TUNING_PATHS))
            for lattice in lattices
        ]
        self._references, self._scorer, self._normaliser = references, scorer, normaliser

    def curves(self, weights: Weights) -> tuple[WeightCurve, ...]:
        return tuning_curves(
            [_unmarked(each) for each in self.lists],
            self._references,
            scored_lists(self.lists, self._scorer),
            weights,
            self._normaliser,
        )

    def tune(self, stage: str, kind: str, progress: Progress) -> TunedWeights:
        return tune_lists(
            [_unmarked(each) for each in self.lists],
            self._references,
            scored_lists(self.lists, self._scorer),
            kind=kind,
            progress=progress,
            stage=stage,
            normaliser=self._normaliser,
        )

    def add_best_paths(
        self,
        weights: TunedWeights,
        rescored: Iterable[RescoredLattice],
        progress: Callable[[int, int], None],
    ) -> _Round:
        """Add the best paths of all lattices, and count the errors of the best one.

        Args:
            rescored: all lattices, with these weights.
        """
        best: list[NBest] = []
        has_new_paths = False
        ranking = SentenceRanking(self._scorer, weights.weights)
        for place, lattice in enumerate(rescored):
            old, found = self.lists[place], ranking.ranked(lattice, _TUNING_PATHS).nbest
            self.lists[place] = _joined(old, found)
            has_new_paths |= len(self.lists[place].hypotheses) > len(old.hypotheses)
            best.append(replace(found, hypotheses=found.hypotheses[:1]))
            progress(place + 1, len(self.lists))
        wrong = hypothesis_errors(list(map(_unmarked, best)), self._references, self._normaliser)
        return _Round(weights, int(wrong.sum()), has_new_paths)


def _joined(old: NBest, new: NBest) -> NBest:
    """The hypotheses of both lists, with the scores that `old` names.

    Hypotheses that are equal up to rounding occur once.
    """
    names = old.score_names
    pool = {
        (h.words, *(round(h.scores[name], 4) for name in names)): h
        for h in (*new.hypotheses, *old.hypotheses)
    }
    ordered = (
        Hypothesis(str(place), h.words, {name: h.scores[name] for name in names})
        for place, h in enumerate(reversed(pool.values()), start=1)
    )
    return NBest(old.utterance, tuple(ordered))
