"""Cells for the words of large tables: bands of rows, then of columns, each shared out among its
words by prices.

A band of some random rows (or columns) is a smaller table of the same kind, whose words share out
its cells anew; the bands of one drawing have no word in common and are worked on in parallel. Only
their blocks of costs are ever in memory. As a word stays in its band, a drawing that was cut goes
on with the bands that are not done.

Shapes: V words, R rows, C columns, L lines (rows or columns), S sampled words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rescorer.files import whole_path
from rescorer.parallel import in_order, workers
from rescorer.training.reallocation.dual_ascent import (
    dual_ascent,
    penalised_lower_bound,
    solve_by_dual_ascent,
)
from rescorer.training.reallocation.problem import (
    AssignmentSettings,
    Cells,
    Costs,
    Floats,
    Problem,
    Stage,
    Table,
    chunks,
)

_Work = tuple[Problem, Cells, AssignmentSettings]
_Run = Callable[[Iterable[_Work]], Iterator[Cells]]
Advance = Callable[[int, int], object]

_SAMPLE = 20_000  # words on which the prices of the separable bound are found; all words prove it
_BLOCK_COSTS = 20_000_000  # costs of one block


class _BlockLines(NamedTuple):
    """The rows or columns of a band, and the stage that it belongs to."""

    stage: str
    by_row: bool
    lines: NDArray[np.int64]  # ascending


def solve_in_blocks(
    table: Table,
    settings: AssignmentSettings,
    checkpoint: Path | None = None,
    advance: Advance = lambda done, of: None,
) -> Iterator[Stage]:
    """Stages, each no worse than the one before.

    Args:
        checkpoint: a file that is written after each band, and gone on from where it is of this
            problem.
        advance: told how many bands are done, and of how many.
    """
    block_lines = list(_block_lines(table, settings))
    saved = _SavedProgress(checkpoint, _fingerprint(table, settings))
    done, cells, bound = saved.load() or (0, table.start.copy(), separable_bound(table, settings))
    yield "separable bound", cells, bound
    with _solver(settings.processes) as run:
        while done < len(block_lines):
            stage = block_lines[done].stage
            rest = [
                lines_of_block
                for lines_of_block in block_lines[done:]
                if lines_of_block.stage == stage
            ]
            blocks = [
                _Block(table, cells, lines_of_block.lines, lines_of_block.by_row)
                for lines_of_block in rest
            ]
            works = (
                (block.problem(), block.inside(cells[block.words]), settings) for block in blocks
            )
            for block, found in zip(blocks, run(works), strict=True):
                cells = cells.copy()  # a stage that was handed out stays as it was
                cells[block.words] = block.outside(found)
                done += 1
                saved.save(done, cells, bound)
                advance(done, len(block_lines))
            yield stage, cells, -np.inf


def _block_lines(table: Table, settings: AssignmentSettings) -> Iterator[_BlockLines]:
    """All bands of all sweeps, in order: they depend on nothing that is found."""
    generator = np.random.default_rng(settings.seed)
    for sweep in range(1, settings.sweeps + 1):
        # Columns first: a word may then go to any row, with few columns to choose from.
        for by_row, name in ((False, "column"), (True, "row")):
            lines = generator.permutation(table.rows if by_row else table.columns)
            for lines_of_block in np.array_split(
                lines, min(len(lines), -(-len(table.start) // settings.block_size))
            ):
                yield _BlockLines(f"{name} blocks {sweep}", by_row, np.sort(lines_of_block))


class _SavedProgress:
    """Where a run that was cut goes on."""

    def __init__(self, path: Path | None, problem: str) -> None:
        self.path, self.problem = path, problem

    def load(self) -> tuple[int, Cells, float] | None:
        if self.path is None or not self.path.exists():
            return None
        with np.load(self.path) as content:
            if str(content["problem"]) != self.problem:
                return None
            return int(content["done"]), content["cells"].astype(np.int64), float(content["bound"])

    def save(self, done: int, cells: Cells, bound: float) -> None:
        if self.path is not None:
            with whole_path(self.path) as path, open(path, "wb") as file:
                np.savez(file, problem=np.array(self.problem), done=done, cells=cells, bound=bound)


def _fingerprint(table: Table, settings: AssignmentSettings) -> str:
    """What tells this problem from another one: its settings, its start, its bonus and some of its
    costs.
    """
    words = np.linspace(0, len(table.start) - 1, min(len(table.start), 64)).astype(np.int64)
    costs = [
        float(side.block(words, slice(None)).sum(dtype=np.float64))
        for side in (table.row_costs, table.column_costs)
    ]
    plain = {name: value for name, value in asdict(settings).items() if name != "processes"}
    begin = hashlib.sha256(table.start.tobytes() + table.bonus.tobytes()).hexdigest()
    return json.dumps([plain, table.rows, table.columns, begin, costs])


@contextmanager
def _solver(processes: int) -> Iterator[_Run]:
    """Something that solves bands in order, over processes where there is more than one."""
    if processes == 1:
        yield lambda works: map(_solve, works)
        return
    with workers(processes, _one_thread) as executor:  # what is on its way to them is memory too
        yield lambda works: in_order(executor, _solve, works, processes + 1)


def _one_thread() -> None:
    torch.set_num_threads(1)  # a processor each


def _solve(work: _Work) -> Cells:
    problem, cells, settings = work
    return (
        [found for _, found, _ in solve_by_dual_ascent(problem, cells, settings)][-1]
        if len(cells)
        else cells
    )


class _Block:
    """Some rows (or columns) of a table: a smaller table of the same kind, with cell numbers of its
    own.
    """

    def __init__(self, table: Table, cells: Cells, lines: NDArray[np.int64], by_row: bool) -> None:
        """Args: cells [V] of the whole table; lines: the rows or columns, ascending."""
        self.table, self.cells, self.lines, self.by_row = table, cells, lines, by_row
        self.words = np.flatnonzero(self._holds(cells))

    def _line(self, cells: Cells) -> Cells:
        return cells // self.table.columns if self.by_row else cells % self.table.columns

    def _holds(self, cells: Cells) -> NDArray[np.bool_]:
        return np.isin(self._line(cells), self.lines)

    def inside(self, cells: Cells) -> Cells:
        """The band's numbers of these cells of the table."""
        line = np.searchsorted(self.lines, self._line(cells))
        columns = self.table.columns
        return (
            line * columns + cells % columns
            if self.by_row
            else cells // columns * len(self.lines) + line
        )

    def outside(self, cells: Cells) -> Cells:
        """The table's numbers of these cells of the band."""
        columns = self.table.columns
        if self.by_row:
            return self.lines[cells // columns] * columns + cells % columns
        return cells // len(self.lines) * columns + self.lines[cells % len(self.lines)]

    def problem(self) -> Problem:
        """The band as a problem; a word whose start cell lies outside has nothing to stay for."""
        words, table, every = self.words, self.table, slice(None)
        row_costs = table.row_costs.block(words, self.lines if self.by_row else every)
        column_costs = table.column_costs.block(words, every if self.by_row else self.lines)
        start = table.start[words]
        here = self._holds(start)
        start = self.inside(np.where(here, start, self.cells[words]))
        return Problem(
            row_costs,
            column_costs,
            start,
            np.where(here, table.bonus[words], 0.0),
            device=table.device,
        )


# --- a bound without the cells
# ---------------------------------------------------------------------------------------


def separable_bound(table: Table, settings: AssignmentSettings) -> float:
    """Nats that no assignment can fall below: rows and columns each on their own, C words in a row
    and R in a column.

    Any prices >= 0 prove a bound, so those found on a sample of the words do; all words are read
    once to prove it.
    """
    sides = ((table.row_costs, table.columns), (table.column_costs, table.rows))
    return sum(_line_bound(costs, capacity, settings, table.device) for costs, capacity in sides)


def _line_bound(
    costs: Costs, capacity: int, settings: AssignmentSettings, device: torch.device | str
) -> float:
    words, lines = costs.shape
    # [S]; ids run by frequency, so all frequencies are in it
    sample = np.arange(words)[:: -(-words // _SAMPLE)]
    problem = _as_lines(costs.block(sample, slice(None)), device)
    room = capacity * len(sample) / words
    duals, _ = max(
        dual_ascent(problem, settings.temperatures, settings.iterations, room),
        key=lambda found: found[1],
    )
    bound, net_cost = (
        -capacity * float(duals.sum(dtype=np.float64)),
        torch.as_tensor(duals, device=device),
    )
    for chunk in chunks(words, max(1, _BLOCK_COSTS // lines)):
        bound += penalised_lower_bound(_as_lines(costs.block(chunk, slice(None)), device), net_cost)
    return bound


def _as_lines(costs: Floats, device: torch.device | str) -> Problem:
    """[V, L] costs as those of a table with one row."""
    nothing = np.zeros(len(costs))
    return Problem(
        nothing[:, None].astype(np.float32), costs, nothing.astype(np.int64), nothing, device=device
    )
