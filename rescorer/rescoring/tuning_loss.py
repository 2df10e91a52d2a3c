"""The loss that tuning minimises: expected word errors of many candidate weights at once.

Shapes: H hypotheses of all lists, n nodes of the prefix tree, K models, F features, P candidates,
p of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from rescorer.rescoring.dominated import useful_hypotheses
from rescorer.rescoring.linear_features import linear_features
from rescorer.rescoring.search_space import LEAST_LOG_PROB, Candidates, SearchSpace
from rescorer.rescoring.weights import ScoredLists

_TEMPERATURE = 0.06  # of the softmax; 0.02 to 0.1 differ little, by cross-validation
# Times that the probabilities are squared for the second term: 3 give 1/8 of the temperature.
_SHARPENINGS = 3
_COLUMNS = 32  # p
_BLOCK = 1 << 18  # totals computed at a time, few enough for the processor's cache


@dataclass(frozen=True, eq=False)
class _Block:
    """Lists of similar size, padded to one size and processed together.

    Attributes:
        rows: [size, lists] indices of hypotheses; padding repeats the list's first hypothesis.
        padding: [size, lists, 1] float32, very low for padding, else 0.
        errors: [size, lists, 1] float32, errors less the fewest of the list.
        features: [size · lists, F] float32.
    """

    rows: np.ndarray
    padding: np.ndarray
    errors: np.ndarray
    features: np.ndarray


class TuningLoss:
    """The loss of many candidates at a time.

    It leaves out lists whose hypotheses all have the same errors, and hypotheses that never win
    (`useful_hypotheses`), because no choice depends on them.
    """

    def __init__(self, lists: ScoredLists, errors: np.ndarray, space: SearchSpace) -> None:
        self._space = space
        self._linear = space.kind == "log-linear" or len(space.model_names) < 2
        columns = linear_features(lists, space.units, self._linear)
        best = np.minimum.reduceat(errors, lists.begins)
        excess = errors - best[lists.owners]
        kept = useful_hypotheses(lists, columns, self._linear)
        # A list counts only if the hypotheses that are kept differ in errors.
        kept &= (np.maximum.reduceat(np.where(kept, excess, 0), lists.begins) > 0)[lists.owners]
        rows = np.flatnonzero(kept)
        self._mixture = None if self._linear else _NodeMixture.of(lists, rows)
        self.blocks = tuple(_blocks(lists.owners[rows], excess[rows], columns.values[rows]))
        longest = max((block.rows.size for block in self.blocks), default=0)
        self._totals = np.empty((longest, _COLUMNS), np.float32)
        self._wrong = np.empty((longest, _COLUMNS), np.float32)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """[P] the loss of points [coordinates, P], in scipy's layout; one point gives [1]."""
        points = np.atleast_2d(points.T)
        parts = [
            self._losses(points[begin : begin + _COLUMNS])
            for begin in range(0, len(points), _COLUMNS)
        ]
        return np.concatenate(parts)

    def _losses(self, points: np.ndarray) -> np.ndarray:
        """[p] the losses of p points [p, coordinates]."""
        found = self._space.candidates(points)
        factors = (self._factors(found) / _TEMPERATURE).astype(np.float32)  # [F, p]
        lm = None
        if self._mixture is not None:
            scale = found.lm / (self._space.units.lm * _TEMPERATURE)
            lm = self._mixture.totals(found)
            lm *= scale.astype(np.float32)
        losses = [self._block_losses(block, factors, lm) for block in self.blocks]
        return np.asarray(np.sum(losses, axis=0)) / 2

    def _block_losses(
        self, block: _Block, factors: np.ndarray, lm: np.ndarray | None
    ) -> np.ndarray:
        """[p] the sum of both terms over the lists of the block."""
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
        totals -= totals.max(0)  # so that no exponential overflows
        # A squared softmax, normalised, is the softmax at half the temperature.
        shares = np.exp(totals, out=totals)
        expected = self._expected(shares, block, wrong)
        for _ in range(_SHARPENINGS):
            np.multiply(shares, shares, out=shares)
        return np.asarray(
            (expected + self._expected(shares, block, wrong)).sum(0, dtype=np.float64)
        )

    @staticmethod
    def _expected(shares: np.ndarray, block: _Block, buffer: np.ndarray) -> np.ndarray:
        """[lists, p] the expected errors; `buffer` holds the products."""
        return np.asarray(np.multiply(shares, block.errors, out=buffer).sum(0) / shares.sum(0))

    def _factors(self, found: Candidates) -> np.ndarray:
        """[F, p] the factors of the features."""
        varying = self._space.units.raw > 0
        factors = [*found.raw.T[varying], -found.word_penalty]
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


def _blocks(owners: np.ndarray, excess: np.ndarray, features: np.ndarray) -> Iterator[_Block]:
    """Cut the lists into blocks of similar size."""
    begins = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(begins, append=len(owners))
    order = np.argsort(sizes, kind="stable")
    begin = 0
    while begin < len(order):
        # A block takes as many lists as fit, each padded to the largest, which has at most a
        # quarter more hypotheses than the smallest.
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
    """Linear mixtures of the models, computed at each node of the prefix tree.

    Attributes:
        paths: [h, n] float32.
        plain: [n] bool, nodes without penalties: their words are known to all models.
        probs, top: [plain, K] and [plain, 1], probabilities divided by e^top against underflow.
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
        """The mixtures of some hypotheses, at the nodes on their paths."""
        paths = lists.paths.paths[rows]
        # Nodes that no hypothesis uses are dropped: the columns of the matrix are renumbered.
        used, columns = np.unique(paths.indices, return_inverse=True)
        kinds = lists.paths.kinds.take(used)
        log_probs = np.maximum(lists.paths.log_probs[used], LEAST_LOG_PROB)
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

    def totals(self, found: Candidates) -> np.ndarray:
        """[h, p] log P of the hypotheses under the mixtures."""
        nodes = np.empty((len(self.plain), len(found.lm)), np.float32)
        shares = np.maximum(found.mixture.T, 1e-12)  # [K, p], above 0 because of the log
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
