"""Compares methods that assign words to cells: their quality and their time.

    python -m benchmarks.assignment --words 10000
    python -m benchmarks.assignment --costs costs.npz --skip exact

Each method is a row: nats per token, seconds, and the gap to the optimum (without `exact`, to the
lower bound).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.training.reallocation.assign import assign
from rescorer.training.settings import AssignmentSettings

Array = np.ndarray[Any, Any]
COLUMNS = (
    Column("method", "method"),
    Column("cost", "nats/token", ".4f"),
    Column("seconds", "seconds", ".2f"),
    Column("gap", "gap", ".2%"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--words", type=int, default=2500, help="words of the synthetic costs (default %(default)s)"
    )
    parser.add_argument(
        "--costs",
        help="an .npz: row_costs [V, R], column_costs [V, C], maybe cells [V], counts [V]",
    )
    parser.add_argument(
        "--skip", nargs="*", default=[], choices=list(METHODS), help="methods to leave out"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    costs = (
        dict(np.load(arguments.costs))
        if arguments.costs
        else synthetic(arguments.words, arguments.seed)
    )
    row_costs, column_costs = costs["row_costs"], costs["column_costs"]
    words, rows, columns = len(row_costs), row_costs.shape[1], column_costs.shape[1]
    start = costs.get(
        "cells", np.random.default_rng(arguments.seed).permutation(rows * columns)[:words]
    )
    tokens = float(costs["counts"].sum()) if "counts" in costs else 1.0
    measured = Measurement(
        __file__,
        arguments,
        "Assignment of words to cells",
        "How near the optimum is each method, and how long does it take?",
        COLUMNS,
        machine("cpu", "scipy"),
    )
    results: dict[str, tuple[float, float]] = {
        "start": (total(row_costs, column_costs, start), 0.0)
    }
    bound = -np.inf
    for name, method in METHODS.items():
        if name in arguments.skip:
            continue
        began = time.perf_counter()
        cells, found_bound = method(row_costs, column_costs, start, arguments)
        results[name] = total(row_costs, column_costs, cells), time.perf_counter() - began
        bound = max(bound, found_bound)
    least, reference = (results["exact"][0], "optimum") if "exact" in results else (bound, "bound")
    for name, (cost, seconds) in [*results.items(), ("lower bound", (bound, 0.0))]:
        measured.add(method=name, cost=cost / tokens, seconds=seconds, gap=cost / least - 1)
    measured.note(
        f"{words:,} words, {rows} × {columns} cells, {tokens:,.0f} tokens; gap to the {reference}."
    )
    measured.finish()


def synthetic(words: int, seed: int) -> dict[str, Array]:
    """Rank-32 log-softmax costs of Zipf counts; about 20 words at a time prefer the same cells."""
    generator = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(words)))
    counts = np.maximum(1, np.round(10 * words / np.arange(1, words + 1)))
    kinds = generator.standard_normal((max(1, words // 20), 32))
    vectors = kinds[generator.integers(len(kinds), size=words)] + 0.5 * generator.standard_normal(
        (words, 32)
    )

    def costs() -> Array:
        logits = vectors @ generator.standard_normal((32, side)) * (2.5 / np.sqrt(32))
        nats: Array = (np.log(np.exp(logits).sum(axis=1, keepdims=True)) - logits) * counts[:, None]
        return nats.astype(np.float32)

    return {"row_costs": costs(), "column_costs": costs(), "counts": counts}


def total(row_costs: Array, column_costs: Array, cells: Array) -> float:
    words, columns = np.arange(len(cells)), column_costs.shape[1]
    assert len(np.unique(cells)) == len(cells)
    return float(
        row_costs[words, cells // columns].sum(dtype=np.float64)
        + column_costs[words, cells % columns].sum(dtype=np.float64)
    )


# --- the methods: (row_costs, column_costs, start, arguments) -> (cells, a lower bound or -inf)
# ---------------------


def in_turn(row_costs: Array, column_costs: Array, order: Array) -> Array:
    """Each word in turn takes the cheapest cell that is left."""
    columns = column_costs.shape[1]
    taken = np.zeros((row_costs.shape[1], columns), dtype=np.float32)
    cells = np.empty(len(order), dtype=np.int64)
    for word in order:
        cells[word] = (row_costs[word][:, None] + column_costs[word] + taken).argmin()
        taken[divmod(cells[word], columns)] = np.inf
    return cells


def greedy(
    row_costs: Array, column_costs: Array, start: Array, arguments: argparse.Namespace
) -> tuple[Array, float]:
    """The same, the words with the highest costs first."""
    return in_turn(
        row_costs, column_costs, np.argsort(-row_costs.min(axis=1) - column_costs.min(axis=1))
    ), -np.inf


def regret(
    row_costs: Array, column_costs: Array, start: Array, arguments: argparse.Namespace
) -> tuple[Array, float]:
    """The same, the words first that lose most by their second-best row and column."""
    rows, columns = (np.partition(costs, 1, axis=1) for costs in (row_costs, column_costs))
    order = np.argsort(rows[:, 0] - rows[:, 1] + columns[:, 0] - columns[:, 1])
    return in_turn(row_costs, column_costs, order), -np.inf


def alternating(
    row_costs: Array,
    column_costs: Array,
    start: Array,
    arguments: argparse.Namespace,
    sweeps: int = 4,
) -> tuple[Array, float]:
    """Exact within each column, then within each row."""
    cells, columns = start.copy(), column_costs.shape[1]
    for _ in range(sweeps):
        column = cells % columns
        for line in range(columns):
            words = np.flatnonzero(column == line)
            index, found = linear_sum_assignment(row_costs[words])
            cells[words[index]] = found * columns + line
        row = cells // columns
        for line in range(row_costs.shape[1]):
            words = np.flatnonzero(row == line)
            index, found = linear_sum_assignment(column_costs[words])
            cells[words[index]] = line * columns + found
    return cells, -np.inf


def random_blocks(
    row_costs: Array, column_costs: Array, start: Array, arguments: argparse.Namespace
) -> tuple[Array, float]:
    """Alternating, then exact over random blocks of 500 words and free cells, 10 sweeps."""
    cells, columns = (
        alternating(row_costs, column_costs, start, arguments)[0],
        column_costs.shape[1],
    )
    generator = np.random.default_rng(arguments.seed)
    size = row_costs.shape[1] * columns
    for _ in range(10):
        free = np.setdiff1d(np.arange(size), cells)
        for block in np.array_split(generator.permutation(size), -(-size // 500)):
            words = block[block < len(cells)]
            places = np.concatenate([cells[words], free[block[block >= len(cells)] - len(cells)]])
            costs = (
                row_costs[words][:, places // columns] + column_costs[words][:, places % columns]
            )
            index, found = linear_sum_assignment(costs)
            cells[words[index]] = places[found]
    return cells, -np.inf


def dual_ascent(
    row_costs: Array, column_costs: Array, start: Array, arguments: argparse.Namespace
) -> tuple[Array, float]:
    """The package's method for tables that it assigns as a whole."""
    settings = AssignmentSettings(exact_limit=0, block_size=len(start))
    found = assign(row_costs, column_costs, start=start, settings=settings)
    return found.cells, found.lower_bound


def blocks(
    row_costs: Array, column_costs: Array, start: Array, arguments: argparse.Namespace
) -> tuple[Array, float]:
    """The package's method for larger tables, here with four blocks and the separable bound."""
    settings = AssignmentSettings(
        exact_limit=0,
        block_size=-(-len(start) // 4),
        processes=arguments.processes,
        seed=arguments.seed,
    )
    found = assign(row_costs, column_costs, start=start, settings=settings)
    return found.cells, found.lower_bound


def exact(
    row_costs: Array, column_costs: Array, start: Array, arguments: argparse.Namespace
) -> tuple[Array, float]:
    """The dense joint problem, by scipy's Jonker-Volgenant algorithm."""
    costs = (row_costs[:, :, None] + column_costs[:, None, :]).reshape(len(start), -1)
    return linear_sum_assignment(costs)[1], -np.inf


METHODS: dict[str, Callable[..., tuple[Array, float]]] = {
    "greedy": greedy,
    "regret": regret,
    "alternating": alternating,
    "random-blocks": random_blocks,
    "dual-ascent": dual_ascent,
    "blocks": blocks,
    "exact": exact,
}


if __name__ == "__main__":
    main()
