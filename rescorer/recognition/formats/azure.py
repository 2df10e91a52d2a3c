"""Azure Speech's detailed results: `{"NBest": [{"Lexical": …, "Display": …, "Confidence": …}]}`.

Batch transcriptions hold `{"recognizedPhrases": [{"nBest": [{"lexical": …}]}]}`, each phrase an
utterance. The words are those of the lexical form, as they were spoken. The score is the natural
logarithm of the confidence, a probability, or `rank` where one is 0. What was not recognised is
passed over. Files and ids are told in `json_documents`.
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


def matches(beginning: Beginning) -> bool:
    """Whether the first document is a detailed result or a batch transcription."""
    known = {
        ("NBest",),
        ("RecognitionStatus",),
        ("recognizedPhrases",),
        ("combinedRecognizedPhrases",),
    }
    return bool(known & beginning.document)


def read(source: Source) -> Iterator[NBest]:
    """The lists of all documents.

    Raises:
        InputError: a simple result, without alternatives, or anything else that is not as the
            module says, with the line.
    """
    return confidences.read(source, _parse)


def _parse(document: Document) -> Iterator[Recognised]:
    place, members = document
    if "recognizedPhrases" not in members:
        yield from _parse_result(members, "NBest", place)
        return
    phrases = js.as_list(members["recognizedPhrases"], "recognizedPhrases", place)
    for number, each in enumerate(phrases, start=1):
        within = place.within(f"phrase {number}")
        yield from _parse_result(js.as_object(each, "it", within), "nBest", within)


def _parse_result(
    members: dict[str, js.JsonValue], name: str, place: Place
) -> Iterator[Recognised]:
    status = members.get("RecognitionStatus", members.get("recognitionStatus", "Success"))
    if status != "Success":
        return
    if name not in members:
        raise place.error(
            f'no "{name}"',
            "detailed results",
            "recognise again with format=detailed, in the SDK OutputFormat.Detailed",
        )
    hypotheses = tuple(
        _hypothesis(each, str(number), place.within(f"alternative {number}"))
        for number, each in enumerate(js.as_list(members[name], name, place), start=1)
    )
    yield Recognised(place, None, hypotheses)


def _hypothesis(value: js.JsonValue, key: str, place: Place) -> Hypothesis:
    members = {name.lower(): each for name, each in js.as_object(value, "it", place).items()}
    js.need(members, ("lexical",), place)
    words = js.as_words(members["lexical"], "lexical", place)
    return Hypothesis(key, words, confidences.log_confidence(members.get("confidence"), place))


FORMAT = Format("azure", matches, read)
