"""One SLF file: all its lines, checked to be complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rescorer.recognition.formats.htk.fields import NULL
from rescorer.recognition.formats.htk.header import Header, sublattice
from rescorer.recognition.formats.htk.line import parse_line
from rescorer.recognition.formats.htk.table import (
    ON_LINKS,
    ON_NODES,
    Table,
    is_missing,
    whole_field,
)
from rescorer.recognition.formats.parsing import Place, filled_lines
from rescorer.recognition.lattice import SILENCE


class SlfFile:
    """The header, the nodes and the links of a file.

    Attributes:
        place: the file, for errors.
        header: its fields.
        labels: what stands on nodes and links → its number, in the order of appearance; "" is 0.
        nodes, links: their fields; the field W holds numbers of `labels`.
        base: of the logarithms, 0 for probabilities.
        size: number of nodes. Nodes are numbered from 0; the lines of nodes may be left out.

    Raises:
        InputError: a line that holds anything but fields, a sub-lattice, fewer or more nodes or
            links than the header says, or a number that is missing or there twice.
    """

    def __init__(self, path: Path) -> None:
        self.place = Place(path)
        self.header = Header(self.place)
        self.labels = {"": SILENCE}
        words = {"W": whole_field(self._label_number)}
        self.nodes = Table({**ON_NODES, **words})
        self.links = Table({**ON_LINKS, **words})
        for place, line in filled_lines(path):
            if not line.lstrip().startswith("#"):
                self._add(parse_line(line, place), place)
        self.base = self.header.base()
        self.size = self._declared_size("NODES", self.nodes, may_be_absent=True)
        self._check_numbers(self.nodes, "I", self.size)
        links = self._declared_size("LINKS", self.links)
        self._check_numbers(self.links, "J", links)

    def _label_number(self, label: str) -> int:
        return self.labels.setdefault("" if label == NULL else label, len(self.labels))

    def _add(self, fields: dict[str, str], place: Place) -> None:
        if "J" in fields:
            self.links.add(fields, place)
        elif "I" in fields:
            if "L" in fields:
                raise sublattice(place)
            self.nodes.add(fields, place)
        else:
            for name, text in fields.items():
                self.header.add(name, text, place)

    def _declared_size(self, name: str, table: Table, may_be_absent: bool = False) -> int:
        """The number of nodes or links that the header tells. Raises InputError where it tells
        none, or another than there are lines.
        """
        if name not in self.header:
            raise self.place.error(
                f"there is no {name[0]}=",
                f"the number of {name.lower()} in the header",
                "the file is cut short, or no SLF: make the lattice again",
            )
        size, rows = self.header.whole(name), len(table)
        if rows != size and not (may_be_absent and rows == 0):
            raise self.header.place(name).error(
                f"{name[0]}={size}, but there are {rows} {name.lower()}",
                "the same number",
                "the file is cut short or damaged: make the lattice again",
            )
        return size

    def _check_numbers(self, table: Table, key: str, size: int) -> None:
        """Raises InputError where two rows have the same number, or one has none below `size`."""
        numbers = self.numbers(table, key, size)
        order = np.argsort(numbers, kind="stable")
        repeated = order[1:][np.diff(numbers[order]) == 0]
        if len(repeated):
            first = repeated.min()
            raise self._row(table, first).error(
                f"{key}={numbers[first]} is there twice",
                "each number once",
                "make the lattice again",
            )

    def numbers(self, table: Table, key: str, size: int) -> np.ndarray:
        """[rows] numbers of nodes or links. Raises InputError for one that is missing or not below
        `size`.
        """
        numbers = table.column(key)
        wrong = np.flatnonzero((numbers < 0) | (numbers >= size))
        if len(wrong):
            number = numbers[wrong[0]]
            raise self._row(table, wrong[0]).error(
                f"{key}={number}" if number >= 0 else f"there is no {key}=",
                f"a number below {size}",
                "make the lattice again",
            )
        return numbers

    def _row(self, table: Table, row: int) -> Place:
        return self.place._replace(line=table.lines[row])

    def by_node(self, name: str) -> np.ndarray | None:
        """[N] a field of the nodes, by their numbers; None where no node has it."""
        if name not in self.nodes:
            return None
        column = self.nodes.column(name)
        by_node = np.empty_like(column)
        by_node[self.nodes.column("I")] = column
        return by_node

    def by_arc(self, name: str, targets: np.ndarray) -> np.ndarray | None:
        """[A] a field of the links, or else of the nodes that they enter; None where neither has
        it.

        Args:
            targets: [A] the node that each arc enters. Arcs after the file's links have no fields
                of a link.
        """
        by_node = self.by_node(name)
        if by_node is None and name not in self.links:
            return None
        column = self.links.column(name, rows=len(targets))
        if by_node is not None:
            missing = is_missing(column)
            column[missing] = by_node[targets[missing]]
        return column
