"""What Kaldi itself finds in its lattices: the same words, and the same costs to 1e-3."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from rescorer.models.loading import load
from rescorer.recognition.formats import read_lattices
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import ACOUSTIC, GRAPH
from rescorer.recognition.references import read_references
from rescorer.reports.error_rate import errors
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.oracle import oracle_words
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import Weights

KALDI = Path(os.environ.get("RESCORER_DATA", "")) / "lattices/kathleen-kaldi"
pytestmark = pytest.mark.skipif(
    "RESCORER_DATA" not in os.environ, reason="RESCORER_DATA does not name the folder of real data"
)
WEIGHTS = Weights({ACOUSTIC: 0.1, GRAPH: 1.0}, lm_scale=0.0)


def reference(name: str) -> dict[str, list[float]]:
    lines = (KALDI / "reference" / name).read_text().splitlines()
    return {line.split()[0]: [float(field) for field in line.split()[1:]] for line in lines}


def costs(lattice: Lattice, path: np.ndarray) -> tuple[float, float]:
    return -lattice.scores[GRAPH][path].sum(), -lattice.scores[ACOUSTIC][path].sum()


def word_ids(lattice: Lattice, path: np.ndarray) -> list[int]:
    return [label for label in lattice.labels[path].tolist() if label]


@pytest.mark.parametrize("archive", ["pruned.1.gz", "pruned.txt.gz"])
def test_best_path(archive: str) -> None:
    words, graph, acoustic = (
        reference(f"1best.{what}") for what in ("words", "graph-cost", "acoustic-cost")
    )
    lattices = list(read_lattices(KALDI / archive))
    assert [each.utterance for each in lattices] == list(words)
    paths = Trellis.of(lattices).best_paths(known_totals(lattices, WEIGHTS))
    for lattice, path in zip(lattices, paths, strict=True):
        assert word_ids(lattice, path) == words[lattice.utterance]
        expected = (*graph[lattice.utterance], *acoustic[lattice.utterance])
        np.testing.assert_allclose(costs(lattice, path), expected, atol=1e-3, rtol=1e-5)


def test_ten_best() -> None:
    """Kaldi lists paths, ours are sentences: of Kaldi's paths with the same words the first
    counts.
    """
    words, graph, acoustic = (
        reference(f"10best.{what}") for what in ("words", "graph-cost", "acoustic-cost")
    )
    listed = {
        utterance: list(keys)
        for utterance, keys in groupby(words, key=lambda key: key.rpartition("-")[0])
    }
    compared = 0
    for lattice in read_lattices(KALDI / "pruned.1.gz"):
        first: dict[tuple[float, ...], str] = {}
        for key in listed[lattice.utterance]:
            first.setdefault(tuple(words[key]), key)
        paths = n_best(lattice, known_totals([lattice], WEIGHTS), len(first))
        for path, (expected, key) in zip(paths, first.items(), strict=True):
            assert tuple(word_ids(lattice, path)) == expected
            np.testing.assert_allclose(
                costs(lattice, path), (*graph[key], *acoustic[key]), atol=1e-3, rtol=1e-5
            )
            compared += 1
    assert compared > 1000


def test_compact_lattices_keep_the_oracle_and_are_hardly_larger() -> None:
    """The pruned lattices lie within the beam: no word of theirs is lost."""
    references = read_references(KALDI.parent / "kathleen-refs.test.txt")
    lattices = [
        each for each in read_lattices(KALDI / "pruned.1.gz") if each.utterance in references
    ][:20]
    settings = ExpansionSettings(compact=True)
    compact = [each.lattice for each in rescore_lattices(lattices, load(), settings=settings)]

    def oracle_errors(found: list[Lattice]) -> int:
        return sum(
            errors(oracle_words(each, references[each.utterance]), references[each.utterance])
            for each in found
        )

    assert oracle_errors(compact) == oracle_errors(lattices)
    assert sum(each.arcs for each in compact) < 1.5 * sum(each.arcs for each in lattices)
