"""Vosk's results with `SetMaxAlternatives(n)`: `{"alternatives": [{"confidence": …, "text": …}]}`.

`confidence` is no probability: it is −(0.9 · graph cost + acoustic cost), a log-likelihood without
an acoustic scale, and is read as `first_pass`. Partial results are passed over. Files and ids are
told in `json_documents`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescorer.recognition.formats import json_documents as documents
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.json_documents import Document, Recognised
from rescorer.recognition.formats.parsing import Place
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest


def matches(beginning: Beginning) -> bool:
    """Whether the first document has alternatives with texts, or is a partial result."""
    return bool({("alternatives", "[]", "text"), ("partial",)} & beginning.document)


def read(source: Source) -> Iterator[NBest]:
    """The lists of all documents.

    Raises:
        InputError: a result without alternatives, or anything else that is not as the module says,
            with the line.
    """
    return documents.read(source, _parse)


def _parse(document: Document) -> Iterator[Recognised]:
    place, members = document
    if "partial" in members:
        return
    if "alternatives" not in members:
        raise place.error(
            'no "alternatives"',
            "n-best results of Vosk",
            "recognise again after SetMaxAlternatives(n)",
        )
    alternatives = js.as_list(members["alternatives"], "alternatives", place)
    yield Recognised(
        place,
        documents.own_id(document),
        tuple(
            _hypothesis(each, str(number), place.within(f"alternative {number}"))
            for number, each in enumerate(alternatives, start=1)
        ),
    )


def _hypothesis(value: js.JsonValue, key: str, place: Place) -> Hypothesis:
    members = js.as_object(value, "it", place)
    js.need(members, ("text", "confidence"), place)
    score = js.as_score(members["confidence"], "confidence", place)
    return Hypothesis(key, js.as_words(members["text"], "text", place), {FIRST_PASS: score})


FORMAT = Format("vosk", matches, read)
