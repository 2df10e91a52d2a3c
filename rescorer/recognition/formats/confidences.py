"""Confidences of cloud services: probabilities from 0 to 1, often of the first hypothesis alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from rescorer.recognition.formats import json_documents as documents
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.format import Source
from rescorer.recognition.formats.json_documents import Parser
from rescorer.recognition.formats.parsing import ErrorCollector, Place, ranked
from rescorer.recognition.nbest import CONFIDENCE, NBest


def log_confidence(value: js.JsonValue, place: Place) -> dict[str, float]:
    """The score of a confidence: its natural logarithm. None for a confidence that is 0 or not
    there. Raises InputError for what is no probability.
    """
    if value is None:
        return {}
    confidence = js.as_score(value, "confidence", place)
    if not 0 <= confidence <= 1:
        raise place.error(f"confidence {confidence}", "0 to 1", "make the file again")
    return {CONFIDENCE: math.log(confidence)} if confidence else {}


def read(source: Source, parse: Parser) -> Iterator[NBest]:
    """The lists with the confidences of their hypotheses where all have one, else with `rank`.

    Files are read twice: whether all have one is known in the end. Raises InputError as
    `json_documents.read`.
    """
    first = replace(source, collector=ErrorCollector(skip=True))
    if all(h.scores for _, nbest in documents.find(first, parse) for h in nbest.hypotheses):
        return documents.read(source, parse)
    source.remark("not every hypothesis has a confidence: the place in the list is its score")
    found = documents.find(source, parse)
    return documents.collect(source, (each._replace(nbest=_ranked(each.nbest)) for each in found))


def _ranked(nbest: NBest) -> NBest:
    return ranked(replace(nbest, hypotheses=tuple(replace(h, scores={}) for h in nbest.hypotheses)))
