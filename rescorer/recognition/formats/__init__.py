"""The formats of n-best lists and of lattices: one module each, and the two tables of them all.

A reader checks everything it is given; what a file cannot be read as is an InputError that names
file, line and remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rescorer.errors import InputError
from rescorer.recognition.formats import (
    aws,
    azure,
    espnet,
    google,
    htk,
    hyporadise,
    icefall,
    json_lines,
    k2,
    kaldi_lattice,
    kaldi_nbest,
    mlm_scoring,
    nemo_manifest,
    nemo_tsv,
    one_best,
    srilm,
    text,
    vosk,
    wenet,
    wenet_json,
)
from rescorer.recognition.formats.detection import find_format, matching_formats
from rescorer.recognition.formats.format import Format, LatticeFormat, Source
from rescorer.recognition.formats.parsing import ErrorCollector, check_lists
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import FIRST_LM, GRAPH, NBest

# In the order in which they are shown.
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        module.FORMAT.name: module.FORMAT
        for module in (
            kaldi_nbest,
            json_lines,
            text,
            one_best,
            mlm_scoring,
            hyporadise,
            espnet,
            nemo_manifest,
            nemo_tsv,
            wenet,
            wenet_json,
            icefall,
            vosk,
            srilm,
            aws,
            google,
            azure,
        )
    }
)

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


@dataclass(frozen=True)
class NBestReader:
    """Reads the lists of one file or folder, one after the other, and anew whenever it is iterated.

    Attributes:
        remarks: what a user should know of the lists; complete after the last of them.
    """

    source: Source
    format: Format

    @property
    def remarks(self) -> list[str]:
        return self.source.remarks

    def __iter__(self) -> Iterator[NBest]:
        self.remarks.clear()
        return self.format.read(self.source)


def read_nbest(
    path: str | Path,
    format: str | None = None,
    *,
    manifest: str | Path | None = None,
    collector: ErrorCollector | None = None,
) -> NBestFile:
    """Read n-best lists; the format is found from the content unless its name is given.

    Args:
        manifest: NeMo's manifest, which has the utterances of its beams; without it the one beside
            the file.
        collector: what becomes of lines and utterances that cannot be used.

    Raises:
        InputError: no format fits, or several do; the named one does not exist; or the content
            cannot be used.
    """
    reader = open_nbest(path, format, manifest=manifest, collector=collector)
    lists = tuple(reader)
    return NBestFile(reader.source.path, reader.format.name, lists, tuple(reader.remarks))


def open_nbest(
    path: str | Path,
    format: str | None = None,
    *,
    manifest: str | Path | None = None,
    collector: ErrorCollector | None = None,
) -> NBestReader:
    """Prepare to read n-best lists of any length, one after the other, as often as wanted.

    Args:
        manifest, collector: as `read_nbest` has them.

    Raises:
        InputError: as `read_nbest`; for content that cannot be used when it is read.
    """
    path = Path(path)
    chosen = find_format(path, FORMATS, _names()) if format is None else _named(format)
    if manifest and chosen is not nemo_tsv.FORMAT:
        raise InputError(
            f"--manifest with the format {chosen.name}, which has utterances of its own",
            expected=f"the format {nemo_tsv.FORMAT.name}",
            remedy="leave it out, or name the --format",
            file=path,
        )
    source = Source(path, Path(manifest) if manifest else None, collector or ErrorCollector())
    return NBestReader(source, chosen)


def holds_nbest(path: Path) -> bool:
    """Whether what lies at a path looks like n-best lists. Raises InputError where it cannot be
    read.
    """
    return os.path.isdir(path) or bool(matching_formats(path, FORMATS))


def write_nbest(path: str | Path, lists: Iterable[NBest], format: str) -> None:
    """Write n-best lists as they come, whole or not at all; compressed where the name of a file
    ends in .gz or .xz.

    Raises:
        InputError: no such format, or it is only read; lists that no file can hold (none, ids or
            keys that repeat or hold white space, different scores, NaN) or that this format cannot
            hold, or the place cannot be written.
    """
    path = Path(path)
    chosen = _named(format)
    if chosen.write is None:
        raise InputError(
            f"the format {format} is only read",
            expected=f"one of {', '.join(written_formats())}",
            remedy="write the format jsonl, which holds everything",
            file=path,
        )
    chosen.write(path, check_lists(lists, path))


def output_format(name: str) -> str:
    """The format that lists of a format are written in: their own, or JSON lines where theirs is
    only read.
    """
    return name if _named(name).write else json_lines.FORMAT.name


def written_formats() -> list[str]:
    """The names of the formats of n-best lists that can be written."""
    return [name for name, format in FORMATS.items() if format.write]


def _named(name: str) -> Format:
    if name not in FORMATS:
        raise InputError(
            f"unknown format {name!r}", expected=f"{_names()}", remedy="choose one of these"
        )
    return FORMATS[name]


def _names() -> str:
    return ", ".join((*FORMATS, *LATTICE_FORMATS))
