"""The JSON object of mlm-scoring: `{"utt": {"hyp_1": {"score": -1.2, "text": "…"}, "ref": "…"}}`.

Scores are natural-log probabilities; the object of a hypothesis is told in `json_values`. N of
`hyp_N` is the place in the recogniser's own order, and the key: mlm-scoring sorts the members by
name, so their order says nothing, and a re-ranked list comes back in the recogniser's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rescorer.files import write_lines
from rescorer.recognition.formats import json_stream
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.json_outline import Member
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    by_number,
    check_id,
    check_numbers,
    show,
)
from rescorer.recognition.nbest import Hypothesis, NBest

_HYPOTHESIS = re.compile(r"hyp_([0-9]{1,18})")


def matches(beginning: Beginning) -> bool:
    """Whether the file begins with an object of objects that have hypotheses."""
    is_empty = "".join(beginning.text.split()) == "{}"
    return not beginning.is_folder and (is_empty or any(map(_is_of_list, beginning.members)))


def _is_of_list(member: Member) -> bool:
    return len(member) == 2 and (member[1].startswith("hyp") or member[1] == "ref")


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in its order.

    Raises:
        InputError: anything that is not as the module says, with the utterance.
    """
    lists = Lists(source.path)
    for place, utterance, value in json_stream.members(source.path):
        with source.collector:
            check_id(utterance, place)
            where = place.within(f"utterance {show(utterance)}")
            yield lists.add(_parse(utterance, value, where), place)
    lists.done()


def _parse(utterance: str, value: js.JsonValue, place: Place) -> NBest:
    members = js.as_object(value, "its value", place)
    hypotheses = [
        _hypothesis(name, member, place)
        for name, member in members.items()
        if name.startswith("hyp")
    ]
    return NBest(
        utterance, tuple(by_number(hypotheses)), js.as_reference(members.get("ref"), "ref", place)
    )


def _hypothesis(name: str, value: js.JsonValue, place: Place) -> Hypothesis:
    match = _HYPOTHESIS.fullmatch(name)
    if not match:
        raise place.error(f"member {show(name)}", "hyp_N", "number the hypotheses from 1")
    return js.parse_hypothesis(value, match[1], place.within(name))


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists. Raises InputError where the file cannot be written, or a hypothesis key is
    no number.
    """
    lists = check_numbers(lists, Place(path))
    write_lines(path, js.document(map(_format, lists), "{", "}"))


def _format(nbest: NBest) -> str:
    members: dict[str, object] = {
        f"hyp_{h.key}": js.hypothesis_members(h, h.key) for h in nbest.hypotheses
    }
    content = {**members, **js.reference_members(nbest.reference, "ref")}
    return f"{js.dump(nbest.utterance)}: {js.dump(content)}"


FORMAT = Format("mlm-scoring", matches, read, write)
