"""The best sentences of a rescored lattice, ranked with models that score whole sentences.

Such a model has no score for an arc, so it cannot rescore a lattice: it scores the n best paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.nbest import TOTAL, NBest
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.prefix_tree import SentenceScorer
from rescorer.rescoring.rescored_lattice import RescoredLattice, paths_list
from rescorer.rescoring.settings import LatticeSettings, OutputFiles
from rescorer.rescoring.weights import Weights


class RankedPaths(NamedTuple):
    """Paths of a lattice, best first, and their list."""

    nbest: NBest
    paths: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class SentenceRanking:
    """Ranks the best paths of lattices.

    Attributes:
        scorer: scores whole sentences; perhaps with no model.
        weights: have a scale for each of its models.
    """

    scorer: SentenceScorer
    weights: Weights

    def ranked(self, result: RescoredLattice, n: int) -> RankedPaths:
        """The n best paths by the lattice's totals, in the order of the new ones."""
        paths = n_best(result.lattice, result.totals, n) or [np.zeros(0, np.int64)]
        nbest = paths_list(result.lattice, paths)
        names = [model.name for model in self.scorer.sentence_models]
        scores = self.scorer.score_whole([each.words for each in nbest.hypotheses])  # [n, models]
        scales = np.array([self.weights.scales[name] for name in names])
        totals = np.array([result.totals[path].sum() for path in paths]) + scores @ scales
        order = np.argsort(-totals, kind="stable").tolist()
        ranked = tuple(
            nbest.hypotheses[old].with_scores(
                {**dict(zip(names, scores[old].tolist(), strict=True)), TOTAL: float(totals[old])}
            )
            for old in order
        )
        return RankedPaths(nbest.renumbered(ranked), [paths[old] for old in order])


def check_outputs(outputs: OutputFiles, settings: LatticeSettings, names: Iterable[str]) -> None:
    """Raises InputError if an output needs scores of arcs, which models of sentences do not give.

    Args:
        names: names of these models.
    """
    needing = {
        "--lattice-output": outputs.lattices,
        "--confidence-output": outputs.confidences,
        "--draw": outputs.drawing,
        "--mbr": settings.mbr,
    }
    model = next(iter(names), "")
    option = next((name for name, value in needing.items() if value), "")
    if model and option:
        raise InputError(
            f"{option}, and {model} scores whole sentences, not the arcs of a lattice",
            expected="outputs of its best sentences, such as --output or --nbest-output",
            remedy=f"leave {option} or --lm hf:DIR out",
        )
