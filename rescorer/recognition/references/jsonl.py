"""JSON lines with references: `{"id": …, "ref": …}` a line; n-best lists may stand beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.parsing import filled_lines
from rescorer.recognition.references.reference_format import Reference, ReferenceFormat


def matches(beginning: Beginning) -> bool:
    """Whether the first object has a reference."""
    return ("ref",) in beginning.members


def read(path: Path) -> Iterator[Reference]:
    """The references of a file. Raises InputError for a line without one."""
    for place, line in filled_lines(path):
        members = js.as_object(js.load(line, place), "the line", place)
        js.need(members, ("id", "ref"), place)
        yield Reference(
            place,
            js.as_id(members["id"], "utterance id", place),
            js.as_words(members["ref"], "ref", place),
        )


FORMAT = ReferenceFormat("jsonl", read, matches)
