"""Google Speech-to-Text: `{"results": [{"alternatives": [{"transcript": …, "confidence": …}]}]}`.

Each result is an utterance; those that are not final and those without alternatives are passed
over. The response of a long-running operation and names with underscores are read, too.
`confidence` is a probability that the service gives to the first alternative alone: the score is
`rank`, minus the place from 0, unless all alternatives have one. Files and ids are told in
`json_documents`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescorer.recognition.formats import confidences
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.json_documents import Document, Recognised
from rescorer.recognition.formats.parsing import Place
from rescorer.recognition.nbest import Hypothesis, NBest

_TRANSCRIPT = ("results", "[]", "alternatives", "[]", "transcript")
_FINAL = ("isFinal", "is_final")


def matches(beginning: Beginning) -> bool:
    """Whether the first document has results with transcripts."""
    return bool({_TRANSCRIPT, ("response", *_TRANSCRIPT)} & beginning.document)


def read(source: Source) -> Iterator[NBest]:
    """The lists of all documents.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    return confidences.read(source, _parse)


def _parse(document: Document) -> Iterator[Recognised]:
    place, members = document
    if "response" in members:
        members = js.as_object(members["response"], "response", place)
    results = [
        js.as_object(each, "a result", place)
        for each in js.as_list(members.get("results", []), "results", place)
    ]
    tells_final = any(name in result for result in results for name in _FINAL)
    for number, result in enumerate(results, start=1):
        if "alternatives" in result and (not tells_final or _is_final(result)):
            within = place.within(f"result {number}")
            listed = js.as_list(result["alternatives"], "alternatives", within)
            hypotheses = [
                _hypothesis(each, str(n), within.within(f"alternative {n}"))
                for n, each in enumerate(listed, start=1)
            ]
            if hypotheses:
                yield Recognised(within, None, tuple(hypotheses))


def _is_final(result: dict[str, js.JsonValue]) -> bool:
    return any(result.get(name) is True for name in _FINAL)


def _hypothesis(value: js.JsonValue, key: str, place: Place) -> Hypothesis:
    members = js.as_object(value, "it", place)
    # A transcript without words is left out of the JSON.
    words = js.as_words(members.get("transcript", ""), "transcript", place)
    return Hypothesis(key, words, confidences.log_confidence(members.get("confidence"), place))


FORMAT = Format("google", matches, read)
