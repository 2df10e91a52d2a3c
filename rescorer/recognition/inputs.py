"""Several files of one format as one input, such as the parts that a recogniser's jobs leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats import NBestReader, lattice_format, open_nbest
from rescorer.recognition.formats.format import LatticeFormat
from rescorer.recognition.formats.parsing import ErrorCollector, show
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import NBest


def common_lattice_format(paths: Sequence[Path], name: str | None = None) -> LatticeFormat | None:
    """The format of the lattices at all paths, from their content unless its name is given; None
    where there are none.

    Raises:
        InputError: a path cannot be read, or is not of the first one's kind.
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


@dataclass(frozen=True)
class NBestFiles:
    """The lists of several files or folders of one format, one after the other; they are read anew
    whenever this is iterated.

    Iterating raises InputError as the formats' readers do; or files differ in the names of scores,
    or an utterance is in two.
    """

    readers: tuple[NBestReader, ...]

    @property
    def format(self) -> str:
        """The name of the format."""
        return self.readers[0].format.name

    @property
    def remarks(self) -> list[str]:
        """What a user should know of the lists; complete after the last of them."""
        return [remark for reader in self.readers for remark in reader.remarks]

    def __iter__(self) -> Iterator[NBest]:
        places: dict[str, Path] = {}
        names: set[str] | None = None
        for reader in self.readers:
            path = reader.source.path
            for nbest in reader:
                names = names or set(nbest.score_names)
                _claim(nbest.utterance, path, places)
                self._check_names(nbest, names, path)
                yield nbest

    def _check_names(self, nbest: NBest, names: set[str], path: Path) -> None:
        if set(nbest.score_names) != names:
            raise InputError(
                f"scores {_names(set(nbest.score_names))}",
                expected=f"{_names(names)} as in {self.readers[0].source.path}",
                file=path,
                remedy="give files of one recogniser, with the same scores",
            )


def open_nbest_files(
    paths: Sequence[Path], format: str | None = None, manifest: Path | None = None
) -> NBestFiles:
    """Prepare to read the lists of several files or folders.

    Args:
        manifest: NeMo's, for its beams without ids.

    Raises:
        InputError: as `open_nbest`, or they differ in format.
    """
    first, *others = (open_nbest(path, format, manifest=manifest) for path in paths)
    for other in others:
        if other.format is not first.format:
            raise _mixed(paths[0], first.format.name, other.source.path, other.format.name)
    return NBestFiles((first, *others))


def read_lattice_files(
    paths: Sequence[Path], format: LatticeFormat, symbols: Path | None, collector: ErrorCollector
) -> Iterator[Lattice]:
    """The lattices of several files or folders, one after the other; files with the same table of
    words share it.

    Raises:
        InputError: as the format's reader; or, unless `collector` passes it over, an utterance that
            is in two files.
    """
    places: dict[str, Path] = {}
    shared: Symbols | None = None
    for path in paths:
        own: Symbols | None = None  # of this file, the last that was looked at
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
    """Note where an utterance is. Raises InputError where it is in another file too."""
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
