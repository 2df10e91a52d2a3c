"""References: the spoken words of each utterance."""

from __future__ import annotations

from pathlib import Path

from rescorer.recognition.formats import espnet, hyporadise, read_nbest
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.parsing import (
    Place,
    check_id,
    empty,
    filled_lines,
    head,
    show,
    split_words,
)


def read_references(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read references from one of three formats, which the content distinguishes.

    These are Kaldi's text of lines `utterance words…`, JSON lines with `id` and `ref`, and n-best
    lists of a JSON format with references. A reference may have no words. Blank lines are skipped.

    Raises:
        InputError: an empty file, a repeated utterance, or a line of another form.
    """
    path = Path(path)
    if espnet.matches(path) or hyporadise.matches(path):
        return {
            nbest.utterance: nbest.reference
            for nbest in read_nbest(path).lists
            if nbest.reference is not None
        }
    parse = _parse_json if head(path).lstrip().startswith("{") else _parse_text
    references: dict[str, tuple[str, ...]] = {}
    for place, line in filled_lines(path):
        utterance, words = parse(line, place)
        if utterance in references:
            raise place.error(
                f"utterance {show(utterance)} is there twice", "unique ids", "take one out"
            )
        references[utterance] = words
    if not references:
        raise empty(path)
    return references


def _parse_text(line: str, place: Place) -> tuple[str, tuple[str, ...]]:
    utterance, words = [*line.split(maxsplit=1), ""][:2]
    return check_id(utterance, place), split_words(words, place)


def _parse_json(line: str, place: Place) -> tuple[str, tuple[str, ...]]:
    members = js.as_object(js.load(line, place), "the line", place)
    for needed in ("id", "ref"):
        if needed not in members:
            raise place.error(f'no "{needed}"', 'an object with "id" and "ref"', "add it")
    return js.as_id(members["id"], "utterance id", place), js.as_words(members["ref"], "ref", place)
