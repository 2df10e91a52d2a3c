"""The links of an SLF file as arcs with scores in natural logs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from rescorer.recognition.formats.htk.fields import ARC_FIELDS, SCORES
from rescorer.recognition.formats.htk.graph import Graph
from rescorer.recognition.formats.htk.slf_file import SlfFile
from rescorer.recognition.formats.htk.table import ON_LINKS
from rescorer.recognition.formats.parsing import Place
from rescorer.recognition.lattice import SILENCE
from rescorer.recognition.lattice_assembly import Arcs


def make_arcs(file: SlfFile, graph: Graph) -> Arcs:
    """The links with their words, scores and fields, and the arcs that end the sentence.

    Raises:
        InputError: words on the nodes of a backward lattice, or a probability below 0.
    """
    _check_direction(file)
    columns = {
        name: column
        for name in ("W", *ARC_FIELDS, *SCORES)
        if (column := file.by_arc(name, graph.targets)) is not None
    }
    labels = columns.get("W", np.zeros(len(graph.targets), np.int64))
    logs = {
        name: _to_logs(name, columns[name], file.base, graph.lines, file.place)
        for name in SCORES
        if name in columns
    }
    kept = np.flatnonzero(_is_possible(logs, len(labels), file.base))

    def with_ends(column: np.ndarray, of_ends: float | str) -> np.ndarray:
        """The kept links, then an arc for each final node."""
        return np.append(column[kept], np.full(len(graph.finals), of_ends, column.dtype))

    return Arcs(
        np.append(graph.sources[kept], graph.finals),
        with_ends(graph.targets, graph.end),
        with_ends(np.maximum(labels, SILENCE), SILENCE),
        {SCORES[name]: with_ends(log, 0.0) for name, log in logs.items()},
        {
            field: with_ends(columns[name], ON_LINKS[name].missing)
            for name, field in ARC_FIELDS.items()
            if name in columns
        },
    )


def _check_direction(file: SlfFile) -> None:
    """Raises InputError where it is not known which links a node's word belongs to."""
    if "W" in file.nodes and file.header.text("dir").startswith("b"):
        raise file.header.place("dir").error(
            "words on the nodes of a backward lattice",
            "words on links, or dir=f",
            "convert it with SRILM's lattice-tool, or make it again",
        )


def _to_logs(
    name: str, column: np.ndarray, base: float, lines: np.ndarray, place: Place
) -> np.ndarray:
    """[A] natural logs of a field's values, 0 where it is missing; minus infinity for a probability
    of 0.

    Args:
        lines: [A] for errors: the line of each arc, 0 without one.
    """
    if not base and (column < 0).any():
        wrong = int(np.flatnonzero(column < 0)[0])
        raise place._replace(line=int(lines[wrong]) or None).error(
            f"{name}={column[wrong]} with base=0",
            "a probability",
            "correct base=, or make the lattice again",
        )
    with np.errstate(divide="ignore", over="ignore"):
        logs = column * math.log(base) if base else np.log(column)
    return np.where(np.isnan(column), 0.0, logs)


def _is_possible(logs: Mapping[str, np.ndarray], arcs: int, base: float) -> np.ndarray:
    """[A] bool: False for a link of probability 0, which is as if it were not there.

    With another base, `assemble` refuses what is not finite.
    """
    if base or not logs:
        return np.ones(arcs, bool)
    return np.asarray(np.all([log > -math.inf for log in logs.values()], axis=0))
