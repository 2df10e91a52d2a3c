"""k2's lattices in tests: tensors as k2 makes them, and what a lattice says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tiny_lattices import all_paths, path_totals, words_of

from rescorer.recognition.formats.k2 import (
    Ragged,
    Rows,
)
from rescorer.recognition.lattice import Lattice, Symbols

WORDS = ("<eps>", *(f"w{number}" for number in range(1, 10)))
SYMBOLS = Symbols(WORDS)
# source, target, label, score
DIAMOND = [(0, 1, 3, -0.5), (0, 2, 4, -0.25), (1, 3, -1, 0.0), (2, 3, -1, -1.0)]
Row = tuple[int, int, int, float]


def rows(arcs: Sequence[Row]) -> torch.Tensor:
    """[A, 4] what k2 makes of an Fsa."""
    numbers = np.array([arc[:3] for arc in arcs], dtype=np.int32).reshape(-1, 3)
    bits = np.array([arc[3] for arc in arcs], dtype=np.float32).view(np.int32)
    return torch.from_numpy(np.concatenate([numbers, bits[:, None]], axis=1))


def vec(*fsas: tuple[int, Sequence[Row]]) -> torch.Tensor:
    """What k2 makes of an FsaVec of (states, arcs)."""
    states, arcs = (
        np.cumsum([0, *(n for n, _ in fsas)]),
        np.cumsum([0, *(len(arcs) for _, arcs in fsas)]),
    )
    body = [rows(each).reshape(-1) for _, each in fsas]
    return torch.cat([torch.tensor([len(fsas), 0, *states, *arcs], dtype=torch.int32), *body])


def same(left: Any, right: Any) -> None:
    """Equal, field by field and in type."""
    assert type(left) is type(right)
    if isinstance(left, Lattice):
        for name in (
            "utterance",
            "states",
            "sources",
            "targets",
            "labels",
            "scores",
            "arc_fields",
            "header",
        ):
            same(getattr(left, name), getattr(right, name))
        assert left.symbols.labels == right.symbols.labels
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            same(left[name], right[name])
    elif isinstance(left, Ragged):
        same(left.splits, right.splits)
        same(left.values, right.values)
    elif isinstance(left, Rows):
        same(left.array, right.array)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    else:
        assert left == right


def sentences(lattice: Lattice) -> dict[tuple[str, ...], list[float]]:
    """The totals of the paths that say each sentence."""
    totals = np.sum(list(lattice.scores.values()), axis=0)
    paths = all_paths(lattice)
    found: dict[tuple[str, ...], list[float]] = {}
    for path, total in zip(paths, path_totals(totals, paths).tolist(), strict=True):
        found.setdefault(words_of(lattice, path), []).append(total)
    return {words: sorted(totals) for words, totals in found.items()}


ReadDict = Callable[..., list[Lattice]]
MakeRagged = Callable[[Any], Any]
