"""Lattices written as SLF files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import whole_path, write_lines
from rescorer.recognition.formats.htk.fields import (
    ARC_FIELDS,
    NULL,
    SCALES,
    SCORES,
    TIME,
    is_kept,
)
from rescorer.recognition.formats.htk.line import quote
from rescorer.recognition.formats.htk.paths import SUFFIXES, has_suffix
from rescorer.recognition.formats.parsing import Place, check_id, show
from rescorer.recognition.lattice import SILENCE, Column, Lattice
from rescorer.recognition.nbest import FIRST_LM, GRAPH


def write(path: Path, lattices: Iterable[Lattice]) -> None:
    """Write lattices, whole or not at all: one to a path named .slf, .lat or .htk, or such a name
    and .gz; any number to another path, which becomes a folder of files UTTERANCE.slf, with "_" for
    each "/" of an id.

    Words stand on links, scores are natural logs. Where there is no FIRST_LM, GRAPH is written as
    `l=`; scores that SLF has no name for are left out. Arcs that end the sentence are not written
    if they have no scores; else they become links without words into a final node.

    Raises:
        InputError: no lattice, several to one file, ids that no file can have, or the place cannot
            be written.
    """
    if has_suffix(path):
        _write_file(path, lattices)
    else:
        _write_folder(path, lattices)


def _write_folder(path: Path, lattices: Iterable[Lattice]) -> None:
    place = Place(path)
    names: set[str] = set()
    with whole_path(path) as folder:
        folder.mkdir()
        for lattice in lattices:
            name = check_id(lattice.utterance, place).replace("/", "_") + ".slf"
            if name in names:
                raise place.error(
                    f"two lattices for the file {show(name)}", "unique ids", "rename one utterance"
                )
            names.add(name)
            write_lines(folder / name, _lines(lattice))
        if not names:
            raise _nothing(place)


def _write_file(path: Path, lattices: Iterable[Lattice]) -> None:
    several = iter(lattices)
    lattice = next(several, None)
    if lattice is None:
        raise _nothing(Place(path))
    check_id(lattice.utterance, Place(path))
    if next(several, None) is not None:
        raise Place(path).error(
            "several lattices for one file",
            "one lattice a file",
            f"give the name of a folder: one without {', '.join(SUFFIXES)}",
        )
    write_lines(path, _lines(lattice))


def _nothing(place: Place) -> InputError:
    return place.error("no lattices to write", "at least one", "check what was read")


def _lines(lattice: Lattice) -> Iterator[str]:
    no_first_lm = GRAPH in lattice.scores and FIRST_LM not in lattice.scores
    lm = GRAPH if no_first_lm else FIRST_LM  # the score of l=
    scores = {
        field: lattice.scores[name]
        for field, name in {**SCORES, "l": lm}.items()
        if name in lattice.scores
    }
    ends_are_implied = _ends_are_implied(lattice, scores.values())
    links = np.flatnonzero(~lattice.ends) if ends_are_implied else np.arange(lattice.arcs)
    nodes = max(0, lattice.states - ends_are_implied)
    yield from _header_lines(lattice, lm)
    if nodes:
        yield "start=0"
        # If several nodes end the sentence, no link leaves them and there is no end=.
        if lattice.arcs - len(links) <= 1:
            yield f"end={nodes - 1}"
    yield f"N={nodes}\tL={len(links)}"
    yield from _node_lines(lattice, nodes)
    yield from _link_lines(lattice, links, scores)


def _ends_are_implied(lattice: Lattice, scores: Iterable[np.ndarray]) -> bool:
    """Whether the arcs that end the sentence say no more than which nodes have no link that
    leaves.
    """
    ends = np.flatnonzero(lattice.ends)
    have_content = lattice.labels[ends].any() or any(score[ends].any() for score in scores)
    arcs_that_leave = np.bincount(lattice.sources)
    return not have_content and bool((arcs_that_leave[lattice.sources[ends]] == 1).all())


def _header_lines(lattice: Lattice, lm: str) -> Iterator[str]:
    header = {"VERSION": "1.1", "UTTERANCE": lattice.utterance}
    for name, text in lattice.header.items():
        if is_kept(name) and isinstance(text, str):
            header[name] = text
    yield from (f"{name}={quote(text)}" for name, text in header.items())
    for field, score in {**SCALES, "lmscale": lm}.items():
        if score in lattice.own_scales:
            yield f"{field}={float(lattice.own_scales[score])!r}"
    if lattice.own_scales or lattice.own_word_penalty:
        # not -x: the score of 0 is 0, not -0
        yield f"wdpenalty={0.0 - float(lattice.own_word_penalty)!r}"


def _node_lines(lattice: Lattice, nodes: int) -> Iterator[str]:
    times = _texts("t", lattice.state_fields.get(TIME), np.arange(nodes))
    return (f"I={node}{time}" for node, time in enumerate(times))


def _link_lines(
    lattice: Lattice, links: np.ndarray, scores: Mapping[str, np.ndarray]
) -> Iterator[str]:
    """The lines of links: [L] the arcs that are written."""
    words = [NULL, *(quote(label) for label in lattice.symbols.labels[SILENCE + 1 :])]
    columns: dict[str, Column | None] = dict(scores)
    columns.update((name, lattice.arc_fields.get(field)) for name, field in ARC_FIELDS.items())
    texts = [_texts(name, column, links) for name, column in columns.items()]
    rows = zip(
        lattice.sources[links].tolist(),
        lattice.targets[links].tolist(),
        lattice.labels[links].tolist(),
        map("".join, zip(*texts, strict=True)),
        strict=True,
    )
    return (
        f"J={link}\tS={source}\tE={target}\tW={words[label]}{rest}"
        for link, (source, target, label, rest) in enumerate(rows)
    )


def _texts(name: str, column: Column | None, rows: np.ndarray) -> list[str]:
    """A field for each row as it is written, with a tab before it; nothing where the row has
    none.
    """
    if column is None:
        return [""] * len(rows)
    values = np.asarray(column.take(rows)).tolist()
    if name == "d":
        return [f"\t{name}={quote(value)}" if value else "" for value in values]
    if name == "v":
        return [f"\t{name}={value}" if value >= 0 else "" for value in values]
    # NaN, which is missing, is not equal to itself
    return [f"\t{name}={value!r}" if value == value else "" for value in values]
