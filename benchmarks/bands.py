"""How far bands are from the best assignment known, on a cut-out of a large table's costs.

    python -m benchmarks.bands costs.npz [--words 40000] [--block-sizes 10000 2500 400]

costs.npz is what a reallocation keeps in its work folder while it runs. The cut-out takes words evenly by frequency and
as many cells in random rows and columns. The best known is the table priced as a whole. Blocks as large as those of the
whole table make few bands of a cut-out; smaller ones show what as many bands as there cost.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from rescorer.training.assignment import AssignmentSettings, assign
from rescorer.training.cell_costs import CellCosts, LineCosts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("costs", type=Path)
    parser.add_argument("--words", type=int, default=40_000)
    parser.add_argument("--block-sizes", type=int, nargs="*", default=[10_000, 2_500, 400])
    parser.add_argument("--sweeps", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(machine("cpu", "scipy"))
    costs = cut_out(read_costs(arguments.costs), arguments.words, arguments.seed)
    (words, rows), columns = costs.rows.shape, costs.columns.shape[1]
    start = np.random.default_rng(arguments.seed).permutation(rows * columns)[:words]
    tokens = costs.tokens.sum()
    print(f"{words} words, {rows} × {columns} cells, {tokens} tokens, {int((costs.tokens == 0).sum())} words unseen")
    print("| how | bands | nats/token | above the best known | seconds |\n| --- | ---: | ---: | ---: | ---: |")
    best = 0.0
    for size in [words, *arguments.block_sizes]:
        settings = AssignmentSettings(exact_limit=0, block_size=size, sweeps=arguments.sweeps)
        began = time.perf_counter()
        found = assign(costs.rows, costs.columns, start=start, settings=settings)
        best = best or found.cost
        how = "as a whole" if size == words else f"blocks of {size}"
        bands = 1 if size == words else -(-words // size)
        print(f"| {how} | {bands} | {found.cost / tokens:.4f} | {100 * (found.cost / best - 1):.2f} % | "
              f"{time.perf_counter() - began:.0f} |", flush=True)
        if size == words:
            first = found.history[0][1]
            print(f"| a random table | | {first / tokens:.4f} | {100 * (first / best - 1):.2f} % | |")
            print(f"| proven lower bound | | {found.lower_bound / tokens:.4f} | "
                  f"{100 * (found.lower_bound / best - 1):.2f} % | |")


def read_costs(path: Path) -> CellCosts:
    with np.load(path) as content:
        costs = CellCosts.load(path, str(content["key"]))
    assert costs is not None
    return costs


def cut_out(costs: CellCosts, words: int, seed: int) -> CellCosts:
    """Words at even distances of frequency, and cells for them, in a table of the same proportions."""
    draw = np.random.default_rng(seed)
    (size, rows), columns = costs.rows.shape, costs.columns.shape[1]
    chosen = np.linspace(0, size - 1, words).astype(np.int64)
    share = math.sqrt(words / (rows * columns))
    few_columns = round(columns * share)
    few_rows = -(-words // few_columns)

    def side(whole: LineCosts, lines: int) -> LineCosts:
        kept = np.sort(draw.permutation(len(whole.lines))[:lines])
        return LineCosts(whole.words[chosen], whole.lines[kept], whole.constants[chosen])

    return CellCosts(side(costs.rows, few_rows), side(costs.columns, few_columns), costs.tokens[chosen])


if __name__ == "__main__":
    main()
