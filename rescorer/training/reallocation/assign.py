"""Minimum-cost assignment of words to the cells of LightRNN's table.

Word w in cell (i, j) costs `row_costs[w, i] + column_costs[w, j]` nats (Li et al., NIPS 2016), one
word a cell. The joint problem has V × cells costs, too many beyond a few thousand words. Larger
tables are solved by dual ascent (dual_ascent.py). Tables that are too large for that are solved by
block coordinate descent over rows and columns (blocks.py).

All dual variables >= 0 bound the optimum from below, too (linear-programming duality):
sum_w min_ij (cost + dual) - sum_ij dual. The reported lower bound is the best of them over the
temperatures. For tables in blocks it uses one dual variable a row and one a column, and is much
looser.

Shapes: V words, R rows, C columns. Costs and dual variables are in nats, totals over the corpus.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation.blocks import Advance, solve_in_blocks
from rescorer.training.reallocation.dual_ascent import solve_by_dual_ascent
from rescorer.training.reallocation.problem import (
    Cells,
    Costs,
    DenseCosts,
    Floats,
    Problem,
    Stage,
    Table,
)
from rescorer.training.settings import AssignmentSettings

__all__ = ["Assignment", "AssignmentSettings", "assign"]

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Assignment:
    """Words and their cells.

    Attributes:
        cells: [V] int64, i * C + j, all different.
        cost: nats, summed in float64, without the stay bonus.
        lower_bound: nats; no assignment costs less (without a stay bonus).
        moved: number of words whose cell differs from the start.
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
        """Largest possible excess of the cost over the optimum, relative to the lower bound.

        It is infinite if the bound is not positive.
        """
        if self.cost <= self.lower_bound:
            return 0.0
        return self.cost / self.lower_bound - 1 if self.lower_bound > 0 else float("inf")

    def describe(self) -> str:
        return (
            f"cost {self.cost:.1f}, lower bound {self.lower_bound:.1f}, "
            f"gap {100 * self.gap:.2f} %, "
            f"{self.moved} of {len(self.cells)} words moved, {self.seconds:.1f} s"
        )


def assign(
    row_costs: Floats | Costs,
    column_costs: Floats | Costs,
    *,
    start: Cells | None = None,
    stay_bonus: NDArray[np.floating] | None = None,
    free_cells: NDArray[np.bool_] | None = None,
    settings: AssignmentSettings | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    advance: Advance = lambda done, of: None,
    device: torch.device | str = "cpu",
) -> Assignment:
    """Assign every word to its own cell, at the least total cost that the settings can find.

    The result never costs more than `start`. It depends on the settings alone, not on the number
    of processes.

    Args:
        row_costs: [V, R] float32 nats; may be a memory map, or LineCosts, which compute one block
            at a time.
        column_costs: [V, C] float32 nats.
        start: [V] current cells (i * C + j) of the words; None: the first cells in order.
        stay_bonus: [V] nats >= 0 that a word must gain before it leaves its start cell (in a swap,
            together with the words that it displaces); without it ties and tiny gains move words.
        free_cells: [R, C] cells that may be taken; None: all. Not for tables in blocks.
        settings: None: the defaults.
        progress: called with (stage, cost, seconds) after each stage.
        checkpoint: a file by which an interrupted assignment in blocks resumes.
        advance: called with the number of finished blocks and of all blocks.
        device: device of the dual ascent, which is most of the work beyond `exact_limit` words.

    Raises:
        ValueError: shapes that do not fit, too few cells, costs that are not finite, a start that
            is no assignment, or cells that may not be taken in a table that would be cut into
            blocks.
    """
    settings = settings or AssignmentSettings()
    began = time.perf_counter()
    table = replace(_checked(row_costs, column_costs, start, stay_bonus, free_cells), device=device)
    if free_cells is not None and len(table.start) > max(settings.block_size, settings.exact_limit):
        raise ValueError(
            f"{len(table.start)} words and closed cells; expected at most block_size words"
        )
    history: list[tuple[str, float, float]] = []
    cells, bound = table.start, -np.inf
    for stage, cells, stage_bound in _stages(table, settings, checkpoint, advance):
        bound = max(bound, stage_bound)
        history.append((stage, table.total(cells), time.perf_counter() - began))
        if progress:
            progress(*history[-1])
    return Assignment(
        cells=cells,
        cost=history[-1][1],
        lower_bound=bound,
        moved=int((cells != table.start).sum()),
        seconds=time.perf_counter() - began,
        history=tuple(history),
    )


def _checked(
    row_costs: Floats | Costs,
    column_costs: Floats | Costs,
    start: Cells | None,
    bonus: NDArray[np.floating] | None,
    free_cells: NDArray[np.bool_] | None,
) -> Table:
    """The arguments of `assign` as a table. Raises ValueError."""
    rows_side, columns_side = _as_costs(row_costs), _as_costs(column_costs)
    usable = _usable_cells(rows_side.shape, columns_side.shape, free_cells)
    words = rows_side.shape[0]
    start = usable[:words] if start is None else np.asarray(start)
    _check_start(start, words, usable, rows_side.shape[1] * columns_side.shape[1])
    nats = np.zeros(words) if bonus is None else np.asarray(bonus, dtype=np.float64)
    if nats.shape != (words,) or not (np.isfinite(nats) & (nats >= 0)).all():
        raise ValueError(f"stay_bonus {nats.shape}; expected [{words}] finite nats, none below 0")
    for name, side in (("row_costs", rows_side), ("column_costs", columns_side)):
        if not side.is_finite():
            raise ValueError(f"{name} hold numbers that are not finite")
    return Table(rows_side, columns_side, start.astype(np.int64), nats, free_cells)


def _as_costs(costs: Floats | Costs) -> Costs:
    return DenseCosts(costs) if isinstance(costs, np.ndarray) else costs


def _usable_cells(
    row_shape: tuple[int, ...], column_shape: tuple[int, ...], free_cells: NDArray[np.bool_] | None
) -> Cells:
    """Cells that may be taken, ascending: at least one for each word. Raises ValueError."""
    if len(row_shape) != 2 or len(column_shape) != 2 or row_shape[0] != column_shape[0]:
        raise ValueError(
            f"row_costs {row_shape} and column_costs {column_shape}; expected [V, R] and [V, C]"
        )
    words, rows, columns = row_shape[0], row_shape[1], column_shape[1]
    if free_cells is not None and free_cells.shape != (rows, columns):
        raise ValueError(f"free_cells {free_cells.shape}; expected [{rows}, {columns}]")
    usable = np.arange(rows * columns) if free_cells is None else np.flatnonzero(free_cells)
    if not 0 < words <= len(usable):
        raise ValueError(
            f"{words} words for {len(usable)} cells; expected 1 word or more, and a cell for each"
        )
    return usable


def _check_start(start: Cells, words: int, usable: Cells, cells: int) -> None:
    if start.shape != (words,) or not np.issubdtype(start.dtype, np.integer):
        raise ValueError(f"start is {start.dtype} {start.shape}; expected whole numbers [{words}]")
    if start.min() < 0 or start.max() >= cells or len(np.unique(start)) < words:
        raise ValueError(f"start is no assignment; expected {words} different cells below {cells}")
    if not np.isin(start, usable).all():
        raise ValueError("start has words in cells that are not free")


def _stages(
    table: Table, settings: AssignmentSettings, checkpoint: Path | None, advance: Advance
) -> Iterator[Stage]:
    """Run the solver that suits the size. No stage costs more than the one before."""
    words = len(table.start)
    yield "start", table.start, -np.inf
    if words <= settings.exact_limit:
        yield _exact_stage(table.problem())
    elif words <= settings.block_size:
        yield from solve_by_dual_ascent(table.problem(), table.start, settings)
    else:
        yield from solve_in_blocks(table, settings, checkpoint, advance)


def _exact_stage(problem: Problem) -> Stage:
    cells = _solve_exactly(problem)
    cheapest = cells
    if problem.bonus.any():
        # With a bonus the matching minimises another cost. A second matching gives the bound.
        cheapest = _solve_exactly(replace(problem, bonus=np.zeros(len(cells))))
    return "exact", cells, problem.total(cheapest)


def _solve_exactly(problem: Problem) -> Cells:
    """Jonker and Volgenant's algorithm on the dense costs [V, free cells]."""
    words = np.arange(len(problem.start))
    usable = problem.free_cell_numbers()
    costs = problem.costs(words[:, None], usable)
    costs[words, np.searchsorted(usable, problem.start)] -= problem.bonus
    return np.asarray(usable[linear_sum_assignment(costs)[1]], dtype=np.int64)
