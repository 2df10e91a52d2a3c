"""Checks an ARPA file before KenLM reads it, and finds the lines of KenLM's errors."""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import open_binary

_BLOCK = 1 << 24  # bytes read at a time
_HEAD = 1 << 16  # bytes that contain the numbers of n-grams
_COUNT = re.compile(rb"^ngram [0-9]+=([0-9]+)\r?$", re.M)
# A log10 probability that is infinite or NaN. re.I instead of the classes takes ten times as long.
_INFINITE = re.compile(rb"\n[ \t]*([+-]?(?:[iI][nN][fF]|[nN][aA][nN])\S*)")
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, struct.error)  # of damaged compression


def check_arpa(path: str | Path) -> None:
    """Raises InputError, with the line, for files that KenLM would misread, or cannot decompress.

    These have text that is not UTF-8, a probability that is not finite, or fewer lines than n-grams
    in the header.
    """
    ngrams, lines = 0, 0
    for block in _blocks(path):
        if not lines:
            ngrams = sum(int(count[:18]) for count in _COUNT.findall(block[:_HEAD]))
        _check_text(block, path, lines)
        if found := _INFINITE.search(block):
            raise InputError(
                f"the log probability {found[1].decode()[:40]}",
                expected="a finite number",
                remedy="write -99 where a probability is 0",
                file=path,
                line=lines + block.count(b"\n", 0, found.start(1)) + 1,
            )
        lines += block.count(b"\n")
    if ngrams > lines:
        raise InputError(
            f"{ngrams:,} n-grams in the header, and {lines:,} lines",
            expected="a whole ARPA file",
            remedy="make it again with lmplz",
            file=path,
        )


def line_at(path: str | Path, byte: int) -> int:
    """The number of the line that contains a byte."""
    lines = 1
    for block in _blocks(path):
        lines += block.count(b"\n", 0, max(0, byte))
        byte -= len(block)
        if byte <= 0:
            break
    return lines


def _blocks(path: str | Path) -> Iterator[bytes]:
    """Blocks of whole lines. Raises InputError at the line from which the file cannot be read."""
    lines = 0
    with open_binary(path) as file:
        try:
            while block := file.read(_BLOCK):
                block += file.readline()
                yield block
                lines += block.count(b"\n")
        except UNREADABLE as error:
            raise InputError(
                f"cannot be read on: {error}",
                file=path,
                line=lines + 1,
                remedy="the file is damaged or cut short: make it again",
            ) from None


def _check_text(block: bytes, path: str | Path, lines: int) -> None:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte 0x{block[error.start]:02x} is not UTF-8",
            expected="UTF-8 text",
            remedy="convert it with iconv -f ENCODING -t UTF-8 (LATIN1, UTF-16, …)",
            file=path,
            line=lines + block.count(b"\n", 0, error.start) + 1,
        ) from None
