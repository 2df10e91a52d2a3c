"""Named arrays in one file, which are mapped into memory when they are read.

The file: eight hexadecimal digits with the CRC-32 of all that follows; one line of JSON with the
kind and version of the file, what the writer has to say about it, and the type and length of each
array, padded with blanks; the arrays, each at a multiple of 64 bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rescorer.errors import InputError
from rescorer.files import whole_path

_ALIGNMENT = 64
_CHECK_SIZE = 8  # digits
_CHUNK = 1 << 22  # bytes that are checked together


class _DamagedError(Exception):
    """The bytes are not those that were written."""


def write_arrays(
    path: str | Path, kind: str, version: int, about: Any, arrays: Mapping[str, np.ndarray]
) -> None:
    """Write a file, whole or not at all.

    Args:
        kind: of the file.
        version: of its layout.
        about: what JSON can hold.
        arrays: one-dimensional, of numbers.

    Raises:
        InputError: it cannot be written.
    """
    types = {name: [array.dtype.str, len(array)] for name, array in arrays.items()}
    content = {"kind": kind, "version": version, "about": about, "arrays": types}
    header = json.dumps(content).encode()
    header = header.ljust(_aligned(_CHECK_SIZE + len(header) + 1) - _CHECK_SIZE - 1) + b"\n"
    check = 0
    with whole_path(path) as work, open(work, "wb") as file:
        file.write(bytes(_CHECK_SIZE))
        for part in (header, *(array.tobytes() for array in arrays.values())):
            padded = part.ljust(_aligned(len(part)), b"\0") if part is not header else part
            check = zlib.crc32(padded, check)
            file.write(padded)
        file.seek(0)
        file.write(_digits(check))


def read_arrays(path: str | Path, kind: str, version: int) -> tuple[Any, dict[str, np.ndarray]]:
    """What the writer said about the file, and its arrays, which cannot be changed.

    The whole file is read once for its check; after that, only what is used is held in memory.

    Raises:
        InputError: it cannot be read, is of another kind or version, or is damaged.
    """
    try:
        data = np.asarray(np.memmap(path, np.uint8, "r"))
        content, begin = _header(data)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", remedy="check the path", file=path
        ) from None
    except (ValueError, _DamagedError) as error:  # of an empty file, of what is no JSON
        raise InputError(
            f"is no {kind}, or is damaged: {error}", remedy="make it again", file=path
        ) from None
    found = content["kind"], content["version"]
    if found != (kind, version):
        raise InputError(
            f"is a file of kind {found[0]!r}, version {found[1]}",
            expected=f"{kind!r}, version {version}",
            remedy="give a file of this kind, or make it again with this release",
            file=path,
        )
    arrays = {}
    for name, (dtype, length) in content["arrays"].items():
        size = np.dtype(dtype).itemsize * length
        arrays[name] = data[begin : begin + size].view(dtype)
        begin += _aligned(size)
    return content["about"], arrays


def _header(data: np.ndarray) -> tuple[dict[str, Any], int]:
    """The header of a file whose check holds, and where its arrays begin."""
    check = 0
    for begin in range(_CHECK_SIZE, len(data), _CHUNK):
        check = zlib.crc32(data[begin : begin + _CHUNK].data, check)
    if data[:_CHECK_SIZE].tobytes() != _digits(check):
        raise _DamagedError("its check sum does not fit")
    end = int(np.argmax(data == ord("\n"))) + 1
    return json.loads(data[_CHECK_SIZE:end].tobytes()), end


def _digits(check: int) -> bytes:
    return f"{check:0{_CHECK_SIZE}x}".encode()


def _aligned(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT
