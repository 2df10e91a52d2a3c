"""The n best sentences of a lattice: those that enumerating every path finds."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_lattices import all_paths, make_lattice, path_totals, random_lattice, words_of

from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.rescoring.lattice_paths import n_best, words_on_arcs
from rescorer.rescoring.trellis import Trellis

EVERY = 1 << 20


def enumerate_sentences(lattice: Lattice, totals: np.ndarray) -> dict[tuple[str, ...], float]:
    """The best total of each word sequence, best first."""
    best: dict[tuple[str, ...], float] = {}
    paths = all_paths(lattice)
    for path, total in zip(paths, path_totals(totals, paths), strict=True):
        sentence = words_of(lattice, path)
        best[sentence] = max(total, best.get(sentence, -np.inf))
    return dict(sorted(best.items(), key=lambda item: -item[1]))


def sausage(length: int, words: tuple[str, ...]) -> Lattice:
    """Each of the words at each of the places."""
    return make_lattice(
        [(place, place + 1, word) for place in range(length) for word in words], [length]
    )


@pytest.mark.parametrize("silent", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("seed", range(25))
def test_equals_enumeration(seed: int, silent: float) -> None:
    draw = np.random.default_rng(seed)
    lattice = random_lattice(
        draw, int(draw.integers(2, 9)), int(draw.integers(2, 18)), ("a", "b", "c"), silent=silent
    )
    totals = lattice.scores["score"]
    expected = enumerate_sentences(lattice, totals)
    found = n_best(lattice, totals, EVERY)
    sentences = [words_of(lattice, path) for path in found]
    assert len(set(sentences)) == len(sentences)
    assert set(sentences) == expected.keys()
    assert path_totals(totals, found) == pytest.approx(
        [expected[sentence] for sentence in sentences]
    )
    assert path_totals(totals, found) == pytest.approx(list(expected.values()))
    paths = all_paths(lattice)
    assert all(path.tolist() in paths for path in found)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_fewer_are_the_first_of_more(n: int) -> None:
    lattice = random_lattice(np.random.default_rng(5), 8, 20, ("a", "b", "c"))
    totals = lattice.scores["score"]
    few, many = n_best(lattice, totals, n), n_best(lattice, totals, EVERY)
    assert len(many) > 5
    assert [path.tolist() for path in few] == [path.tolist() for path in many[:n]]


@pytest.mark.parametrize("seed", range(10))
def test_the_first_is_the_best_path(seed: int) -> None:
    lattice = random_lattice(np.random.default_rng(seed), 8, 20, ("a", "b", "c"))
    totals = lattice.scores["score"]
    [best] = Trellis.of([lattice]).best_paths(totals)
    assert n_best(lattice, totals, 1)[0].tolist() == best.tolist()


def test_labels_that_sound_alike_are_one_word() -> None:
    symbols = Symbols(("", "read(1)", "read(2)", "<sil>"), ("", "read", "read", ""))
    arcs = Arcs(
        np.array([0, 0, 1, 1]),
        np.array([1, 1, 2, 2]),
        np.array([1, 2, 0, 3]),
        {"score": np.array([-2.0, -1.0, -1.0, -2.0])},
    )
    lattice = assemble("one", symbols, 0, arcs)
    assert words_on_arcs(lattice)[0] == ("", "read")
    assert [path.tolist() for path in n_best(lattice, lattice.scores["score"], 5)] == [[1, 2]]


def test_the_empty_sentence_is_one_too() -> None:
    lattice = make_lattice([(0, 1, "a"), (0, 1, "")], [1])
    found = n_best(lattice, np.array([-1.0, -2.0, 0.0]), 5)
    assert [words_of(lattice, path) for path in found] == [("a",), ()]


def test_a_lattice_without_a_path_has_no_sentence() -> None:
    assert n_best(make_lattice([], []), np.zeros(0), 5) == []


@pytest.mark.parametrize("noise", [0.0, 1e-15])
def test_many_equal_paths_take_no_longer(noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # 4 ** 60 sentences: a search that looked at all prefixes of equal promise would never end.
    lattice = sausage(60, ("a", "b", "c", "d"))
    totals = -0.1 + noise * np.random.default_rng(0).normal(size=lattice.arcs)
    steps = []
    push = n_best.__globals__["heapq"].heappush
    monkeypatch.setattr(
        "heapq.heappush", lambda queue, entry: (steps.append(entry), push(queue, entry))
    )
    found = n_best(lattice, totals, 50)
    assert len({words_of(lattice, path) for path in found}) == 50
    assert len(steps) <= 50 * 61 * 2


def test_equal_sentences_come_in_the_same_order_again() -> None:
    lattice = sausage(5, ("a", "b"))
    one, two = (n_best(lattice, np.zeros(lattice.arcs), 20) for _ in range(2))
    assert [path.tolist() for path in one] == [path.tolist() for path in two]
