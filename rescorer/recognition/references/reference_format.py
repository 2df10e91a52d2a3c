"""The record of a format of references, and what the formats of lines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.parsing import Place, filled_lines

Words = tuple[str, ...]
_COMMENT = ";;"  # NIST's
_LONGEST = 18  # characters of a time


class Reference(NamedTuple):
    """What was said in an utterance, and where the file tells."""

    place: Place
    utterance: str
    words: Words


@dataclass(frozen=True)
class ReferenceFormat:
    """One outside format of references.

    Attributes:
        name: what users call it by.
        read: the references of a file; an utterance may come twice.
        matches: whether a file that begins so has this format. None: its lines tell it.
        fits: whether a line is one of this format; for formats that are told by their lines.
        resembles: whether a line can be one of this format, and as well Kaldi's `utterance words`.
    """

    name: str
    read: Callable[[Path], Iterator[Reference]]
    matches: Callable[[Beginning], bool] | None = None
    fits: Callable[[str], bool] | None = None
    resembles: Callable[[str], bool] | None = None


def scored_lines(path: Path) -> Iterator[tuple[Place, str]]:
    """The lines that are neither blank nor a comment of NIST's formats. Raises InputError as
    `filled_lines` does.
    """
    return (
        (place, line)
        for place, line in filled_lines(path)
        if not line.lstrip().startswith(_COMMENT)
    )


def is_time(text: str) -> bool:
    """Whether a field is a time in seconds, written with a decimal point."""
    whole, _, part = text.partition(".")
    return len(text) <= _LONGEST and text.isascii() and whole.isdecimal() and part.isdecimal()


def is_number(text: str) -> bool:
    """Whether a field is a time in seconds, with a decimal point or without."""
    return is_time(text) or (len(text) <= _LONGEST and text.isascii() and text.isdecimal())
