"""NIST's TRN, as sclite reads it: `words… (utterance)` a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rescorer.recognition.formats.parsing import check_id, show, split_words
from rescorer.recognition.references.alternatives import refuse_alternatives
from rescorer.recognition.references.reference_format import (
    Reference,
    ReferenceFormat,
    scored_lines,
)

_LINE = re.compile(r"(?P<words>.*?)\(\s*(?P<utterance>[^\s()]+)\s*\)\s*")


def fits(line: str) -> bool:
    """Whether a line ends with an id in parentheses."""
    return bool(_LINE.fullmatch(line))


def read(path: Path) -> Iterator[Reference]:
    """The references of a file. Raises InputError for a line without an id, or with
    alternatives.
    """
    for place, line in scored_lines(path):
        found = _LINE.fullmatch(line)
        if found is None:
            raise place.error(
                f"{show(line.strip())} has no id at its end", "words… (utterance)", "add the id"
            )
        utterance = check_id(found["utterance"], place)
        yield Reference(
            place, utterance, refuse_alternatives(split_words(found["words"], place), place)
        )


FORMAT = ReferenceFormat("trn", read, fits=fits)
