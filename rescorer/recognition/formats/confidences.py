"""Confidences of cloud services: probabilities from 0 to 1, often of the first hypothesis alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.format import Source
from rescorer.recognition.formats.json_documents import Found
from rescorer.recognition.formats.parsing import Place, ranked
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


def with_scores(found: Iterable[Found], source: Source) -> list[Found]:
    """Lists with the confidences of their hypotheses where all have one, else with `rank`."""
    lists = list(found)
    if all(h.scores for _, nbest in lists for h in nbest.hypotheses):
        return lists
    source.remark("not every hypothesis has a confidence: the place in the list is its score")
    return [Found(place, ranked(_without_scores(nbest))) for place, nbest in lists]


def _without_scores(nbest: NBest) -> NBest:
    return replace(nbest, hypotheses=tuple(replace(h, scores={}) for h in nbest.hypotheses))
