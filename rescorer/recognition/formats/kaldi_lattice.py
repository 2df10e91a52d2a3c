"""Kaldi's archives of lattices: CompactLattice or Lattice, binary or text, plain or .gz; and the
.scp files of them.

An archive holds `utterance lattice` again and again; `kaldi_lattice_binary` and
`kaldi_lattice_text` say what a lattice looks like. An .scp file has lines `utterance file` or
`utterance file:byte`, the file as Kaldi would find it, from the working directory, or else from the
folder of the .scp.

Words are numbers that a words.txt explains; where none is given it is the one beside the archive.
Text that spells its words out needs none.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import numpy as np

from rescorer.errors import InputError
from rescorer.files import whole_path
from rescorer.recognition.formats import kaldi_lattice_binary as binary
from rescorer.recognition.formats import kaldi_lattice_text as text
from rescorer.recognition.formats import words_txt
from rescorer.recognition.formats.kaldi_archive import Entry, entries, matches
from rescorer.recognition.formats.kaldi_fst import AGAIN, SPELLED, TEXT, of_lattice, to_lattice
from rescorer.recognition.formats.parsing import ErrorCollector, Place, check_id, show
from rescorer.recognition.lattice import Lattice, Symbols

__all__ = ["matches", "read", "write"]


def read(path: Path, words: Path | None, collector: ErrorCollector) -> Iterator[Lattice]:
    """The lattices of an archive or .scp, one after the other; memory follows the largest.

    Scores are ACOUSTIC and GRAPH, the negated costs; costs of final states stand on the arcs into
    the end. The field `transition_ids` has the transition ids of each arc. The header has `type`
    ("compact" or "lattice"), `precision` ("float" or "double"), `text` and `spelled`: whether it
    was text, and with its words spelled out. A lattice without states is one.

    Args:
        words: the words.txt; the one beside `path` if None.

    Raises:
        InputError: there is no words.txt, or it is damaged; or, unless `collector` passes it over,
            a lattice that is damaged or cyclic, whose costs are not finite, whose words words.txt
            has not, or whose id was there before. After one that does not tell where it ends, the
            rest of the archive is passed over with it.
    """
    words = words or (beside if (beside := path.parent / words_txt.NAME).is_file() else None)
    reading = _Reading(path, None if words is None else _Table(words))
    with closing(entries(path, collector)) as found:
        for entry in found:
            try:
                content = entry.content()
            except InputError as error:
                collector.add(error)
                continue
            reading.check_table(content)  # this is no fault of the lattice's own
            try:
                lattice = reading.lattice(entry, content)
            except InputError as error:
                collector.add(error)
            else:
                yield lattice


class _Table:
    """The words of a words.txt."""

    def __init__(self, path: Path) -> None:
        self.path, self.symbols = path, words_txt.read(path)
        self._present = words_txt.present(self.symbols)

    def missing(self, labels: np.ndarray) -> np.ndarray:
        """[A] bool: which labels have no word."""
        out = (labels < 0) | (labels >= len(self._present))
        return np.asarray(out | ~self._present[np.where(out, 0, labels)])


class _Reading:
    """What holds for all lattices of a file: the words, and whether they are numbers."""

    def __init__(self, path: Path, table: _Table | None) -> None:
        self._path, self._table = path, table
        self._spelled: bool | None = None  # until there is a word

    def check_table(self, content: binary.Binary | text.Text) -> None:
        """Raises InputError where words are numbers and nothing explains them."""
        if self._spelled is None and isinstance(content, text.Text) and content.labels:
            self._spelled = not content.numbered
        if self._table is None and len(content.fst.sources) and not self._is_spelled(content):
            raise Place(self._path).error(
                "its words are numbers, and there is no words.txt beside it",
                "a table of words",
                "give the words.txt of the lattices: --symbols words.txt",
            )

    def _is_spelled(self, content: binary.Binary | text.Text) -> bool:
        return isinstance(content, text.Text) and bool(self._spelled)

    def lattice(self, entry: Entry, content: binary.Binary | text.Text) -> Lattice:
        """The lattice of an entry. Raises InputError where it is none."""
        is_text, spelled = isinstance(content, text.Text), self._is_spelled(content)
        symbols = Symbols((text.EPSILON,)) if self._table is None else self._table.symbols
        if isinstance(content, binary.Binary):
            fst = content.fst
        elif spelled:
            fst, symbols = content.by_word()
        else:
            fst = content.by_number()
        if (
            not spelled
            and self._table is not None
            and (missing := self._table.missing(fst.labels)).any()
        ):
            arc = int(np.argmax(missing))
            raise content.arc_place(arc).error(
                f"word {fst.labels[arc]} is not in {self._table.path}",
                f"one of its ids, up to {len(symbols.labels) - 1}",
                "give the words.txt that the lattices were made with",
            )
        if (beyond := (fst.targets < 0) | (fst.targets >= fst.states)).any():
            arc = int(np.argmax(beyond))
            raise content.arc_place(arc).error(
                f"an arc to state {fst.targets[arc]}", f"states from 0 to {fst.states - 1}", AGAIN
            )
        return to_lattice(fst, entry.utterance, symbols, entry.place, text=is_text, spelled=spelled)


def write(path: Path, lattices: Iterable[Lattice]) -> None:
    """Write an archive as the lattices come, whole or not at all; .gz where the name ends so.

    It is text where the name, without .gz, ends in .txt or .text, and for lattices that were read
    from text; else it is binary. Type and precision are those that a lattice was read with, else
    those of a CompactLattice of floats. Words are written as numbers, their index in the symbols,
    but spelled out where they were read so. Of the end arcs of a state, the first becomes its final
    weight, and others become arcs without a word into states of their own.

    Raises:
        InputError: a lattice without an acoustic or a graph score, an id that no archive can hold
            or that is there twice, words spelled out in binary, words that are numbered otherwise
            than those before, no lattices, or the place cannot be written.
    """
    as_text = path.name.removesuffix(".gz").endswith((".txt", ".text"))
    seen: set[str] = set()
    numbers: Symbols | None = None
    with whole_path(path) as work, _open(work, path) as file:
        for lattice in lattices:
            place = Place(path, part=f"utterance {show(lattice.utterance)}")
            if check_id(lattice.utterance, place) in seen:
                raise place.error("the utterance was there before", "unique ids", "rename it")
            seen.add(lattice.utterance)
            if not lattice.header.get(SPELLED, False) and lattice.arcs:
                numbers = _same_numbers(numbers or lattice.symbols, lattice.symbols, place)
            was_text = bool(lattice.header.get(TEXT, False))
            file.write(_written(lattice, as_text or was_text, place))
        if not seen:
            raise InputError(
                "no lattices to write",
                expected="at least one",
                file=path,
                remedy="look into what was passed over",
            )


def _open(work: Path, path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(work, "wb")  # type: ignore[return-value]
    return open(work, "wb")


def _same_numbers(first: Symbols, symbols: Symbols, place: Place) -> Symbols:
    """The first. Raises InputError where the others are not the same."""
    if symbols is not first and symbols.labels != first.labels:
        raise place.error(
            "its words are numbered otherwise than those before",
            "one table of words for an archive",
            "write a format that spells its words",
        )
    return first


def _written(lattice: Lattice, as_text: bool, place: Place) -> bytes:
    fst = of_lattice(lattice, place)
    spelled = lattice.header.get(SPELLED, False)
    if as_text:
        return text.to_text(fst, lattice.utterance, lattice.symbols.labels if spelled else None)
    if spelled:
        raise place.error(
            "its words are spelled out",
            "numbers, for a binary archive",
            "give a name that ends in .txt",
        )
    return lattice.utterance.encode() + b" " + binary.to_bytes(fst)
