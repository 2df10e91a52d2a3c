"""Lattices expanded by the histories of language models, so that every arc has a score of its own.

A state of the expanded lattice is a state of the old one and a history that leads to it. Histories
with the same last N - 1 words merge: the best one stands for all (N = 0: none merge). The lattices
of a batch go side by side from one topological level to the next; histories are numbered over all
of them, and a word is scored once after each, however many arcs carry it, of whatever lattice or
time.

Source: the n-gram approximation and its pruning as in Liu et al. (2014) and Xu et al. (2018), A
pruned RNNLM lattice-rescoring algorithm.

Shapes: A arcs and S states of all old lattices; E expanded states and X expanded arcs; C arcs
considered at a level; H histories; W distinct words; K models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN, LanguageModel
from rescorer.recognition.lattice import Lattice, runs, spans
from rescorer.rescoring.growing import Growing
from rescorer.rescoring.settings import ExpansionSettings as ExpansionSettings
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import Weights
from rescorer.rescoring.word_kinds import WordKinds

# Of the memory: what models may need while they score; the rest is for histories and arcs.
_MODELS_SHARE = 0.25
# Bytes of an expanded arc, measured: here, in the lattice that is made of it, and while its best
# path is sought.
_ARC_BYTES, _ARC_BYTES_A_MODEL = 140, 48
_NO_WORD = -1
_END = -2


class OverBudgetError(Exception):
    """The batch needs more memory than it may take."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """The expanded lattices of a batch, side by side; states that reach no end are gone.

    Attributes:
        origin_arcs: [X] the old arc of each, numbered over the batch.
        sources, targets: [X] expanded states; sources ascend.
        log_probs: [X, K] natural log P of the arc's word after its history; 0 where the arc has no
            word.
        lm: [X] the same under the mixture, unknown words as the weights have them.
        origin_states: [E] the old state of each, numbered over the batch; those of a lattice stand
            together.
        scored: how many words the models were asked for.
    """

    origin_arcs: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    log_probs: np.ndarray
    lm: np.ndarray
    origin_states: np.ndarray
    scored: int


@dataclass(frozen=True, eq=False)
class ArcTotals:
    """What is known of the arcs of a batch before the language models speak.

    Attributes:
        known: [A] the scaled raw scores and word penalties.
        first_pass: [A] the totals of the recogniser's own search, which guide the pruning.
        words: the distinct words; the last is `</s>`.
        word_of: [A] index into words, -1 where an arc has none.
    """

    known: np.ndarray
    first_pass: np.ndarray
    words: tuple[str, ...]
    word_of: np.ndarray

    @classmethod
    def of(cls, lattices: Sequence[Lattice], weights: Weights, first_pass: Weights) -> ArcTotals:
        """Put the raw scores of a batch together."""
        index: dict[str, int] = {}
        word_of = []
        for lattice in lattices:
            used, place = np.unique(lattice.labels, return_inverse=True)
            words = [lattice.symbols.words[label] for label in used]
            numbers = np.array(
                [
                    index.setdefault(_heard(word), len(index)) if word else _NO_WORD
                    for word in words
                ],
                dtype=np.int64,
            )
            word_of.append(np.where(lattice.ends, _END, numbers[place]))
        flat = np.concatenate([np.zeros(0, np.int64), *word_of]).astype(np.int64)
        return cls(
            known_totals(lattices, weights),
            known_totals(lattices, first_pass),
            (*index, SENTENCE_END),
            np.where(flat == _END, len(index), flat),
        )


def _heard(word: str) -> str:
    """A sentence mark inside a sentence marks nothing."""
    return UNKNOWN if word in (SENTENCE_START, SENTENCE_END) else word


def known_totals(lattices: Sequence[Lattice], weights: Weights) -> np.ndarray:
    """[A of all] the scaled raw scores, less the penalties of words."""
    parts = [np.zeros(0)]
    for lattice in lattices:
        total = -weights.word_penalty * (lattice.symbols.spoken[lattice.labels] & ~lattice.ends)
        for name, scores in lattice.scores.items():
            total = total + weights.scales[name] * scores
        parts.append(total)
    return np.concatenate(parts)


def expand(
    lattices: Sequence[Lattice],
    models: Sequence[LanguageModel],
    weights: Weights,
    first_pass: Weights,
    settings: ExpansionSettings,
    memory: int,
) -> Expansion:
    """Expand a batch of lattices.

    Cost: every (history, word) pair is scored once, every expanded arc is looked at once, a level
    at a time.

    Args:
        weights: of the new totals; histories merge and are pruned by them.
        first_pass: of the old totals, whose best paths through each arc guide the pruning.
        memory: bytes for histories, their models' states and the expanded arcs.

    Raises:
        OverBudgetError: the batch needs more memory.
    """
    trellis = Trellis.of(lattices)
    arcs = ArcTotals.of(lattices, weights, first_pass)
    pruning = _Pruning.of(trellis, arcs.first_pass, settings)
    histories = _Histories(models, arcs.words, settings.order, weights, memory)
    growth = _Growth(trellis, arcs, pruning, histories, weights.lm_scale, settings.apart, memory)
    into = np.flatnonzero(pruning.kept_arcs)
    levels = trellis.depth[trellis.targets[into]]
    order = np.lexsort((trellis.targets[into], levels))
    cuts = np.searchsorted(levels[order], np.arange(1, int(trellis.depth.max(initial=0)) + 2))
    for level, (begin, end) in enumerate(pairwise(cuts), start=1):
        growth.grow(into[order[begin:end]], level)
    return growth.done()


@dataclass(frozen=True, eq=False)
class _Pruning:
    """What is not looked at.

    A history at a lattice state is given up for the state's best where
        (its score - the best score at that state) + (the old best path through the state - the old
        best path) < -beam:
    what is known of it plus the exact backward score of the old lattice, corrected by how far old
    and new scores differ at that state. It looks at one state alone: neither the batch nor the
    order of states has a say.

    Attributes:
        kept_arcs: [A] bool: whose old best path lies within the beam.
        slack: [S] how far a history of each state may lie behind the state's best.
        max_histories: of a state; 0: any number.
    """

    kept_arcs: np.ndarray
    slack: np.ndarray
    max_histories: int

    @classmethod
    def of(cls, trellis: Trellis, totals: np.ndarray, settings: ExpansionSettings) -> _Pruning:
        if math.isinf(settings.beam):
            return cls(
                np.ones(len(totals), bool),
                np.full(len(trellis.depth), np.inf),
                settings.max_histories,
            )
        forward, backward = trellis.forward(totals, "best"), trellis.backward(totals, "best")
        some = np.diff(trellis.first_state) > 0
        best = np.zeros(len(some))
        best[some] = backward[trellis.first_state[:-1][some]]
        of_state = np.repeat(best, np.diff(trellis.first_state))
        # A path's sum differs in its last digits by the order of its terms: the best path is never
        # behind itself.
        rounding = 1e-6 + 1e-12 * np.abs(of_state)
        slack = settings.beam + np.minimum(0.0, forward + backward - of_state + rounding)
        through = (
            forward[trellis.sources]
            + totals
            + backward[trellis.targets]
            - of_state[trellis.sources]
        )
        return cls(
            through + rounding[trellis.sources] >= -settings.beam, slack, settings.max_histories
        )

    def survivors(self, states: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Which of the histories stay, ascending; `states` ascend, and every state keeps its
        best.
        """
        begins = runs(states)
        best = np.repeat(np.maximum.reduceat(scores, begins), _lengths(begins, len(states)))
        kept = np.flatnonzero((best - scores <= self.slack[states]) | (scores == best))
        if not self.max_histories:
            return kept
        kept = kept[np.lexsort((-scores[kept], states[kept]))]
        begins = runs(states[kept])
        rank = np.arange(len(kept)) - np.repeat(begins, _lengths(begins, len(kept)))
        return np.sort(kept[rank < self.max_histories])


def _best_of_each(states: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Which history is the best of the same state, for each; `states` ascend."""
    begins = runs(states)
    best = np.lexsort((-scores, states))[begins]
    return np.asarray(np.repeat(best, _lengths(begins, len(states))))


def _lengths(begins: np.ndarray, end: int) -> np.ndarray:
    """How long each run is, of which the last ends before `end`; np.diff takes several times as
    long for few runs.
    """
    return np.asarray(np.concatenate([begins[1:], [end]]) - begins)


class _Histories:
    """The histories of a batch that are still needed: numbered, each with its last words and the
    models' states.

    Numbers ascend and are never given again; what no later level looks back at leaves the table.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        words: tuple[str, ...],
        order: int,
        weights: Weights,
        memory: int,
    ) -> None:
        self.models, self._weights = models, weights
        self._ids = [model.encode(words) for model in models]
        self._kinds = WordKinds.of(words, models)  # [W, K]
        self._kinds.unknown[-1] = False  # </s>
        self._names = tuple(model.name for model in models)
        self._words = len(words)
        self._kept_words = max(0, order - 1)
        self.exact = order == 0
        self.scored = 0
        # History 0 is <s>; -1 stands where there is no word yet.
        # [H] ascending; how many there ever were
        self._number, self._made = np.zeros(1, dtype=np.int64), 1
        self._suffix = np.full((1, self._kept_words), _NO_WORD, dtype=np.int64)  # [H, N - 1]
        self._parent = np.zeros(1, dtype=np.int64)  # [H] a number
        self._word = np.zeros(1, dtype=np.int64)  # [H]
        self._slot = np.zeros(1, dtype=np.int64)  # [H] the place of its state, -1 for none
        self._last_level = np.zeros(1, dtype=np.int64)  # [H] the last level that looks back at it
        self._states = [model.start() for model in models]
        # Pairs of history and word that were scored, of histories that are still needed; keys
        # ascend.
        self._keys = np.zeros(0, dtype=np.int64)
        self._children = np.zeros(0, dtype=np.int64)
        self._log_probs = np.zeros((0, len(models)))
        self._mixed = np.zeros(0)
        self._chunk = max(
            1, int(_MODELS_SHARE * memory) // max(model.history_bytes for model in models)
        )

    def _rows(self, histories: np.ndarray) -> np.ndarray:
        """Where histories stand in the table."""
        return self._number.searchsorted(histories)

    def last_words(self, histories: np.ndarray) -> np.ndarray:
        """[C, N - 1] the last words of histories [C]."""
        return np.asarray(self._suffix[self._rows(histories)])

    def follow(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each word [C] after its history [C].

        Returns:
            The longer histories [C], log P of each model [C, K], and log P of the mixture [C].
        """
        wanted, place = np.unique(histories * self._words + words, return_inverse=True)
        at = np.searchsorted(self._keys, wanted)
        found = at < len(self._keys)
        found[found] = self._keys[at[found]] == wanted[found]
        if not found.all():
            self._score(wanted[~found])
            at = np.searchsorted(self._keys, wanted)
        at = at[place.reshape(-1)]
        return self._children[at], self._log_probs[at], self._mixed[at]

    def _score(self, keys: np.ndarray) -> None:
        """Ask the models for pairs that are new; keys ascend."""
        parents, words = np.divmod(keys, self._words)
        rows = self._rows(parents)
        slots = self._slot[rows]
        log_probs = np.stack(
            [
                self._ask(model, state, ids, slots, words)
                for model, state, ids in zip(self.models, self._states, self._ids, strict=True)
            ],
            -1,
        )
        self.scored += len(keys)
        mixed = self._weights.mixed(log_probs, self._kinds.take(words), self._names)
        children = self._made + np.arange(len(keys))
        self._made += len(keys)
        longer = np.concatenate([self._suffix[rows], words[:, None]], 1)[:, 1:]
        self._number = np.concatenate([self._number, children])
        self._suffix = np.concatenate([self._suffix, longer])
        self._parent = np.concatenate([self._parent, parents])
        self._word = np.concatenate([self._word, words])
        self._slot = np.concatenate([self._slot, np.full(len(keys), -1)])
        self._last_level = np.concatenate([self._last_level, np.zeros(len(keys), np.int64)])
        order = np.argsort(np.concatenate([self._keys, keys]), kind="stable")
        self._keys = np.concatenate([self._keys, keys])[order]
        self._children = np.concatenate([self._children, children])[order]
        self._log_probs = np.concatenate([self._log_probs, log_probs])[order]
        self._mixed = np.concatenate([self._mixed, mixed])[order]

    def _ask(
        self,
        model: LanguageModel,
        state: object,
        ids: torch.Tensor,
        slots: np.ndarray,
        words: np.ndarray,
    ) -> np.ndarray:
        """[pairs] float64, as many at a time as the memory allows; the host waits once."""
        parts = []
        for begin in range(0, len(slots), self._chunk):
            used, parents = np.unique(slots[begin : begin + self._chunk], return_inverse=True)
            chosen = model.select(state, torch.as_tensor(used))
            parts.append(
                model.score(
                    chosen,
                    torch.as_tensor(parents.reshape(-1)),
                    ids[torch.as_tensor(words[begin : begin + self._chunk])],
                )
            )
        return torch.cat(parts).cpu().double().numpy()

    def extend(self, histories: np.ndarray, last_levels: np.ndarray) -> None:
        """Make sure that histories have states, until the levels given."""
        rows = self._rows(histories)
        np.maximum.at(self._last_level, rows, last_levels)
        new = np.unique(rows)
        new = new[self._slot[new] < 0]
        if not len(new):
            return
        held = int(self._slot.max()) + 1
        slots, words = self._slot[self._rows(self._parent[new])], self._word[new]
        for k, (model, ids) in enumerate(zip(self.models, self._ids, strict=True)):
            longer = [
                model.extend(
                    self._states[k],
                    torch.as_tensor(slots[begin : begin + self._chunk]),
                    ids[torch.as_tensor(words[begin : begin + self._chunk])],
                )
                for begin in range(0, len(new), self._chunk)
            ]
            self._states[k] = model.join([self._states[k], *longer])
        self._slot[new] = held + np.arange(len(new))

    def forget(self, level: int) -> None:
        """Drop what no later level looks back at."""
        old = (self._slot >= 0) & (self._last_level <= level)
        if not old.any():
            return
        self._slot[old] = -1
        kept = np.flatnonzero(self._slot >= 0)
        kept = kept[np.argsort(self._slot[kept])]
        index = torch.as_tensor(self._slot[kept])
        self._states = [
            model.select(state, index)
            for model, state in zip(self.models, self._states, strict=True)
        ]
        self._slot[kept] = np.arange(len(kept))
        needed = self._slot >= 0
        pairs = np.flatnonzero(needed[self._rows(self._keys // self._words)])
        self._keys, self._children = self._keys[pairs], self._children[pairs]
        self._log_probs, self._mixed = self._log_probs[pairs], self._mixed[pairs]
        needed[self._rows(self._children)] = True
        self._number, self._suffix = self._number[needed], self._suffix[needed]
        self._parent, self._word = self._parent[needed], self._word[needed]
        self._slot, self._last_level = self._slot[needed], self._last_level[needed]

    @property
    def bytes(self) -> int:
        """What the histories take; twice, for they are copied as they grow."""
        numbers = sum(
            array.nbytes
            for array in (
                self._number,
                self._suffix,
                self._parent,
                self._word,
                self._slot,
                self._last_level,
                self._keys,
                self._children,
                self._log_probs,
                self._mixed,
            )
        )
        states = int(self._slot.max(initial=-1) + 1) * sum(
            model.state_bytes for model in self.models
        )
        return 2 * (numbers + states)


class _Growth:
    """The expanded lattices of a batch as they grow, a level at a time."""

    def __init__(
        self,
        trellis: Trellis,
        arcs: ArcTotals,
        pruning: _Pruning,
        histories: _Histories,
        lm_scale: float,
        apart: float,
        memory: int,
    ) -> None:
        self._trellis, self._arcs, self._pruning, self._histories = (
            trellis,
            arcs,
            pruning,
            histories,
        )
        self._lm_scale, self._apart, self._memory = lm_scale, apart, memory
        states = len(trellis.depth)
        some = np.diff(trellis.first_state) > 0
        self._is_end = np.zeros(states, dtype=bool)
        self._is_end[trellis.first_state[1:][some] - 1] = True
        # [S] the last level that looks back at each state, its first expanded state and how many it
        # has.
        self._last_level = np.zeros(states, dtype=np.int64)
        np.maximum.at(self._last_level, trellis.sources, trellis.depth[trellis.targets])
        starts = trellis.first_state[:-1][some]
        self._starts = len(starts)  # the first of the expanded states
        self._first, self._count = np.zeros((2, states), dtype=np.int64)
        self._first[starts], self._count[starts] = np.arange(len(starts)), 1
        first = np.zeros(len(starts), np.int64)  # history of each
        # [E]
        self._state, self._history, self._score = map(
            Growing, (starts, first, np.zeros(len(starts)))
        )
        histories.extend(first, self._last_level[starts])
        none, models = np.zeros(0, np.int64), len(histories.models)
        self._origin, self._source, self._target, self._log_probs, self._lm = map(
            Growing, (none, none, none, np.zeros((0, models)), np.zeros(0))
        )  # [X]
        self._bounds = [0]  # where the arcs into each level begin, and the end

    def grow(self, into: np.ndarray, level: int) -> None:
        """Expand the states of a level from the arcs into them, which are in the order of their
        targets.
        """
        counts = self._count[self._trellis.sources[into]]
        self._check_memory(int(counts.sum()))
        arc = np.repeat(into, counts)  # [C]
        first = self._first[self._trellis.sources[into]]
        source = spans(first, first + counts)
        history, log_probs, lm = self._follow(self._history.rows[source], self._arcs.word_of[arc])
        score = self._score.rows[source] + self._arcs.known[arc] + self._lm_scale * lm
        group, best = self._merge(self._trellis.targets[arc], history, score)
        self._check_memory(0)
        states = self._trellis.targets[arc[best]]
        kept = self._pruning.survivors(states, score[best])
        number = _best_of_each(states, score[best])
        number[kept] = kept
        number = len(self._state) + np.searchsorted(kept, number)
        self._add_arcs(number[group], arc, source, log_probs, lm)
        self._add_states(states[kept], history[best[kept]], score[best[kept]])
        self._histories.forget(level)

    def _follow(
        self, histories: np.ndarray, words: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `_Histories.follow`; an arc without a word leaves its history as it is."""
        spoken = words != _NO_WORD
        longer, lm = histories.copy(), np.zeros(len(histories))
        log_probs = np.zeros((len(histories), len(self._histories.models)))
        longer[spoken], log_probs[spoken], lm[spoken] = self._histories.follow(
            histories[spoken], words[spoken]
        )
        return longer, log_probs, lm

    def _merge(
        self, targets: np.ndarray, histories: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Which group each of [C] is in, and the best of each group; groups are in the order of
        their targets.
        """
        last_words = (
            histories[:, None] if self._histories.exact else self._histories.last_words(histories)
        )
        # at the end no history matters any more
        columns = np.where(self._is_end[targets, None], 0, last_words).T
        order = np.lexsort((-scores, *columns, targets))
        sorted_columns = np.concatenate([columns, targets[None]])[:, order]
        differs = np.ones(len(order), dtype=bool)
        (sorted_columns[:, 1:] != sorted_columns[:, :-1]).any(axis=0, out=differs[1:])
        group = np.empty(len(order), dtype=np.int64)
        group[order] = np.cumsum(differs) - 1
        return group, order[differs]

    def _add_arcs(
        self,
        targets: np.ndarray,
        arcs: np.ndarray,
        sources: np.ndarray,
        log_probs: np.ndarray,
        lm: np.ndarray,
    ) -> None:
        for column, new in (
            (self._origin, arcs),
            (self._source, sources),
            (self._target, targets),
            (self._log_probs, log_probs),
            (self._lm, lm),
        ):
            column.append(new)
        self._bounds.append(len(self._origin))

    def _add_states(self, states: np.ndarray, histories: np.ndarray, scores: np.ndarray) -> None:
        begins = runs(states)
        self._first[states[begins]] = len(self._state) + begins
        self._count[states[begins]] = _lengths(begins, len(states))
        for column, new in (
            (self._state, states),
            (self._history, histories),
            (self._score, scores),
        ):
            column.append(new)
        going_on = ~self._is_end[states]
        self._histories.extend(histories[going_on], self._last_level[states[going_on]])

    def _check_memory(self, more: int) -> None:
        """Raises OverBudgetError where `more` arcs to look at, and all that is here, exceed what is
        not the models'.
        """
        models = len(self._histories.models)
        kept = len(self._origin) * (_ARC_BYTES + _ARC_BYTES_A_MODEL * models)
        looked_at = more * (_ARC_BYTES + _ARC_BYTES_A_MODEL * models) // 2
        if kept + looked_at + self._histories.bytes > (1 - _MODELS_SHARE) * self._memory:
            raise OverBudgetError

    def done(self) -> Expansion:
        """The expanded lattices: every path of the arcs that are kept is there.

        A history merges with the best one of its lattice state where no path over it is within
        `apart` of the best. So the paths within have totals of their own, and the others total less
        than the best path, for they go on as one that reached the state with more.
        """
        origin, source, target, state = (
            each.rows for each in (self._origin, self._source, self._target, self._state)
        )
        merged = self._merged(self._backward())
        arcs = np.flatnonzero(merged[source] == source)
        source, target = source[arcs], merged[target[arcs]]
        alive = self._alive(source, target)
        lattice = np.searchsorted(self._trellis.first_state, state[alive], side="right")
        # levels ascend in each: the order is topological
        order = alive[np.argsort(lattice, kind="stable")]
        number = np.full(len(state), -1)
        number[order] = np.arange(len(order))
        source, target = number[source], number[target]
        kept = np.flatnonzero((source >= 0) & (target >= 0))
        kept = kept[np.argsort(source[kept], kind="stable")]
        return Expansion(
            origin[arcs[kept]],
            source[kept],
            target[kept],
            self._log_probs.rows[arcs[kept]],
            self._lm.rows[arcs[kept]],
            state[order],
            self._histories.scored,
        )

    def _backward(self) -> np.ndarray:
        """[E] the best total from each state to the end; the arcs between two bounds go into one
        level.
        """
        values = np.full(len(self._state), -np.inf)
        values[self._is_end[self._state.rows]] = 0.0
        source, target = self._source.rows, self._target.rows
        totals = self._arcs.known[self._origin.rows] + self._lm_scale * self._lm.rows
        for begin, end in zip(self._bounds[-2::-1], self._bounds[:0:-1], strict=True):
            np.maximum.at(values, source[begin:end], totals[begin:end] + values[target[begin:end]])
        return values

    def _merged(self, after: np.ndarray) -> np.ndarray:
        """[E] which state stands for each."""
        state, score = self._state.rows, self._score.rows
        starts = np.searchsorted(state[: self._starts], state, side="right") - 1
        behind = after[starts] - (score + after)
        by_state = np.argsort(state, kind="stable")
        best = np.empty(len(by_state), np.int64)
        best[by_state] = by_state[_best_of_each(state[by_state], score[by_state])]
        # A path's sum differs in its last digits by the order of its terms.
        return np.where(behind <= self._apart + 1e-6, np.arange(len(best)), best)

    def _alive(self, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The expanded states between a start and an end, ascending."""
        size = len(self._state)
        ends = np.flatnonzero(self._is_end[self._state.rows])
        starts = np.arange(self._starts)
        before, after = (
            _reached(np.append(begins, np.full(len(roots), size)), np.append(into, roots), size)
            for begins, into, roots in ((sources, targets, starts), (targets, sources, ends))
        )
        return np.intersect1d(before, after)


def _reached(sources: np.ndarray, targets: np.ndarray, root: int) -> np.ndarray:
    """The states below the root that arcs from it lead to."""
    graph = csr_matrix(
        (np.ones(len(sources), np.int8), (sources, targets)), shape=(root + 1, root + 1)
    )
    reached = breadth_first_order(graph, root, return_predecessors=False)
    return np.asarray(reached[reached < root])
