"""HyPoradise JSON: `[{"input": ["hypothesis", …], "output": "reference"}, …]`, a format without scores.

An utterance's id is its `id` or `uid` where it has one, else its place in the file from 1. What the format does not
hold is kept beside in members of our own: `input_scores`, the named natural-log scores of each hypothesis, and
`input_keys`. Without `input_scores` each hypothesis scores `rank`: minus its place in the list, from 0. `input` is
written in list order, so a re-ranked list comes out re-ranked for whoever reads `input` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rescorer.files import write_lines
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.parsing import Lists, Place, head, ranked
from rescorer.recognition.nbest import RANK, Hypothesis, NBest


def matches(path: Path) -> bool:
    """Whether the file begins as a JSON list. Raises InputError where it cannot be read."""
    return head(path).lstrip().startswith("[")


def read(path: Path) -> list[NBest]:
    """The lists of a file, in its order.

    Raises:
        InputError: anything that is not as the module says, with the number of the record, from 1.
    """
    lists = Lists(path)
    for number, record in enumerate(js.as_list(js.load_document(path), "the file", Place(path)), start=1):
        place = Place(path, part=f"record {number}")
        lists.add(_parse(record, number, place), place)
    return lists.done()


def _parse(record: Any, number: int, place: Place) -> NBest:
    members = js.as_object(record, "it", place)
    if "input" not in members:
        raise place.error('no "input"', 'an object with "input" and "output"', "add it")
    texts = js.as_list(members["input"], "input", place)
    scores = _beside("input_scores", [{} for _ in texts], members, place)
    keys = _beside("input_keys", [str(i) for i in range(1, len(texts) + 1)], members, place)
    hypotheses = tuple(
        _hypothesis(*parts, place.within(f"hypothesis {i}"))
        for i, parts in enumerate(zip(texts, scores, keys, strict=True), start=1)
    )
    utterance = js.as_id(members.get("id", members.get("uid", number)), "utterance id", place)
    nbest = NBest(utterance, hypotheses, js.as_reference(members.get("output"), "output", place))
    return nbest if "input_scores" in members else ranked(nbest)


def _beside(name: str, default: list[Any], members: dict[str, Any], place: Place) -> list[Any]:
    """What stands beside each of `input`."""
    values = js.as_list(members.get(name, default), name, place)
    if len(values) != len(default):
        raise place.error(f"{name} has {len(values)} members", f"{len(default)} as in input", "make both again")
    return values


def _hypothesis(text: Any, scores: Any, key: Any, place: Place) -> Hypothesis:
    return Hypothesis(js.as_id(key, "key", place), js.as_words(text, "text", place), js.as_scores(scores, place))


def write(path: Path, lists: Sequence[NBest]) -> None:
    """Write the lists. Raises InputError where the file cannot be written."""
    write_lines(path, js.document(map(_format, lists), "[", "]"))


def _format(nbest: NBest) -> str:
    members: dict[str, Any] = {
        "id": nbest.utterance,
        "input": [" ".join(h.words) for h in nbest.hypotheses],
        **js.reference_members(nbest.reference, "output"),
    }
    # A file that came without scores and in its own order leaves as it came.
    if any(h.scores != {RANK: -place} for place, h in enumerate(nbest.hypotheses)):
        members["input_scores"] = [js.named_scores(h) for h in nbest.hypotheses]
    if any(h.key != str(place) for place, h in enumerate(nbest.hypotheses, start=1)):
        members["input_keys"] = [h.key for h in nbest.hypotheses]
    return js.dump(members)
