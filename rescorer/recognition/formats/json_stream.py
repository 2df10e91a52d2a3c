"""JSON files of any length: the items of one list or object, or one document after the other.

Only the item at hand is held. All raise InputError for an empty file and for JSON that does not
parse, with its line and column; what came before is good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import read_text
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.parsing import Place, empty

_BLANKS = re.compile(r"[ \t\r\n]*")
_CUT = 3  # characters: `1e-5` that is cut at the end of the window is read as 1


def elements(path: Path) -> Iterator[tuple[Place, js.JsonValue]]:
    """The elements of the list that a file is, and where each begins."""
    text = _opened(path)
    if text.peek() != "[":
        js.as_list(text.value(), "the file", text.place)
    yield from _elements(text)
    text.end()


def members(path: Path) -> Iterator[tuple[Place, str, js.JsonValue]]:
    """The names and values of the object that a file is, and where each begins; a name may come
    twice.
    """
    text = _opened(path)
    if text.peek() != "{":
        js.as_object(text.value(), "the file", text.place)
    for _ in text.items("{", "}"):
        text.expect('"', "Expecting property name enclosed in double quotes")
        place, name = text.place, text.value()
        text.expect(":", "Expecting ':' delimiter")
        text.skip()
        yield place, str(name), text.value()
    text.end()


def documents(path: Path) -> Iterator[tuple[Place, js.JsonValue]]:
    """The JSON values of a file, one after the other or parted by commas; each of a list."""
    text = _opened(path)
    while mark := text.peek():
        if mark == "[":
            for number, (place, value) in enumerate(_elements(text), start=1):
                yield place.within(f"document {number}"), value
        else:
            yield text.place, text.value()
        if text.peek() == ",":
            text.skip()


def _opened(path: Path) -> JsonText:
    text = JsonText(path, read_text(path))
    if not text.peek():
        raise empty(path)
    return text


def _elements(text: JsonText) -> Iterator[tuple[Place, js.JsonValue]]:
    for _ in text.items("[", "]"):
        yield text.place, text.value()


class JsonText:
    """The text of a file, seen through a window that slides over it."""

    def __init__(self, path: Path, pieces: Iterable[str]) -> None:
        self._path, self._pieces = path, iter(pieces)
        self._window, self._at = "", 0
        self._line = 1  # at hand
        self._left = 0  # characters of the window's first line that the window has left

    @property
    def place(self) -> Place:
        """What is at hand."""
        return Place(self._path, self._line)

    def peek(self) -> str:
        """The next character that is no blank; "" at the end of the file."""
        while True:
            blanks = _BLANKS.match(self._window, self._at)
            self._pass(blanks.end() if blanks else self._at)
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Pass over the character that `peek` saw."""
        self._pass(self._at + 1)

    def expect(self, marks: str, fault: str) -> str:
        """The next character, which is one of `marks`. Raises InputError where it is not."""
        mark = self.peek()
        if not mark or mark not in marks:
            raise self._error(fault, self._at)
        return mark

    def value(self) -> js.JsonValue:
        """The next value, and pass over it. Raises InputError as `js.load`."""
        self.peek()
        while True:
            try:
                value, end = js.decode(self._window, self._at, self.place)
            except json.JSONDecodeError as error:
                if self._more():  # it was cut
                    continue
                raise self._error(error.msg, error.pos) from None
            if end + _CUT <= len(self._window) or not self._more():
                self._pass(end)
                return value

    def items(self, opening: str, closing: str) -> Iterator[None]:
        """Stand before each item of a list or object in turn, and behind it in the end."""
        self.expect(opening, f"Expecting {opening!r}")
        self.skip()
        if self.peek() == closing:
            self.skip()
            return
        mark = ","
        while mark == ",":
            self.peek()
            yield
            mark = self.expect(f",{closing}", "Expecting ',' delimiter")
            self.skip()

    def end(self) -> None:
        """Raises InputError where something follows."""
        if self.peek():
            raise self._error("Extra data", self._at)

    def _pass(self, end: int) -> None:
        self._line += self._window.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Drop what was passed, and make what remains twice as long at least; False where the file
        has ended.
        """
        passed, held = self._window[: self._at], [self._window[self._at :]]
        wanted = max(1, len(held[0]))
        while wanted > 0 and (piece := next(self._pieces, None)) is not None:
            held.append(piece)
            wanted -= len(piece)
        if len(held) == 1:
            return False
        self._left = _column(passed, self._left)
        self._window, self._at = "".join(held), 0
        return True

    def _error(self, cause: str, at: int) -> InputError:
        line = self._line + self._window.count("\n", self._at, at)
        return js.no_json(
            cause, 1 + _column(self._window[:at], self._left), Place(self._path, line)
        )


def _column(text: str, left: int) -> int:
    """Characters of the last line of a text, where the first line has some more before it."""
    line = len(text) - text.rfind("\n") - 1
    return line if "\n" in text else left + line
