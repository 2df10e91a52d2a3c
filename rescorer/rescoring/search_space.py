"""The weights that tuning searches, in units that fit the scores of the development set.

Shapes: H hypotheses of all lists, K models, P candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rescorer.rescoring.weights import ScoredLists, Weights

# A word that is spelled out has tens of nats less than one that is known, though no speaker finds
# it harder.
_PENALTIES = (-40.0, 12.0)
# at most, for as many words as lengths differ by, where the scores together have a share of 1
_WORD_PENALTY = 3.0
_LEAST_SHARE = 1e-3  # of the first raw score, by which the others are measured
_EQUAL = 1e-12  # scores of a list that differ by less, relative to the largest, differ by rounding
LEAST_LOG_PROB = -1e4  # stands for -inf
_NEAR = 0.005  # of a range: closer to its end, a weight has reached the bound


@dataclass(frozen=True, eq=False)
class Units:
    """What makes scores free of their units.

    Attributes:
        raw: [names] the spread of each raw score; 0 where it is the same for all hypotheses of a
            list.
        lm: the spread of the models' log-probabilities, their mean.
        words: the spread of the numbers of words.
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
    """[H] scores less that of the first hypothesis of the list; exactly 0 where both are the same
    but for rounding.
    """
    scores = scores.astype(np.float64)
    largest = np.maximum.reduceat(np.abs(scores), lists.begins)
    found = scores - scores[lists.begins][lists.owners]
    return np.where(np.abs(found) <= _EQUAL * largest[lists.owners], 0.0, found)


def _varies(lists: ScoredLists, scores: np.ndarray) -> bool:
    """Whether one of the scores [H, any number] differs within a list."""
    return any(differences(lists, column).any() for column in scores.T)


def _spread(differences: np.ndarray) -> float:
    """The median of what is not 0: few lists or hypotheses with odd scores do not change it
    much.
    """
    some = np.abs(differences[differences != 0])
    return float(np.median(some)) if len(some) else 0.0


def log_prob_sums(lists: ScoredLists) -> tuple[np.ndarray, ...]:
    """Four times [H, K]: log P, log P(word | unknown), unknown and new words, each summed over the
    words.
    """
    log_probs, kinds = lists.sums
    return np.maximum(log_probs, LEAST_LOG_PROB), kinds.log_spellings, kinds.unknown, kinds.new


@dataclass(frozen=True)
class Candidates:
    """P points of the space by their meaning, in spreads; each [P] or as noted.

    Attributes:
        raw: [P, names] shares.
        lm: the share of the mixture. Shares sum to 1.
        word_penalty, unknown_penalty, spelling_scale, new_word_penalty: as in `Weights`, the first
            in spreads.
        mixture: [P, K].
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
    """What is searched.

    Attributes:
        names: of the weights to find, of the search's own kind: shares and mixture are cuts of what
            is left.
        bounds: the range of each.
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
        shares = int((units.raw > 0).sum()) + bool(lists.model_names)
        ranges = {
            f"share {place}": (0.0 if place else _LEAST_SHARE, 1.0) for place in range(shares - 1)
        }
        # What is the same for all hypotheses of each list has no say: it keeps its default.
        if _varies(lists, lists.lengths[:, None]):
            ranges["word penalty"] = (-_WORD_PENALTY, _WORD_PENALTY)
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
        return np.array([(low + high) / 2 for low, high in self.bounds])

    def candidates(self, points: np.ndarray) -> Candidates:
        """What points [P, weights] stand for."""
        by_name = dict(zip(self.names, points.T, strict=True))
        count = len(points)

        def cut(name: str, parts: int) -> np.ndarray:
            return _stick_breaking(
                np.stack([by_name[f"{name} {place}"] for place in range(parts - 1)], -1)
                if parts > 1
                else np.zeros((count, 0))
            )

        telling = np.flatnonzero(self.units.raw)
        models = len(self.model_names)
        shares = (
            cut("share", len(telling) + bool(models))
            if len(telling) or models
            else np.zeros((count, 0))
        )
        raw = np.zeros((count, len(self.score_names)))
        raw[:, telling] = shares[:, : len(telling)]
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
        """A point as weights of the raw scores as they are."""
        found, units = self.candidates(point[None]), self.units
        defaults = Weights.default(self.score_names, self.model_names)
        telling = units.raw > 0
        scales = found.raw[0] / np.where(telling, units.raw, 1.0)
        lm_scale = float(found.lm[0] / units.lm)
        if telling.any():
            first = int(np.flatnonzero(telling)[0])
            factor = defaults.scales[self.score_names[first]] / scales[first]
        else:
            factor = defaults.lm_scale / lm_scale if lm_scale else 1.0
        return Weights(
            {
                name: float(factor * scale) if tells else defaults.scales[name]
                for name, scale, tells in zip(self.score_names, scales, telling, strict=True)
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
        """Penalties at the end of their range, and the first raw score where it counts for next to
        nothing.
        """
        said = {"share 0": f"scale of {self._first}"} if self._first else {}
        said |= {name: name for name in self.names if name.endswith("penalty")}
        ends = {"share 0": (0,)}
        if self.model_names and self.candidates(point[None]).lm[0] < _LEAST_SHARE:
            # the others do nothing
            said = {name: meaning for name, meaning in said.items() if name == "word penalty"}
        found = []
        for name, value, (low, high) in zip(self.names, point, self.bounds, strict=True):
            near = [value - low, high - value]
            if name in said and any(
                near[end] <= _NEAR * (high - low) for end in ends.get(name, (0, 1))
            ):
                found.append(said[name])
        return tuple(found)

    @property
    def _first(self) -> str:
        """The raw score that the others are measured by; "" where none differs within a list."""
        return next(
            (name for name, spread in zip(self.score_names, self.units.raw, strict=True) if spread),
            "",
        )


def _stick_breaking(cuts: np.ndarray) -> np.ndarray:
    """[P, parts] shares that sum to 1 of cuts [P, parts - 1]: each takes its share of what those
    before it left.
    """
    left = np.cumprod(np.concatenate([np.ones((len(cuts), 1)), 1 - cuts], 1), 1)
    return np.concatenate([left[:, :-1] * cuts, left[:, -1:]], 1)
