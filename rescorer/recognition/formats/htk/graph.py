"""Where the links of an SLF file run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rescorer.recognition.formats.htk.slf_file import SlfFile
from rescorer.recognition.lattice import SILENCE, Symbols


class Graph(NamedTuple):
    """The links of a file. Where the start node has a word, one more link enters it.

    Attributes:
        sources, targets: [A] nodes.
        lines: [A] the line of each link; 0 for one that the file does not have.
        start: the first node.
        finals: [F] the last nodes.
        end: the number of the end state, which the file does not have: above all others.
    """

    sources: np.ndarray
    targets: np.ndarray
    lines: np.ndarray
    start: int
    finals: np.ndarray
    end: int


def make_graph(file: SlfFile, symbols: Symbols) -> Graph:
    """The graph of a file. Raises InputError where its start or its end cannot be found."""
    sources, targets = (file.numbers(file.links, key, file.size) for key in "SE")
    graph = Graph(
        sources,
        targets,
        np.asarray(file.links.lines),
        _start(file, sources, targets),
        _finals(file, sources, targets),
        file.size,
    )
    node_words = file.by_node("W")
    if node_words is None or not symbols.words[max(SILENCE, node_words[graph.start])]:
        return graph
    return _with_link_into_start(graph)


def _with_link_into_start(graph: Graph) -> Graph:
    """The word of a node belongs to the links that enter it. No link enters the start, so one is
    added, from one more state.
    """
    new_start = graph.end
    return Graph(
        np.append(graph.sources, new_start),
        np.append(graph.targets, graph.start),
        np.append(graph.lines, 0),
        new_start,
        graph.finals,
        graph.end + 1,
    )


def _start(file: SlfFile, sources: np.ndarray, targets: np.ndarray) -> int:
    """The node of `start=`, or the one that no link enters."""
    if "start" in file.header:
        return _node_in_header(file, "start")
    starts = np.setdiff1d(sources, targets)
    if len(sources) and len(starts) != 1:
        found = f"nodes {starts[0]} and {starts[1]} have" if len(starts) else "no node has"
        raise file.place.error(
            f"{found} links that leave and none that enters",
            "one start, and no cycles",
            "add start= to the header, or make the lattice again",
        )
    return int(starts[0]) if len(starts) else 0


def _finals(file: SlfFile, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[F] the node of `end=`, or those that no link leaves."""
    if "end" in file.header:
        return np.array([_node_in_header(file, "end")])
    if not len(sources):
        # one node and no links: the empty sentence
        return np.arange(file.size == 1, dtype=np.int64)
    finals = np.setdiff1d(targets, sources)
    if not len(finals):
        raise file.place.error(
            "no node has links that enter and none that leaves",
            "an end, and no cycles",
            "add end= to the header, or make the lattice again",
        )
    return finals


def _node_in_header(file: SlfFile, name: str) -> int:
    node = file.header.whole(name)
    if node >= file.size:
        raise file.header.place(name).error(
            f"{name}={node}", f"a node below {file.size}", "correct it"
        )
    return node
