"""Block coordinate descent: assignment of the words of large tables.

A block is a random set of rows (or columns). It is a smaller assignment problem: its words are
assigned to its cells anew by dual ascent, while all other words stay. The blocks of one partition
share no word, so they run in parallel. Only their costs are in memory. Every word stays in its
block, so an interrupted sweep resumes with the blocks that are not finished.

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

from rescorer.chunks import chunks
from rescorer.files import whole_path
from rescorer.parallel import in_order, workers
from rescorer.training.reallocation.dual_ascent import (
    best_duals,
    penalised_lower_bound,
    solve_by_dual_ascent,
)
from rescorer.training.reallocation.problem import Cells, Costs, Floats, Problem, Stage, Table
from rescorer.training.settings import AssignmentSettings

_Work = tuple[Problem, Cells, AssignmentSettings]
_Run = Callable[[Iterable[_Work]], Iterator[Cells]]
Advance = Callable[[int, int], object]

# Words whose costs give the dual variables of the separable bound; all words then prove the bound.
_SAMPLE = 20_000
_BLOCK_COSTS = 20_000_000  # costs in memory at a time


class _BlockLines(NamedTuple):
    """The rows or columns of a block, and the stage that it belongs to."""

    stage: str
    by_row: bool
    lines: NDArray[np.int64]  # ascending


def solve_in_blocks(
    table: Table,
    settings: AssignmentSettings,
    checkpoint: Path | None = None,
    advance: Advance = lambda done, of: None,
) -> Iterator[Stage]:
    """Yield the stages. No stage costs more than the one before.

    Args:
        checkpoint: a file that is written after each block; a run of the same problem resumes
            from it.
        advance: called with the number of finished blocks and of all blocks.
    """
    all_blocks = list(_block_lines(table, settings))
    saved = _SavedProgress(checkpoint, _fingerprint(table, settings))
    done, cells, bound = saved.load() or (0, table.start.copy(), separable_bound(table, settings))
    yield "separable bound", cells, bound
    with _solver(settings.processes) as run:
        while done < len(all_blocks):
            stage = all_blocks[done].stage
            blocks = [
                _Block(table, cells, lines, by_row)
                for block_stage, by_row, lines in all_blocks[done:]
                if block_stage == stage
            ]
            works = (
                (block.problem(), block.inside(cells[block.words]), settings) for block in blocks
            )
            for block, found in zip(blocks, run(works), strict=True):
                cells = cells.copy()  # the caller holds the array of the last stage
                cells[block.words] = block.outside(found)
                done += 1
                saved.save(done, cells, bound)
                advance(done, len(all_blocks))
            yield stage, cells, -np.inf


def _block_lines(table: Table, settings: AssignmentSettings) -> Iterator[_BlockLines]:
    """All blocks of all sweeps, in order. They depend on the seed alone, not on any result."""
    generator = np.random.default_rng(settings.seed)
    parts = -(-len(table.start) // settings.block_size)
    for sweep in range(1, settings.sweeps + 1):
        # Blocks of columns come first: their words may go to any row, with few columns to choose.
        for by_row, name in ((False, "column"), (True, "row")):
            lines = generator.permutation(table.rows if by_row else table.columns)
            for block in np.array_split(lines, min(len(lines), parts)):
                yield _BlockLines(f"{name} blocks {sweep}", by_row, np.sort(block))


class _SavedProgress:
    """A file from which an interrupted run resumes."""

    def __init__(self, path: Path | None, problem: str) -> None:
        self.path, self.problem = path, problem

    def load(self) -> tuple[int, Cells, float] | None:
        """Number of finished blocks, cells, lower bound; None without a file of this problem."""
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
    """Identifies a problem: its settings, start, bonus and some of its costs."""
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
    """A function that solves blocks in order, in this process or in several."""
    if processes == 1:
        yield lambda works: map(_solve, works)
        return
    # Problems that wait in the queue take memory too: one more than there are processes.
    with workers(processes, _use_one_thread) as executor:
        yield lambda works: in_order(executor, _solve, works, processes + 1)


def _use_one_thread() -> None:
    torch.set_num_threads(1)


def _solve(work: _Work) -> Cells:
    problem, cells, settings = work
    if not len(cells):
        return cells
    *_, (_, found, _) = solve_by_dual_ascent(problem, cells, settings)
    return found


class _Block:
    """Some rows (or columns) of a table: a smaller table with its own cell numbers."""

    def __init__(self, table: Table, cells: Cells, lines: NDArray[np.int64], by_row: bool) -> None:
        """
        Args:
            cells: [V] cells of all words in the whole table.
            lines: the rows or columns, ascending.
        """
        self.table, self.cells, self.lines, self.by_row = table, cells, lines, by_row
        self.words = np.flatnonzero(self._holds(cells))

    def _line(self, cells: Cells) -> Cells:
        return cells // self.table.columns if self.by_row else cells % self.table.columns

    def _holds(self, cells: Cells) -> NDArray[np.bool_]:
        return np.isin(self._line(cells), self.lines)

    def inside(self, cells: Cells) -> Cells:
        """The block's numbers of these cells of the table."""
        line = np.searchsorted(self.lines, self._line(cells))
        columns = self.table.columns
        if self.by_row:
            return line * columns + cells % columns
        return cells // columns * len(self.lines) + line

    def outside(self, cells: Cells) -> Cells:
        """The table's numbers of these cells of the block."""
        columns = self.table.columns
        if self.by_row:
            return self.lines[cells // columns] * columns + cells % columns
        return cells // len(self.lines) * columns + self.lines[cells % len(self.lines)]

    def problem(self) -> Problem:
        """The block as a problem. A word whose start cell lies outside has no bonus."""
        words, table, all_lines = self.words, self.table, slice(None)
        row_costs = table.row_costs.block(words, self.lines if self.by_row else all_lines)
        column_costs = table.column_costs.block(words, all_lines if self.by_row else self.lines)
        start = table.start[words]
        starts_here = self._holds(start)
        return Problem(
            row_costs,
            column_costs,
            start=self.inside(np.where(starts_here, start, self.cells[words])),
            bonus=np.where(starts_here, table.bonus[words], 0.0),
            device=table.device,
        )


# ---- a lower bound from rows and columns alone ----


def separable_bound(table: Table, settings: AssignmentSettings) -> float:
    """Lower bound in nats: rows and columns are assigned separately, C words a row, R a column.

    All dual variables >= 0 prove a bound. These are found on a sample of the words; one pass over
    all words then proves the bound.
    """
    by_row = _line_bound(table.row_costs, table.columns, settings, table.device)
    return by_row + _line_bound(table.column_costs, table.rows, settings, table.device)


def _line_bound(
    costs: Costs, capacity: int, settings: AssignmentSettings, device: torch.device | str
) -> float:
    """Lower bound of the cost of lines that hold at most `capacity` words each."""
    words, lines = costs.shape
    # [S] at even distances: ids are sorted by frequency, so the sample has all frequencies
    sample = np.arange(words)[:: -(-words // _SAMPLE)]
    problem = _as_lines(costs.block(sample, slice(None)), device)
    sample_capacity = capacity * len(sample) / words
    duals, _ = best_duals(problem, settings, sample_capacity)
    bound = -capacity * float(duals.sum(dtype=np.float64))
    device_duals = torch.as_tensor(duals, device=device)
    for chunk in chunks(words, max(1, _BLOCK_COSTS // lines)):
        bound += penalised_lower_bound(
            _as_lines(costs.block(chunk, slice(None)), device), device_duals
        )
    return bound


def _as_lines(costs: Floats, device: torch.device | str) -> Problem:
    """Costs [V, L] as those of a table with one row."""
    zeros = np.zeros(len(costs))
    return Problem(
        row_costs=zeros[:, None].astype(np.float32),
        column_costs=costs,
        start=zeros.astype(np.int64),
        bonus=zeros,
        device=device,
    )
