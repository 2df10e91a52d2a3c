"""JSON lines: one utterance a line, the format that holds everything a list has.

`{"id": "utt", "nbest": [{"text": "words", "score": -1.2}, …], "ref": "words"}`; `ref` may be left
out. The object of a hypothesis, with more named scores and a key of its own, is told in
`json_values`. Hypotheses stand in list order, so a re-ranked list is written re-ranked; `key` then
remembers each one's first place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rescorer.files import write_lines
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import Lists, Place, filled_lines
from rescorer.recognition.nbest import NBest


def matches(beginning: Beginning) -> bool:
    """Whether the file begins with an object that is an utterance."""
    members = beginning.members
    of_others = {
        *(("nbest", "[]", "sentence"), ("beams",), ("audio_filepath",)),
        *(("recording_id",), ("supervisions",)),  # lhotse's, which are references
    }
    return (
        not beginning.is_folder
        and bool({("id",), ("nbest",), ("nbest", "[]", "score")} & members)
        and not of_others & members
    )


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in its order; blank lines are passed over.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    lists = Lists(source.path)
    for place, line in filled_lines(source.path):
        with source.collector:
            yield lists.add(_parse(line, place), place)
    lists.done()


def _parse(line: str, place: Place) -> NBest:
    members = js.as_object(js.load(line, place), "the line", place)
    js.need(members, ("id", "nbest"), place)
    hypotheses = tuple(
        js.parse_hypothesis(value, str(number), place.within(f"hypothesis {number}"))
        for number, value in enumerate(js.as_list(members["nbest"], "nbest", place), start=1)
    )
    reference = js.as_reference(members.get("ref"), "ref", place)
    return NBest(js.as_id(members["id"], "utterance id", place), hypotheses, reference)


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists. Raises InputError where the file cannot be written."""
    write_lines(path, map(_format, lists))


def _format(nbest: NBest) -> str:
    hypotheses = [
        js.hypothesis_members(h, str(number)) for number, h in enumerate(nbest.hypotheses, start=1)
    ]
    return js.dump(
        {"id": nbest.utterance, **js.reference_members(nbest.reference, "ref"), "nbest": hypotheses}
    )


FORMAT = Format("jsonl", matches, read, write)
