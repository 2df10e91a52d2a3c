"""Weights tuned on lattices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rescorer.errors import InputError
from rescorer.models.expected_words import unmarked
from rescorer.models.language_model import LanguageModel
from rescorer.progress import Progress, silent
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import (
    SOUND,
    Hypothesis,
    NBest,
)
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
    scored_lists,
    tune_lists,
    tuning_curves,
)
from rescorer.rescoring.prefix_tree import SentenceScorer
from rescorer.rescoring.rescored_lattice import RescoredLattice, paths_list
from rescorer.rescoring.weights import TunedWeights, Weights

# Paths of each lattice in each round; 100 take 1.2 to 1.4 times as long, with no fewer errors.
_TUNING_PATHS = 50
_TUNING_ROUNDS = 3


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
) -> TunedWeights:
    """Weights with the fewest word errors on these lattices: those of `tuned_lattices`."""
    return tuned_lattices(
        lattices,
        references,
        models,
        settings,
        memory,
        kind=kind,
        executor=executor,
        progress=progress,
        normaliser=normaliser,
    ).weights


@dataclass(frozen=True, eq=False)
class LatticeTuning:
    """Weights, and the lists that they were tuned on at last."""

    weights: TunedWeights
    lists: _GrowingLists

    def curves(self) -> tuple[WeightCurve, ...]:
        """The word error rate on the lists against each weight."""
        return self.lists.curves(self.weights.weights)


def tuned_lattices(
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
) -> LatticeTuning:
    """Weights with the fewest word errors on these lattices, as in minimum-error-rate training
    (Och, 2003).

    Weights are tuned on n-best lists. The first round uses the best paths of the first pass. Each
    later round rescores the lattices with the weights so far and adds their best paths to the
    lists. A lattice is dropped from expansion once its best path is in its list.

    Raises:
        InputError: no lattice with a path, or a score with a name that rescoring uses.
    """
    # The lists hold what the models score: expected words are marked there.
    lattices = [
        replace(lattice, symbols=lattice.symbols.of_models) for lattice in lattices if lattice.arcs
    ]
    if not lattices:
        raise InputError("no lattice with a path", expected="at least one utterance")
    for lattice in lattices:
        check_score_names(lattice.score_names, [model.name for model in models], lattice.utterance)
    growing = _GrowingLists(
        lattices, references, SentenceScorer(models, memory, executor, progress), normaliser
    )
    if SOUND in lattices[0].scores:
        # The first pass says nothing of names: paths that good weights choose among them are added.
        weights = default_weights(lattices, models, memory)[0]
        rescored = rescore_lattices(lattices, models, weights, settings, memory, executor=executor)
        growing.add_best_paths(rescored, partial(progress, "paths with names"))
        growing.places = list(range(len(lattices)))
    weights = growing.tune(1, kind, progress)
    for turn in range(2, _TUNING_ROUNDS + 2):
        if not (growing.places and weights.weights.lm_scale):
            break  # no list lacks a path, or the models do not help
        rescored = rescore_lattices(
            [lattices[place] for place in growing.places],
            models,
            weights,
            settings,
            memory,
            executor=executor,
        )
        stage = f"paths for tuning {turn} of at most {_TUNING_ROUNDS + 1}"
        if not growing.add_best_paths(rescored, partial(progress, stage)):
            break
        weights = growing.tune(turn, kind, progress)
    return LatticeTuning(weights, growing)


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
        places: the lists that may lack the best path of their lattice.
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
        self.places = list(range(len(lattices)))
        self._references, self._scorer, self._normaliser = references, scorer, normaliser

    def curves(self, weights: Weights) -> tuple[WeightCurve, ...]:
        return tuning_curves(
            [_unmarked(each) for each in self.lists],
            self._references,
            scored_lists(self.lists, self._scorer),
            weights,
            self._normaliser,
        )

    def tune(self, turn: int, kind: str, progress: Progress) -> TunedWeights:
        return tune_lists(
            [_unmarked(each) for each in self.lists],
            self._references,
            scored_lists(self.lists, self._scorer),
            kind=kind,
            progress=progress,
            stage=f"tuning {turn} of at most {_TUNING_ROUNDS + 1}",
            normaliser=self._normaliser,
        )

    def add_best_paths(
        self, rescored: Iterable[RescoredLattice], progress: Callable[[int, int], None]
    ) -> bool:
        """Add the best paths of the rescored lattices of `places`, and keep those that lacked one.

        Returns:
            Whether a list has more paths, or fewer as some were equal.
        """
        has_changed, lacking = False, []
        for done, (place, lattice) in enumerate(zip(self.places, rescored, strict=True), start=1):
            old, found = self.lists[place], lattice.n_best(_TUNING_PATHS)
            self.lists[place] = _joined(old, found)
            has_changed |= len(self.lists[place].hypotheses) != len(old.hypotheses)
            if all(found.hypotheses[0].words != known.words for known in old.hypotheses):
                lacking.append(place)
            progress(done, len(self.places))
        self.places = lacking
        return has_changed


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
