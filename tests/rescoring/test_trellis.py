"""Sums and maxima over all paths of several lattices: the same as over each path by itself."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_lattices import all_paths, make_lattice, path_totals, probabilities, random_lattice

from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.trellis import Kind, Trellis

REDUCE = {"best": np.maximum.reduce, "all": np.logaddexp.reduce}
KINDS: list[Kind] = ["best", "all"]
SEEDS = range(12)
EMPTY = make_lattice([], [])


def draw_batch(seed: int) -> list[Lattice]:
    """Some lattices, among them one without a path at either end and in between."""
    draw = np.random.default_rng(seed)
    drawn = [
        random_lattice(draw, int(draw.integers(1, 9)), int(draw.integers(1, 16)), ("a", "b"))
        for _ in range(4)
    ]
    return [EMPTY, *drawn[:2], EMPTY, EMPTY, *drawn[2:], EMPTY]


def scores(batch: list[Lattice]) -> np.ndarray:
    return np.concatenate([lattice.scores["score"] for lattice in batch])


def test_the_empty_lattice_has_no_path() -> None:
    assert not EMPTY.states and not all_paths(EMPTY)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_forward_backward_and_through_equal_enumeration(kind: Kind, seed: int) -> None:
    batch = draw_batch(seed)
    trellis, totals = Trellis.of(batch), scores(batch)
    forward, backward, through = (
        call(totals, kind) for call in (trellis.forward, trellis.backward, trellis.through)
    )
    for u, lattice in enumerate(batch):
        paths = all_paths(lattice)
        own = lattice.scores["score"]
        for state in range(lattice.states):
            before = {
                tuple(arc for arc in path if lattice.sources[arc] < state)
                for path in paths
                if state in (*lattice.sources[path], lattice.states - 1)
            }
            after = {
                tuple(arc for arc in path if lattice.sources[arc] >= state)
                for path in paths
                if state in (*lattice.sources[path], lattice.states - 1)
            }
            place = trellis.first_state[u] + state
            assert forward[place] == pytest.approx(REDUCE[kind](path_totals(own, sorted(before))))
            assert backward[place] == pytest.approx(REDUCE[kind](path_totals(own, sorted(after))))
        for arc in range(lattice.arcs):
            over = path_totals(own, [path for path in paths if arc in path])
            assert through[trellis.first_arc[u] + arc] == pytest.approx(REDUCE[kind](over))


@pytest.mark.parametrize("seed", SEEDS)
def test_posteriors_equal_enumeration(seed: int) -> None:
    batch = draw_batch(seed)
    found = Trellis.of(batch).posteriors(scores(batch))
    expected = []
    for lattice in batch:
        paths = all_paths(lattice)
        shares = probabilities(lattice.scores["score"], paths) if paths else []
        expected += [
            sum(share for share, path in zip(shares, paths, strict=True) if arc in path)
            for arc in range(lattice.arcs)
        ]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("seed", SEEDS)
def test_posteriors_sum_to_one_over_every_cut(seed: int, scale: float) -> None:
    batch = draw_batch(seed)
    trellis = Trellis.of(batch)
    posteriors = trellis.posteriors(scale * scores(batch))
    source, target = trellis.depth[trellis.sources], trellis.depth[trellis.targets]
    for u, lattice in enumerate(batch):
        deepest = trellis.depth[trellis.first_state[u] : trellis.first_state[u + 1]].max(initial=0)
        for cut in range(deepest if lattice.states else 0):
            crossing = (trellis.owners == u) & (source <= cut) & (target > cut)
            assert posteriors[crossing].sum() == pytest.approx(1)


def test_a_score_that_all_paths_share_changes_no_posterior() -> None:
    batch = draw_batch(3)
    trellis, totals = Trellis.of(batch), scores(batch)
    ends = np.concatenate([lattice.ends for lattice in batch])
    assert trellis.posteriors(totals - 1e5 * ends) == pytest.approx(
        trellis.posteriors(totals), abs=1e-9
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_best_paths_equal_enumeration(seed: int) -> None:
    batch = draw_batch(seed)
    found = Trellis.of(batch).best_paths(scores(batch))
    for lattice, path in zip(batch, found, strict=True):
        paths = all_paths(lattice)
        best = int(path_totals(lattice.scores["score"], paths).argmax()) if paths else None
        assert path.tolist() == ([] if best is None else paths[best])


def test_of_equal_paths_the_best_has_the_lowest_arcs() -> None:
    lattice = make_lattice([(0, 1, "a"), (0, 1, "b"), (1, 2, "c"), (1, 2, "d")], [2])
    for totals in (np.zeros(5), np.array([1, 1, -2, -2, 0.5])):
        [path] = Trellis.of([lattice]).best_paths(totals)
        assert path.tolist() == [0, 2, 4]


@pytest.mark.parametrize("batch", [[], [EMPTY], [EMPTY, EMPTY]])
def test_nothing_to_do(batch: list[Lattice]) -> None:
    trellis, none = Trellis.of(batch), np.zeros(0)
    assert [path.tolist() for path in trellis.best_paths(none)] == [[] for _ in batch]
    for kind in KINDS:
        assert not len(trellis.forward(none, kind)) and not len(trellis.backward(none, kind))
        assert not len(trellis.through(none, kind))
    assert not len(trellis.posteriors(none))
