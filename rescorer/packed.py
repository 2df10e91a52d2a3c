"""Compressed input, which may not become a hundred times as long as it is: a few megabytes could
fill the memory.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rescorer.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

RATIO_VARIABLE = "RESCORER_UNPACK_RATIO"
_RATIO = 100.0  # text and lattices have 3 to 20
_ALWAYS = 1 << 28  # bytes that are never too many
_BUFFER = 1 << 16


def unpacked(file: IO[bytes], path: str | Path) -> io.BufferedReader:
    """What a file that unpacks `path` gives; reading on raises InputError where that is too long
    for the packed file.

    Raises:
        InputError: the environment variable RESCORER_UNPACK_RATIO is no number.
    """
    packed = os.stat(path).st_size if os.path.isfile(path) else 0  # a pipe tells no size
    return io.BufferedReader(_Limited(file, path, max(_ALWAYS, int(_ratio() * packed))), _BUFFER)


def is_unpacked(file: IO[bytes]) -> bool:
    """Whether a file is one of `unpacked`."""
    return isinstance(file, io.BufferedReader) and isinstance(file.raw, _Limited)


def _ratio() -> float:
    text = os.environ.get(RATIO_VARIABLE, "")
    try:
        ratio = float(text) if text else _RATIO
    except ValueError:
        ratio = 0.0
    if not 1 <= ratio <= 1e9:
        raise InputError(
            f"{RATIO_VARIABLE}={text!r}",
            expected="a number from 1 to 1e9",
            remedy="correct it, or unset it",
        )
    return ratio


class _Limited(io.RawIOBase):
    """A file of which only so many bytes can be read."""

    def __init__(self, file: IO[bytes], path: str | Path, limit: int) -> None:
        self._file, self._path, self._limit = file, path, limit
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._position += count
        if self._position > self._limit:
            raise InputError(
                f"becomes longer than {self._limit >> 20} MiB when it is unpacked",
                expected="text or lattices",
                remedy="unpack it and look into it, or allow more: "
                f"{RATIO_VARIABLE}=2000 in the environment",
                file=self._path,
            )
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            room = bytearray(_BUFFER)
            while self.readinto(room):
                pass
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()
