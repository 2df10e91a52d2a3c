"""The fields of one line of SLF, `name=value`, and how values are quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rescorer.errors import InputError
from rescorer.recognition.formats.parsing import Place, show

# name="value", name='value' or name=value; a backslash takes the next character along
_FIELD = re.compile(
    r"""\s*([^\s=]+)=(?: "((?:[^"\\]|\\.)*)"(?=\s|$)
    | '((?:[^'\\]|\\.)*)'(?=\s|$) | ((?:[^\s\\]|\\.)*)(?=\s|$) )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_TO_ESCAPE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufeff]")


def parse_line(line: str, place: Place) -> dict[str, str]:
    """The fields of a line, by name as spelled.

    Raises:
        InputError: something that is no field, a field that is there twice, or an escape that is
            not UTF-8.
    """
    may_be_quoted = '="' in line or "='" in line or "\\" in line
    pairs: Sequence[Sequence[str]] = (
        _quoted_pairs(line, place)
        if may_be_quoted
        else [item.split("=", 1) for item in line.split()]
    )
    try:
        fields = {name: text for name, text in pairs}
    except ValueError:  # an item without "="
        raise _no_field(next(pair[0] for pair in pairs if len(pair) < 2), place) from None
    if len(fields) != len(pairs):
        raise place.error("a field is there twice", "each field once", "take one out")
    return fields


def _quoted_pairs(line: str, place: Place) -> list[tuple[str, str]]:
    pairs = []
    position, end = 0, len(line.rstrip())
    while position < end:
        field = _FIELD.match(line, position)
        if field is None:
            raise _no_field(line[position:].strip(), place)
        name, *values = field.groups()
        value = next(value for value in values if value is not None)
        pairs.append((name, _unescape(value, place)))
        position = field.end()
    return pairs


def _no_field(text: str, place: Place) -> InputError:
    return place.error(
        f"{show(text)}", "fields name=value", "correct the line, or make the lattice again"
    )


def _unescape(text: str, place: Place) -> str:
    if "\\" not in text:
        return text
    try:
        return _ESCAPE.sub(_escaped_byte, text.encode()).decode()
    except UnicodeDecodeError:
        raise place.error(
            f"{show(text)} is not UTF-8 with its escapes",
            "UTF-8 text",
            "make the lattice again with UTF-8 words",
        ) from None


def _escaped_byte(escape: re.Match[bytes]) -> bytes:
    is_octal = len(escape[1]) == 3
    return bytes([int(escape[1], 8) & 255]) if is_octal else escape[1]


def quote(text: str) -> str:
    """A value as HTK reads it back: white space as the octal codes of its bytes, and no quote at
    its beginning.
    """
    text = _TO_ESCAPE.sub(
        lambda bad: "".join(f"\\{byte:03o}" for byte in bad[0].encode()), text.replace("\\", r"\\")
    )
    return "\\" + text if text.startswith(("'", '"')) else text
