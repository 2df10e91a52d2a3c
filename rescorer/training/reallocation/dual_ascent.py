"""Dual ascent: nearly exact assignment of up to about ten thousand words, with a lower bound.

Every cell has a dual variable that grows while the demand for the cell exceeds its capacity. The
demand of a word is a softmin of its costs plus the duals, at a falling temperature (Sinkhorn's
iteration, with a temperature a word, because the spread of the costs grows with a word's count).
A cost is the sum of a row's and a column's part, so the demand of all cells takes two matrix
products and no array of V × cells. Then each word keeps the few cells with the least penalised cost
(cost plus dual) as candidates, and an exact matching on these edges gives the assignment. Nearly
all of the work precedes the matching and runs on the problem's device.

Shapes: V words, R rows, C columns, K candidates, E edges, n words of a chunk, L lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from torch import Tensor

from rescorer.chunks import chunks
from rescorer.training.reallocation.problem import Cells, Doubles, Floats, Problem, Stage
from rescorer.training.settings import AssignmentSettings

_CHUNK_WORDS = 1024  # words of one matrix product
# Penalised costs that are computed at a time: on the processor they fit the cache, other devices
# are faster with large arrays.
_CHUNK_COSTS = {"cpu": 200_000}
_CHUNK_COSTS_ELSEWHERE = 50_000_000
_FILLER_CANDIDATES = 32


def solve_by_dual_ascent(
    problem: Problem, cells: Cells, settings: AssignmentSettings
) -> Iterator[Stage]:
    """Yield the start with the lower bound, then the matching. It never costs more than `cells`."""
    duals, bound = best_duals(problem, settings)
    yield "duals", cells, bound
    candidates = _candidate_cells(problem, duals, settings.candidates)
    # Words without a preference would all get the same candidates, which other words may need.
    indifferent = np.flatnonzero(_spread(problem) == 0)
    candidates[indifferent] = _cheap_cells(duals, len(indifferent), candidates.shape[1])
    if problem.free_cells is not None:
        may_be_taken = problem.free_cells.ravel()[candidates]
        candidates = np.where(may_be_taken, candidates, problem.start[:, None])
    candidates = np.column_stack([candidates, cells, problem.start])
    yield "matching", _match(problem, candidates, cells, duals), bound


def best_duals(
    problem: Problem, settings: AssignmentSettings, capacity: float = 1
) -> tuple[Floats, float]:
    """The dual variables [R, C] of the temperature with the largest lower bound, and the bound."""
    found = dual_ascent(problem, settings.temperatures, settings.iterations, capacity)
    return max(found, key=lambda duals_and_bound: duals_and_bound[1])


def dual_ascent(
    problem: Problem, temperatures: Sequence[float], iterations: int, capacity: float = 1
) -> Iterator[tuple[Floats, float]]:
    """Yield (dual variables [R, C], their lower bound) at each temperature.

    It stops at the first temperature whose bound is lower than the one before.

    Args:
        capacity: words that one cell takes.
    """
    demand = _Demand.of(problem, capacity)
    closed = torch.zeros(problem.rows, problem.columns, dtype=torch.bool, device=problem.device)
    if problem.free_cells is not None:
        closed = ~torch.as_tensor(problem.free_cells).to(problem.device)
    prohibitive = _prohibitive_dual(problem)
    duals = closed.float() * prohibitive  # [R, C]
    best = -np.inf
    for temperature in temperatures:
        for _ in range(iterations):
            duals = demand.ascend(duals, temperature).masked_fill_(closed, prohibitive)
        sum_of_duals = float(duals[~closed].sum(dtype=torch.float64))
        bound = penalised_lower_bound(problem, duals) - capacity * sum_of_duals
        yield duals.cpu().numpy(), bound
        if bound < best:
            return
        best = bound


def _prohibitive_dual(problem: Problem) -> float:
    """A dual variable so large that no word takes the cell."""
    largest_differences = (
        float(costs.max() - costs.min()) for costs in (problem.row_costs, problem.column_costs)
    )
    return 8 * sum(largest_differences) + 1


class _Group(NamedTuple):
    """Words with a similar spread of costs."""

    row_costs: Tensor  # [n, R]
    column_costs: Tensor  # [n, C]
    spread: float  # nats, their mean


@dataclass(frozen=True)
class _Demand:
    """The demand of all words for the cells, for given dual variables."""

    groups: tuple[_Group, ...]
    capacity: float  # words that one cell takes

    @classmethod
    def of(cls, problem: Problem, capacity: float) -> _Demand:
        """Group the words by the octave of their spread: a group shares one temperature."""
        spread = _spread(problem)
        demanding = np.flatnonzero(spread > 0)  # a word with equal costs everywhere has no demand
        octaves = np.floor(np.log2(spread[demanding])).astype(np.int64)
        groups = []
        for octave in np.unique(octaves):
            members = demanding[octaves == octave]
            for chunk in chunks(len(members), _CHUNK_WORDS):
                words = members[chunk]
                groups.append(
                    _Group(
                        torch.as_tensor(problem.row_costs[words], device=problem.device),
                        torch.as_tensor(problem.column_costs[words], device=problem.device),
                        float(spread[words].mean()),
                    )
                )
        return cls(tuple(groups), capacity)

    def ascend(self, duals: Tensor, temperature: float) -> Tensor:
        """One step of all dual variables [R, C] towards a demand equal to the capacity.

        If all words had the same temperature, this would be Sinkhorn's step.
        """
        # The part of the duals that a whole row or column shares goes into the shares. Only the
        # rest goes into the exponential below, because float32 underflows at exp(-88).
        row_duals = duals.amin(1)  # [R]
        column_duals = (duals - row_duals[:, None]).amin(0)  # [C]
        # Columns first: blocks have long rows or short ones, and products in this order are fast
        # for both.
        rest_duals = (duals - row_duals[:, None] - column_duals).T.contiguous()  # [C, R]
        demand = torch.zeros_like(rest_duals, dtype=torch.float64)
        slope = torch.zeros_like(demand)  # -d demand / d log-dual, in 1/nats
        for row_costs, column_costs, spread in self.groups:
            word_temperature = temperature * spread
            row_shares = _shares(row_costs, row_duals, word_temperature)  # [n, R]
            column_shares = _shares(column_costs, column_duals, word_temperature).T  # [C, n]
            discount = torch.exp(rest_duals / -word_temperature)  # [C, R]
            total = ((discount @ row_shares.T) * column_shares).sum(0)  # [n]
            part = ((column_shares / total.clamp_min(1e-30)) @ row_shares) * discount
            demand += part
            slope += part / word_temperature
        # The step is log(demand) times the mean temperature of the words that demand the cell. The
        # dual of a cell without demand falls to 0.
        demand = (demand / self.capacity).clamp_min(1e-12)
        step = torch.log(demand) * demand * self.capacity / slope.clamp_min(1e-30)
        return (duals + step.T).clamp_min(0).float()


def _spread(problem: Problem) -> Doubles:
    """[V] nats: a word's mean cost above its least cost, of rows plus columns."""
    spread = np.zeros(len(problem.start))
    for costs in (problem.row_costs, problem.column_costs):
        for chunk in chunks(len(costs), _CHUNK_WORDS):
            above = costs[chunk].mean(axis=1, dtype=np.float64) - costs[chunk].min(axis=1)
            # The mean of equal costs may differ from them by a rounding error, which is no spread.
            spread[chunk] += np.where(above > 1e-6 * np.abs(costs[chunk, 0]), above, 0.0)
    return spread


def _shares(costs: Tensor, duals: Tensor, word_temperature: float) -> Tensor:
    """[n, L] softmin of costs [n, L] plus dual variables [L]."""
    return torch.softmax(
        torch.add(duals / -word_temperature, costs, alpha=-1 / word_temperature), 1
    )


# ---- penalised costs: cost plus dual ----


class _PenalisedCosts(NamedTuple):
    """Penalised costs of some words, on the device of the dual variables."""

    words: slice
    rows: Tensor  # [n, R] costs of rows above each word's least
    columns: Tensor  # [n, R, C] costs of columns above each word's least, plus the duals
    least: float  # the subtracted costs, summed over rows, columns and words


def _penalised_costs(
    row_costs: Floats, column_costs: Floats, duals: Tensor
) -> Iterator[_PenalisedCosts]:
    """Yield the penalised costs of all words, a chunk at a time; duals are [R, C]."""
    size = _CHUNK_COSTS.get(duals.device.type, _CHUNK_COSTS_ELSEWHERE)
    for chunk in chunks(len(row_costs), max(1, size // duals.numel())):
        rows = torch.tensor(row_costs[chunk], device=duals.device)
        columns = torch.tensor(column_costs[chunk], device=duals.device)
        least_of_rows = rows.amin(1, keepdim=True)
        least_of_columns = columns.amin(1, keepdim=True)
        least = float(least_of_rows.sum(dtype=torch.float64)) + float(
            least_of_columns.sum(dtype=torch.float64)
        )
        penalised = (columns - least_of_columns)[:, None, :] + duals
        yield _PenalisedCosts(chunk, rows - least_of_rows, penalised, least)


def penalised_lower_bound(problem: Problem, duals: Tensor) -> float:
    """sum_w min_ij (cost + dual) for dual variables [R, C]: the cost if cells had no capacity."""
    total = 0.0
    for part in _penalised_costs(problem.row_costs, problem.column_costs, duals):
        cheapest = (part.columns.amin(2) + part.rows).amin(1).sum(dtype=torch.float64)
        # All terms are >= 0, so float32 rounds each minimum by less than 4 units of 2**-24. The
        # factor keeps the sum a lower bound.
        total += part.least + float(cheapest) * (1 - 2.0**-22)
    return total


def _candidate_cells(problem: Problem, duals: Floats, count: int) -> Cells:
    """[V, K] cells of each word with low penalised costs: the best of some rows and columns."""
    device_duals = torch.as_tensor(duals, device=problem.device)
    by_row = _candidates_by_row(problem.row_costs, problem.column_costs, device_duals, count)
    by_column = _candidates_by_row(
        problem.column_costs, problem.row_costs, device_duals.T.contiguous(), count
    )
    columns, rows = np.divmod(by_column, problem.rows)
    return np.hstack([by_row, rows * problem.columns + columns])


def _candidates_by_row(row_costs: Floats, column_costs: Floats, duals: Tensor, count: int) -> Cells:
    """[V, K] the best column of each row, for the `count` best rows."""
    count = min(count, len(duals))
    cells = np.empty((len(row_costs), count), dtype=np.int64)
    for part in _penalised_costs(row_costs, column_costs, duals):
        value, best = part.columns.min(2)  # [n, R]
        rows = (value + part.rows).topk(count, 1, largest=False, sorted=False).indices  # [n, K]
        cells[part.words] = (rows * duals.shape[1] + best.gather(1, rows)).cpu().numpy()
    return cells


# ---- the exact matching on the candidates ----


def _match(problem: Problem, candidates: Cells, cells: Cells, duals: Floats) -> Cells:
    """The cheapest assignment that uses candidates [V, K] only; they include `cells`."""
    candidates = np.sort(candidates, axis=1)
    first = np.ones(candidates.shape, dtype=bool)  # the first of equal candidates of a word
    first[:, 1:] = candidates[:, 1:] != candidates[:, :-1]
    words, chosen = np.nonzero(first)[0], candidates[first]  # [E]
    costs = problem.costs(words, chosen) - problem.bonus[words] * (chosen == problem.start[words])
    # Only free cells take part: here they are numbered 0, 1, 2, ….
    usable = problem.free_cell_numbers()
    cell_duals = duals.ravel()[usable]
    filler_words, filler_cells = _filler_edges(
        len(cells), np.searchsorted(usable, cells), cell_duals
    )
    words = np.concatenate([words, filler_words])
    chosen = np.concatenate([np.searchsorted(usable, chosen), filler_cells])
    costs = np.concatenate([costs, np.zeros(len(filler_words))])
    # With fillers every cell is taken, so the duals add a constant to every assignment. With nearly
    # optimal duals the algorithm starts close to its end, ten times faster.
    costs += cell_duals[chosen]
    # scipy drops edges of cost 0, so each word's least cost becomes 1.
    edge_starts = np.flatnonzero(np.r_[True, words[1:] != words[:-1]])
    edge_counts = np.diff(np.r_[edge_starts, len(words)])
    costs -= np.repeat(np.minimum.reduceat(costs, edge_starts) - 1, edge_counts)
    graph = csr_matrix((costs, (words, chosen)), shape=(len(usable), len(usable)))
    found = usable[min_weight_full_bipartite_matching(graph)[1][: len(cells)]]
    return found if problem.net_cost(found) < problem.net_cost(cells) else cells


def _filler_edges(words: int, cells: Cells, duals: Floats) -> tuple[Cells, Cells]:
    """Edges (word, cell) of filler words, one for each cell without a word.

    A filler has an edge to its own cell and edges to some cheap cells.
    """
    unused = np.setdiff1d(np.arange(duals.size), cells)
    edges = np.column_stack([unused, _cheap_cells(duals, len(unused), _FILLER_CANDIDATES)])
    edges = np.unique(np.arange(len(unused))[:, None] * duals.size + edges)
    return words + edges // duals.size, edges % duals.size


def _cheap_cells(duals: Floats, count: int, width: int) -> Cells:
    """[count, width] cells for words without a preference: different ones for each word.

    They are among the 2 * count cells with the smallest dual variables.
    """
    cheap = np.argsort(duals, axis=None, kind="stable")[: 2 * count]
    positions = 2 * np.arange(count)[:, None] + np.arange(width)
    cells: Cells = cheap[positions % max(1, len(cheap))]
    return cells
