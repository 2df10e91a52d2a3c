"""The features of a hypothesis in which its total is linear.

Shapes: H hypotheses of all lists, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.rescoring.search_space import SIGNED, Units, differences, log_prob_sums
from rescorer.rescoring.weights import ScoredLists

_FARTHEST = 1e6  # in spreads; features are clipped, because a hypothesis this far behind cannot win


@dataclass(frozen=True, eq=False)
class LinearFeatures:
    """The features of all hypotheses.

    Attributes:
        values: [H, F] float32, raw scores and numbers of words; if totals are linear in the
            models' log-probabilities, also the sums of each model.
        signs: [F] the sign of each feature's factor: 1, -1, or 0 if it can be either.
    """

    values: np.ndarray
    signs: np.ndarray


def linear_features(lists: ScoredLists, units: Units, linear: bool) -> LinearFeatures:
    """The features; `linear`: totals are linear in the models' log-probabilities."""
    varying = np.flatnonzero(units.raw)
    values = [differences(lists, lists.raw[:, name]) / units.raw[name] for name in varying]
    values.append(differences(lists, lists.lengths) / units.words)
    signs = [float(lists.score_names[name] not in SIGNED) for name in varying] + [0.0]
    if linear:
        for of_model in zip(*(each.T for each in log_prob_sums(lists)), strict=True):
            values += [differences(lists, each) / units.lm for each in of_model]
            signs += [1.0, -1.0, 0.0, 0.0]
    together = np.clip(np.stack(values, -1), -_FARTHEST, _FARTHEST)
    return LinearFeatures(together.astype(np.float32), np.array(signs, np.float32))
