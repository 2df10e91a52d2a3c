"""k2's `.pt` files read as lattices, and the symbols of their words."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path

from rescorer.files import open_binary
from rescorer.recognition.formats import words_txt
from rescorer.recognition.formats.k2.lattices import make_lattices
from rescorer.recognition.formats.k2.pt_file import load
from rescorer.recognition.formats.parsing import ErrorCollector, Place, show
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.word_pieces import read_pieces

_HEAD = 4096  # bytes: enough to know a format by
# The text "arcs" in a pickle: BINUNICODE and SHORT_BINUNICODE.
_PICKLED_ARCS = (b"X\x04\x00\x00\x00arcs", b"\x8c\x04arcs")


def matches(path: Path) -> bool:
    """Whether the file is torch's and holds a dictionary of which `arcs` is the first key, as in
    `Fsa.as_dict()`; or the first `.pt` file of a folder."""
    if path.is_dir():
        return any(matches(file) for file in _files(path)[:1])
    with open_binary(path) as file:
        try:
            head = file.read(_HEAD)
        # a damaged archive of another format
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return False
    # Nothing is unpickled for this: no JSON spells a text in one of these ways.
    is_torch = head.startswith(b"PK\x03\x04") and b"/data.pkl" in head
    return is_torch and any(text in head for text in _PICKLED_ARCS)


def read(path: Path, words: Path | None, collector: ErrorCollector) -> Iterator[Lattice]:
    """The lattices of a `.pt` file of `Fsa.as_dict()`, or of all in a folder by name; neither k2
    nor torch is needed.

    Utterances are called as the list of texts `utterances` in the file says; without it by the
    file's name, with -1, -2, … where the file holds an FsaVec.

    Args:
        words: as in `read_symbols`.
        collector: takes the errors that concern one utterance.

    Raises:
        InputError: no such file, one that is damaged, holds code, or no FSAs; no words.txt, or a
            bad one.
    """
    symbols = None if words is None else read_symbols(words)
    if path.is_dir():
        return _read_all(path, symbols, collector)
    return _read_file(path, symbols, collector)


def _read_file(path: Path, symbols: Symbols | None, collector: ErrorCollector) -> Iterator[Lattice]:
    return make_lattices(load(path), symbols, path.stem, Place(path), collector)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt"))


def _read_all(
    folder: Path, symbols: Symbols | None, collector: ErrorCollector
) -> Iterator[Lattice]:
    """The lattices of a folder's files: of one file at a time in memory."""
    seen: set[str] = set()
    for path in _files(folder):
        for lattice in _read_file(path, symbols, collector):
            if lattice.utterance in seen:
                raise Place(path).error(
                    f"utterance {show(lattice.utterance)} is in an earlier file too",
                    "unique ids",
                    "set the attribute `utterances` before as_dict(), or move the file away",
                )
            seen.add(lattice.utterance)
            yield lattice


def read_symbols(path: str | Path) -> Symbols:
    """What the ids of a lattice mean: words.txt or tokens.txt, lines of `word id`, or
    sentencepiece's `.model`.

    Raises:
        InputError: no such file, or a bad one; sentencepiece cannot be imported.
    """
    path = Path(path)
    return read_pieces(path) if path.suffix == ".model" else words_txt.read(path)
