"""The assignment problem: words, the costs of their cells, and the settings of the search.

Word w in cell (i, j) costs `row_costs[w, i] + column_costs[w, j]` nats (Li et al., NIPS 2016). Each
cell holds at most one word.

Shapes: V words, R rows, C columns, n of the words, m of the lines (rows or columns). Costs are in
nats, totals over the corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from rescorer.chunks import chunks

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Cells = NDArray[np.int64]
Index = NDArray[np.int64] | slice
Stage = tuple[str, Cells, float]  # name, cells, lower bound

_ALL = slice(None)
_CHUNK_WORDS = 65_536  # words whose costs are summed at a time


class Costs(Protocol):
    """Costs of words in lines (rows or columns) that computes blocks on demand."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(V, L)"""

    def block(self, words: Index, lines: Index) -> Floats:
        """[n, m] the costs of these words in these lines."""

    def of(self, words: Index, lines: Cells) -> Doubles:
        """[n] the cost of each of these words in its line."""

    def is_finite(self) -> bool:
        """Whether all costs are finite."""


@dataclass(frozen=True)
class DenseCosts:
    """Costs as one array, in memory or memory-mapped."""

    values: Floats  # [V, L]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def block(self, words: Index, lines: Index) -> Floats:
        chosen = self.values[words]
        return chosen if isinstance(lines, slice) and lines == _ALL else chosen[:, lines]

    def of(self, words: Index, lines: Cells) -> Doubles:
        costs: Doubles = self.values[words, lines].astype(np.float64)
        return costs

    def is_finite(self) -> bool:
        return all(
            np.isfinite(self.values[chunk]).all()
            for chunk in chunks(len(self.values), _CHUNK_WORDS)
        )


CostsT = TypeVar("CostsT", Costs, Floats)


@dataclass(frozen=True)
class _Assignment(Generic[CostsT]):
    """Words to assign to cells, with their costs."""

    row_costs: CostsT  # [V, R]
    column_costs: CostsT  # [V, C]
    start: Cells  # [V]
    bonus: Doubles  # [V] nats that a word saves in its start cell
    free_cells: NDArray[np.bool_] | None = None  # [R, C] cells that may be taken; None: all
    device: torch.device | str = "cpu"  # of the dual ascent

    @property
    def rows(self) -> int:
        return int(self.row_costs.shape[1])

    @property
    def columns(self) -> int:
        return int(self.column_costs.shape[1])


@dataclass(frozen=True)
class Table(_Assignment[Costs]):
    """All words and all cells of one assignment."""

    def total(self, cells: Cells) -> float:
        """Cost of an assignment in nats, without the bonus."""
        total = 0.0
        for chunk in chunks(len(cells), _CHUNK_WORDS):
            words = np.arange(len(cells))[chunk]
            rows, columns = np.divmod(cells[chunk], self.columns)
            total += float(
                self.row_costs.of(words, rows).sum() + self.column_costs.of(words, columns).sum()
            )
        return total

    def problem(self) -> Problem:
        """The table as one problem, with dense costs: memory V · (R + C)."""
        return Problem(
            self.row_costs.block(_ALL, _ALL),
            self.column_costs.block(_ALL, _ALL),
            self.start,
            self.bonus,
            self.free_cells,
            self.device,
        )


@dataclass(frozen=True)
class Problem(_Assignment[Floats]):
    """A small table, or a block of a large one, with dense costs for the solvers."""

    def free_cell_numbers(self) -> Cells:
        """Cells that may be taken, ascending."""
        if self.free_cells is None:
            return np.arange(self.rows * self.columns)
        return np.flatnonzero(self.free_cells)

    def costs(self, words: Cells, cells: Cells) -> Doubles:
        """The costs of these words in these cells, without the bonus."""
        rows, columns = np.divmod(cells, self.columns)
        costs: Doubles = (
            self.row_costs[words, rows].astype(np.float64) + self.column_costs[words, columns]
        )
        return costs

    def total(self, cells: Cells) -> float:
        """Cost of an assignment in nats, without the bonus."""
        return float(self.costs(np.arange(len(cells)), cells).sum())

    def net_cost(self, cells: Cells) -> float:
        """The objective of the solvers: the cost less the bonus of the words that stay."""
        return self.total(cells) - float(self.bonus[cells == self.start].sum())
