"""Minimum-cost assignment of words to the cells of LightRNN's table.

Word w in cell (i, j) costs `row_costs[w, i] + column_costs[w, j]` nats (Li et al., NIPS 2016), one
word a cell. The joint problem has V × cells costs, too many beyond a few thousand words. Larger
tables are solved by dual ascent (dual_ascent.py). Tables that are too large for that are solved by
block coordinate descent over rows and columns (blocks.py).

Any dual variables >= 0 also bound the optimum from below (linear-programming duality):
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
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation.blocks import Advance, solve_in_blocks
from rescorer.training.reallocation.dual_ascent import solve_by_dual_ascent
from rescorer.training.reallocation.problem import (
    AssignmentSettings,
    Cells,
    Costs,
    DenseCosts,
    Floats,
    Problem,
    Stage,
    Table,
)

__all__ = ["Assignment", "AssignmentSettings", "assign"]

Progress = Callable[[str, float, float], None]


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
        """The cost is at most this share of the bound above the optimum; infinite where the bound
        is not positive.
        """
        if self.cost <= self.lower_bound:
            return 0.0
        return self.cost / self.lower_bound - 1 if self.lower_bound > 0 else float("inf")

    def describe(self) -> str:
        return (
            f"cost {self.cost:.1f}, lower bound {self.lower_bound:.1f}, gap {100 * self.gap:.2f} %, "
            f"{self.moved} of {len(self.cells)} words moved, {self.seconds:.1f} s"
        )


def assign(
    row_costs: Floats | Costs,
    column_costs: Floats | Costs,
    *,
    start: Cells | None = None,
    stay_bonus: NDArray[Any] | None = None,
    free_cells: NDArray[np.bool_] | None = None,
    settings: AssignmentSettings | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    advance: Advance = lambda done, of: None,
    device: torch.device | str = "cpu",
) -> Assignment:
    """Seat every word in a cell of its own, at the least total cost that the settings can find.

    Never worse than `start`. The result depends on the settings alone, not on the number of
    processes.

    Args:
        row_costs: [V, R] float32 nats; a memory map will do, and so will LineCosts, of which only
            blocks are made.
        column_costs: [V, C] float32 nats.
        start: [V] cells (i * C + j) that the words have now; without it they are seated in order.
        stay_bonus: [V] nats >= 0 that a word must gain before it leaves its start cell (in a swap,
            together with the words it displaces); without it ties and tiny gains move words.
        free_cells: [R, C] the cells that may be taken; all without it. Not for tables in bands.
        settings: defaults where None.
        progress: called with (stage, cost, seconds) after each stage.
        checkpoint: a file with which a table in bands goes on where it was cut.
        advance: told how many bands are done, and of how many.
        device: where prices are found, which is most of the work beyond `exact_limit` words.

    Raises:
        ValueError: shapes that do not fit, too few cells, costs that are not finite, a start that
            is no seating, closed cells in a table that would be cut into bands.
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
    bonus: NDArray[Any] | None,
    free_cells: NDArray[np.bool_] | None,
) -> Table:
    sides = [
        DenseCosts(costs) if isinstance(costs, np.ndarray) else costs
        for costs in (row_costs, column_costs)
    ]
    shapes = [side.shape for side in sides]
    if any(len(shape) != 2 for shape in shapes) or shapes[0][0] != shapes[1][0]:
        raise ValueError(
            f"row_costs {shapes[0]} and column_costs {shapes[1]}; expected [V, R] and [V, C]"
        )
    (words, rows), (_, columns) = shapes
    cells = rows * columns
    if free_cells is not None and free_cells.shape != (rows, columns):
        raise ValueError(f"open_cells {free_cells.shape}; expected [{rows}, {columns}]")
    usable = np.arange(cells) if free_cells is None else np.flatnonzero(free_cells)
    if not 0 < words <= len(usable):
        raise ValueError(
            f"{words} words for {len(usable)} cells; expected 1 word or more, and a cell for each"
        )
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
    for name, side in zip(("row_costs", "column_costs"), sides, strict=True):
        if not side.is_finite():
            raise ValueError(f"{name} hold numbers that are not finite")
    return Table(sides[0], sides[1], start.astype(np.int64), bonus, free_cells)


def _stages(
    table: Table, settings: AssignmentSettings, checkpoint: Path | None, advance: Advance
) -> Iterator[Stage]:
    """Each no worse than the one before."""
    words = len(table.start)
    yield "start", table.start, -np.inf
    if words <= settings.exact_limit:
        problem = table.problem()
        cells = _solve_exactly(problem)
        # With a bonus the matching is the optimum of another cost: the bound is then a matching of
        # its own.
        best = (
            _solve_exactly(replace(problem, bonus=np.zeros(words)))
            if problem.bonus.any()
            else cells
        )
        yield "exact", cells, problem.total(best)
    elif words <= settings.block_size:
        yield from solve_by_dual_ascent(table.problem(), table.start, settings)
    else:
        yield from solve_in_blocks(table, settings, checkpoint, advance)


def _solve_exactly(problem: Problem) -> Cells:
    """Jonker and Volgenant's algorithm on the dense costs [V, open cells]."""
    words = np.arange(len(problem.start))
    usable = (
        np.arange(problem.rows * problem.columns)
        if problem.open is None
        else np.flatnonzero(problem.open)
    )
    costs = problem.costs(words[:, None], usable)
    costs[words, np.searchsorted(usable, problem.start)] -= problem.bonus
    return np.asarray(usable[linear_sum_assignment(costs)[1]], dtype=np.int64)
