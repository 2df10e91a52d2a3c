"""The beginning of a file or folder: what formats are told apart by."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats.json_outline import Member, outline
from rescorer.recognition.formats.parsing import head


@dataclass(frozen=True)
class Beginning:
    """How a file begins, or the first file of a folder.

    Attributes:
        path: of the file or folder.
        is_folder: whether it is a folder.
        text: the first lines that are not blank; empty for a blank file or an empty folder.
    """

    path: Path
    is_folder: bool
    text: str

    @classmethod
    def of(cls, path: Path) -> Beginning:
        """Raises InputError where a file cannot be read, or is not UTF-8 text."""
        if not os.path.isdir(path):
            return cls(path, False, head(path))
        try:
            return cls(path, True, head(files_in(path)[0]))
        except (InputError, IndexError):  # told by the reader of the format that it is taken for
            return cls(path, True, "")

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the text."""
        return tuple(self.text.split("\n")[:-1])

    @property
    def is_json(self) -> bool:
        """Whether it begins as a JSON object or list."""
        return self.text.lstrip().startswith(("{", "["))

    @cached_property
    def members(self) -> frozenset[Member]:
        """The members of the first JSON value; none where it is no JSON."""
        return outline(self.text) if self.is_json else frozenset()

    @cached_property
    def document(self) -> frozenset[Member]:
        """The same of one document: of a list of documents, the first one's."""
        return frozenset(path[1:] if path[:1] == ("[]",) else path for path in self.members)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder that are not hidden, by name. Raises InputError where it cannot be
    read.
    """
    try:
        return sorted(
            each for each in folder.iterdir() if each.is_file() and not each.name.startswith(".")
        )
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", remedy="check the path", file=folder
        ) from None
