"""The cheapest seat for every word: the minimum-cost assignment of words to the cells of LightRNN's table.

Word w in cell (i, j) costs `row_costs[w, i] + column_costs[w, j]` nats (Li et al., NIPS 2016), one word a cell. The
joint problem has V x cells costs, too many beyond a few thousand words, so larger tables are priced first:

1. every cell gets a price, raised while more than one word wants it (softmin demand at a falling temperature:
   Sinkhorn's iteration with a temperature per word, for the words' costs differ as their counts do). As a cost is the
   sum of a row's and a column's part, the demand of all cells is two matrix products, no V x cells array;
2. each word keeps the few cells that are cheapest with the prices paid, and the cell it has;
3. the exact assignment on these edges (Jonker and Volgenant's algorithm for sparse costs, from scipy).

Any prices >= 0 also bound the optimum from below (linear-programming duality):
sum_w min_ij (cost + price) - sum_ij price. The best of them over the temperatures is the bound that is reported; for
tables in bands it is the same with one price a row and one a column, which is much looser.

Shapes: V words, R rows, C columns, K candidates, E edges. Costs and prices are in nats, totals over the corpus.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Cells = NDArray[np.int64]
_Stage = tuple[str, Cells, float]  # name, cells, lower bound
_Run = Callable[..., Iterator[Cells]]
Progress = Callable[[str, float, float], None]

_CHUNK_WORDS = 4096  # words of one matrix product
_CHUNK_COSTS = 200_000  # costs looked at together in the search for cheap cells: they fit the cache


@dataclass(frozen=True)
class AssignmentSettings:
    """How hard to search.

    exact_limit: words up to which the joint problem is solved exactly (8 bytes x words x cells).
    block_size: words up to which the table is priced as a whole; a larger one in bands of rows, then of columns.
    sweeps: times that the bands are drawn, for tables above block_size.
    temperatures: of the demand, falling, in units of each word's own spread of costs.
    iterations: price updates at each temperature.
    candidates: cheap cells that each word keeps, by rows and by columns.
    processes: bands worked on at a time; 1 works inline.
    seed: of the bands.
    """

    exact_limit: int = 2000
    block_size: int = 50_000
    sweeps: int = 2
    temperatures: tuple[float, ...] = (0.1, 0.05, 0.02, 0.01, 0.005)
    iterations: int = 15
    candidates: int = 24
    processes: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")
        if not self.temperatures or min(self.temperatures) <= 0:
            raise ValueError(f"temperatures are {self.temperatures}; expected one or more, all above 0")


_LEAST = {"exact_limit": 0, "block_size": 1, "sweeps": 0, "iterations": 1, "candidates": 1, "processes": 1,
          "seed": 0}


@dataclass(frozen=True)
class Assignment:
    """Words and their cells.

    cells: [V] int64, i * C + j, all different.
    cost: nats, summed in float64, without the stay bonus.
    lower_bound: nats; no assignment costs less (without a stay bonus).
    moved: words whose cell differs from the start.
    history: (stage, cost, seconds since the call).
    """

    cells: Cells
    cost: float
    lower_bound: float
    moved: int
    seconds: float
    history: tuple[tuple[str, float, float], ...] = field(default=())

    @property
    def gap(self) -> float:
        """The cost is at most this share of the bound above the optimum; infinite where the bound is not positive."""
        if self.cost <= self.lower_bound:
            return 0.0
        return self.cost / self.lower_bound - 1 if self.lower_bound > 0 else float("inf")

    def describe(self) -> str:
        return (f"cost {self.cost:.1f}, lower bound {self.lower_bound:.1f}, gap {100 * self.gap:.2f} %, "
                f"{self.moved} of {len(self.cells)} words moved, {self.seconds:.1f} s")


@dataclass(frozen=True)
class _Problem:
    """A table, or a band of one: what the solvers work on."""

    row_costs: Floats  # [V, R]
    column_costs: Floats  # [V, C]
    start: Cells  # [V]
    bonus: Doubles  # [V] nats that a word saves in its start cell
    open: NDArray[np.bool_] | None = None  # [R, C] cells that may be taken; all where None

    @property
    def rows(self) -> int:
        return int(self.row_costs.shape[1])

    @property
    def columns(self) -> int:
        return int(self.column_costs.shape[1])

    def costs(self, words: NDArray[Any], cells: NDArray[Any]) -> Doubles:
        """The costs of these words in these cells, without the bonus."""
        rows, columns = np.divmod(cells, self.columns)
        costs: Doubles = self.row_costs[words, rows].astype(np.float64) + self.column_costs[words, columns]
        return costs

    def total(self, cells: Cells) -> float:
        return float(self.costs(np.arange(len(cells)), cells).sum())

    def paid(self, cells: Cells) -> float:
        """What the solvers minimise: the total less the bonus of the words in their start cells."""
        return self.total(cells) - float(self.bonus[cells == self.start].sum())


def assign(
    row_costs: Floats,
    column_costs: Floats,
    *,
    start: Cells | None = None,
    stay_bonus: NDArray[Any] | None = None,
    open_cells: NDArray[np.bool_] | None = None,
    settings: AssignmentSettings | None = None,
    progress: Progress | None = None,
) -> Assignment:
    """Seat every word in a cell of its own, at the least total cost that the settings can find.

    Never worse than `start`. The result depends on the settings alone, not on the number of processes.

    Args:
        row_costs: [V, R] float32 nats; a memory map will do.
        column_costs: [V, C] float32 nats.
        start: [V] cells (i * C + j) that the words have now; without it they are seated in order.
        stay_bonus: [V] nats >= 0 that a word must gain before it leaves its start cell (in a swap, together with the
            words it displaces); without it ties and tiny gains move words.
        open_cells: [R, C] the cells that may be taken; all without it. Not for tables in bands.
        settings: defaults where None.
        progress: called with (stage, cost, seconds) after each stage.

    Raises:
        ValueError: shapes that do not fit, too few cells, costs that are not finite, a start that is no seating,
            closed cells in a table that would be cut into bands.
    """
    settings = settings or AssignmentSettings()
    began = time.perf_counter()
    problem = _checked(row_costs, column_costs, start, stay_bonus, open_cells)
    if open_cells is not None and len(problem.start) > max(settings.block_size, settings.exact_limit):
        raise ValueError(f"{len(problem.start)} words and closed cells; expected at most block_size words")
    history: list[tuple[str, float, float]] = []
    cells, bound = problem.start, -np.inf
    for stage, cells, stage_bound in _stages(problem, settings):
        bound = max(bound, stage_bound)
        history.append((stage, problem.total(cells), time.perf_counter() - began))
        if progress:
            progress(*history[-1])
    return Assignment(
        cells=cells, cost=problem.total(cells), lower_bound=bound, moved=int((cells != problem.start).sum()),
        seconds=time.perf_counter() - began, history=tuple(history),
    )


def _checked(
    row_costs: Floats, column_costs: Floats, start: Cells | None, bonus: NDArray[Any] | None,
    open_cells: NDArray[np.bool_] | None,
) -> _Problem:
    if row_costs.ndim != 2 or column_costs.ndim != 2 or len(row_costs) != len(column_costs):
        found = f"row_costs {row_costs.shape} and column_costs {column_costs.shape}"
        raise ValueError(f"{found}; expected [V, R] and [V, C]")
    words, cells = len(row_costs), row_costs.shape[1] * column_costs.shape[1]
    if open_cells is not None and open_cells.shape != (row_costs.shape[1], column_costs.shape[1]):
        raise ValueError(f"open_cells {open_cells.shape}; expected [{row_costs.shape[1]}, {column_costs.shape[1]}]")
    usable = np.arange(cells) if open_cells is None else np.flatnonzero(open_cells)
    if not 0 < words <= len(usable):
        raise ValueError(f"{words} words for {len(usable)} cells; expected 1 word or more, and a cell for each")
    start = usable[:words] if start is None else np.asarray(start)
    bonus = np.zeros(words) if bonus is None else np.asarray(bonus, dtype=np.float64)
    if start.shape != (words,) or not np.issubdtype(start.dtype, np.integer):
        raise ValueError(f"start is {start.dtype} {start.shape}; expected whole numbers [{words}]")
    if start.min() < 0 or start.max() >= cells or len(np.unique(start)) < words:
        raise ValueError(f"start is no seating; expected {words} different cells below {cells}")
    if not np.isin(start, usable).all():
        raise ValueError("start has words in cells that are not open")
    if bonus.shape != (words,) or not (np.isfinite(bonus) & (bonus >= 0)).all():
        raise ValueError(f"stay_bonus {bonus.shape}; expected [{words}] finite nats, none below 0")
    for name, costs in (("row_costs", row_costs), ("column_costs", column_costs)):
        if not all(np.isfinite(costs[chunk]).all() for chunk in _chunks(words, _CHUNK_WORDS)):
            raise ValueError(f"{name} hold numbers that are not finite")
    return _Problem(row_costs, column_costs, start.astype(np.int64), bonus, open_cells)


def _chunks(length: int, size: int) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, length, size))


def _stages(problem: _Problem, settings: AssignmentSettings) -> Iterator[_Stage]:
    """Each no worse than the one before."""
    words = len(problem.start)
    yield "start", problem.start, -np.inf
    if words <= settings.exact_limit:
        cells = _solve_exactly(problem)
        # With a bonus the matching is the optimum of another cost: the bound is then a matching of its own.
        best = _solve_exactly(replace(problem, bonus=np.zeros(words))) if problem.bonus.any() else cells
        yield "exact", cells, problem.total(best)
    elif words <= settings.block_size:
        yield from _solve_by_prices(problem, problem.start, settings)
    else:
        yield from _solve_in_bands(problem, settings)


# --- the joint problem, exactly -----------------------------------------------------------------------------------


def _solve_exactly(problem: _Problem) -> Cells:
    """Jonker and Volgenant's algorithm on the dense costs [V, open cells]."""
    words = np.arange(len(problem.start))
    usable = np.arange(problem.rows * problem.columns) if problem.open is None else np.flatnonzero(problem.open)
    costs = problem.costs(words[:, None], usable)
    costs[words, np.searchsorted(usable, problem.start)] -= problem.bonus
    return np.asarray(usable[linear_sum_assignment(costs)[1]], dtype=np.int64)


# --- the joint problem, by prices ---------------------------------------------------------------------------------


def _solve_by_prices(problem: _Problem, cells: Cells, settings: AssignmentSettings) -> Iterator[_Stage]:
    prices, bound = max(_priced(problem, settings.temperatures, settings.iterations), key=lambda priced: priced[1])
    yield "prices", cells, bound
    candidates = _cheap_cells(problem, prices, settings.candidates)
    # Words with equal costs everywhere would all keep the same cells, where others may want to sit.
    alike = np.flatnonzero(_spread(problem) == 0)
    candidates[alike] = _spare_cells(prices, len(alike), candidates.shape[1])
    if problem.open is not None:
        candidates = np.where(problem.open.ravel()[candidates], candidates, problem.start[:, None])
    yield "matching", _match(problem, np.column_stack([candidates, cells, problem.start]), cells, prices), bound


def _priced(
    problem: _Problem, temperatures: Sequence[float], iterations: int, capacity: int = 1
) -> Iterator[tuple[Floats, float]]:
    """Yield (prices [R, C], the lower bound that they prove) at each temperature, until colder ones prove less."""
    market = _Market.of(problem, capacity)
    prices = np.zeros((problem.rows, problem.columns), dtype=np.float32)
    closed = np.zeros_like(prices, dtype=bool) if problem.open is None else ~problem.open
    prices[closed] = dear = _dear(problem)
    best = -np.inf
    for temperature in temperatures:
        for _ in range(iterations):
            prices = market.reprice(prices, temperature)
            prices[closed] = dear  # whatever is offered
        least = _cheapest_by_row(problem.row_costs, problem.column_costs, prices, 1)[1]
        bound = least - capacity * float(prices[~closed].sum(dtype=np.float64))
        yield prices, bound
        if bound < best:
            return
        best = bound


def _dear(problem: _Problem) -> float:
    """A price that no word would ever pay."""
    return 8 * sum(float(costs.max() - costs.min()) for costs in (problem.row_costs, problem.column_costs)) + 1


@dataclass(frozen=True)
class _Market:
    """Words in groups of like spread, for one temperature a group; the demand for cells at given prices."""

    row_costs: Floats
    column_costs: Floats
    groups: tuple[tuple[NDArray[np.int64], float], ...]  # (words, their spread of costs in nats)
    capacity: int  # words that one cell takes

    @classmethod
    def of(cls, problem: _Problem, capacity: int) -> _Market:
        spread = _spread(problem)
        wanting = np.flatnonzero(spread > 0)  # a word with equal costs everywhere takes what is left
        octaves = np.floor(np.log2(spread[wanting])).astype(np.int64)
        groups = []
        for octave in np.unique(octaves):
            members = wanting[octaves == octave]
            for chunk in _chunks(len(members), _CHUNK_WORDS):
                groups.append((members[chunk], float(spread[members[chunk]].mean())))
        return cls(problem.row_costs, problem.column_costs, tuple(groups), capacity)

    def reprice(self, prices: Floats, temperature: float) -> Floats:
        """One step of all prices [R, C] towards a demand of one capacity a cell: Sinkhorn's, were all words alike."""
        # What a whole row or column charges goes into the shares, and only the rest below: float32 ends at exp(-88).
        row_prices = prices.min(axis=1)  # [R]
        column_prices = (prices - row_prices[:, None]).min(axis=0)  # [C]
        cell_prices = prices - row_prices[:, None] - column_prices  # [R, C]
        demand = np.zeros(prices.shape)
        slope = np.zeros(prices.shape)  # -d demand / d log-price, in 1/nats
        for words, spread in self.groups:
            heat = temperature * spread
            row_shares = _shares(self.row_costs[words] + row_prices, heat)  # [n, R]
            column_shares = _shares(self.column_costs[words] + column_prices, heat)  # [n, C]
            discount = np.exp(-cell_prices / np.float32(heat))  # [R, C]
            total = ((row_shares @ discount) * column_shares).sum(axis=1, keepdims=True)  # [n, 1]
            row_shares /= np.maximum(total, 1e-30)
            part = (row_shares.T @ column_shares) * discount
            demand += part
            slope += part / heat
        # log(demand) times the mean heat of those who want the cell; a cell that nobody wants falls to 0.
        demand = np.maximum(demand / self.capacity, 1e-12)
        step = np.log(demand) * demand * self.capacity / np.maximum(slope, 1e-30)
        return np.maximum(prices + step, 0).astype(np.float32)


def _spread(problem: _Problem) -> Doubles:
    """[V] nats: the mean cost of a word above its least, of rows and columns together."""
    spread = np.zeros(len(problem.start))
    for costs in (problem.row_costs, problem.column_costs):
        for chunk in _chunks(len(costs), _CHUNK_WORDS):
            above = costs[chunk].mean(axis=1, dtype=np.float64) - costs[chunk].min(axis=1)
            # Costs that are all equal may miss their own mean by a rounding error: that is no spread.
            spread[chunk] += np.where(above > 1e-6 * np.abs(costs[chunk, 0]), above, 0.0)
    return spread


def _shares(costs: Floats, heat: float) -> Floats:
    shares: Floats = np.exp((costs.min(axis=1, keepdims=True) - costs) / np.float32(heat))
    return shares


def _cheap_cells(problem: _Problem, prices: Floats, count: int) -> Cells:
    """Cells of each word that are cheap at these prices, [V, K]: the best of some rows and of some columns."""
    by_row, _ = _cheapest_by_row(problem.row_costs, problem.column_costs, prices, count)
    by_column, _ = _cheapest_by_row(problem.column_costs, problem.row_costs, np.ascontiguousarray(prices.T), count)
    columns, rows = np.divmod(by_column, problem.rows)
    return np.hstack([by_row, rows * problem.columns + columns])


def _cheapest_by_row(row_costs: Floats, column_costs: Floats, prices: Floats, count: int) -> tuple[Cells, float]:
    """The best column of each row, for the `count` best rows: cells [V, K]; and sum_w min_ij (cost + price)."""
    words, (rows, columns) = len(row_costs), prices.shape
    count = min(count, rows)
    cells = np.empty((words, count), dtype=np.int64)
    total = 0.0
    for chunk in _chunks(words, max(1, _CHUNK_COSTS // prices.size)):
        base = column_costs[chunk].min(axis=1, keepdims=True), row_costs[chunk].min(axis=1, keepdims=True)
        paid = (column_costs[chunk] - base[0])[:, None, :] + prices  # [n, R, C]
        best = paid.argmin(axis=2)  # [n, R]
        value = np.take_along_axis(paid, best[:, :, None], axis=2)[:, :, 0] + (row_costs[chunk] - base[1])
        near = np.argpartition(value, count - 1, axis=1)[:, :count]  # [n, K]
        cells[chunk] = near * columns + np.take_along_axis(best, near, axis=1)
        # All terms are >= 0, so float32 rounded the least by less than 4 units of 2**-24: the bound stays one.
        total += float(base[0].sum(dtype=np.float64) + base[1].sum(dtype=np.float64))
        total += float(value.min(axis=1).sum(dtype=np.float64)) * (1 - 2.0**-22)
    return cells, total


def _match(problem: _Problem, candidates: Cells, cells: Cells, prices: Floats) -> Cells:
    """The exact assignment on the candidates [V, K], which hold `cells`."""
    candidates = np.sort(candidates, axis=1)
    fresh = np.ones(candidates.shape, dtype=bool)
    fresh[:, 1:] = candidates[:, 1:] != candidates[:, :-1]
    words, chosen = np.nonzero(fresh)[0], candidates[fresh]  # [E]
    costs = problem.costs(words, chosen) - problem.bonus[words] * (chosen == problem.start[words])
    fill_words, fill_cells = _fillers(len(cells), cells, prices)
    words, chosen = np.concatenate([words, fill_words]), np.concatenate([chosen, fill_cells])
    costs = np.concatenate([costs, np.zeros(len(fill_words))])
    # With a filler in each free cell every cell is taken, so the prices add a constant; near the right prices the
    # algorithm starts almost done, ten times faster. Each word's least becomes 1, for scipy drops edges of cost 0.
    costs += prices.ravel()[chosen]
    first = np.flatnonzero(np.r_[True, words[1:] != words[:-1]])
    costs -= np.repeat(np.minimum.reduceat(costs, first) - 1, np.diff(np.r_[first, len(words)]))
    graph = csr_matrix((costs, (words, chosen)), shape=(prices.size, prices.size))
    found = np.asarray(min_weight_full_bipartite_matching(graph)[1][: len(cells)], dtype=np.int64)
    return found if problem.paid(found) < problem.paid(cells) else cells


def _fillers(words: int, cells: Cells, prices: Floats) -> tuple[Cells, Cells]:
    """Edges (word, cell) of the words that are not there, one a free cell: each to its cell and to some spare ones."""
    free = np.setdiff1d(np.arange(prices.size), cells)
    edges = np.column_stack([free, _spare_cells(prices, len(free), 16)])
    edges = np.unique(np.arange(len(free))[:, None] * prices.size + edges)
    return words + edges // prices.size, edges % prices.size


def _spare_cells(prices: Floats, count: int, width: int) -> Cells:
    """[count, width] cells out of the 2 * count of least price, for words that do not mind which; each word its own."""
    cheap = np.argsort(prices, axis=None, kind="stable")[: 2 * count]
    spare: Cells = cheap[(2 * np.arange(count)[:, None] + np.arange(width)) % max(1, len(cheap))]
    return spare


# --- large tables, in bands ---------------------------------------------------------------------------------------


def _solve_in_bands(problem: _Problem, settings: AssignmentSettings) -> Iterator[_Stage]:
    """Bands of random rows, then of random columns: the words of a band share out its cells, the bands in parallel."""
    yield "separable bound", problem.start, _separable_bound(problem, settings)
    generator = np.random.default_rng(settings.seed)
    cells = problem.start
    with _workers(settings.processes) as run:
        for sweep in range(1, settings.sweeps + 1):
            for by_row, name in ((True, "row"), (False, "column")):
                lines = generator.permutation(problem.rows if by_row else problem.columns)
                lots = np.array_split(lines, min(len(lines), -(-len(cells) // settings.block_size)))
                cells = _solve_bands([_Band(problem, cells, np.sort(lot), by_row) for lot in lots], settings, run)
                yield f"{name} bands {sweep}", cells, -np.inf


@contextmanager
def _workers(processes: int) -> Iterator[_Run]:
    """Something that maps as `map` does, over processes where there is more than one."""
    if processes == 1:
        yield map
        return
    # Spawned, not forked: a fork of a process with torch's or BLAS's threads can hang.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map


@dataclass(frozen=True)
class _Band:
    """Some rows (or columns) of a table: a smaller table of the same kind, with cell numbers of its own."""

    table: _Problem
    cells: Cells  # [V] of the whole table
    lines: NDArray[np.int64]  # the rows or columns, ascending
    by_row: bool

    @property
    def words(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._holds(self.cells))

    def _line(self, cells: Cells) -> Cells:
        return cells // self.table.columns if self.by_row else cells % self.table.columns

    def _holds(self, cells: Cells) -> NDArray[np.bool_]:
        return np.isin(self._line(cells), self.lines)

    def inside(self, cells: Cells) -> Cells:
        """The band's numbers of these cells of the table."""
        line = np.searchsorted(self.lines, self._line(cells))
        columns = self.table.columns
        return line * columns + cells % columns if self.by_row else cells // columns * len(self.lines) + line

    def outside(self, cells: Cells) -> Cells:
        """The table's numbers of these cells of the band."""
        columns = self.table.columns
        if self.by_row:
            return self.lines[cells // columns] * columns + cells % columns
        return cells // len(self.lines) * columns + self.lines[cells % len(self.lines)]

    def problem(self) -> _Problem:
        """The band as a problem; a word whose start cell lies outside has nothing to stay for."""
        words, table = self.words, self.table
        row_costs, column_costs, start = table.row_costs[words], table.column_costs[words], table.start[words]
        if self.by_row:
            row_costs = row_costs[:, self.lines]
        else:
            column_costs = column_costs[:, self.lines]
        here = self._holds(start)
        start = self.inside(np.where(here, start, self.cells[words]))
        return _Problem(row_costs, column_costs, start, np.where(here, table.bonus[words], 0.0))


def _solve_bands(bands: list[_Band], settings: AssignmentSettings, run: _Run) -> Cells:
    cells = bands[0].cells.copy()
    # A few at a time: what is on its way to the processes is memory too.
    for group in _chunks(len(bands), settings.processes):
        peopled = [band for band in bands[group] if len(band.words)]
        works = [(band.problem(), band.inside(band.cells[band.words]), settings) for band in peopled]
        for band, found in zip(peopled, run(_solve_band, works), strict=True):
            cells[band.words] = band.outside(found)
    return cells


def _solve_band(work: tuple[_Problem, Cells, AssignmentSettings]) -> Cells:
    return [cells for _, cells, _ in _solve_by_prices(*work)][-1]


def _separable_bound(problem: _Problem, settings: AssignmentSettings) -> float:
    """Rows and columns each on their own, with room for C words in a row and R in a column."""
    nothing = np.zeros((len(problem.start), 1), dtype=np.float32)
    bound = 0.0
    for costs, capacity in ((problem.row_costs, problem.columns), (problem.column_costs, problem.rows)):
        lines = _Problem(nothing, costs, problem.start, problem.bonus)
        bound += max(found for _, found in _priced(lines, settings.temperatures, settings.iterations, capacity))
    return bound
