"""Lhotse's supervisions and cuts as JSON lines: `{"id": …, "recording_id": …, "text": …}` a line.

A cut has its own id, and the words of all its supervisions, in their order in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.parsing import Place, filled_lines
from rescorer.recognition.references.reference_format import Reference, ReferenceFormat, Words


def matches(beginning: Beginning) -> bool:
    """Whether the first object is a supervision or a cut."""
    return bool({("recording_id",), ("supervisions",)} & beginning.members)


def read(path: Path) -> Iterator[Reference]:
    """The references of a file. Raises InputError for a line without id or text."""
    for place, line in filled_lines(path):
        members = js.as_object(js.load(line, place), "the line", place)
        js.need(members, ("id",), place)
        utterance = js.as_id(members["id"], "id", place)
        if "supervisions" in members:
            yield Reference(place, utterance, _words_of_cut(members["supervisions"], place))
        else:
            yield Reference(place, utterance, _words(members, place))


def _words_of_cut(value: js.JsonValue, place: Place) -> Words:
    parts = []
    for number, each in enumerate(js.as_list(value, "supervisions", place), start=1):
        within = place.within(f"supervision {number}")
        members = js.as_object(each, "it", within)
        begin = js.as_score(members.get("start", 0), "start", within)
        parts.append((begin, _words(members, within)))
    return tuple(word for _, words in sorted(parts, key=lambda part: part[0]) for word in words)


def _words(members: dict[str, js.JsonValue], place: Place) -> Words:
    js.need(members, ("text",), place)
    return js.as_words(members["text"], "text", place)


FORMAT = ReferenceFormat("lhotse", read, matches)
