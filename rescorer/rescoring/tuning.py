"""Weights with the fewest word errors on a development set, whatever the unit of the scores.

The search sees every raw score without unit: less its value for the first hypothesis of the list,
and divided by its spread. A raw score that is multiplied by a constant, or shifted by one in each
list, gives the search the same numbers, except for rounding, and thus gives the same choices.

Shapes: U lists, H hypotheses of all of them, n nodes of the prefix tree, K models, F features, P
candidates, p of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution
from scipy.sparse import csr_matrix

from rescorer.progress import Progress, silent
from rescorer.rescoring.weights import ScoredLists, Weights

# A word that is spelled out has tens of nats less than one that is known, though no speaker finds
# it harder.
_PENALTIES = (-40.0, 12.0)
# at most, for as many words as lengths differ by, where the scores together have a share of 1
_WORD_PENALTY = 3.0
_LEAST_SHARE = 1e-3  # of the first raw score, by which the others are measured
_TEMPERATURE = 0.02  # of the softmax
# times that the shares are squared: 1/8 of the temperature, where nearly all is on the best
_SHARPENINGS = 3
_EQUAL = 1e-12  # scores of a list that differ by less, relative to the largest, differ by rounding
_FARTHEST = 1e6  # spreads: a hypothesis that lies farther behind is as good as lost
_LEAST_LOG_PROB = -1e4  # stands for -inf
_COLUMNS = 32  # p
_BLOCK = 1 << 18  # totals that are worked on at a time: they stay in the processor's cache
_PAIRS = 1 << 22  # of hypotheses, compared at a time
_NEAR = 0.005  # of a range: closer to its end, a weight has reached the bound


@dataclass(frozen=True)
class TuningSettings:
    """The global search (differential evolution, scipy).

    Attributes:
        rounds: generations at most.
        population: candidates a weight in each.
        seed: of the search.
    """

    rounds: int = 80
    population: int = 20
    seed: int = 1


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Attributes:
        weights: for the raw scores as they are.
        at_bounds: the names of the weights that reached the end of their range.
    """

    weights: Weights
    at_bounds: tuple[str, ...]


def tune(
    lists: ScoredLists,
    errors: np.ndarray,
    settings: TuningSettings,
    *,
    kind: str = "linear",
    progress: Progress = silent,
    stage: str = "tuning",
) -> TuningResult:
    """The weights with the fewest word errors on a development set.

    Half of what is minimised is the expected errors under softmax of the totals; the other half is
    the same at an eighth of the temperature, which is nearly the errors of the best hypotheses, but
    smooth.

    Only ratios of scales matter: the first raw score that differs within a list keeps its default
    scale.

    Args:
        errors: [H] word errors of each hypothesis against its reference.
        kind: of the mixture.
        progress: is told of every generation.
        stage: its name there.
    """
    space = _Space.of(lists, kind)
    loss = _Loss(lists, errors, space)
    generation = 0

    def tell(intermediate_result: OptimizeResult) -> None:
        nonlocal generation
        generation += 1
        progress(stage, generation, settings.rounds)

    # no weight to find, or no list whose errors they change
    if not space.bounds or not loss.blocks:
        return TuningResult(space.weights(space.middle), ())
    progress(stage, 0, settings.rounds)
    found = differential_evolution(
        loss,
        space.bounds,
        maxiter=settings.rounds,
        popsize=settings.population,
        rng=settings.seed,
        polish=False,
        tol=1e-4,
        vectorized=True,
        updating="deferred",
        callback=tell,
    )
    progress(stage, settings.rounds, settings.rounds)
    return TuningResult(space.weights(found.x), space.at_bounds(found.x))


@dataclass(frozen=True, eq=False)
class _Units:
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
    def of(cls, lists: ScoredLists) -> _Units:
        mean = _sums(lists)[0].mean(1) if lists.model_names else np.zeros(len(lists.raw))
        raw = [_spread(_differences(lists, column)) for column in lists.raw.T]
        return cls(
            np.array(raw),
            *(_spread(_differences(lists, column)) or 1.0 for column in (mean, lists.lengths)),
        )


def _differences(lists: ScoredLists, scores: np.ndarray) -> np.ndarray:
    """[H] scores less that of the first hypothesis of the list; exactly 0 where both are the same
    but for rounding.
    """
    scores = scores.astype(np.float64)
    largest = np.maximum.reduceat(np.abs(scores), lists.begins)
    found = scores - scores[lists.begins][lists.owners]
    return np.where(np.abs(found) <= _EQUAL * largest[lists.owners], 0.0, found)


def _tells(lists: ScoredLists, scores: np.ndarray) -> bool:
    """Whether one of the scores [H, any number] differs within a list."""
    return any(_differences(lists, column).any() for column in scores.T)


def _spread(differences: np.ndarray) -> float:
    """The median of what is not 0: few lists or hypotheses with odd scores do not change it
    much.
    """
    some = np.abs(differences[differences != 0])
    return float(np.median(some)) if len(some) else 0.0


def _sums(lists: ScoredLists) -> tuple[np.ndarray, ...]:
    """Four times [H, K]: log P, log P(word | unknown), unknown and new words, each summed over the
    words.
    """
    log_probs, kinds = lists.sums
    return np.maximum(log_probs, _LEAST_LOG_PROB), kinds.log_spellings, kinds.unknown, kinds.new


@dataclass(frozen=True)
class _Candidates:
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
class _Space:
    """What is searched.

    Attributes:
        names: of the weights to find, of the search's own kind: shares and mixture are cuts of what
            is left.
        bounds: the range of each.
    """

    score_names: tuple[str, ...]
    model_names: tuple[str, ...]
    kind: str
    units: _Units
    names: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, lists: ScoredLists, kind: str) -> _Space:
        units = _Units.of(lists)
        _, spellings, unknown, new = (
            _sums(lists) if lists.model_names else [np.zeros((len(lists.raw), 0))] * 4
        )
        shares = int((units.raw > 0).sum()) + bool(lists.model_names)
        ranges = {
            f"share {place}": (0.0 if place else _LEAST_SHARE, 1.0) for place in range(shares - 1)
        }
        # What is the same for all hypotheses of each list has no say: it keeps its default.
        if _tells(lists, lists.lengths[:, None]):
            ranges["word penalty"] = (-_WORD_PENALTY, _WORD_PENALTY)
        if _tells(lists, unknown):
            ranges["unknown penalty"] = _PENALTIES
        if _tells(lists, spellings):
            ranges["spelling scale"] = (0.0, 1.0)
        ranges |= {f"mixture {place}": (0.0, 1.0) for place in range(len(lists.model_names) - 1)}
        if _tells(lists, new):
            ranges["new-word penalty"] = _PENALTIES
        return cls(
            lists.score_names, lists.model_names, kind, units, tuple(ranges), tuple(ranges.values())
        )

    @property
    def middle(self) -> np.ndarray:
        return np.array([(low + high) / 2 for low, high in self.bounds])

    def candidates(self, points: np.ndarray) -> _Candidates:
        """What points [P, weights] stand for."""
        by_name = dict(zip(self.names, points.T, strict=True))
        count = len(points)

        def cut(name: str, parts: int) -> np.ndarray:
            return _cut(
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
        return _Candidates(
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
            factor = 1.0 / lm_scale if lm_scale else 1.0  # the models decide alone: any scale does
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


def _cut(cuts: np.ndarray) -> np.ndarray:
    """[P, parts] shares that sum to 1 of cuts [P, parts - 1]: each takes its share of what those
    before it left.
    """
    left = np.cumprod(np.concatenate([np.ones((len(cuts), 1)), 1 - cuts], 1), 1)
    return np.concatenate([left[:, :-1] * cuts, left[:, -1:]], 1)


@dataclass(frozen=True, eq=False)
class _Block:
    """Some lists of like size, worked on at a time: hypothesis by hypothesis, the first of every
    list first.

    Attributes:
        rows: [size, lists] into the hypotheses; of a list with fewer, the first again.
        padding: [size, lists, 1] float32, very low there, else 0.
        errors: [size, lists, 1] float32, less the list's fewest.
        features: [size · lists, F] float32.
    """

    rows: np.ndarray
    padding: np.ndarray
    errors: np.ndarray
    features: np.ndarray


class _Loss:
    """What the search minimises, of many candidates at a time.

    Left out, since no choice depends on it: lists whose hypotheses have all the same errors, and
    hypotheses that never win (`_useful`).
    """

    def __init__(self, lists: ScoredLists, errors: np.ndarray, space: _Space) -> None:
        self._space = space
        self._linear = space.kind == "log-linear" or len(space.model_names) < 2
        columns = _columns(lists, space.units, self._linear)
        best = np.minimum.reduceat(errors, lists.begins)
        excess = errors - best[lists.owners]
        kept = _useful(lists, columns, self._linear)
        kept &= (np.maximum.reduceat(np.where(kept, excess, 0), lists.begins) > 0)[lists.owners]
        rows = np.flatnonzero(kept)
        self._mixture = None if self._linear else _NodeMixture.of(lists, rows)
        self.blocks = tuple(_blocks(lists.owners[rows], excess[rows], columns.values[rows]))
        longest = max((block.rows.size for block in self.blocks), default=0)
        self._totals = np.empty((longest, _COLUMNS), np.float32)
        self._wrong = np.empty((longest, _COLUMNS), np.float32)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """[P] the loss of points [weights, P], as scipy gives them; of one point [weights] a
        number.
        """
        points = np.atleast_2d(points.T)
        parts = [
            self._of(points[begin : begin + _COLUMNS]) for begin in range(0, len(points), _COLUMNS)
        ]
        return np.concatenate(parts)

    def _of(self, points: np.ndarray) -> np.ndarray:
        """[p] the loss of p points [p, weights]."""
        found = self._space.candidates(points)
        factors = (self._factors(found) / _TEMPERATURE).astype(np.float32)  # [F, p]
        lm = None
        if self._mixture is not None:
            scale = found.lm / (self._space.units.lm * _TEMPERATURE)
            lm = self._mixture.totals(found)
            lm *= scale.astype(np.float32)
        losses = [self._of_block(block, factors, lm) for block in self.blocks]
        return np.asarray(np.sum(losses, axis=0)) / 2

    def _of_block(self, block: _Block, factors: np.ndarray, lm: np.ndarray | None) -> np.ndarray:
        """[p] the loss of the block's lists."""
        size, lists = block.rows.shape
        shape = (size, lists, factors.shape[1])
        totals, wrong = (
            buffer.reshape(-1)[: size * lists * shape[2]].reshape(shape)
            for buffer in (self._totals, self._wrong)
        )
        np.matmul(block.features, factors, out=totals.reshape(-1, shape[2]))
        if lm is not None:
            totals += lm[block.rows]
        totals += block.padding
        totals -= totals.max(0)
        shares = np.exp(totals, out=totals)
        expected = self._expected(shares, block, wrong)
        for _ in range(_SHARPENINGS):
            np.multiply(shares, shares, out=shares)
        return np.asarray(
            (expected + self._expected(shares, block, wrong)).sum(0, dtype=np.float64)
        )

    @staticmethod
    def _expected(shares: np.ndarray, block: _Block, room: np.ndarray) -> np.ndarray:
        """[lists, p] the expected errors."""
        return np.asarray(np.multiply(shares, block.errors, out=room).sum(0) / shares.sum(0))

    def _factors(self, found: _Candidates) -> np.ndarray:
        """[F, p] what the features are multiplied by."""
        telling = self._space.units.raw > 0
        factors = [*found.raw.T[telling], -found.word_penalty]
        if self._linear:
            for mixture in found.mixture.T:
                lm = found.lm * mixture
                factors += [
                    lm,
                    -lm * (1 - found.spelling_scale),
                    -lm * found.unknown_penalty,
                    -lm * found.new_word_penalty,
                ]
        return np.stack(factors)


@dataclass(frozen=True, eq=False)
class _Columns:
    """What a total is linear in.

    Attributes:
        values: [H, F] float32: raw scores, words; and of each model, where totals are linear in
            them, its sums.
        signs: [F] of what each is multiplied by: 1, -1, or 0 where it may be both.
    """

    values: np.ndarray
    signs: np.ndarray


def _columns(lists: ScoredLists, units: _Units, linear: bool) -> _Columns:
    telling = np.flatnonzero(units.raw)
    values = [_differences(lists, lists.raw[:, name]) / units.raw[name] for name in telling]
    values.append(_differences(lists, lists.lengths) / units.words)
    signs = [1.0] * len(telling) + [0.0]
    if linear:
        for of_model in zip(*(each.T for each in _sums(lists)), strict=True):
            values += [_differences(lists, each) / units.lm for each in of_model]
            signs += [1.0, -1.0, 0.0, 0.0]
    together = np.clip(np.stack(values, -1), -_FARTHEST, _FARTHEST)
    return _Columns(together.astype(np.float32), np.array(signs, np.float32))


def _useful(lists: ScoredLists, columns: _Columns, linear: bool) -> np.ndarray:
    """[H] bool: not those that another hypothesis of the list beats, or precedes as its equal,
    whatever the weights.

    Of a linear mixture of several models nothing is known but that the same words have the same
    probability.
    """
    fixed = [
        lists.owners,
        *columns.values.T[columns.signs == 0],
        *([] if linear else [_path_numbers(lists)]),
    ]
    signed = columns.signs != 0
    return ~_dominated(np.stack(fixed, -1), columns.values[:, signed] * columns.signs[signed])


def _dominated(fixed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[N] bool: which rows another row with the same `fixed` [N, any] reaches in all `values` [N,
    any].

    Of equal rows the first is not dominated.
    """
    result = np.zeros(len(fixed), bool)
    # Stable: in its group, a row comes after all that may dominate it.
    order = np.lexsort((*(-values.T)[::-1], *fixed.T[::-1]))
    begins = np.flatnonzero(np.append(True, (np.diff(fixed[order], axis=0) != 0).any(1)))
    for begin, end in pairwise([*begins.tolist(), len(order)]):
        if end - begin > 1:
            group = order[begin:end]
            result[group] = _reached_before(values[group])
    return result


def _reached_before(rows: np.ndarray) -> np.ndarray:
    """[N] bool: which rows an earlier row reaches in all columns; they descend by the first, then
    the next, …
    """
    result = np.zeros(len(rows), bool)
    rows = rows[:, (rows != rows[0]).any(0)]
    if rows.shape[1] <= 2:
        last = rows[:, -1] if rows.shape[1] else np.zeros(len(rows))
        result[1:] = np.maximum.accumulate(last)[:-1] >= last[1:]
        return result
    at_once = max(1, _PAIRS // len(rows))
    for begin in range(0, len(rows), at_once):
        some = rows[begin : begin + at_once]
        earlier = np.tri(len(some), begin + len(some), begin - 1, dtype=bool)
        for column, own in zip(rows[: begin + len(some)].T, some.T, strict=True):
            earlier &= column >= own[:, None]
        result[begin : begin + len(some)] = earlier.any(1)
    return result


def _path_numbers(lists: ScoredLists) -> np.ndarray:
    """[H] a number of each hypothesis' words."""
    paths = lists.paths.paths
    index: dict[bytes, int] = {}
    return np.array(
        [
            index.setdefault(paths.indices[begin:end].tobytes(), len(index))
            for begin, end in pairwise(paths.indptr.tolist())
        ]
    )


def _blocks(owners: np.ndarray, excess: np.ndarray, features: np.ndarray) -> Iterator[_Block]:
    """Lists of like size side by side."""
    begins = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(begins, append=len(owners))
    order = np.argsort(sizes, kind="stable")
    begin = 0
    while begin < len(order):
        # As many as fit the block at the size of the largest, which is at most a quarter more than
        # the smallest.
        largest = sizes[order[begin]] * 5 // 4
        end = begin + np.searchsorted(sizes[order[begin:]], largest, "right")
        end = min(end, begin + max(1, _BLOCK // (_COLUMNS * int(sizes[order[end - 1]]))))
        some = order[begin:end]
        size = int(sizes[some].max())
        places = np.arange(size)[:, None]
        inside = places < sizes[some]
        rows = begins[some] + np.where(inside, places, 0)
        padding = np.where(inside, 0.0, -1e30).astype(np.float32)[..., None]
        yield _Block(
            rows, padding, excess[rows].astype(np.float32)[..., None], features[rows.reshape(-1)]
        )
        begin = end


@dataclass(frozen=True, eq=False)
class _NodeMixture:
    """Linear mixtures, node by node of the prefix tree.

    Attributes:
        paths: [h, n] float32.
        plain: [n] which nodes no penalty concerns.
        probs, top: [plain, K] and [plain, 1] probabilities, divided by e^top.
        log_probs, log_spellings, unknown, new: [others, K].
    """

    paths: csr_matrix
    plain: np.ndarray
    probs: np.ndarray
    top: np.ndarray
    log_probs: np.ndarray
    log_spellings: np.ndarray
    unknown: np.ndarray
    new: np.ndarray

    @classmethod
    def of(cls, lists: ScoredLists, rows: np.ndarray) -> _NodeMixture:
        """Of some of the hypotheses, and the nodes on their paths."""
        paths = lists.paths.paths[rows]
        used, columns = np.unique(paths.indices, return_inverse=True)
        kinds = lists.paths.kinds.take(used)
        log_probs = np.maximum(lists.paths.log_probs[used], _LEAST_LOG_PROB)
        plain = ~((kinds.log_spellings != 0) | kinds.unknown | kinds.new).any(1)
        top = log_probs[plain].max(1, keepdims=True)
        return cls(
            csr_matrix(
                (paths.data.astype(np.float32), columns, paths.indptr), shape=(len(rows), len(used))
            ),
            plain,
            np.exp(log_probs[plain] - top).astype(np.float32),
            top.astype(np.float32),
            log_probs[~plain],
            *(each[~plain] for each in (kinds.log_spellings, kinds.unknown, kinds.new)),
        )

    def totals(self, found: _Candidates) -> np.ndarray:
        """[h, p] log P of the hypotheses."""
        nodes = np.empty((len(self.plain), len(found.lm)), np.float32)
        shares = np.maximum(found.mixture.T, 1e-12)  # [K, p]; no model is left out whole: log 0
        nodes[self.plain] = np.log(self.probs @ shares.astype(np.float32)) + self.top
        counted = np.full((len(self.log_probs), len(found.lm)), -np.inf, np.float32)
        for k, share in enumerate(shares):
            part = (
                self.log_probs[:, k, None]
                - self.log_spellings[:, k, None] * (1 - found.spelling_scale)
                - self.unknown[:, k, None] * found.unknown_penalty
                - self.new[:, k, None] * found.new_word_penalty
                + np.log(share)
            )
            counted = np.logaddexp(counted, part.astype(np.float32))
        nodes[~self.plain] = counted
        return np.asarray(self.paths @ nodes)
