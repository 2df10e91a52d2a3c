"""Which members the first JSON value of a text has, though the text may be cut or damaged behind.

Formats are told apart by this: a member is its path, such as `("nbest", "[]", "text")` for the
`text` of an object in the list `nbest`.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

Member: TypeAlias = tuple[str, ...]

_MOST = 1 << 14  # characters
_DEEPEST = 8  # levels
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[{}\[\],])|(?P<other>:|[^\s{}\[\],:"]+))',
    re.DOTALL,
)


def outline(text: str) -> frozenset[Member]:
    """The members of the first JSON value, as far as the text goes."""
    members: set[Member] = set()
    path: list[str] = []  # of each open bracket: the member at hand, or "[]"
    is_name = False
    text, place = text[:_MOST], 0
    while (token := _TOKEN.match(text, place)) and len(path) <= _DEEPEST:
        place = token.end()
        mark = token["mark"]
        if mark in ("{", "["):
            path.append("" if mark == "{" else "[]")
        elif mark in ("}", "]"):
            path = path[:-1]
            if not path:
                break
        elif is_name and path and token["string"]:
            path[-1] = _unquoted(token["string"])
            members.add(tuple(path))
        is_name = mark == "{" or (mark == "," and bool(path) and path[-1] != "[]")
    return frozenset(members)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:  # such as a line end within
        return text[1:-1]
