"""HTK lattices written, read and compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rescorer.recognition.formats import htk
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice


def read(path: Path, text: str | None = None) -> Lattice:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    (lattice,) = htk.read(path, None, ErrorCollector())
    return lattice


def spelled(lattice: Lattice) -> list[tuple[int, int, str]]:
    labels = [lattice.symbols.labels[label] for label in lattice.labels]
    return list(zip(lattice.sources.tolist(), lattice.targets.tolist(), labels, strict=True))


def heard(lattice: Lattice) -> list[str]:
    return [lattice.symbols.words[label] for label in lattice.labels]


def assert_same(one: Lattice, other: Lattice) -> None:
    assert (one.utterance, one.states, spelled(one)) == (
        other.utterance,
        other.states,
        spelled(other),
    )
    for mine, theirs in (
        (one.scores, other.scores),
        (one.arc_fields, other.arc_fields),
        (one.state_fields, other.state_fields),
    ):
        assert mine.keys() == theirs.keys()
        for name, column in mine.items():
            np.testing.assert_array_equal(np.asarray(column), np.asarray(theirs[name]))
    assert (one.own_scales, one.own_word_penalty) == (other.own_scales, other.own_word_penalty)
    assert one.header == other.header
    assert heard(one) == heard(other)


def assert_same_paths(one: Lattice, other: Lattice) -> None:
    """The same but for names of scores and fields that a file does not have where no link says
    anything of them.
    """
    assert (one.utterance, one.states, spelled(one)) == (
        other.utterance,
        other.states,
        spelled(other),
    )
    assert one.own_word_penalty == other.own_word_penalty
    if one.arcs > 1:
        assert one.scores.keys() == other.scores.keys() and one.own_scales == other.own_scales
    for name, score in other.scores.items():
        np.testing.assert_array_equal(score, one.scores[name])
    for name in one.arc_fields:
        column = np.asarray(one.arc_fields[name])
        if name in other.arc_fields:
            np.testing.assert_array_equal(np.asarray(other.arc_fields[name]), column)
        else:
            assert all(value in ("", -1) or value != value for value in column[~one.ends].tolist())


def written(path: Path, lattice: Lattice) -> Lattice:
    htk.write(path, [lattice])
    return read(path)
