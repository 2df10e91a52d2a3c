"""Find the entries of a trie whose edit cost to spans stays within bounds.

A frontier holds pairs of a span and a node of the trie. Each pair has the row of the edit-distance
table that belongs to its node: column j is the cost of editing the phones that lead to the node
into the first j phones of the span. One step goes to all children of all pairs at once, and prunes
those whose costs cannot stay within the bound.

Shapes: F pairs, C columns, N phones of the longest span.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.sound_trie import MAX_REST, SoundTrie
from rescorer.pronunciation.span_costs import SpanCosts

_MAX_CELLS = 1 << 18  # costs that one step computes: a megabyte, so that they stay in the cache
_ANY_LENGTH = 1e9  # phones; other than infinity, it can be multiplied by 0


@dataclass(frozen=True, eq=False)
class Rows:
    """Edit costs of pairs in some columns; in all other columns they are infinite.

    Attributes:
        first: number of the first column.
        costs: float32[C, F].
    """

    first: int
    costs: np.ndarray

    def __len__(self) -> int:
        return len(self.costs)

    @property
    def end(self) -> int:
        """The number after that of the last column."""
        return self.first + len(self.costs)

    def of(self, pairs: np.ndarray) -> Rows:
        """The rows of some pairs."""
        return Rows(self.first, self.costs.take(pairs, 1))

    def alive(self) -> np.ndarray:
        """bool[F] whether a pair has a finite cost."""
        return np.asarray((self.costs < np.inf).any(0))

    def trimmed(self) -> Rows:
        """Without columns at either end that are infinite for all pairs; one column remains."""
        used = np.flatnonzero((self.costs < np.inf).any(1))
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        return Rows(self.first + low, self.costs[low:high])


@dataclass(frozen=True, eq=False)
class Frontier:
    """Pairs of spans and nodes.

    Attributes:
        spans: int64[F].
        nodes: int64[F].
        rows: of the pairs.
        merging: int64[F] the place in `before` of pairs whose last phone may be the first of a
            merge, −1 for the others.
        before: rows of the parents of such pairs.
    """

    spans: np.ndarray
    nodes: np.ndarray
    rows: Rows
    merging: np.ndarray
    before: Rows

    def __len__(self) -> int:
        return len(self.spans)

    def halves(self) -> tuple[Frontier, Frontier]:
        """The pairs in two parts."""
        middle = len(self) // 2
        return self._part(slice(0, middle)), self._part(slice(middle, len(self)))

    def _part(self, part: slice) -> Frontier:
        rows = Rows(self.rows.first, self.rows.costs[:, part])
        return Frontier(self.spans[part], self.nodes[part], rows, self.merging[part], self.before)


@dataclass(frozen=True, eq=False)
class Ends:
    """Sequences that end within the bounds of spans.

    Attributes:
        spans: int64[M].
        sequences: int64[M] their numbers in the trie.
        costs: float32[M] excess costs.
    """

    spans: np.ndarray
    sequences: np.ndarray
    costs: np.ndarray


@dataclass(frozen=True, eq=False)
class _Children:
    """Children of the pairs of a frontier, each a pair of its own.

    Attributes:
        parents: int64[F] places in the frontier.
        spans: int64[F].
        nodes: int64[F].
        phones: int64[F] the last phone of each.
        keys: int64[F] places in tables by span and phone.
        merging: int64[F] as in `Frontier` of the parents, −1 where no merge can end with the phone.
    """

    parents: np.ndarray
    spans: np.ndarray
    nodes: np.ndarray
    phones: np.ndarray
    keys: np.ndarray
    merging: np.ndarray


class TrieSearch:
    """The search of one trie for a batch of spans.

    Args:
        trie: what is searched.
        spans: with their costs and caps.
    """

    def __init__(self, trie: SoundTrie, spans: SpanCosts) -> None:
        self._trie = trie
        self._spans = spans

    def ends(self) -> Iterator[Ends]:
        """All sequences of the trie that the caps of the spans allow, in parts.

        A step that would need more than a fixed memory is made for half of the pairs at a time.
        Time O(C) for each pair that is reached.
        """
        waiting = [self._root()]
        while waiting:
            frontier = waiting.pop()
            reached = int(self._trie.child_counts(frontier.nodes).sum())
            if len(frontier) > 1 and reached * len(frontier.rows) > _MAX_CELLS:
                waiting += frontier.halves()
                continue
            yield self._ends_of(frontier)
            if reached:
                waiting.append(self._step(frontier))

    def _root(self) -> Frontier:
        spans = np.flatnonzero(self._spans.bounds >= 0)
        rows = self._with_insertions(spans, Rows(0, np.zeros((1, len(spans)), np.float32)))
        no_merge, no_rows = np.full(len(spans), -1), Rows(0, np.empty((0, 0), np.float32))
        return Frontier(spans, np.zeros(len(spans), np.int64), rows, no_merge, no_rows)

    def _ends_of(self, frontier: Frontier) -> Ends:
        sequences = self._trie.sequences[frontier.nodes].astype(np.int64)
        columns = self._spans.lengths[frontier.spans] - frontier.rows.first
        is_end = (sequences >= 0) & (columns >= 0) & (columns < len(frontier.rows))
        pairs = np.flatnonzero(is_end)
        costs = frontier.rows.costs[columns[pairs], pairs]
        pairs, costs = pairs[costs < np.inf], costs[costs < np.inf]
        return Ends(frontier.spans[pairs], sequences[pairs], costs)

    def _step(self, frontier: Frontier) -> Frontier:
        """The children that can stay within the bounds."""
        children = self._children(frontier)
        before = frontier.rows.of(children.parents)
        rows = self._edited(children, before)
        if (children.merging >= 0).any():
            rows = self._with_merges(frontier, children, rows)
        rows = self._capped(children.spans, rows)
        may_merge = self._may_merge(children, before)
        kept = np.flatnonzero(rows.alive() | may_merge)
        spans, nodes = children.spans[kept], children.nodes[kept]
        rows = self._with_rests(nodes, spans, self._with_insertions(spans, rows.of(kept)))
        still = np.flatnonzero(rows.alive() | may_merge[kept])
        merging = may_merge[kept[still]]
        return Frontier(
            spans[still],
            nodes[still],
            rows.of(still).trimmed(),
            np.where(merging, np.cumsum(merging) - 1, -1),
            before.of(kept[still][merging]),
        )

    def _children(self, frontier: Frontier) -> _Children:
        """The children whose phone has an edit that costs no more than the parent's costs leave
        below a cap; most have none.
        """
        table, rows = self._spans, frontier.rows
        nodes, parents = self._trie.children(frontier.nodes)
        spans, phones = frontier.spans[parents], self._trie.phones[nodes].astype(np.int64)
        keys = spans * table.number_of_phones + phones
        caps = table.highest_caps[rows.first : rows.end].take(frontier.spans, 1)
        left = (caps - rows.costs).max(0)
        fits = table.least_edits(rows.first, rows.end).take(keys) <= left[parents]
        merging = self._merging(frontier, parents, phones)
        kept = np.flatnonzero(fits | (merging >= 0))
        return _Children(
            parents[kept], spans[kept], nodes[kept], phones[kept], keys[kept], merging[kept]
        )

    def _merging(self, frontier: Frontier, parents: np.ndarray, phones: np.ndarray) -> np.ndarray:
        """int64[F] `Frontier.merging` of the parents, −1 where the phones have no merge within the
        bound.
        """
        least = self._spans.excess.merge_least
        merging: np.ndarray = frontier.merging[parents]
        if least is None or not frontier.before.costs.size:
            return merging
        previous = self._trie.phones[frontier.nodes].astype(np.int64)[parents]
        costs = frontier.before.costs.min(0)[merging] + least[previous, phones]
        merging[costs > self._spans.bounds[frontier.spans][parents]] = -1
        return merging

    def _edited(self, children: _Children, before: Rows) -> Rows:
        """Rows after the deletion, the substitution or the split of each child's phone."""
        table, first = self._spans, before.first
        last_columns = 1 if table.split is None else 2
        end = min(before.end + last_columns, len(table.caps))
        costs = np.full((end - first, len(children.nodes)), np.inf, np.float32)
        np.add(before.costs, table.excess.costs.deletion[children.phones], out=costs[: len(before)])
        # The target column of a span's phone j is j + 1.
        width = min(before.end, end - 1) - first
        substituted = table.substitution[first : first + width].take(children.keys, 1)
        substituted += before.costs[:width]
        np.minimum(costs[1 : 1 + width], substituted, out=costs[1 : 1 + width])
        if table.split is not None and (width := min(before.end, end - 2) - first) > 0:
            split = table.split[first + 1 : first + 1 + width].take(children.keys, 1)
            split += before.costs[:width]
            np.minimum(costs[2 : 2 + width], split, out=costs[2 : 2 + width])
        return Rows(first, costs)

    def _with_merges(self, frontier: Frontier, children: _Children, rows: Rows) -> Rows:
        """Rows after merges of each child's phone with that of its parent, where that costs less.

        A merge starts at the row of the parent's parent.
        """
        table, size = self._spans, self._spans.number_of_phones
        merge = table.excess.costs.merge
        assert merge is not None
        pairs = np.flatnonzero(children.merging >= 0)
        before = frontier.before.of(children.merging[pairs])
        first = min(rows.first, before.first + 1)
        end = min(max(rows.end, before.end + 1), len(table.caps))
        costs = np.full((end - first, rows.costs.shape[1]), np.inf, np.float32)
        costs[rows.first - first : rows.end - first] = rows.costs
        previous = self._trie.phones[frontier.nodes[children.parents[pairs]]].astype(np.int64)
        width = min(before.end + 1, end) - before.first - 1
        heard = table.phones[before.first : before.first + width].take(children.spans[pairs], 1)
        merged = merge.ravel().take((previous * size + children.phones[pairs]) * size + heard)
        merged += before.costs[:width]
        target = slice(before.first + 1 - first, before.first + 1 - first + width)
        costs[target, pairs] = np.minimum(costs[target, pairs], merged)
        return Rows(first, costs)

    def _capped(self, spans: np.ndarray, rows: Rows) -> Rows:
        """Rows without costs that exceed the caps."""
        caps = self._spans.caps[rows.first : rows.end].take(spans, 1)
        return Rows(rows.first, np.where(rows.costs <= caps, rows.costs, np.float32(np.inf)))

    def _with_insertions(self, spans: np.ndarray, rows: Rows) -> Rows:
        """Rows after insertions that follow any edit, within the caps."""
        table, costs = self._spans, rows.costs
        for column in range(1, len(costs)):
            inserted = table.insertion[rows.first + column - 1].take(spans)
            inserted += costs[column - 1]
            np.minimum(costs[column], inserted, out=costs[column])
        added: list[np.ndarray] = []
        last = costs[-1]
        for column in range(rows.end, len(table.caps)):
            last = last + table.insertion[column - 1].take(spans)
            last[last > table.caps[column].take(spans)] = np.inf
            if np.isinf(last).all():
                break
            added.append(last)
        longer = np.concatenate([costs, np.stack(added)]) if added else costs
        return self._capped(spans, Rows(rows.first, longer))

    def _may_merge(self, children: _Children, before: Rows) -> np.ndarray:
        """bool[F] whether a merge that begins with a child's phone can stay within the caps."""
        table = self._spans.merge_first
        if table is None:
            return np.zeros(len(children.nodes), np.bool_)
        width = min(before.end, len(table)) - before.first
        columns = slice(before.first, before.first + width)
        costs = before.costs[:width] + table[columns].take(children.keys, 1)
        caps = self._spans.caps[columns.start + 1 : columns.stop + 1].take(children.spans, 1)
        return np.asarray((costs <= caps).any(0))

    def _with_rests(self, nodes: np.ndarray, spans: np.ndarray, rows: Rows) -> Rows:
        """Rows without costs that exceed the bound together with those of the rests: where the
        rest of the span is shorter than all rests below the node, or longer than all of them, the
        difference costs deletions or insertions.
        """
        excess = self._spans.excess
        columns = np.arange(rows.first, rows.end, dtype=np.float32)[:, None]
        rest = self._spans.lengths[spans].astype(np.float32) - columns
        longest = self._trie.longest_rests[nodes].astype(np.float32)
        longest[longest == MAX_REST] = _ANY_LENGTH
        shortest = self._trie.shortest_rests[nodes].astype(np.float32)
        left = self._spans.bounds[spans] - rows.costs
        within = (shortest - rest) * excess.shrinking <= left
        within &= (rest - longest) * excess.growing <= left
        return Rows(rows.first, np.where(within, rows.costs, np.float32(np.inf)))
