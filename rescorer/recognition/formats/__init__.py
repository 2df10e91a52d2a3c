"""The formats of n-best lists and of lattices: one module each, and the two tables of them all.

A reader checks everything it is given; what a file cannot be read as is an InputError that names
file, line and remedy.
"""

from __future__ import annotations

import codecs
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.recognition.formats import (
    espnet,
    htk,
    hyporadise,
    json_lines,
    k2,
    kaldi_lattice,
    kaldi_nbest,
    text,
)
from rescorer.recognition.formats.parsing import ErrorCollector, check_lists, empty, head
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import FIRST_LM, GRAPH, NBest


@dataclass(frozen=True)
class Format:
    """One outside format of n-best lists.

    Attributes:
        name: what users call it by.
        matches: whether what lies at a path has this format, by its content.
        read: the lists at a path; appends lines for the user of what it took for what.
        write: writes lists that `check_lists` found good, whole or not at all.
    """

    name: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, list[str]], list[NBest]]
    write: Callable[[Path, Sequence[NBest]], None]


_BINARY_HEAD = 1024  # bytes

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        format.name: format
        for format in (
            Format("kaldi", kaldi_nbest.matches, kaldi_nbest.read, kaldi_nbest.write),
            Format("jsonl", json_lines.matches, json_lines.read, json_lines.write),
            Format("espnet", espnet.matches, espnet.read, espnet.write),
            Format("hyporadise", hyporadise.matches, hyporadise.read, hyporadise.write),
            Format("text", text.matches, text.read, text.write),
        )
    }
)


@dataclass(frozen=True)
class LatticeFormat:
    """One outside format of lattices.

    Attributes:
        name: what users call it by.
        lm_score: the name of the score that holds the language model's part.
        matches: whether what lies at a path has this format, by its content.
        read: the lattices at a path, one after the other; with a table of words where the format
            counts them.
        write: writes lattices as they come, whole or not at all.
        counts_words: whether files hold the numbers that words have in a table.
    """

    name: str
    lm_score: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, Path | None, ErrorCollector], Iterator[Lattice]]
    write: Callable[[Path, Iterable[Lattice]], None]
    counts_words: bool = True


LATTICE_FORMATS: Mapping[str, LatticeFormat] = MappingProxyType(
    {
        format.name: format
        for format in (
            LatticeFormat(
                "kaldi-lattice",
                GRAPH,
                kaldi_lattice.matches,
                kaldi_lattice.read,
                kaldi_lattice.write,
            ),
            LatticeFormat("k2", FIRST_LM, k2.matches, k2.read, k2.write),
            LatticeFormat("htk", FIRST_LM, htk.matches, htk.read, htk.write, counts_words=False),
        )
    }
)


def lattice_format(path: str | Path, name: str | None = None) -> LatticeFormat | None:
    """The format of the lattices at a path, from its content unless its name is given; None where
    there are none.

    Raises:
        InputError: the path cannot be read.
    """
    if name is not None:
        return LATTICE_FORMATS.get(name)
    return next((format for format in LATTICE_FORMATS.values() if format.matches(Path(path))), None)


def read_lattices(
    path: str | Path,
    symbols: str | Path | None = None,
    format: str | None = None,
    collector: ErrorCollector | None = None,
) -> Iterator[Lattice]:
    """The lattices of a file or folder, one after the other; the format is found from the content
    unless it is named.

    Args:
        symbols: the table of words (words.txt), for formats that count them; the one beside the
            file without it.
        collector: what becomes of utterances that cannot be used.

    Raises:
        InputError: there are no lattices, or what is wrong with them.
    """
    found = lattice_format(path, format)
    if found is None:
        raise InputError(
            "no lattices",
            expected=f"one of {', '.join(LATTICE_FORMATS)}",
            file=path,
            remedy="convert the file, or name its format",
        )
    return found.read(Path(path), Path(symbols) if symbols else None, collector or ErrorCollector())


def write_lattices(path: str | Path, lattices: Iterable[Lattice], format: str) -> None:
    """Write lattices as they come, whole or not at all; compressed where the name of a file ends in
    .gz.

    Raises:
        InputError: lattices that this format cannot hold, or the place cannot be written.
    """
    LATTICE_FORMATS[format].write(Path(path), lattices)


@dataclass(frozen=True)
class NBestFile:
    """The lists of one file or folder, the name of the format they came in, and what a user should
    know of them.
    """

    path: Path
    format: str
    lists: tuple[NBest, ...]
    remarks: tuple[str, ...] = ()


def read_nbest(path: str | Path, format: str | None = None) -> NBestFile:
    """Read n-best lists; the format is found from the content unless its name is given.

    Raises:
        InputError: no format fits, the named one does not exist, or the content cannot be used.
    """
    path = Path(path)
    chosen = _find(path) if format is None else _named(format)
    remarks: list[str] = []
    lists = tuple(chosen.read(path, remarks))
    return NBestFile(path, chosen.name, lists, tuple(remarks))


def write_nbest(path: str | Path, lists: Iterable[NBest], format: str) -> None:
    """Write n-best lists, whole or not at all; compressed where the name of a file ends in .gz or
    .xz.

    Raises:
        InputError: no such format, lists that no file can hold (none, ids or keys that repeat or
            hold white space, different scores, NaN) or that this format cannot hold, or the place
            cannot be written.
    """
    path = Path(path)
    _named(format).write(path, check_lists(lists, path))


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(
            f"unknown format {name!r}", expected=f"{_names()}", remedy="choose one of these"
        )
    return FORMATS[name]


def _find(path: Path) -> Format:
    if os.path.isdir(path) or kaldi_nbest.folder_of(path) is not None:
        # The only format in a folder: its reader says best what is wrong with another folder, or
        # with a part of one.
        return FORMATS["kaldi"]
    if _is_binary(path):
        raise InputError(
            "binary, and no lattices",
            expected=f"one of {_names()}",
            file=path,
            remedy="check the path",
        )
    if not head(path):
        raise empty(path)
    found = next((format for format in FORMATS.values() if format.matches(path)), None)
    if found is None:
        raise InputError(
            "the format is not known by its content",
            expected=f"one of {_names()}",
            file=path,
            line=1,
            remedy="name the format, or convert the file, such as to lines `utt-1 -12.3 the words`",
        )
    return found


def _is_binary(path: Path) -> bool:
    """Whether it begins with a NUL and what is no UTF-8. What cannot be read is told by whoever
    reads on.
    """
    with open_binary(path) as file:
        try:
            beginning = file.read(_BINARY_HEAD)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return b"\0" in beginning
    return False


def _names() -> str:
    return ", ".join((*FORMATS, *LATTICE_FORMATS))
