"""Where the lattices of one of Kaldi's archives stand, or of an .scp; `kaldi_lattice` says what
these are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.recognition.formats import kaldi_lattice_binary as binary
from rescorer.recognition.formats import kaldi_lattice_text as text
from rescorer.recognition.formats.byte_stream import ByteStream
from rescorer.recognition.formats.kaldi_fst import AGAIN
from rescorer.recognition.formats.parsing import (
    ErrorCollector,
    Place,
    check_id,
    empty,
    filled_lines,
    show,
)

_BLANK_LINE = re.compile(rb"\n[ \t\r\f\v]*\n")
_KEY = re.compile(rb"\s*(\S{1,1000})(?=\s)")
_LONGEST_KEY = 1001
_COST = rb"(?:-?(?:[0-9.]+(?:e[+-]?[0-9]+)?|Infinity|inf|nan)|BadNumber)"
_WEIGHTED = re.compile(
    rb"\s*[0-9]+(?:\s+[0-9]+\s+\S+(?:\s+\S+)?)?\s+" + _COST + rb"," + _COST + rb"(?:,[0-9_]*)?\s*"
)
_BARE = re.compile(rb"\s*[0-9]+(?:\s+[0-9]+){0,3}\s*")  # all weights are left out
_TARGET = re.compile(r"(.*?)(?::([0-9]{1,18}))?")


def matches(path: Path) -> bool:
    """Whether a file begins as an archive of lattices does, or is an .scp whose first entry leads
    to one.

    An .scp that is named so is taken for one where its first file is not there.

    Raises:
        InputError: there is no such file.
    """
    if os.path.isdir(path):
        return False
    with ByteStream(path) as stream:
        begin = _begin(stream)
    return _is_archive(begin) or _leads_to_lattice(path, begin)


def _begin(stream: ByteStream) -> bytes:
    with suppress(InputError):  # what is damaged has no beginning
        stream.more()
    return stream.window


def _is_archive(begin: bytes) -> bool:
    match = _KEY.match(begin)
    if match is None or not _is_id(match[1]):
        return False
    rest = begin[match.end() :]
    return rest[1:5] == binary.MAGIC or _is_text(rest)


def _is_id(key: bytes) -> bool:
    try:
        return bool(check_id(key.decode(), Place(Path())))
    except (InputError, UnicodeDecodeError):
        return False


def _is_text(rest: bytes) -> bool:
    """Whether what follows an archive's first key looks like a lattice in text."""
    first, *lines = rest.split(b"\n")
    if first.strip() or len(lines) < 2:
        return False
    block = lines[: next((number for number, line in enumerate(lines) if not line.strip()), -1)]
    if not block:  # a lattice without states: the next tells more
        return _is_archive(b"\n".join(lines)) if b"".join(lines).strip() else bool(first)
    is_whole = len(block) < len(lines) - 1
    return any(map(_WEIGHTED.fullmatch, block)) or (
        is_whole and len(block[0].split()) > 2 and all(map(_BARE.fullmatch, block))
    )


def _leads_to_lattice(path: Path, begin: bytes) -> bool:
    line = begin.lstrip().partition(b"\n")[0]
    try:
        fields = line.decode().split(maxsplit=1)
        if len(fields) != 2 or not _is_id(fields[0].encode()):
            return False
    except UnicodeDecodeError:
        return False
    file, byte = _target(path, fields[1].strip())
    if not _is_file(file):
        return path.suffix == ".scp"
    try:
        with ByteStream(file, byte) as stream:
            begin = _begin(stream)
    except InputError:
        return path.suffix == ".scp"  # which is told when it is read
    return begin.startswith(binary.MAGIC) or (begin[:1].isspace() and _is_text(begin))


def _target(path: Path, rest: str) -> tuple[Path, int]:
    """(file, byte) that a line of an .scp leads to."""
    match = _TARGET.fullmatch(rest)
    name, byte = (match[1], int(match[2] or 0)) if match else (rest, 0)
    return next(
        (file for file in (Path(name), path.parent / name) if _is_file(file)), Path(name)
    ), byte


def _is_file(path: Path) -> bool:
    """Whether it is a file, and no folder or device; what is too long for a name or holds a NUL is
    none.
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


class Entry(NamedTuple):
    """One utterance of an archive, whose end was found.

    Attributes:
        place: where it begins.
        content: what its lattice says; raises InputError where its lines are damaged.
    """

    utterance: str
    place: Place
    content: Callable[[], binary.Binary | text.Text]


def entries(path: Path, collector: ErrorCollector) -> Generator[Entry, None, None]:
    """The entries, each id once."""
    with ByteStream(path) as stream:
        begin = _begin(stream)
        if not begin.strip():
            stream.more()  # raises where the file is damaged
            raise empty(path)
    is_scp = not _is_archive(begin) and (path.suffix == ".scp" or _leads_to_lattice(path, begin))
    seen: set[str] = set()
    for entry in (_scp if is_scp else _archive)(path, collector):
        if entry.utterance in seen:
            collector.add(
                entry.place.error(
                    "the utterance was there before", "unique ids", "take one out, or rename it"
                )
            )
        else:
            seen.add(entry.utterance)
            yield entry


def _archive(path: Path, collector: ErrorCollector) -> Iterator[Entry]:
    """The entries of an archive. After one whose end cannot be found there is none."""
    with ByteStream(path) as stream:
        while True:
            try:
                entry = _next(stream)
            except InputError as error:
                collector.add(error)
                return
            if entry is None:
                return
            yield entry


def _next(stream: ByteStream) -> Entry | None:
    """The next entry, which is passed; None where the archive ends. Raises InputError where its end
    is not found.
    """
    while stream.peek(1) and not (rest := stream.window.lstrip()):
        stream.skip(len(stream.window))
    if not stream.window:
        return None
    stream.skip(len(stream.window) - len(rest))
    place = Place(stream.path, part=f"byte {stream.byte}")
    begin = stream.peek(_LONGEST_KEY)
    if (match := _KEY.match(begin)) is None:
        raise place.error(
            f"begins with {show(begin[:40])}", "the id of an utterance and a space", AGAIN
        )
    # a surrogate is what no id may hold
    key = check_id(match[1].decode(errors="surrogateescape"), place)
    stream.skip(match.end())
    if stream.peek(1) in (b" ", b"\t"):
        stream.skip(1)
    return _found(stream, key, counted=True)


def _found(stream: ByteStream, key: str, counted: bool) -> Entry:
    """The entry of a key that was passed. `counted`: the lines before are. Raises InputError as
    `_next` does.
    """
    place = Place(stream.path, part=f"utterance {show(key)}")
    begin = stream.peek(64).partition(b"\n")[0]
    if stream.window[:4] == binary.MAGIC or b"\0" in begin or not stream.window:
        found = binary.read(stream, place)
        return Entry(key, found.place, lambda: found)
    while not (end := _BLANK_LINE.search(stream.window)) and stream.more():
        pass
    content = stream.window[: end.end() if end else None]
    head, *lines = content.split(b"\n")
    first = stream.line

    def at(line: int) -> Place:
        line += first + 1
        return (
            place._replace(line=line)
            if counted
            else place.within(f"line {line} from its beginning")
        )

    if not end and not _is_complete(lines):
        raise at(len(lines) - 1).error(
            "the file ends inside the lattice",
            "a final state and a blank line",
            "the file is damaged or cut short: make it again",
        )
    stream.skip(len(content))
    lines = lines[:-2] if end else lines[:-1]  # without the blank ones
    return Entry(key, at(-1), lambda: _parsed(head, lines, at))


def _is_complete(lines: list[bytes]) -> bool:
    """Whether the lines of a file's last lattice end as one does, but for the blank line."""
    return len(lines) > 1 and not lines[-1] and len(lines[-2].split()) < 3


def _parsed(head: bytes, lines: list[bytes], at: Callable[[int], Place]) -> text.Text:
    if head.strip():
        raise at(-1).error(
            f"{show(head.decode(errors='replace').strip())} after the id of an utterance",
            "the id alone, or a binary lattice",
            "correct the line, or make the archive again",
        )
    return text.parse(lines, at)


def _scp(path: Path, collector: ErrorCollector) -> Iterator[Entry]:
    """The entries of an .scp."""
    is_filled = False
    for place, line in filled_lines(path):
        is_filled = True
        try:
            entry = _scp_entry(path, place, line)
        except InputError as error:
            collector.add(error)
        else:
            yield entry
    if not is_filled:  # bytes such as 0x1f are white space in text alone
        raise empty(path)


def _scp_entry(path: Path, place: Place, line: str) -> Entry:
    """The entry that a line leads to. Raises InputError where it leads to none."""
    key, rest = [*line.split(maxsplit=1), ""][:2]
    rest = rest.strip()
    place = place.within(f"utterance {show(check_id(key, place))}")
    if not rest or rest.startswith("|") or rest.endswith("|"):
        raise place.error(show(rest), "a file, or file:byte", "name files: commands are not run")
    file, byte = _target(path, rest)
    if not _is_file(file):
        raise place.error(
            f"there is no file {show(str(file))}",
            "an archive",
            "correct the path, or go to the folder where Kaldi ran",
        )
    with ByteStream(file, byte) as stream:
        return _found(stream, key, counted=not byte)
