"""Cells by prices: nearly exact assignment of up to some ten thousand words, and bounds that the
prices prove.

Every cell gets a price, raised while more than one word wants it (softmin demand at a falling
temperature: Sinkhorn's iteration with a temperature per word, for the words' costs differ as their
counts do). As a cost is the sum of a row's and a column's part, the demand of all cells is two
matrix products, no V x cells array. Each word then keeps the few cells that are cheapest with the
prices paid, and the exact assignment is sought on these edges alone. All but this last step, nearly
all of the work, runs on the problem's device.

Shapes: V words, R rows, C columns, K candidates, E edges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from torch import Tensor

from rescorer.training.reallocation.problem import (
    AssignmentSettings,
    Cells,
    Doubles,
    Floats,
    Problem,
    Stage,
    chunks,
)

_CHUNK_WORDS = 1024  # words of one matrix product
# costs looked at together in the search for cheap cells: there they fit the cache
_CHUNK_COSTS = {"cpu": 200_000}
_MANY_COSTS = 50_000_000  # on other devices, which would rather have much to do


def solve_by_dual_ascent(
    problem: Problem, cells: Cells, settings: AssignmentSettings
) -> Iterator[Stage]:
    duals, bound = max(
        dual_ascent(problem, settings.temperatures, settings.iterations),
        key=lambda dual_ascent: dual_ascent[1],
    )
    yield "duals", cells, bound
    candidates = _candidate_cells(problem, duals, settings.candidates)
    # Words with equal costs everywhere would all keep the same cells, where others may want to sit.
    alike = np.flatnonzero(_spread(problem) == 0)
    candidates[alike] = _spare_cells(duals, len(alike), candidates.shape[1])
    if problem.open is not None:
        candidates = np.where(problem.open.ravel()[candidates], candidates, problem.start[:, None])
    yield (
        "matching",
        _match(problem, np.column_stack([candidates, cells, problem.start]), cells, duals),
        bound,
    )


def dual_ascent(
    problem: Problem, temperatures: Sequence[float], iterations: int, capacity: float = 1
) -> Iterator[tuple[Floats, float]]:
    """Yield (prices [R, C], the lower bound that they prove) at each temperature, until colder ones
    prove less.
    """
    demand_of_words = _Demand.of(problem, capacity)
    closed = torch.zeros(problem.rows, problem.columns, dtype=torch.bool)
    closed = (closed if problem.open is None else ~torch.as_tensor(problem.open)).to(problem.device)
    prohibitive = _prohibitive_dual(problem)
    duals = closed.float() * prohibitive  # [R, C]
    best = -np.inf
    for temperature in temperatures:
        for _ in range(iterations):
            # whatever is offered
            duals = demand_of_words.ascend(duals, temperature).masked_fill_(closed, prohibitive)
        bound = penalised_lower_bound(problem, duals) - capacity * float(
            duals[~closed].sum(dtype=torch.float64)
        )
        yield duals.cpu().numpy(), bound
        if bound < best:
            return
        best = bound


def _prohibitive_dual(problem: Problem) -> float:
    """A price that no word would ever pay."""
    return (
        8
        * sum(
            float(costs.max() - costs.min()) for costs in (problem.row_costs, problem.column_costs)
        )
        + 1
    )


@dataclass(frozen=True)
class _Demand:
    """Words in groups of like spread, for one temperature a group; the demand for cells at given
    prices.
    """

    # n words' costs of rows [n, R], of columns [n, C]; their spread
    groups: tuple[tuple[Tensor, Tensor, float], ...]
    capacity: float  # words that one cell takes

    @classmethod
    def of(cls, problem: Problem, capacity: float) -> _Demand:
        spread = _spread(problem)
        # a word with equal costs everywhere takes what is left
        wanting = np.flatnonzero(spread > 0)
        octaves = np.floor(np.log2(spread[wanting])).astype(np.int64)
        groups = []
        for octave in np.unique(octaves):
            members = wanting[octaves == octave]
            for chunk in chunks(len(members), _CHUNK_WORDS):
                words = members[chunk]
                rows, columns = (
                    torch.as_tensor(costs[words], device=problem.device)
                    for costs in (problem.row_costs, problem.column_costs)
                )
                groups.append((rows, columns, float(spread[words].mean())))
        return cls(tuple(groups), capacity)

    def ascend(self, duals: Tensor, temperature: float) -> Tensor:
        """One step of all prices [R, C] towards a demand of one capacity a cell: Sinkhorn's, were
        all words alike.
        """
        # What a whole row or column charges goes into the shares, and only the rest below: float32
        # ends at exp(-88).
        row_duals = duals.amin(1)  # [R]
        column_duals = (duals - row_duals[:, None]).amin(0)  # [C]
        # Columns first: bands have long rows or short ones, and products of this order are quick
        # for both.
        rest_duals = (duals - row_duals[:, None] - column_duals).T.contiguous()  # [C, R]
        demand = torch.zeros_like(rest_duals, dtype=torch.float64)
        slope = torch.zeros_like(demand)  # -d demand / d log-price, in 1/nats
        for row_costs, column_costs, spread in self.groups:
            word_temperature = temperature * spread
            row_shares = _shares(row_costs, row_duals, word_temperature)  # [n, R]
            column_shares = _shares(column_costs, column_duals, word_temperature).T  # [C, n]
            discount = torch.exp(rest_duals / -word_temperature)  # [C, R]
            total = ((discount @ row_shares.T) * column_shares).sum(0)  # [n]
            part = ((column_shares / total.clamp_min(1e-30)) @ row_shares) * discount
            demand += part
            slope += part / word_temperature
        # log(demand) times the mean heat of those who want the cell; a cell that nobody wants falls
        # to 0.
        demand = (demand / self.capacity).clamp_min(1e-12)
        step = torch.log(demand) * demand * self.capacity / slope.clamp_min(1e-30)
        return (duals + step.T).clamp_min(0).float()


def _spread(problem: Problem) -> Doubles:
    """[V] nats: the mean cost of a word above its least, of rows and columns together."""
    spread = np.zeros(len(problem.start))
    for costs in (problem.row_costs, problem.column_costs):
        for chunk in chunks(len(costs), _CHUNK_WORDS):
            above = costs[chunk].mean(axis=1, dtype=np.float64) - costs[chunk].min(axis=1)
            # Costs that are all equal may miss their own mean by a rounding error: that is no
            # spread.
            spread[chunk] += np.where(above > 1e-6 * np.abs(costs[chunk, 0]), above, 0.0)
    return spread


def _shares(costs: Tensor, duals: Tensor, word_temperature: float) -> Tensor:
    """[n, L] in which lines words would be at these costs [n, L] and prices [L]."""
    return torch.softmax(
        torch.add(duals / -word_temperature, costs, alpha=-1 / word_temperature), 1
    )


def _candidate_cells(problem: Problem, duals: Floats, count: int) -> Cells:
    """Cells of each word that are cheap at these prices, [V, K]: the best of some rows and of some
    columns.
    """
    net_cost = torch.as_tensor(duals, device=problem.device)
    by_row = _candidates_by_row(problem.row_costs, problem.column_costs, net_cost, count)
    by_column = _candidates_by_row(
        problem.column_costs, problem.row_costs, net_cost.T.contiguous(), count
    )
    columns, rows = np.divmod(by_column, problem.rows)
    return np.hstack([by_row, rows * problem.columns + columns])


def _candidates_by_row(row_costs: Floats, column_costs: Floats, duals: Tensor, count: int) -> Cells:
    """[V, K] the best column of each row, for the `count` best rows."""
    count = min(count, len(duals))
    cells = np.empty((len(row_costs), count), dtype=np.int64)
    for chunk, above, net_cost, _ in _penalised_costs(row_costs, column_costs, duals):
        value, best = net_cost.min(2)  # [n, R]
        near = (value + above).topk(count, 1, largest=False, sorted=False).indices  # [n, K]
        cells[chunk] = (near * duals.shape[1] + best.gather(1, near)).cpu().numpy()
    return cells


def penalised_lower_bound(problem: Problem, duals: Tensor) -> float:
    """sum_w min_ij (cost + price) at prices [R, C]: what the words would pay, were there room for
    all everywhere.
    """
    total = 0.0
    for _, above, net_cost, base in _penalised_costs(
        problem.row_costs, problem.column_costs, duals
    ):
        # All terms are >= 0, so float32 rounded the least by less than 4 units of 2**-24: the bound
        # stays one.
        total += base + float((net_cost.amin(2) + above).amin(1).sum(dtype=torch.float64)) * (
            1 - 2.0**-22
        )
    return total


def _penalised_costs(
    row_costs: Floats, column_costs: Floats, duals: Tensor
) -> Iterator[tuple[slice, Tensor, Tensor, float]]:
    """Some n words at a time, all on the device of the prices [R, C].

    Yields:
        The words, what rows cost them above their least [n, R], what columns do and the price [n,
        R, C], and the leasts of both, summed.
    """
    many = _CHUNK_COSTS.get(duals.device.type, _MANY_COSTS)
    for chunk in chunks(len(row_costs), max(1, many // duals.numel())):
        rows, columns = (
            torch.tensor(costs[chunk], device=duals.device) for costs in (row_costs, column_costs)
        )
        base = [costs.amin(1, keepdim=True) for costs in (rows, columns)]
        least = sum(float(each.sum(dtype=torch.float64)) for each in base)
        yield chunk, rows - base[0], (columns - base[1])[:, None, :] + duals, least


def _match(problem: Problem, candidates: Cells, cells: Cells, duals: Floats) -> Cells:
    """The exact assignment on the candidates [V, K], which hold `cells`."""
    candidates = np.sort(candidates, axis=1)
    fresh = np.ones(candidates.shape, dtype=bool)
    fresh[:, 1:] = candidates[:, 1:] != candidates[:, :-1]
    words, chosen = np.nonzero(fresh)[0], candidates[fresh]  # [E]
    costs = problem.costs(words, chosen) - problem.bonus[words] * (chosen == problem.start[words])
    # Closed cells are no part of it: the open ones are numbered anew, those of words and prices
    # with them.
    usable = np.arange(duals.size) if problem.open is None else np.flatnonzero(problem.open)
    cell_duals = duals.ravel()[usable]
    fill_words, fill_cells = _fillers(len(cells), np.searchsorted(usable, cells), cell_duals)
    words, chosen = (
        np.concatenate([words, fill_words]),
        np.concatenate([np.searchsorted(usable, chosen), fill_cells]),
    )
    costs = np.concatenate([costs, np.zeros(len(fill_words))])
    # With a filler in each free cell every cell is taken, so the prices add a constant; near the
    # right prices the algorithm starts almost done, ten times faster. Each word's least becomes 1,
    # for scipy drops edges of cost 0.
    costs += cell_duals[chosen]
    first = np.flatnonzero(np.r_[True, words[1:] != words[:-1]])
    costs -= np.repeat(np.minimum.reduceat(costs, first) - 1, np.diff(np.r_[first, len(words)]))
    graph = csr_matrix((costs, (words, chosen)), shape=(len(usable), len(usable)))
    found = usable[min_weight_full_bipartite_matching(graph)[1][: len(cells)]]
    return found if problem.net_cost(found) < problem.net_cost(cells) else cells


def _fillers(words: int, cells: Cells, duals: Floats) -> tuple[Cells, Cells]:
    """Edges (word, cell) of the words that are not there, one a free cell: each to its cell and to
    some spare ones.
    """
    free = np.setdiff1d(np.arange(duals.size), cells)
    edges = np.column_stack([free, _spare_cells(duals, len(free), 32)])
    edges = np.unique(np.arange(len(free))[:, None] * duals.size + edges)
    return words + edges // duals.size, edges % duals.size


def _spare_cells(duals: Floats, count: int, width: int) -> Cells:
    """[count, width] cells out of the 2 * count of least price, for words that do not mind which;
    each word its own.
    """
    cheap = np.argsort(duals, axis=None, kind="stable")[: 2 * count]
    spare: Cells = cheap[(2 * np.arange(count)[:, None] + np.arange(width)) % max(1, len(cheap))]
    return spare
