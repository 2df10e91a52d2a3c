"""Recognisers' JSON results: one document a recording, or one a line, or one after the other.

What lies at a path is a file, or a folder of `.json` files, plain or compressed. A file may hold
several documents, also as one JSON list. Few of them hold an id of what was recognised: the
utterance is the document's `id` where it has one, else the file's name without its suffixes; and
where a file has more than one list, that name with `-N`, N from 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from rescorer.files import read_lines
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import files_in
from rescorer.recognition.formats.format import Source
from rescorer.recognition.formats.parsing import Lists, Place, empty
from rescorer.recognition.nbest import Hypothesis, NBest

_SUFFIXES = re.compile(r"(\.(json|jsonl|txt|log|gz|xz))*$", re.IGNORECASE)
_SPACE = re.compile(r"\s*,?\s*")  # between documents; some streams part them by commas


class Document(NamedTuple):
    """One JSON object, and where it stands."""

    place: Place
    members: dict[str, js.JsonValue]


class Recognised(NamedTuple):
    """The hypotheses of one utterance, and where they stand."""

    place: Place
    id: str | None
    hypotheses: tuple[Hypothesis, ...]


Parser: TypeAlias = Callable[[Document], Iterator[Recognised]]


def read(source: Source, parse: Parser) -> list[NBest]:
    """The lists of all documents at a path, in the order of their files and places.

    Args:
        parse: the lists of one document.

    Raises:
        InputError: JSON that does not parse, or what `parse` raises.
    """
    lists = Lists(source.path)
    is_folder = os.path.isdir(source.path)
    files = (
        [each for each in files_in(source.path) if _is_json(each)] if is_folder else [source.path]
    )
    for file in files:
        found = list(_recognised(file, parse, source))
        for number, (place, own, hypotheses) in enumerate(found, start=1):
            name = own or (stem(file) if len(found) == 1 else f"{stem(file)}-{number}")
            with source.collector:
                lists.add(NBest(name, hypotheses), place)
    return lists.done()


def _is_json(path: Path) -> bool:
    return any(suffix in (".json", ".jsonl") for suffix in path.suffixes)


def stem(path: Path) -> str:
    """The name of a file without the suffixes of its format; an id, so without blanks."""
    return re.sub(r"\s", "_", _SUFFIXES.sub("", path.name)) or path.name


def _recognised(file: Path, parse: Parser, source: Source) -> Iterator[Recognised]:
    for document in documents(file):
        with source.collector:
            yield from list(parse(document))


def documents(file: Path) -> Iterator[Document]:
    """The documents of a file.

    Raises:
        InputError: an empty file, or what is no JSON object.
    """
    text = "\n".join(line for _, line in read_lines(file))
    if not text.strip():
        raise empty(file)
    at, line = 0, 1
    begin = _skip(text, 0)
    while begin < len(text):
        line += text.count("\n", at, begin)
        at = begin
        place = Place(file, line)
        value, end = js.decode(text, begin, Place(file))
        values = value if isinstance(value, list) else [value]
        for number, each in enumerate(values, start=1):
            where = place.within(f"document {number}") if isinstance(value, list) else place
            yield Document(where, js.as_object(each, "the document", where))
        begin = _skip(text, end)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def own_id(document: Document) -> str | None:
    """The id that a document has; None where it has none."""
    value = document.members.get("id")
    return None if value is None else js.as_id(value, "id", document.place)
