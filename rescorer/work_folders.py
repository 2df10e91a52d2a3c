"""Folders in which a file or a folder is made before it takes its name; and what killed processes
left of them.

The folder is called `.rescorer-HOST-PID-…` and holds a locked file for as long as its process
lives: one that a killed process left is known by its name and free lock, and removed when the next
one is made beside it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".rescorer-"
_NAME = re.compile(r"\.rescorer-(?P<host>[A-Za-z0-9_.]{1,64})-(?P<pid>[0-9]{1,10})-.{8}")
_LOCK, _NEW, _OLD = "lock", "new", "old"
# seconds; a younger folder is left alone where its process cannot be asked for
_OLD_AGE = 24 * 3600
_AT_WORK_FOLDER = -100  # AT_FDCWD: a path counts from the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL, errno.EBADF)

_swept: set[Path] = set()  # once a process: such a folder may hold very many files


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder of this process in `parent`, gone afterwards; those that killed processes
    left go first.

    Raises:
        OSError: it cannot be made.
    """
    if (place := parent.absolute()) not in _swept:
        _swept.add(place)
        _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_host()}-{os.getpid()}-", dir=parent))
    try:
        with locked(folder / _LOCK):
            (folder / _NEW).mkdir()
            yield folder / _NEW
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """As `work_folder`, among the temporary files (TMPDIR)."""
    with work_folder(Path(tempfile.gettempdir())) as folder:
        yield folder


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, which is made where it is not there; a process that ends leaves it
    free.

    Gives False where the file system knows no locks: then nobody is kept out.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_held = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            is_held = False
        yield is_held
    finally:
        os.close(descriptor)


def replace(new: Path, path: Path) -> None:
    """Let `new`, in a work folder, take the name `path`, and the rights of what has it until then.

    Raises:
        OSError: it cannot, such as a file the name of a folder.
    """
    _keep_rights(path, new)
    if not (path.is_dir() and new.is_dir()):
        os.replace(new, path)
    elif not _exchanged(new, path):
        # A folder cannot be renamed over a full one. One that is killed between the two is put
        # right by `_recover`.
        aside = new.parent.parent / _OLD
        aside.mkdir()
        os.replace(path, aside / path.name)
        os.replace(new, path)


def _keep_rights(old: Path, new: Path) -> None:
    """The rights of a file, or of a folder and of the files that are in both."""
    if old.exists() and old.is_dir() == new.is_dir():
        with suppress(PermissionError):  # of a file system that has none
            os.chmod(new, stat.S_IMODE(old.stat().st_mode))
        for child in new.iterdir() if new.is_dir() else ():
            _keep_rights(old / child.name, child)


def _exchanged(new: Path, path: Path) -> bool:
    """Let two names change places in one step, where the system can; afterwards the work folder has
    the old one.
    """
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    names = os.fsencode(new), os.fsencode(path)
    if call(_AT_WORK_FOLDER, names[0], _AT_WORK_FOLDER, names[1], ctypes.c_uint(_EXCHANGE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(path))


def _sweep(parent: Path) -> None:
    """Remove what killed processes left here. Whatever cannot be removed stays: it is in nobody's
    way.
    """
    with suppress(OSError):
        for entry in os.scandir(parent):
            if (name := _NAME.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_left(Path(entry.path), name["host"], int(name["pid"]))


def _remove_left(folder: Path, host: str, pid: int) -> None:
    status = folder.stat()
    is_dead = host == _host() and not _lives(pid)
    if status.st_uid == os.geteuid() and (is_dead or time.time() - status.st_mtime > _OLD_AGE):
        with locked(folder / _LOCK) as is_held:  # raises where its process lives after all
            if is_held or is_dead:
                _recover(folder)
                shutil.rmtree(folder, ignore_errors=True)


def _recover(folder: Path) -> None:
    """Give a folder its name back that a killed process had put aside, and for which it left no
    other.
    """
    for old in (folder / _OLD).iterdir() if (folder / _OLD).is_dir() else ():
        if not os.path.lexists(folder.parent / old.name):
            os.replace(old, folder.parent / old.name)


def _host() -> str:
    return re.sub("[^A-Za-z0-9_.]", "_", socket.gethostname())[:64] or "_"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # of another user
    return True
