"""Block coordinate descent: interrupted and resumed, over processes, from costs in factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescorer.training.reallocation.assign import Assignment, assign
from rescorer.training.reallocation.costs import LineCosts
from rescorer.training.settings import AssignmentSettings

SETTINGS = AssignmentSettings(exact_limit=0, block_size=60, sweeps=2, iterations=5)


def make_costs(
    words: int = 300, rows: int = 18, columns: int = 17, factors: int = 6
) -> tuple[LineCosts, LineCosts]:
    draw = np.random.default_rng(4)
    counts = np.maximum(1, 3000 // np.arange(1, words + 1))

    def side(lines: int) -> LineCosts:
        each = (draw.standard_normal((words, factors)) * counts[:, None]).astype(np.float32)
        return LineCosts(
            each, draw.standard_normal((lines, factors)).astype(np.float32), 8.0 * counts
        )

    return side(rows), side(columns)


def dense(costs: LineCosts) -> Any:
    return costs.block(slice(None), slice(None))


@pytest.mark.parametrize("processes", [1, 2])
def test_factors_are_as_good_as_arrays(processes: int, quick_processes: None) -> None:
    rows, columns = make_costs()
    settings = AssignmentSettings(
        exact_limit=0, block_size=60, sweeps=2, iterations=5, processes=processes
    )
    in_factors = assign(rows, columns, settings=settings)
    in_arrays = assign(dense(rows), dense(columns), settings=settings)
    assert in_factors.cost == pytest.approx(in_arrays.cost, rel=1e-3)
    assert in_factors.lower_bound == pytest.approx(in_arrays.lower_bound, rel=1e-3)
    exact = assign(rows, columns)
    assert exact.cost == pytest.approx(assign(dense(rows), dense(columns)).cost, rel=1e-5)
    assert in_factors.lower_bound <= exact.cost * (1 + 1e-6) and exact.cost <= in_factors.cost * (
        1 + 1e-6
    )
    assert in_factors.cost <= exact.cost * 1.05


class Cut(Exception):
    pass


@pytest.fixture(scope="module")
def uncut() -> tuple[Assignment, list[tuple[int, int]]]:
    """A run from the beginning to the end, and its progress."""
    seen: list[tuple[int, int]] = []
    rows, columns = make_costs()
    whole = assign(
        rows, columns, settings=SETTINGS, advance=lambda done, of: seen.append((done, of))
    )
    return whole, seen


@pytest.mark.parametrize("blocks", [1, 5, 6, 13, 19])
def test_a_cut_run_goes_on(
    tmp_path: Path, blocks: int, uncut: tuple[Assignment, list[tuple[int, int]]]
) -> None:
    rows, columns = make_costs()
    path = tmp_path / "blocks.npz"
    whole, seen = uncut
    count = seen[-1][1]
    assert seen == [(done, count) for done in range(1, count + 1)]

    def cut(done: int, of: int) -> None:
        if done == blocks:
            raise Cut

    with pytest.raises(Cut):
        assign(rows, columns, settings=SETTINGS, checkpoint=path, advance=cut)
    later: list[int] = []
    again = assign(
        rows,
        columns,
        settings=SETTINGS,
        checkpoint=path,
        advance=lambda done, of: later.append(done),
    )
    assert later == list(range(blocks + 1, count + 1))
    assert (
        (again.cells == whole.cells).all()
        and again.cost == whole.cost
        and again.lower_bound == whole.lower_bound
    )


def test_another_problem_starts_anew(tmp_path: Path) -> None:
    rows, columns = make_costs()
    path = tmp_path / "blocks.npz"
    assign(rows, columns, settings=SETTINGS, checkpoint=path)
    for other, settings in (
        (rows, AssignmentSettings(exact_limit=0, block_size=60, sweeps=1, iterations=5)),
        (LineCosts(rows.words * 2, rows.lines, rows.constants), SETTINGS),
    ):
        plain = assign(other, columns, settings=settings)
        found = assign(other, columns, settings=settings, checkpoint=path)
        assert (found.cells == plain.cells).all() and len(found.history) == len(plain.history)
    # The same cells, other words in them.
    start = np.arange(300)[::-1].copy()
    plain = assign(rows, columns, settings=SETTINGS, start=start)
    assign(rows, columns, settings=SETTINGS, start=np.arange(300), checkpoint=path)
    found = assign(rows, columns, settings=SETTINGS, start=start, checkpoint=path)
    assert (found.cells == plain.cells).all() and found.history[0][1] == plain.history[0][1]


def test_bound_from_a_sample_of_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = make_costs()
    exact = assign(rows, columns).cost
    bounds = []
    for sample in (20_000, 40):
        monkeypatch.setattr("rescorer.training.reallocation.blocks._SAMPLE", sample)
        bounds.append(assign(rows, columns, settings=SETTINGS).lower_bound)
    assert max(bounds) <= exact * (1 + 1e-6) and bounds[1] > bounds[0] - 0.1 * exact
