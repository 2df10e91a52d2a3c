"""NIST's CTM: `utterance channel begin duration word [confidence]` a line, a word each.

The words of an utterance are put in the order of their begins. An utterance without a word is not
in such a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rescorer.recognition.formats.parsing import (
    Place,
    check_id,
    parse_score,
    show,
    split_words,
)
from rescorer.recognition.references.reference_format import (
    Reference,
    ReferenceFormat,
    Words,
    is_number,
    is_time,
    scored_lines,
)


class _Word(NamedTuple):
    begin: float
    words: Words


class _Utterance(NamedTuple):
    """What the lines of an utterance hold: where the first stands, its channel, and the words."""

    place: Place
    channel: str
    words: list[_Word]


def fits(line: str) -> bool:
    """Whether a line has five or six fields of which the third and fourth are times."""
    return resembles(line) and all(map(is_time, line.split()[2:4]))


def resembles(line: str) -> bool:
    """Whether a line has five or six fields of which the third and fourth are numbers."""
    fields = line.split()
    return len(fields) in (5, 6) and all(map(is_number, fields[2:4]))


def read(path: Path) -> Iterator[Reference]:
    """The references of a file. Raises InputError for a bad line, or for an utterance on two
    channels.
    """
    utterances: dict[str, _Utterance] = {}
    for place, line in scored_lines(path):
        fields = line.split()
        if len(fields) not in (5, 6):
            raise place.error(
                f"{len(fields)} fields",
                "utterance channel begin duration word [confidence]",
                "correct the line, or name the format of the references with --ref-format",
            )
        name, channel, begin, _, word = fields[:5]
        utterance = utterances.setdefault(check_id(name, place), _Utterance(place, channel, []))
        if utterance.channel != channel:
            raise place.error(
                f"{show(name)} is on channel {show(channel)} and on {show(utterance.channel)}",
                "one channel for each utterance",
                "give each channel a name of its own in the first field",
            )
        utterance.words.append(_Word(parse_score(begin, place), split_words(word, place)))
    for name, utterance in utterances.items():
        in_order = sorted(utterance.words, key=lambda word: word.begin)
        yield Reference(
            utterance.place, name, tuple(each for word in in_order for each in word.words)
        )


FORMAT = ReferenceFormat("ctm", read, fits=fits, resembles=resembles)
