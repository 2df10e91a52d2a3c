"""WeNet's JSON, from its Python package and its servers: `{"nbest": [{"sentence": words}, …]}`.

The servers send the list as a text within the JSON, and results that are not final, which are
passed over. There are no scores: each hypothesis scores `rank`, minus its place, from 0. Files and
ids are told in `json_documents`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescorer.recognition.formats import json_documents as documents
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.json_documents import Document, Recognised
from rescorer.recognition.formats.parsing import Place, ranked
from rescorer.recognition.nbest import Hypothesis, NBest

_FINAL = "final_result"
_SERVER = {("status",), ("type",)}  # beside "nbest", which is a text


def matches(beginning: Beginning) -> bool:
    """Whether the first document has sentences."""
    members = beginning.document
    return ("nbest", "[]", "sentence") in members or members >= _SERVER


def read(source: Source) -> Iterator[NBest]:
    """The lists of all documents.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    return map(ranked, documents.read(source, _parse))


def _parse(document: Document) -> Iterator[Recognised]:
    place, members = document
    if "nbest" not in members or members.get("type", _FINAL) != _FINAL:
        return
    value = members["nbest"]
    listed = js.load(value, place.within("nbest")) if isinstance(value, str) else value
    yield Recognised(
        place,
        documents.own_id(document),
        tuple(
            _hypothesis(each, str(number), place.within(f"hypothesis {number}"))
            for number, each in enumerate(js.as_list(listed, "nbest", place), start=1)
        ),
    )


def _hypothesis(value: js.JsonValue, key: str, place: Place) -> Hypothesis:
    members = js.as_object(value, "it", place)
    js.need(members, ("sentence",), place)
    return Hypothesis(key, js.as_words(members["sentence"], "sentence", place))


FORMAT = Format("wenet-json", matches, read)
