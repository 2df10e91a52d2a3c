"""The bytes of a file of any length, plain or compressed, seen through a window that slides over
them.
"""

from __future__ import annotations

import lzma
import zlib
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.packed import is_unpacked

_CHUNK = 1 << 16


class ByteStream:
    """A file that is read on when more of it is wanted; memory follows what is wanted at once.

    Attributes:
        path: the file.
        window: the bytes that were read and not yet passed.
        byte: where the window begins in the file as it is when it is not compressed.
        line: the line on which the window begins, from 1.
    """

    def __init__(self, path: Path, byte: int = 0) -> None:
        """Raises InputError where the file cannot be read, or is compressed and `byte` is not 0."""
        self.path, self.byte, self.line = path, byte, 1
        self.window = b""
        self._ahead: list[memoryview] = []  # what was read beyond the window, the last piece first
        self._file = open_binary(path)
        self._broken: InputError | None = None
        if byte:
            self._seek(byte)

    def _seek(self, byte: int) -> None:
        if is_unpacked(self._file):
            self._file.close()
            raise InputError(
                f"is compressed, and byte {byte} of it is wanted",
                expected="a file that is not compressed",
                remedy="unpack it, or give the archive instead of the .scp",
                file=self.path,
            )
        try:
            self._file.seek(byte)
        except OSError as error:
            self._file.close()
            raise InputError(
                f"byte {byte} cannot be sought: {error.strerror}",
                expected="a place in the file",
                remedy="make the .scp again",
                file=self.path,
            ) from None

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def more(self) -> bool:
        """Make the window longer, twice as long at least; False where the file has ended.

        Raises:
            InputError: the file is damaged from here on.
        """
        if self._broken is not None:
            raise self._broken
        pieces: list[bytes | memoryview] = [self.window]
        wanted = max(_CHUNK, len(self.window))
        while wanted > 0 and (piece := self._piece(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        self.window = b"".join(pieces)
        if len(pieces) == 1 and self._broken is not None:
            raise self._broken
        return len(pieces) > 1

    def _piece(self, size: int) -> bytes | memoryview:
        if self._ahead:
            ahead = self._ahead.pop()
            if len(ahead) > size:
                self._ahead.append(ahead[size:])
            return ahead[:size]
        try:
            return self._file.read1(size)  # type: ignore[attr-defined,no-any-return]
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            # What came before is good: it is used first.
            self._broken = InputError(
                f"byte {self.byte + len(self.window)} or later: cannot be read on: {error}",
                remedy="the file is damaged or cut short: make it again",
                file=self.path,
            )
            return b""

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, or as many as there are."""
        while len(self.window) < count and self.more():
            pass
        return self.window[:count]

    def skip(self, count: int) -> None:
        """Pass over bytes of the window.

        What lies far behind them waits apart: after a great piece, a small one costs no more than
        before it.
        """
        self.line += self.window.count(b"\n", 0, count)
        self.byte += count
        end = count + _CHUNK
        if len(self.window) > end:
            self._ahead.append(memoryview(self.window[end:]))
        self.window = self.window[count:end]
