"""SLF files made lattices."""

from __future__ import annotations

import lzma
import math
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.recognition.formats.htk.fields import TIME, is_header_field
from rescorer.recognition.formats.htk.graph import make_graph
from rescorer.recognition.formats.htk.paths import SUFFIXES, files_in, has_suffix
from rescorer.recognition.formats.htk.scores import make_arcs
from rescorer.recognition.formats.htk.slf_file import SlfFile
from rescorer.recognition.formats.parsing import (
    ErrorCollector,
    Place,
    check_id,
    show,
    split_words,
)
from rescorer.recognition.lattice import SILENT, Lattice, Symbols
from rescorer.recognition.lattice_assembly import LatticeError, assemble

_VARIANT = re.compile(r"(.+)\([0-9]+\)", re.DOTALL)
_LONGEST_LINE = 1 << 16  # bytes: enough to know a format by
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def matches(path: Path) -> bool:
    """Whether a file's first field is one of an SLF header, or that of a folder's first file named
    .slf, .lat or .htk.

    A file that is compressed and damaged is known by its name.

    Raises:
        InputError: there is no such file.
    """
    if os.path.isdir(path):
        files = files_in(path)
        return bool(files) and matches(files[0])
    with open_binary(path) as file:
        try:
            while line := file.readline(_LONGEST_LINE):
                line = line.removeprefix(_BYTE_ORDER_MARK).strip()
                if line and not line.startswith(b"#"):
                    name, equals, _ = line.partition(b"=")
                    return bool(equals) and is_header_field(name.decode("latin-1"))
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return has_suffix(path)
    return False


def read(path: Path, words: Path | None, collector: ErrorCollector) -> Iterator[Lattice]:
    """The lattices of a file or, in the order of names, of a folder.

    An utterance's id is the file's UTTERANCE where that is one printable token, else the file's
    name without its suffix. Scores are natural logs. The recogniser's own scales and word penalty
    are divided by its `lmscale`, so that the scale of its language model is 1, unless `lmscale` is
    not above 0; they are empty where the header has none.

    Raises:
        InputError: `words` is given, or an id is there twice; or, unless `collector` skips it, a
            file that is not as the format says, has sub-lattices or a cycle, or does not tell its
            start, with file and line.
    """
    if words is not None:
        raise Place(path).error(
            "a table of words was given", "none: SLF spells its words", f"leave {words} out"
        )
    file_of: dict[str, Path] = {}
    for file in _files(path):
        try:
            lattice = _to_lattice(SlfFile(file))
            other = file_of.setdefault(lattice.utterance, file)
            if other != file:
                raise Place(file).error(
                    f"utterance {show(lattice.utterance)} is in {other.name} too",
                    "unique ids",
                    "take one of the files away, or correct its UTTERANCE",
                )
        except InputError as error:
            collector.add(error)
        else:
            yield lattice


def _files(path: Path) -> list[Path]:
    """The file, or those of the folder. Raises InputError for a folder without any."""
    if not os.path.isdir(path):
        return [path]
    files = files_in(path)
    if not files:
        raise Place(path).error(
            "the folder holds no SLF files",
            f"files named {', '.join(SUFFIXES)}, or these .gz",
            "give the folder that holds the lattices, or rename them",
        )
    return files


def _to_lattice(file: SlfFile) -> Lattice:
    """The lattice of a file. Raises InputError where its lines make none."""
    symbols = _symbols(file)
    graph = make_graph(file, symbols)
    arcs = make_arcs(file, graph)
    utterance = _utterance(file)
    times = _times(file, graph.end)
    own_weights = file.header.own_weights(arcs.scores, file.base)
    try:
        lattice = assemble(
            utterance,
            symbols,
            graph.start,
            arcs,
            states=graph.end,
            state_fields=times,
            header=file.header.kept(),
            own_scales=own_weights.scales,
            own_word_penalty=own_weights.word_penalty,
        )
    except LatticeError as error:
        raise file.place.error(error.found, error.expected, error.remedy) from None
    _set_time_of_end(lattice)
    return lattice


def _symbols(file: SlfFile) -> Symbols:
    for label in file.labels:
        split_words(label, file.place)  # raises for control characters
    return Symbols(tuple(file.labels), tuple(map(_word, file.labels)))


def _word(label: str) -> str:
    """What a language model hears: nothing for silence, and the word itself for `word(2)`."""
    variant = _VARIANT.fullmatch(label)
    word = variant[1] if variant else label
    return "" if word.lower() in SILENT else word


def _utterance(file: SlfFile) -> str:
    try:
        return check_id(file.header.text("UTTERANCE"), file.header.place("UTTERANCE"))
    except InputError:
        name = Path(file.place.file.name.removesuffix(".gz")).stem
        return check_id(name, file.place)


def _times(file: SlfFile, states: int) -> dict[str, np.ndarray]:
    """The column of times: [states], NaN for a state that the file does not have."""
    times = file.by_node("t")
    if times is None:
        return {}
    return {TIME: np.append(times, np.full(states - len(times), math.nan))}


def _set_time_of_end(lattice: Lattice) -> None:
    """The end, which the file does not have, is at the time where the last arcs end."""
    times = lattice.state_fields.get(TIME)
    if isinstance(times, np.ndarray):
        last_nodes = lattice.sources[lattice.ends]
        times[-1:] = np.fmax.reduce(times[last_nodes], initial=math.nan)
