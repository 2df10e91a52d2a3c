"""Determinised lattices against all paths of the old ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tiny_lattices import all_paths, make_lattice, random_lattice, words_of

from rescorer.recognition.formats.kaldi_fst import TRANSITION_IDS
from rescorer.recognition.formats.transition_ids import TransitionIds, spelled_ids
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.determinise import determinised

SCALES = {"acoustic": 0.1, "graph": 1.0}


def kaldi(lattice: Lattice, draw: np.random.Generator, packed: bool) -> Lattice:
    """With two scores, and transition ids that name their arc; the first arcs have none."""
    texts = [b"_".join(b"%d" % (arc + 1) for _ in range(arc % 4)) for arc in range(lattice.arcs)]
    ids = spelled_ids(texts)
    scores = {
        "acoustic": 10 * draw.normal(size=lattice.arcs),
        "graph": draw.normal(size=lattice.arcs),
    }
    return replace(
        lattice, scores=scores, arc_fields={TRANSITION_IDS: ids.packed() if packed else ids}
    )


def totals_of(lattice: Lattice) -> np.ndarray:
    return np.asarray(sum(scale * lattice.scores[name] for name, scale in SCALES.items()))


def paths_by_words(
    lattice: Lattice,
) -> dict[tuple[str, ...], list[tuple[float, float, float, bytes]]]:
    """Of each word sequence its paths: total, acoustic, graph, transition ids; the best first."""
    found: dict[tuple[str, ...], list[tuple[float, float, float, bytes]]] = {}
    totals, ids = totals_of(lattice), lattice.arc_fields[TRANSITION_IDS]
    assert isinstance(ids, TransitionIds)
    texts = ids.texts()
    for path in all_paths(lattice):
        whole = b"_".join(texts[arc] for arc in path if texts[arc])
        acoustic, graph = (float(lattice.scores[name][path].sum()) for name in SCALES)
        found.setdefault(words_of(lattice, path), []).append(
            (float(totals[path].sum()), acoustic, graph, whole)
        )
    return {words: sorted(paths, reverse=True) for words, paths in found.items()}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_each_word_sequence_keeps_its_best_path(seed: int, packed: bool) -> None:
    draw = np.random.default_rng(seed)
    old = kaldi(
        random_lattice(draw, int(draw.integers(3, 8)), int(draw.integers(4, 20)), ("a", "b")),
        draw,
        packed,
    )
    new = determinised(old, totals_of(old))
    assert new.arcs <= old.arcs
    expected, found = paths_by_words(old), paths_by_words(new)
    assert found.keys() == expected.keys()
    if new is old:
        return
    for words, paths in found.items():
        (path,) = paths
        assert (
            path[:3] == pytest.approx(expected[words][0][:3], abs=1e-9)
            and path[3] == expected[words][0][3]
        )
    inner = ~new.ends
    assert new.symbols.spoken[new.labels[inner]].all()
    pairs = Counter(zip(new.sources[inner].tolist(), new.labels[inner].tolist(), strict=True))
    assert (
        max(pairs.values(), default=1) == 1
        and np.bincount(new.sources[new.ends]).max(initial=0) <= 1
    )


def test_most_of_these_lattices_get_smaller() -> None:
    draws = [np.random.default_rng(seed) for seed in range(60)]
    old = [kaldi(random_lattice(draw, 7, 20, ("a", "b")), draw, True) for draw in draws]
    assert sum(determinised(each, totals_of(each)) is not each for each in old) > 30


def test_paths_that_part_in_their_arcs_wait_for_the_words_that_tell() -> None:
    """Two ways to say "a", each the better one before another word: both alignments are there,
    where they belong.
    """
    old = make_lattice(
        [(0, 1, "a"), (0, 2, "a"), (1, 3, "b"), (2, 3, "b"), (1, 3, "c"), (2, 3, "c"), (0, 1, "a")],
        [3],
    )
    scores = np.zeros(old.arcs)
    texts = [b"%d" % (arc + 1) for arc in range(old.arcs)]
    by_place = {
        (int(s), int(t), int(w)): arc
        for arc, (s, t, w) in enumerate(zip(old.sources, old.targets, old.labels, strict=True))
    }
    better = [by_place[1, 3, 2], by_place[2, 3, 3]]
    scores[better] = 1.0
    old = replace(
        old,
        scores={"acoustic": 10 * scores, "graph": 0 * scores},
        arc_fields={TRANSITION_IDS: spelled_ids(texts)},
    )
    new = determinised(old, totals_of(old))
    assert new.arcs == 4 and new.states == 4
    found = paths_by_words(new)
    assert set(found) == {("a", "b"), ("a", "c")}
    for words, arc in (("ab", better[0]), ("ac", better[1])):
        ((total, _, _, ids),) = found[tuple(words)]
        assert total == pytest.approx(1.0) and texts[arc] in ids.split(b"_")


def test_what_cannot_stand_in_a_row_stays_as_it_is() -> None:
    draw = np.random.default_rng(0)
    old = kaldi(random_lattice(draw, 7, 20, ("a", "b")), draw, True)
    assert determinised(old, totals_of(old)) is not old
    timed = replace(old, state_fields={"time": np.arange(old.states)})
    assert determinised(timed, totals_of(timed)) is timed
    other = replace(old, arc_fields={**old.arc_fields, "label": np.arange(old.arcs)})
    assert determinised(other, totals_of(other)) is other
    empty = make_lattice([], [])
    assert determinised(empty, np.zeros(0)) is empty


def test_a_lattice_that_would_grow_stays_as_it_is() -> None:
    """Which of 12 words said "a" the last word tells: 2^12 subsets."""
    arcs = [(place, place + 1, word) for place in range(12) for word in "ab"]
    arcs += [(place, 13 + place + 1, "a") for place in range(12)]
    arcs += [(13 + place, 13 + place + 1, word) for place in range(1, 12) for word in "ab"]
    draw = np.random.default_rng(0)
    old = kaldi(make_lattice(arcs, [12, 25]), draw, True)
    assert determinised(old, totals_of(old)) is old
