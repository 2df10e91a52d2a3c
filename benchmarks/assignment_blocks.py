"""Compares block coordinate descent with the best known assignment, on a sample of a table's costs.

    python -m benchmarks.assignment_blocks costs.npz [--words 40000] [--block-sizes 10000 2500 400]

costs.npz is a file that a reallocation keeps in its work folder while it runs. The sample takes
words at even distances of frequency, and as many cells in random rows and columns. The best known
assignment is that of dual ascent on the whole sample. The sample has few blocks of the size that
the package uses; smaller blocks show the effect of as many blocks as the whole table has.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.training.reallocation.assign import assign
from rescorer.training.reallocation.costs import CellCosts, LineCosts
from rescorer.training.settings import AssignmentSettings

COLUMNS = (
    Column("how", "how"),
    Column("blocks", "blocks", "d"),
    Column("cost", "nats/token", ".4f"),
    Column("gap", "above the best known", ".2%"),
    Column("seconds", "seconds", ".0f"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("costs", type=Path)
    parser.add_argument("--words", type=int, default=40_000)
    parser.add_argument("--block-sizes", type=int, nargs="*", default=[10_000, 2_500, 400])
    parser.add_argument("--sweeps", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    costs = cut_out(read_costs(arguments.costs), arguments.words, arguments.seed)
    (words, rows), columns = costs.rows.shape, costs.columns.shape[1]
    start = np.random.default_rng(arguments.seed).permutation(rows * columns)[:words]
    tokens = costs.tokens.sum()
    measured = Measurement(
        __file__,
        arguments,
        "Assignment by blocks",
        "What does block coordinate descent lose against the best known assignment?",
        COLUMNS,
        machine("cpu", "scipy"),
    )
    best = 0.0
    for size in [words, *arguments.block_sizes]:
        settings = AssignmentSettings(exact_limit=0, block_size=size, sweeps=arguments.sweeps)
        began = time.perf_counter()
        found = assign(costs.rows, costs.columns, start=start, settings=settings)
        best = best or found.cost
        whole = size == words
        measured.add(
            how="dual ascent on the whole" if whole else f"blocks of {size}",
            cost=found.cost / tokens,
            blocks=1 if whole else -(-words // size),
            gap=found.cost / best - 1,
            seconds=time.perf_counter() - began,
        )
        if whole:
            for name, cost in (
                ("a random table", found.history[0][1]),
                ("proven lower bound", found.lower_bound),
            ):
                measured.add(how=name, cost=cost / tokens, gap=cost / best - 1)
    measured.note(
        f"{words:,} words, of which {int((costs.tokens == 0).sum()):,} are unseen, {rows} × "
        f"{columns} cells, "
        f"{tokens:,} tokens."
    )
    measured.finish()


def read_costs(path: Path) -> CellCosts:
    with np.load(path) as content:
        costs = CellCosts.load(path, str(content["key"]))
    assert costs is not None
    return costs


def cut_out(costs: CellCosts, words: int, seed: int) -> CellCosts:
    """Words at even distances of frequency, and cells for them in a table of like proportions."""
    draw = np.random.default_rng(seed)
    (size, rows), columns = costs.rows.shape, costs.columns.shape[1]
    chosen = np.linspace(0, size - 1, words).astype(np.int64)
    share = math.sqrt(words / (rows * columns))
    few_columns = round(columns * share)
    few_rows = -(-words // few_columns)

    def side(whole: LineCosts, lines: int) -> LineCosts:
        kept = np.sort(draw.permutation(len(whole.lines))[:lines])
        return LineCosts(whole.words[chosen], whole.lines[kept], whole.constants[chosen])

    return CellCosts(
        side(costs.rows, few_rows), side(costs.columns, few_columns), costs.tokens[chosen]
    )


if __name__ == "__main__":
    main()
