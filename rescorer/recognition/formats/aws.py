"""Amazon Transcribe with `ShowAlternatives`: `{"results": {"segments": [{"alternatives": […]}]}}`.

Each segment is an utterance. The words are its `items` that were pronounced; without items, those
of its `transcript`. Only single words have confidences: the score is `rank`, minus the place from
0. Without segments, the transcript of the whole recording is the only hypothesis. Files and ids are
told in `json_documents`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescorer.recognition.formats import json_documents as documents
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.json_documents import Document, Recognised
from rescorer.recognition.formats.parsing import Place, ranked, split_words
from rescorer.recognition.nbest import Hypothesis, NBest


def matches(beginning: Beginning) -> bool:
    """Whether the results of the first document have segments or transcripts by name."""
    known = {("results", "segments"), ("results", "transcripts")}
    return bool(known & beginning.document)


def read(source: Source) -> Iterator[NBest]:
    """The lists of all documents.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    return map(ranked, documents.read(source, _parse))


def _parse(document: Document) -> Iterator[Recognised]:
    place, members = document
    js.need(members, ("results",), place)
    results = js.as_object(members["results"], "results", place)
    if "segments" not in results:
        yield _whole(results, place)
        return
    for number, each in enumerate(js.as_list(results["segments"], "segments", place), start=1):
        within = place.within(f"segment {number}")
        yield Recognised(within, None, _alternatives(js.as_object(each, "it", within), within))


def _whole(results: dict[str, js.JsonValue], place: Place) -> Recognised:
    js.need(results, ("transcripts",), place)
    words: list[str] = []
    for each in js.as_list(results["transcripts"], "transcripts", place):
        members = js.as_object(each, "a transcript", place)
        words += js.as_words(members.get("transcript", ""), "transcript", place)
    return Recognised(place, None, (Hypothesis("1", tuple(words)),))


def _alternatives(segment: dict[str, js.JsonValue], place: Place) -> tuple[Hypothesis, ...]:
    js.need(segment, ("alternatives",), place)
    listed = js.as_list(segment["alternatives"], "alternatives", place)
    return tuple(
        _hypothesis(each, str(number), place.within(f"alternative {number}"))
        for number, each in enumerate(listed, start=1)
    )


def _hypothesis(value: js.JsonValue, key: str, place: Place) -> Hypothesis:
    members = js.as_object(value, "it", place)
    if "items" not in members:
        js.need(members, ("transcript",), place)
        return Hypothesis(key, js.as_words(members["transcript"], "transcript", place))
    items = [
        js.as_object(each, "an item", place)
        for each in js.as_list(members["items"], "items", place)
    ]
    spoken = [item for item in items if item.get("type") != "punctuation"]
    text = " ".join(_content(item, place) for item in spoken)
    return Hypothesis(key, split_words(text, place))


def _content(item: dict[str, js.JsonValue], place: Place) -> str:
    js.need(item, ("content",), place)
    return " ".join(js.as_words(item["content"], "content", place))


FORMAT = Format("aws", matches, read)
