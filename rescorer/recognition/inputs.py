"""Several files of one format as one input, such as one file of each job of a recogniser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats import NBestFile, lattice_format, read_nbest
from rescorer.recognition.formats.format import LatticeFormat
from rescorer.recognition.formats.parsing import ErrorCollector, show
from rescorer.recognition.lattice import Lattice, Symbols


def common_lattice_format(paths: Sequence[Path], name: str | None = None) -> LatticeFormat | None:
    """The common format of the lattices at these paths; None if the paths hold n-best lists.

    The content tells the format, unless its name is given.

    Raises:
        InputError: a path cannot be read, or its format differs from that of the first path.
    """
    first, *others = paths
    found = lattice_format(first, name)
    for path in others if name is None else ():
        if (other := lattice_format(path)) is not found:
            raise _mixed(
                first,
                found.name if found else "n-best lists",
                path,
                other.name if other else "no lattices",
            )
    return found


def read_nbest_files(
    paths: Sequence[Path], format: str | None = None, manifest: Path | None = None
) -> NBestFile:
    """The lists of several files or folders, one after the other.

    Args:
        manifest: NeMo's, for its beams without ids.

    Raises:
        InputError: as `read_nbest`; the files differ in format or in the names of their scores,
            or two of them hold the same utterance.
    """
    files = [read_nbest(path, format, manifest=manifest) for path in paths]
    first, *others = files
    places: dict[str, Path] = {}
    for file in files:
        for nbest in file.lists:
            _claim(nbest.utterance, file.path, places)
    for file in others:
        if file.format != first.format:
            raise _mixed(first.path, first.format, file.path, file.format)
        ours, theirs = (set(each.lists[0].score_names) for each in (file, first))
        if ours != theirs:
            raise InputError(
                f"scores {_names(ours)}",
                expected=f"{_names(theirs)} as in {first.path}",
                file=file.path,
                remedy="give files of one recogniser, with the same scores",
            )
    return replace(
        first,
        lists=tuple(nbest for file in files for nbest in file.lists),
        remarks=tuple(remark for file in files for remark in file.remarks),
    )


def read_lattice_files(
    paths: Sequence[Path], format: LatticeFormat, symbols: Path | None, collector: ErrorCollector
) -> Iterator[Lattice]:
    """The lattices of several files or folders, one after the other.

    Files with equal symbol tables share one table.

    Raises:
        InputError: as the format's reader, or two files hold the same utterance; unless `collector`
            skips such utterances.
    """
    places: dict[str, Path] = {}
    shared: Symbols | None = None
    for path in paths:
        own: Symbols | None = None  # the table of this file's previous lattice
        for lattice in format.read(path, symbols, collector):
            try:
                _claim(lattice.utterance, path, places)
            except InputError as error:
                collector.add(error)
                continue
            if lattice.symbols is not own:
                own = lattice.symbols
                if shared is None or (own.labels, own.words) != (shared.labels, shared.words):
                    shared = own
            yield replace(lattice, symbols=shared) if shared else lattice


def _claim(utterance: str, path: Path, places: dict[str, Path]) -> None:
    """Record the file of an utterance. Raises InputError if another file holds it, too."""
    if (first := places.setdefault(utterance, path)) is not path:
        raise InputError(
            f"utterance {show(utterance)} is in {first}, too",
            expected="each utterance once",
            file=path,
            remedy="leave one of the files out, or rename the utterance",
        )


def _mixed(first: Path, format: str, path: Path, other: str) -> InputError:
    return InputError(
        f"is {other}",
        expected=f"{format}, as {first} is",
        file=path,
        remedy="give inputs of one kind; the files of models and weights have options of their own",
    )


def _names(names: set[str]) -> str:
    return ", ".join(map(show, sorted(names))) or "none"
