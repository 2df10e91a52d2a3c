"""The one error that a user can cause, and text that is safe to show on a terminal."""

from __future__ import annotations

import copyreg
from pathlib import Path

# not printable by themselves, but part of the spelling in Persian and Indic scripts
_JOINERS = "\u200c\u200d"
_LONGEST_PART = 500  # characters of what was found, of what was expected, and of the remedy
_LONGEST_FILE = 1000
_LONGEST_LINE = 3000  # an error with all its parts is shorter


class InputError(Exception):
    """Something that the user gave cannot be used: one line that says where, what, and the remedy.

    The commands print it on stderr and exit with status 2; from Python it is an ordinary exception.
    """

    def __init__(
        self,
        found: str,
        *,
        expected: str = "",
        remedy: str = "",
        file: str | Path = "",
        line: int | None = None,
    ) -> None:
        name = one_line(str(file), _LONGEST_FILE)
        place = f"{name}:{line}" if name and line is not None else name
        found, expected, remedy = (
            one_line(part, _LONGEST_PART) for part in (found, expected, remedy)
        )
        parts = [
            f"{place}: {found}" if place else found,
            f"expected {expected}" if expected else "",
            f"remedy: {remedy}" if remedy else "",
        ]
        super().__init__("; ".join(part for part in parts if part))

    def __reduce__(self) -> tuple[object, ...]:
        # A copy from another process keeps the whole message: it is not cut as one part.
        return copyreg.__newobj__, (type(self), str(self))  # type: ignore[attr-defined]


def lacks_memory(error: Exception) -> bool:
    """Whether there was not enough memory. torch raises RuntimeErrors of its own, on a GPU those of
    a class named so.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def one_line(text: str, longest: int = _LONGEST_LINE) -> str:
    """The text as one line without control characters, which a file's own text may hold.

    Control characters, line ends of any kind, marks of direction and lone surrogates are shown as
    Python escapes them. Of a longer text the middle is left out.
    """
    text = _cut(text, longest)
    return text if text.isprintable() else _cut("".join(map(_shown, text)), longest)


def _cut(text: str, longest: int) -> str:
    end = longest // 3
    return text if len(text) <= longest else f"{text[: longest - end - 3]} … {text[-end:]}"


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode("ascii")
