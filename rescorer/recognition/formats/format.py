"""The records of formats, and of what is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import NBest


@dataclass(frozen=True)
class Source:
    """What is read: a file or folder of n-best lists.

    Attributes:
        path: of the file or folder.
        manifest: NeMo's, which has the utterances of lists without ids.
        collector: takes the errors of single lines and utterances.
        remarks: lines for the user, of what was taken for what.
    """

    path: Path
    manifest: Path | None = None
    collector: ErrorCollector = field(default_factory=ErrorCollector)
    remarks: list[str] = field(default_factory=list)

    def remark(self, line: str) -> None:
        """Note something that the user should know."""
        self.remarks.append(f"{self.path}: {line}")


@dataclass(frozen=True)
class Format:
    """One outside format of n-best lists.

    Attributes:
        name: what users call it by.
        matches: whether a file or folder that begins so has this format.
        read: the lists of a source, one after the other.
        write: writes one or more lists, which `check_lists` checks as they pass, whole or not at
            all; None: the format is only read.
    """

    name: str
    matches: Callable[[Beginning], bool]
    read: Callable[[Source], Iterator[NBest]]
    write: Callable[[Path, Iterable[NBest]], None] | None = None


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
