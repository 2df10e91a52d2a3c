"""The space of weights that tuning searches, independent of the units of the scores.

Shapes: H hypotheses of all lists, K models, P candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.recognition.nbest import REPLACED
from rescorer.rescoring.weights import ScoredLists, Weights

# Raw scores whose scale may be below 0: a list of few names may make replacements probable, one of
# very many makes most of them wrong. All other scales are at least 0.
SIGNED = frozenset({REPLACED})
# Range of penalties in nats. A spelled-out word has a log-probability tens of nats below a known
# word's, so the range reaches far below 0.
_PENALTIES = (-40.0, 12.0)
# The largest word penalty, and scale of a signed score, for one spread; all shares sum to 1.
_LARGEST = 3.0
_LEAST_SHARE = 1e-3  # smallest share of the first raw score, which sets the scale of the others
_EQUAL = 1e-12  # smaller relative differences of scores are rounding errors
LEAST_LOG_PROB = -1e4  # stands for -inf
_NEAR = 0.005  # a weight is at a bound within this part of its range


@dataclass(frozen=True, eq=False)
class Units:
    """The spreads by which scores are divided.

    Attributes:
        raw: [names] the spread of each raw score; 0 if the score is constant in every list.
        lm: the spread of the log-probability, averaged over the models.
        words: the spread of the number of words.
    """

    raw: np.ndarray
    lm: float
    words: float

    @classmethod
    def of(cls, lists: ScoredLists) -> Units:
        mean = log_prob_sums(lists)[0].mean(1) if lists.model_names else np.zeros(len(lists.raw))
        raw = [_spread(differences(lists, column)) for column in lists.raw.T]
        return cls(
            np.array(raw),
            *(_spread(differences(lists, column)) or 1.0 for column in (mean, lists.lengths)),
        )


def differences(lists: ScoredLists, scores: np.ndarray) -> np.ndarray:
    """[H] scores less the score of the first hypothesis of the list.

    The difference is exactly 0 if both are equal up to rounding.
    """
    scores = scores.astype(np.float64)
    largest = np.maximum.reduceat(np.abs(scores), lists.begins)
    found = scores - scores[lists.begins][lists.owners]
    return np.where(np.abs(found) <= _EQUAL * largest[lists.owners], 0.0, found)


def _varies(lists: ScoredLists, scores: np.ndarray) -> bool:
    """Whether one of the scores [H, any number] differs within a list."""
    return any(differences(lists, column).any() for column in scores.T)


def _spread(differences: np.ndarray) -> float:
    """The median of the nonzero magnitudes, which is robust to outliers."""
    some = np.abs(differences[differences != 0])
    return float(np.median(some)) if len(some) else 0.0


def log_prob_sums(lists: ScoredLists) -> tuple[np.ndarray, ...]:
    """Sums over the words of each hypothesis, four arrays [H, K].

    Returns:
        log P, log P(word | unknown), the number of unknown words, and of new words.
    """
    log_probs, kinds = lists.sums
    return np.maximum(log_probs, LEAST_LOG_PROB), kinds.log_spellings, kinds.unknown, kinds.new


@dataclass(frozen=True)
class Candidates:
    """P points of the space as weights in units of the spreads; each is [P] unless noted.

    Attributes:
        raw: [P, names] the share of each raw score; of a signed one its scale, in spreads.
        lm: the share of the mixture. All shares sum to 1.
        word_penalty, unknown_penalty, spelling_scale, new_word_penalty: as in `Weights`; the
            word penalty is in spreads.
        mixture: [P, K] the share of each model in the mixture.
    """

    raw: np.ndarray
    lm: np.ndarray
    word_penalty: np.ndarray
    unknown_penalty: np.ndarray
    spelling_scale: np.ndarray
    mixture: np.ndarray
    new_word_penalty: np.ndarray


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """The coordinates of the search.

    Attributes:
        names: the name of each coordinate. Those of shares and mixture are stick-breaking cuts.
        bounds: the range of each coordinate.
    """

    score_names: tuple[str, ...]
    model_names: tuple[str, ...]
    kind: str
    units: Units
    names: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, lists: ScoredLists, kind: str) -> SearchSpace:
        units = Units.of(lists)
        _, spellings, unknown, new = (
            log_prob_sums(lists) if lists.model_names else [np.zeros((len(lists.raw), 0))] * 4
        )
        shared, signed = _varying(lists.score_names, units)
        shares = len(shared) + bool(lists.model_names)
        ranges = {
            f"share {place}": (0.0 if place else _LEAST_SHARE, 1.0) for place in range(shares - 1)
        }
        ranges |= {lists.score_names[name]: (-_LARGEST, _LARGEST) for name in signed}
        # A weight whose scores are constant in every list cannot be tuned. It keeps its default.
        if _varies(lists, lists.lengths[:, None]):
            ranges["word penalty"] = (-_LARGEST, _LARGEST)
        if _varies(lists, unknown):
            ranges["unknown penalty"] = _PENALTIES
        if _varies(lists, spellings):
            ranges["spelling scale"] = (0.0, 1.0)
        ranges |= {f"mixture {place}": (0.0, 1.0) for place in range(len(lists.model_names) - 1)}
        if _varies(lists, new):
            ranges["new-word penalty"] = _PENALTIES
        return cls(
            lists.score_names, lists.model_names, kind, units, tuple(ranges), tuple(ranges.values())
        )

    @property
    def middle(self) -> np.ndarray:
        """The centre of the space."""
        return np.array([(low + high) / 2 for low, high in self.bounds])

    def candidates(self, points: np.ndarray) -> Candidates:
        """The weights that points [P, coordinates] represent."""
        by_name = dict(zip(self.names, points.T, strict=True))
        count = len(points)

        def cut(name: str, parts: int) -> np.ndarray:
            return _stick_breaking(
                np.stack([by_name[f"{name} {place}"] for place in range(parts - 1)], -1)
                if parts > 1
                else np.zeros((count, 0))
            )

        shared, signed = _varying(self.score_names, self.units)
        models = len(self.model_names)
        shares = (
            cut("share", len(shared) + bool(models))
            if len(shared) or models
            else np.zeros((count, 0))
        )
        raw = np.zeros((count, len(self.score_names)))
        raw[:, shared] = shares[:, : len(shared)]
        for name in signed:
            raw[:, name] = by_name[self.score_names[name]]
        zeros = np.zeros(count)
        return Candidates(
            raw,
            shares[:, -1] if models else zeros,
            by_name.get("word penalty", zeros),
            by_name.get("unknown penalty", zeros),
            by_name.get("spelling scale", zeros + 1),
            cut("mixture", models) if models else np.zeros((count, 0)),
            by_name.get("new-word penalty", zeros),
        )

    def weights(self, point: np.ndarray) -> Weights:
        """The weights of a point, in the units of the raw scores."""
        found, units = self.candidates(point[None]), self.units
        defaults = Weights.default(self.score_names, self.model_names)
        varying = units.raw > 0
        scales = found.raw[0] / np.where(varying, units.raw, 1.0)
        lm_scale = float(found.lm[0] / units.lm)
        shared, _ = _varying(self.score_names, units)
        if len(shared):
            first = int(shared[0])
            factor = defaults.scales[self.score_names[first]] / scales[first]
        else:
            factor = 1.0 / lm_scale if lm_scale else 1.0  # the models decide alone: any scale does
        return Weights(
            {
                name: float(factor * scale) if varies else defaults.scales[name]
                for name, scale, varies in zip(self.score_names, scales, varying, strict=True)
            },
            float(factor * lm_scale),
            float(factor * found.word_penalty[0] / units.words),
            float(found.unknown_penalty[0]),
            float(found.spelling_scale[0]),
            dict(zip(self.model_names, found.mixture[0].tolist(), strict=True)),
            self.kind,
            float(found.new_word_penalty[0]),
        )

    def at_bounds(self, point: np.ndarray) -> tuple[str, ...]:
        """The penalties at a bound, and the first raw score if its share is at the lower bound."""
        labels = {"share 0": f"scale of {self.first}"} if self.first else {}
        labels |= {name: name for name in self.names if name.endswith("penalty")}
        ends = {"share 0": (0,)}
        if self.model_names and self.candidates(point[None]).lm[0] < _LEAST_SHARE:
            # Without a share of the mixture, the other penalties have no effect.
            labels = {name: meaning for name, meaning in labels.items() if name == "word penalty"}
        found = []
        for name, value, (low, high) in zip(self.names, point, self.bounds, strict=True):
            near = [value - low, high - value]
            if name in labels and any(
                near[end] <= _NEAR * (high - low) for end in ends.get(name, (0, 1))
            ):
                found.append(labels[name])
        return tuple(found)

    @property
    def first(self) -> str:
        """The first raw score with a share; "" if there is none."""
        shared, _ = _varying(self.score_names, self.units)
        return self.score_names[shared[0]] if len(shared) else ""


def _varying(names: Sequence[str], units: Units) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the raw scores that differ within a list: those with a share, and those whose
    scale is signed.
    """
    varies, signed = units.raw > 0, np.array([name in SIGNED for name in names], bool)
    return np.flatnonzero(varies & ~signed), np.flatnonzero(varies & signed)


def _stick_breaking(cuts: np.ndarray) -> np.ndarray:
    """[P, parts] shares that sum to 1, from stick-breaking cuts [P, parts - 1].

    Each cut takes its fraction of the rest that the cuts before it leave.
    """
    left = np.cumprod(np.concatenate([np.ones((len(cuts), 1)), 1 - cuts], 1), 1)
    return np.concatenate([left[:, :-1] * cuts, left[:, -1:]], 1)
