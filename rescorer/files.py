"""Files as the outside world keeps them: plain or compressed text in, whole files or none out."""

from __future__ import annotations

import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from rescorer.errors import InputError
from rescorer.inputs import open_input, was_read
from rescorer.packed import unpacked
from rescorer.work_folders import locked, replace, work_folder

_PIECE = 1 << 16  # bytes that are read at a time
_WRITERS = {".gz": gzip.open, ".xz": lzma.open}  # by suffix


class _Gzip(gzip.GzipFile):
    """Closes the file that it unpacks."""

    def __init__(self, packed: IO[bytes]) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


class _Xz(lzma.LZMAFile):
    """Closes the file that it unpacks."""

    def __init__(self, packed: IO[bytes]) -> None:
        super().__init__(packed)
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


# by first bytes
_UNPACKERS: dict[bytes, type[_Gzip] | type[_Xz]] = {b"\x1f\x8b": _Gzip, b"\xfd7": _Xz}


def open_binary(path: str | Path, *, once: bool = False) -> IO[bytes]:
    """Open a plain, gzip or xz file for reading, or a pipe of such; the kind is found from its
    first bytes.

    Args:
        once: nobody opens it again, so that a pipe needs not be kept.

    Raises:
        InputError: the file is missing or cannot be opened.
    """
    try:
        file = open_input(path, once=once)
        with ExitStack() as failed:
            failed.callback(file.close)
            unpacker = _UNPACKERS.get(file.peek(2)[:2])
            failed.pop_all()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read: {reason}", remedy="check the path", file=path) from None
    return unpacked(unpacker(file), path) if unpacker else file  # type: ignore[arg-type]


def read_lines(path: str | Path, *, once: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its newline) of a UTF-8 text file, plain, .gz or .xz.

    Args:
        once: as `open_binary` has it.

    Raises:
        InputError: unreadable, cut short, or not UTF-8, with the line number.
    """
    number = 0
    with open_binary(path, once=once) as file:
        try:
            for number, raw in enumerate(file, start=1):
                # Some editors put a byte order mark before the first line: no part of the text.
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise _no_text(path, number, error) from None
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise _cut_short(path, number + 1, error) from None


def read_text(path: str | Path) -> Iterator[str]:
    """Yield a UTF-8 text file, plain, .gz or .xz, in pieces of any length: for text without lines.

    Raises:
        InputError: as `read_lines`.
    """
    decoder, line = codecs.getincrementaldecoder("utf-8-sig")(), 1
    with open_binary(path) as file:
        try:
            while piece := file.read(_PIECE):
                yield decoder.decode(piece)
                line += piece.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            raise _no_text(path, line, error) from None
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise _cut_short(path, line, error) from None


def _no_text(path: str | Path, line: int, error: UnicodeDecodeError) -> InputError:
    return InputError(
        f"byte 0x{error.object[error.start]:02x} is not UTF-8",
        expected="UTF-8 text",
        remedy="convert it with iconv -f ENCODING -t UTF-8 (LATIN1, UTF-16, …)",
        file=path,
        line=line,
    )


def _cut_short(path: str | Path, line: int, error: Exception) -> InputError:
    return InputError(
        f"cannot be read on: {error}",
        remedy="the file is damaged or cut short: make it again",
        file=path,
        line=line,
    )


@contextmanager
def whole_path(path: str | Path) -> Iterator[Path]:
    """Give a path near `path` to write a file or a folder to; it takes the name `path` only when
    all went well.

    A link to a file is followed, and who may read a file stays as it was. What is neither file nor
    folder, such as a pipe or /dev/null, is itself written to.

    Raises:
        InputError: the disk is full, the folder cannot be written, or the command has read what
            lies at `path`.
    """
    path = Path(path)
    try:
        place = path.resolve() if path.is_file() else path
        if place.exists() and not (place.is_file() or place.is_dir()):
            yield place
            return
        _refuse_what_was_read(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with work_folder(place.parent) as work:
            yield work / path.name
            _refuse_what_was_read(path)
            replace(work / path.name, place)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            remedy="free some space or choose another place",
            file=path,
        ) from None


def _refuse_what_was_read(path: Path) -> None:
    if was_read(path) or (path.is_dir() and any(map(was_read, path.iterdir()))):
        raise InputError(
            "is an input, and the output would replace it",
            expected="an output of its own",
            remedy="give the output another name; the input stays as it is",
            file=path,
        )


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a folder, which is made where it is not there.

    Raises:
        InputError: another process is at work in it, or it cannot be made.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(folder / "lock"))
        except BlockingIOError:
            raise InputError(
                "another process is at work in this folder",
                expected="a folder of its own",
                file=folder,
                remedy="wait for that process, or give another --work",
            ) from None
        except OSError as error:
            raise InputError(
                f"cannot be made: {error.strerror}", remedy="choose another place", file=folder
            ) from None
        yield


def write_lines(path: str | Path, lines: Iterable[str]) -> None:
    """Write UTF-8 lines, whole or not at all; compressed where the name ends in .gz or .xz."""
    with whole_path(path) as work:
        put_lines(work, lines, Path(path).suffix)


def put_lines(path: Path, lines: Iterable[str], suffix: str = "") -> None:
    """Write UTF-8 lines to a place that `whole_path` gave, or into a folder there.

    Args:
        suffix: .gz or .xz for a compressed file.
    """
    with open_lines(path, suffix) as file:
        for line in lines:
            file.write(line + "\n")


def open_lines(path: Path, suffix: str = "") -> IO[str]:
    """Open a place that `whole_path` gave, or a file in a folder there, to write UTF-8 lines to.

    Args:
        suffix: .gz or .xz for a compressed file.
    """
    opener: Callable[..., IO[str]] = _WRITERS.get(suffix, open)  # type: ignore[assignment]
    return opener(path, "wt", encoding="utf-8", newline="\n")


def read_bytes(path: str | Path) -> bytes:
    """The content of a plain, gzip or xz file.

    Raises:
        InputError: unreadable, damaged or cut short.
    """
    with open_binary(path) as file:
        try:
            return file.read()
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InputError(
                f"cannot be read: {error}",
                remedy="the file is damaged or cut short: make it again",
                file=path,
            ) from None
