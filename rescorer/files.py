"""Files as the outside world keeps them: plain or compressed text in, whole files or none out."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rescorer.errors import InputError
from rescorer.packed import unpacked

_OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open}  # by first bytes
_WRITERS = {".gz": gzip.open, ".xz": lzma.open}  # by suffix


def open_binary(path: str | Path) -> IO[bytes]:
    """Open a plain, gzip or xz file for reading; the kind is found from its first bytes.

    Raises:
        InputError: the file is missing or cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            magic = file.read(2)
        opener = _OPENERS.get(magic)
        return unpacked(opener(path, "rb"), path) if opener else open(path, "rb")  # type: ignore[operator]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", remedy="check the path", file=path) from None


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its newline) of a UTF-8 text file, plain, .gz or .xz.

    Raises:
        InputError: unreadable, cut short, or not UTF-8, with the line number.
    """
    number = 0
    with open_binary(path) as file:
        try:
            for number, raw in enumerate(file, start=1):
                # Some editors put a byte order mark before the first line: no part of the text.
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{error.object[error.start]:02x} is not UTF-8",
                expected="UTF-8 text", remedy="convert it with iconv -f ENCODING -t UTF-8 (LATIN1, UTF-16, …)",
                file=path, line=number,
            ) from None
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InputError(
                f"cannot be read on: {error}", remedy="the file is damaged or cut short: make it again",
                file=path, line=number + 1,
            ) from None


@contextmanager
def whole_path(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write a file or a folder to; it takes the name `path` only when all went well.

    A link to a file is followed. What is neither file nor folder, such as a pipe or /dev/null, is itself written to.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    place = path.resolve() if path.is_file() else path
    work = None
    try:
        if place.exists() and not (place.is_file() or place.is_dir()):
            yield place
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        yield work / path.name
        _replace(work / path.name, place)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}", remedy="free some space or choose another place", file=path
        ) from None
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _replace(new: Path, path: Path) -> None:
    if path.is_dir() and new.is_dir():
        # A folder cannot be renamed over a full one: the old one leaves with the work folder.
        os.replace(path, new.parent / f"{path.name}.old")
    os.replace(new, path)


def write_lines(path: str | Path, lines: Iterable[str]) -> None:
    """Write UTF-8 lines, whole or not at all; compressed where the name ends in .gz or .xz."""
    with whole_path(path) as work:
        opener = _WRITERS.get(Path(path).suffix, open)
        with opener(work, "wt", encoding="utf-8", newline="\n") as file:  # type: ignore[operator]
            for line in lines:
                file.write(line + "\n")
