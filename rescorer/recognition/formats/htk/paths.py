"""How the files of SLF are named."""

from __future__ import annotations

from pathlib import Path

from rescorer.errors import InputError

SUFFIXES = (".slf", ".lat", ".htk")


def has_suffix(path: Path) -> bool:
    """Whether a path is named as a file of SLF, with or without .gz."""
    return path.name.removesuffix(".gz").endswith(SUFFIXES)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder that are named so, by name. Raises InputError where the folder cannot
    be read.
    """
    try:
        return sorted(file for file in folder.iterdir() if has_suffix(file) and file.is_file())
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", remedy="check the path", file=folder
        ) from None
