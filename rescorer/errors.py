"""The one error that a user can cause."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """Something that the user gave cannot be used: one line that says where, what, and the remedy.

    The commands print it on stderr and exit with status 2; from Python it is an ordinary exception.
    """

    def __init__(
        self, found: str, *, expected: str = "", remedy: str = "", file: str | Path = "", line: int | None = None
    ) -> None:
        place = f"{file}:{line}" if file and line is not None else f"{file}"
        parts = [
            f"{place}: {found}" if place else found,
            f"expected {expected}" if expected else "",
            f"remedy: {remedy}" if remedy else "",
        ]
        # repr-like escapes: whatever the file held, the message stays one line.
        text = "; ".join(part for part in parts if part)
        super().__init__(text.replace("\r", "\\r").replace("\n", "\\n"))
