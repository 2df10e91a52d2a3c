"""Recognisers' JSON results: one document a recording, or one a line, or one after the other.

What lies at a path is a file, or a folder of `.json` files, plain or compressed. A file may hold
several documents, also as one JSON list; one document is held at a time. Few of them hold an id of
what was recognised: the utterance is the document's `id` where it has one, else the file's name
without its suffixes; and where a file has more than one list, that name with `-N`, N from 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

from rescorer.recognition.formats import json_stream
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import files_in
from rescorer.recognition.formats.format import Source
from rescorer.recognition.formats.parsing import Lists, Place
from rescorer.recognition.nbest import Hypothesis, NBest

_SUFFIXES = re.compile(r"(\.(json|jsonl|txt|log|gz|xz))*$", re.IGNORECASE)


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


class Found(NamedTuple):
    """One list, and where it stands."""

    place: Place
    nbest: NBest


def read(source: Source, parse: Parser) -> Iterator[NBest]:
    """The lists of all documents at a path, in the order of their files and places.

    Args:
        parse: the lists of one document.

    Raises:
        InputError: JSON that does not parse, what `parse` raises, or an utterance twice.
    """
    return collect(source, find(source, parse))


def find(source: Source, parse: Parser) -> Iterator[Found]:
    """The same lists, of which each may have scores of its own. Raises InputError for JSON that
    does not parse, and what `parse` raises.
    """
    for file in _files(source.path):
        recognised = _recognised(file, parse, source)
        first = list(islice(recognised, 2))
        for number, (place, own, hypotheses) in enumerate(chain(first, recognised), start=1):
            name = own or (stem(file) if len(first) == 1 else f"{stem(file)}-{number}")
            yield Found(place, NBest(name, hypotheses))


def collect(source: Source, found: Iterable[Found]) -> Iterator[NBest]:
    """The lists, which are checked. Raises InputError as `Lists` does."""
    lists = Lists(source.path)
    for place, nbest in found:
        with source.collector:
            yield lists.add(nbest, place)
    lists.done()


def _files(path: Path) -> list[Path]:
    if not os.path.isdir(path):
        return [path]
    return [each for each in files_in(path) if _is_json(each)]


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
    for place, value in json_stream.documents(file):
        yield Document(place, js.as_object(value, "the document", place))


def own_id(document: Document) -> str | None:
    """The id that a document has; None where it has none."""
    value = document.members.get("id")
    return None if value is None else js.as_id(value, "id", document.place)
