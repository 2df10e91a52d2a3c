"""The assignment of words to cells, against all assignments and against scipy's dense solver."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation.assign import Assignment, assign
from rescorer.training.settings import AssignmentSettings

DUAL_ASCENT = AssignmentSettings(exact_limit=0)
BLOCKS = AssignmentSettings(exact_limit=0, block_size=150, sweeps=2, iterations=5)


def make_costs(words: int, rows: int, columns: int, seed: int = 0) -> tuple[Any, Any]:
    """Rank-8 log-softmax costs of Zipf counts; words of one kind prefer the same cells."""
    generator = np.random.default_rng(seed)
    counts = np.maximum(1, np.round(50 * words / np.arange(1, words + 1)))
    kinds = generator.standard_normal((max(1, words // 20), 8))
    vectors = kinds[generator.integers(len(kinds), size=words)] + 0.5 * generator.standard_normal(
        (words, 8)
    )

    def side(cells: int) -> Any:
        logits = vectors @ generator.standard_normal((8, cells))
        log_sum = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return ((log_sum - logits) * counts[:, None]).astype(np.float32)

    return side(rows), side(columns)


def cost_of(row_costs: Any, column_costs: Any, cells: Any) -> float:
    rows, columns = np.divmod(np.asarray(cells), column_costs.shape[1])
    words = np.arange(len(row_costs))
    return float((row_costs[words, rows].astype(np.float64) + column_costs[words, columns]).sum())


def check(found: Assignment, row_costs: Any, column_costs: Any) -> None:
    assert found.cells.dtype == np.int64 and found.cells.shape == (len(row_costs),)
    assert len(set(found.cells.tolist())) == len(row_costs)
    assert found.cells.min() >= 0 and found.cells.max() < row_costs.shape[1] * column_costs.shape[1]
    assert found.cost == pytest.approx(cost_of(row_costs, column_costs, found.cells), rel=1e-12)


@pytest.mark.parametrize(
    "words, rows, columns",
    [(6, 2, 3), (4, 2, 3), (5, 3, 2), (8, 2, 4), (6, 3, 3), (3, 1, 5), (1, 2, 2)],
)
@pytest.mark.parametrize("seed", range(4))
def test_every_assignment(words: int, rows: int, columns: int, seed: int) -> None:
    row_costs, column_costs = make_costs(words, rows, columns, seed)
    assignments = np.array(list(itertools.permutations(range(rows * columns), words)))
    each_row, each_column = np.divmod(assignments, columns)
    every = np.arange(words)
    costs = row_costs[every, each_row].astype(np.float64) + column_costs[every, each_column]
    least = float(costs.sum(axis=1).min())
    exact = assign(row_costs, column_costs)
    check(exact, row_costs, column_costs)
    assert exact.cost == pytest.approx(least, rel=1e-9)
    assert exact.lower_bound == pytest.approx(least, rel=1e-9)
    assert exact.gap < 1e-9

    # With every cell a candidate, the matching after the dual ascent is exact too.
    dual_ascent = assign(
        row_costs, column_costs, settings=AssignmentSettings(exact_limit=0, candidates=words * 9)
    )
    assert dual_ascent.lower_bound <= least * (1 + 1e-9) <= dual_ascent.cost * (1 + 2e-9)


@pytest.mark.parametrize(
    "words, rows, columns",
    [(400, 20, 20), (390, 20, 20), (300, 20, 20), (400, 5, 80), (400, 90, 5), (400, 1, 401)],
)
def test_dual_ascent_comes_close_to_the_exact_cost(words: int, rows: int, columns: int) -> None:
    row_costs, column_costs = make_costs(words, rows, columns)
    exact = assign(row_costs, column_costs)
    start = np.random.default_rng(1).permutation(rows * columns)[:words]
    for begin in (None, start):
        found = assign(row_costs, column_costs, start=begin, settings=DUAL_ASCENT)
        check(found, row_costs, column_costs)
        assert found.lower_bound <= exact.cost * (1 + 1e-9)
        assert exact.cost * (1 - 1e-9) <= found.cost <= exact.cost * 1.01
        assert found.lower_bound >= exact.cost * 0.95


@pytest.mark.parametrize("words, rows, columns", [(600, 25, 24), (500, 25, 24), (400, 10, 60)])
def test_blocks_come_close_and_never_cost_more(words: int, rows: int, columns: int) -> None:
    row_costs, column_costs = make_costs(words, rows, columns)
    start = np.random.default_rng(1).permutation(rows * columns)[:words]
    exact = assign(row_costs, column_costs)
    stages: list[tuple[str, float, float]] = []
    found = assign(
        row_costs,
        column_costs,
        start=start,
        settings=BLOCKS,
        progress=lambda *stage: stages.append(stage),
    )
    check(found, row_costs, column_costs)
    assert tuple(stages) == found.history and len(stages) == 6
    costs = [cost for _, cost, _ in stages]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == pytest.approx(cost_of(row_costs, column_costs, start))
    assert found.lower_bound <= exact.cost * (1 + 1e-9) <= found.cost * (1 + 2e-9)
    assert found.cost <= exact.cost * 1.08


@pytest.mark.parametrize("settings", [AssignmentSettings(), DUAL_ASCENT, BLOCKS])
def test_an_optimal_start_stays_as_good(settings: AssignmentSettings) -> None:
    row_costs, column_costs = make_costs(300, 18, 17)
    exact = assign(row_costs, column_costs)
    found = assign(row_costs, column_costs, start=exact.cells, settings=settings)
    assert found.cost <= exact.cost * (1 + 1e-12)
    assert found.lower_bound <= found.cost * (1 + 1e-12)


@pytest.mark.parametrize("settings", [AssignmentSettings(), DUAL_ASCENT, BLOCKS])
class TestStayBonus:
    def test_a_huge_bonus_moves_nothing(self, settings: AssignmentSettings) -> None:
        row_costs, column_costs = make_costs(300, 18, 17)
        start = np.random.default_rng(1).permutation(18 * 17)[:300]
        found = assign(
            row_costs, column_costs, start=start, stay_bonus=np.full(300, 1e7), settings=settings
        )
        assert found.moved == 0 and (found.cells == start).all()
        assert found.cost == pytest.approx(cost_of(row_costs, column_costs, start))

    def test_no_bonus_is_a_bonus_of_zero(self, settings: AssignmentSettings) -> None:
        row_costs, column_costs = make_costs(300, 18, 17)
        plain = assign(row_costs, column_costs, settings=settings)
        zero = assign(row_costs, column_costs, stay_bonus=np.zeros(300), settings=settings)
        assert (plain.cells == zero.cells).all() and plain.cost == zero.cost

    def test_ties_stay(self, settings: AssignmentSettings) -> None:
        # Every assignment costs the same, but for the bonus.
        costs = np.ones((300, 18), dtype=np.float32), np.ones((300, 17), dtype=np.float32)
        start = np.random.default_rng(1).permutation(18 * 17)[:300]
        assert (
            assign(*costs, start=start, stay_bonus=np.full(300, 0.01), settings=settings).moved == 0
        )

    def test_a_bonus_moves_fewer_words(self, settings: AssignmentSettings) -> None:
        row_costs, column_costs = make_costs(300, 18, 17)
        start = assign(row_costs, column_costs).cells
        noise = np.random.default_rng(2).uniform(0.98, 1.02, (300, 18)).astype(np.float32)
        moved = [
            assign(
                row_costs * noise,
                column_costs,
                start=start,
                stay_bonus=np.full(300, nats),
                settings=settings,
            ).moved
            for nats in (0.0, 20.0)
        ]
        assert moved[0] > moved[1]


def test_the_bound_holds_with_a_bonus() -> None:
    row_costs, column_costs = make_costs(100, 10, 11)
    exact = assign(row_costs, column_costs)
    found = assign(row_costs, column_costs, stay_bonus=np.full(100, 30.0))
    assert found.lower_bound == pytest.approx(exact.cost) and found.cost >= exact.cost
    assert found.gap == found.cost / found.lower_bound - 1


def test_words_without_costs_take_what_is_left() -> None:
    row_costs, column_costs = make_costs(400, 20, 20)
    row_costs[300:] = column_costs[300:] = 0
    exact = assign(row_costs, column_costs)
    found = assign(row_costs, column_costs, settings=DUAL_ASCENT)
    check(found, row_costs, column_costs)
    assert found.lower_bound <= exact.cost * (1 + 1e-9) and found.cost <= exact.cost * 1.01
    nothing = assign(row_costs * 0, column_costs * 0, settings=DUAL_ASCENT)
    assert nothing.cost == nothing.lower_bound == nothing.gap == 0


def test_costs_below_zero() -> None:
    row_costs, column_costs = make_costs(200, 14, 15)
    shift = np.float32(2000)
    exact = assign(row_costs - shift, column_costs)
    found = assign(row_costs - shift, column_costs, settings=DUAL_ASCENT)
    assert found.lower_bound <= exact.cost + 1e-3 and exact.cost <= found.cost + 1e-3
    assert exact.cost < 0 and found.gap in (0.0, float("inf"))


def test_blocks_without_words() -> None:
    row_costs, column_costs = make_costs(40, 20, 21)
    settings = AssignmentSettings(exact_limit=0, block_size=4, sweeps=1, iterations=5)
    found = assign(row_costs, column_costs, settings=settings)
    check(found, row_costs, column_costs)


def test_processes_change_nothing(quick_processes: None) -> None:
    row_costs, column_costs = make_costs(300, 18, 17)
    found = [
        assign(
            row_costs,
            column_costs,
            settings=AssignmentSettings(
                exact_limit=0, block_size=150, sweeps=1, iterations=5, processes=processes
            ),
        )
        for processes in (1, 2)
    ]
    assert (found[0].cells == found[1].cells).all() and found[0].cost == found[1].cost


@pytest.mark.parametrize("settings", [DUAL_ASCENT, BLOCKS])
def test_dual_ascent_on_another_device(settings: AssignmentSettings, device: str) -> None:
    row_costs, column_costs = make_costs(600, 25, 24)
    exact, here = (
        assign(row_costs, column_costs),
        assign(row_costs, column_costs, settings=settings),
    )
    found = assign(row_costs, column_costs, settings=settings, device=device)
    check(found, row_costs, column_costs)
    assert found.lower_bound <= exact.cost * (1 + 1e-9) <= found.cost * (1 + 2e-9)
    assert found.cost == pytest.approx(here.cost, rel=1e-3)
    assert found.lower_bound == pytest.approx(here.lower_bound, rel=1e-3)


def test_memory_maps_are_read_and_left_alone(tmp_path: Any) -> None:
    row_costs, column_costs = make_costs(200, 14, 15)
    np.save(tmp_path / "rows.npy", row_costs)
    np.save(tmp_path / "columns.npy", column_costs)
    maps = (
        np.load(tmp_path / "rows.npy", mmap_mode="r"),
        np.load(tmp_path / "columns.npy", mmap_mode="r"),
    )
    for settings in (AssignmentSettings(), DUAL_ASCENT, BLOCKS):
        plain = assign(row_costs, column_costs, settings=settings)
        assert (assign(*maps, settings=settings).cells == plain.cells).all()


def test_describe_is_one_line() -> None:
    found = Assignment(np.arange(3), cost=10.2, lower_bound=10.0, moved=2, seconds=1.5)
    assert found.describe() == "cost 10.2, lower bound 10.0, gap 2.00 %, 2 of 3 words moved, 1.5 s"


ROWS, COLUMNS = make_costs(6, 3, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"row_costs": ROWS[0]}, "row_costs"),
        ({"row_costs": ROWS[:5]}, "row_costs"),
        ({"row_costs": ROWS[:, :1]}, "6 words for 3 cells"),
        ({"row_costs": ROWS[:0], "column_costs": COLUMNS[:0]}, "0 words"),
        ({"column_costs": COLUMNS * np.float32("nan")}, "column_costs"),
        ({"start": np.arange(5)}, "start"),
        ({"start": np.arange(6.0)}, "start"),
        ({"start": np.arange(6) + 4}, "start"),
        ({"start": np.arange(6) - 1}, "start"),
        ({"start": np.zeros(6, dtype=np.int64)}, "start"),
        ({"stay_bonus": np.zeros(5)}, "stay_bonus"),
        ({"stay_bonus": np.full(6, -1.0)}, "stay_bonus"),
    ],
)
def test_arguments_that_do_not_fit_raise(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assign(**{"row_costs": ROWS, "column_costs": COLUMNS, **arguments})


@pytest.mark.parametrize(
    "setting",
    [
        {"exact_limit": -1},
        {"block_size": 0},
        {"sweeps": -1},
        {"temperatures": ()},
        {"temperatures": (0.1, 0.0)},
        {"iterations": 0},
        {"candidates": 0},
        {"processes": 0},
        {"seed": -1},
    ],
)
def test_settings_name_the_field(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        AssignmentSettings(**setting)


@pytest.mark.parametrize("exact_limit", [0, 1000])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_cells_that_are_not_free_stay_empty(exact_limit: int, share: float) -> None:
    """The result is the optimum of the dense problem on the free cells."""
    draw = np.random.default_rng(5)
    rows, columns = (draw.gamma(2.0, 3.0, (60, size)).astype(np.float32) for size in (40, 30))
    free_cells = draw.random((40, 30)) >= share
    free_cells[7] = False
    usable = np.flatnonzero(free_cells)
    dense = (rows[:, :, None] + columns[:, None, :]).reshape(60, -1)[:, usable]
    words, cells = linear_sum_assignment(dense)
    best = float(dense[words, cells].sum())
    result = assign(
        rows, columns, free_cells=free_cells, settings=AssignmentSettings(exact_limit=exact_limit)
    )
    assert np.isin(result.cells, usable).all() and len(np.unique(result.cells)) == 60
    assert best <= result.cost * (1 + 1e-6) and result.cost <= best * 1.01
    assert result.lower_bound <= best * (1 + 1e-6)


def test_free_cells_are_checked() -> None:
    costs = np.ones((4, 3), np.float32)
    few = np.zeros((3, 3), bool)
    few[0] = True
    with pytest.raises(ValueError, match="4 words for 3 cells"):
        assign(costs, costs, free_cells=few)
    with pytest.raises(ValueError, match="free_cells"):
        assign(costs, costs, free_cells=few[:2])
    with pytest.raises(ValueError, match="not free"):
        assign(costs, costs, free_cells=~few, start=np.array([0, 4, 5, 6]))
    with pytest.raises(ValueError, match="block_size"):
        assign(
            costs, costs, free_cells=~few, settings=AssignmentSettings(exact_limit=0, block_size=2)
        )
