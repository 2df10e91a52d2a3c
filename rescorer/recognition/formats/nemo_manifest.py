"""NeMo's manifest: `{"audio_filepath": "a.wav", "text": reference, "beams": [[text, score], …]}` a
line.

`transcribe_speech.py` with `extract_nbest=True` writes `beams`; a score is the log-probability of
the whole hypothesis, with that of the language model where one was fused. An utterance's id is its
`id` where it has one, else the name of its audio file without folder and suffix; where several
lines are parts of one file, with `-` and their `offset`. The format holds one score a hypothesis:
see `one_score`. Audio files are not known here, so the writer gives the utterance for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rescorer.files import write_lines
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    ErrorCollector,
    Lists,
    Place,
    check_id,
    filled_lines,
    one_score,
    peek,
    show,
)
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_AUDIO = ("audio_filepath", "audio_file")


class Entry(NamedTuple):
    """One line of a manifest.

    Attributes:
        utterance: its id.
        members: of its object.
    """

    place: Place
    utterance: str
    members: dict[str, js.JsonValue]

    @property
    def reference(self) -> tuple[str, ...] | None:
        """What was said; None where the line does not tell. Raises InputError for no text."""
        return js.as_reference(self.members.get("text"), "text", self.place)


def matches(beginning: Beginning) -> bool:
    """Whether the first object names an audio file, or has beams."""
    wanted = {*((name,) for name in _AUDIO), ("beams",)}
    return not beginning.is_folder and bool(wanted & beginning.members)


def read(source: Source) -> Iterator[NBest]:
    """The lists of a manifest, in its order.

    Raises:
        InputError: a line without beams, or that is not as the module says, with the line.
    """
    lists = Lists(source.path)
    for entry in entries(source.path, source.collector):
        with source.collector:
            nbest = NBest(entry.utterance, _hypotheses(entry), entry.reference)
            yield lists.add(nbest, entry.place)
    lists.done()


def entries(path: Path, collector: ErrorCollector | None = None) -> Iterator[Entry]:
    """The lines of a manifest, which is read twice: names that several lines share get offsets.

    Raises:
        InputError: a line without id or audio file.
    """
    counts = Counter(entry.utterance for entry in _entries(path, ErrorCollector(skip=True)))
    for entry in _entries(path, collector or ErrorCollector()):
        yield _part(entry) if counts[entry.utterance] > 1 else entry


def _entries(path: Path, collector: ErrorCollector) -> Iterator[Entry]:
    for place, line in filled_lines(path):
        with collector:
            members = js.as_object(js.load(line, place), "the line", place)
            yield Entry(place, _name(members, place), members)


def _name(members: dict[str, js.JsonValue], place: Place) -> str:
    if "id" in members:
        return js.as_id(members["id"], "id", place)
    path = next((members[name] for name in _AUDIO if name in members), None)
    if not isinstance(path, str):
        raise place.error(
            f"the audio file is {show(path)}",
            '"audio_filepath" with a path, or "id"',
            "add one of them",
        )
    stem = PurePosixPath(path.replace("\\", "/")).stem
    return check_id("_".join(stem.split()), place)


def _part(entry: Entry) -> Entry:
    """The entry with its offset in its name, where it is part of a file."""
    offset = entry.members.get("offset")
    if "id" in entry.members or not isinstance(offset, (int, float)):
        return entry
    return entry._replace(utterance=f"{entry.utterance}-{offset}")


def _hypotheses(entry: Entry) -> tuple[Hypothesis, ...]:
    if "beams" not in entry.members:
        raise entry.place.error(
            'no "beams"',
            "NeMo's n-best lists",
            "transcribe with extract_nbest=True; references are given as --ref",
        )
    beams = js.as_list(entry.members["beams"], "beams", entry.place)
    return tuple(
        _hypothesis(beam, str(number), entry.place.within(f"beam {number}"))
        for number, beam in enumerate(beams, start=1)
    )


def _hypothesis(value: js.JsonValue, key: str, place: Place) -> Hypothesis:
    beam = js.as_list(value, "it", place)
    if len(beam) != 2:
        raise place.error(f"{len(beam)} values", "[text, score]", "transcribe again")
    words = js.as_words(beam[0], "text", place)
    return Hypothesis(key, words, {FIRST_PASS: js.as_score(beam[1], "score", place)})


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists, with one of their scores. Raises InputError where they have none, or the
    file cannot be written.
    """
    first, lists = peek(lists)
    score = one_score(first.score_names, "nemo", Place(path))
    write_lines(path, _lines(lists, score))


def _lines(lists: Iterable[NBest], score: str) -> Iterator[str]:
    for nbest in lists:
        beams = [[" ".join(h.words), float(h.scores[score])] for h in nbest.hypotheses]
        yield js.dump(
            {
                "audio_filepath": nbest.utterance,
                "id": nbest.utterance,
                **js.reference_members(nbest.reference, "text"),
                "pred_text": beams[0][0],
                "beams": beams,
            }
        )


FORMAT = Format("nemo", matches, read, write)
