"""What one command reads: each pipe once, however often it is opened; and which files, so that none
is replaced.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rescorer.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_Key = tuple[int, int]  # device and inode: what a path leads to
_STDIN = 0


class _Inputs:
    """What one command has read so far."""

    def __init__(self) -> None:
        self.files: set[_Key] = set()
        # their whole content; None: handed on and gone
        self._pipes: dict[_Key, IO[bytes] | None] = {}

    def open_pipe(self, path: str | Path, key: _Key, once: bool) -> io.BufferedReader:
        if key not in self._pipes:
            source = _opened(path, key)
            self._pipes[key] = None
            if once:
                return io.BufferedReader(_Stream(source))
            with source:
                self._pipes[key] = _kept(source, path)
        content = self._pipes[key]
        if content is None:
            raise InputError(
                "is a pipe, and was read before",
                expected="each pipe once",
                file=path,
                remedy="name it once, or write it to a file first",
            )
        return io.BufferedReader(_Kept(content.fileno()))

    def close(self) -> None:
        for content in self._pipes.values():
            if content is not None:
                content.close()


_inputs: _Inputs | None = None


@contextmanager
def command_inputs() -> Iterator[None]:
    """Within, a pipe can be opened several times, and `was_read` tells which files were."""
    global _inputs
    before, _inputs = _inputs, _Inputs()
    try:
        yield
    finally:
        _inputs.close()
        _inputs = before


def open_input(path: str | Path, *, once: bool = False) -> io.BufferedReader:
    """Open a file for reading, or a pipe: of that whole content is kept in the folder of temporary
    files (TMPDIR).

    Args:
        once: nobody opens it again: the bytes of a pipe are handed on as they come, and not kept.

    Raises:
        OSError: it cannot be opened.
        InputError: a device; a pipe outside of a command; or one that was opened with `once`
            before.
    """
    status = os.stat(path)
    if not (_is_pipe(status) or stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        if _inputs is not None:
            _inputs.files.add(_key(status))
        return open(path, "rb")
    if _is_null(status):
        return open(path, "rb")
    if not (_is_pipe(status) or _is_terminal(path)):
        raise InputError(
            "is a device", expected="a file or a pipe", remedy="check the path", file=path
        )
    if _inputs is None:
        raise InputError(
            "is a pipe, and may have to be read twice",
            expected="a file",
            file=path,
            remedy="write it to a file first, or read it within `rescorer.inputs.command_inputs()`",
        )
    return _inputs.open_pipe(path, _key(status), once)


def is_seekable(path: str | Path) -> bool:
    """Whether a path leads to a file or a folder, or to nothing; not to a pipe, a terminal or
    another device.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def was_read(path: str | Path) -> bool:
    """Whether this command has opened the file for reading."""
    try:
        return _inputs is not None and _key(os.stat(path)) in _inputs.files
    except OSError:
        return False


def _key(status: os.stat_result) -> _Key:
    return status.st_dev, status.st_ino


def _is_pipe(status: os.stat_result) -> bool:
    return stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)


def _is_null(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev


def _is_terminal(path: str | Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: str | Path, key: _Key) -> io.FileIO:
    """The pipe. What stdin is already open on is not opened again: some of it, such as a socket,
    cannot be.
    """
    try:
        is_stdin = _key(os.fstat(_STDIN)) == key
    except OSError:  # it is closed
        is_stdin = False
    return io.FileIO(os.dup(_STDIN) if is_stdin else os.open(path, os.O_RDONLY), "rb")


def _kept(source: io.FileIO, path: str | Path) -> IO[bytes]:
    """The whole content of a pipe, in a file without a name: whatever ends the command, nothing of
    it stays.
    """
    try:
        content = tempfile.TemporaryFile()  # noqa: SIM115  closed with the inputs of the command
        try:
            shutil.copyfileobj(source, content, 1 << 20)
            content.flush()
        except BaseException:
            content.close()
            raise
        return content
    except OSError as error:
        raise InputError(
            f"the pipe cannot be kept among the temporary files: {error.strerror or error}",
            file=path,
            remedy="let TMPDIR name a folder with more space, or write it to a file first",
        ) from None


class _Kept(io.RawIOBase):
    """The content of a pipe from its beginning, for one of those who read it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._place = descriptor, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(
            whence, os.fstat(self._descriptor).st_size
        )
        self._place = start + offset
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = os.preadv(self._descriptor, [buffer], self._place)
        self._place += count
        return count


class _Stream(io.RawIOBase):
    """A pipe that is handed on; the first piece is of two bytes at least, where there are so many.

    By so many the kind of a file is told, and whoever writes to the pipe may write them one by one.
    """

    def __init__(self, source: io.FileIO) -> None:
        self._source, self._begun = source, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        count = self._source.readinto(view) or 0
        while not self._begun and 0 < count < min(2, len(view)):
            more = self._source.readinto(view[count:]) or 0
            self._begun = not more
            count += more
        self._begun = True
        return count

    def close(self) -> None:
        self._source.close()
        super().close()
