"""Numbers as they are spelled in SLF."""

from __future__ import annotations

import math

from rescorer.errors import InputError
from rescorer.recognition.formats.parsing import Place, show

_MOST_DIGITS = 18  # they fit into 64 bits


def parse_real(text: str) -> float:
    """A finite number. Raises ValueError for anything else."""
    value = float(text)
    # Python reads "1_000" and digits of other scripts; no recogniser writes them.
    if not math.isfinite(value) or "_" in text or not text.isascii():
        raise ValueError
    return value


def parse_whole(text: str) -> int:
    """A whole number of 0 or more. Raises ValueError for anything else."""
    if len(text) > _MOST_DIGITS or not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def parse_variant(text: str) -> int:
    """The number of a pronunciation variant; -1 is none. Raises ValueError for anything else."""
    return -1 if text == "-1" else parse_whole(text)


def not_a_number(name: str, text: str, place: Place, whole: bool = False) -> InputError:
    """The error for a field that holds no such number."""
    return place.error(
        f"{name}={show(text)}",
        "a whole number" if whole else "a finite number",
        "correct it, or make the lattice again",
    )
