"""NIST's STM: `file channel speaker begin end [<labels>] words…` a line, a segment each.

The utterance of a segment is its file where the file has one segment. Else it is
`file-BEGIN-END` in hundredths of a second with seven digits, as Kaldi's TED-LIUM recipe names it.
Segments that NIST's tools do not score (`ignore_time_segment_in_scoring`) are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rescorer.recognition.formats.parsing import Place, check_id, show, split_words
from rescorer.recognition.references.alternatives import refuse_alternatives
from rescorer.recognition.references.reference_format import (
    Reference,
    ReferenceFormat,
    Words,
    is_number,
    is_time,
    scored_lines,
)

_IGNORED = "ignore_time_segment_in_scoring"


class _Segment(NamedTuple):
    place: Place
    file: str
    begin: float
    end: float
    words: Words


def fits(line: str) -> bool:
    """Whether the fourth and fifth field of a line are times."""
    return resembles(line) and all(map(is_time, line.split(maxsplit=5)[3:5]))


def resembles(line: str) -> bool:
    """Whether the fourth and fifth field of a line are numbers, the second greater."""
    fields = line.split(maxsplit=5)[3:5]
    return len(fields) == 2 and all(map(is_number, fields)) and float(fields[0]) < float(fields[1])


def read(path: Path) -> Iterator[Reference]:
    """The references of a file. Raises InputError for a bad line."""
    segments = [_segment(place, line) for place, line in scored_lines(path)]
    counts = Counter(segment.file for segment in segments)
    for segment in segments:
        if segment.words != (_IGNORED,) and segment.words[:1] != (_IGNORED.upper(),):
            yield Reference(segment.place, _utterance(segment, counts), segment.words)


def _utterance(segment: _Segment, counts: Counter[str]) -> str:
    if counts[segment.file] == 1:
        return segment.file
    begin, end = (int(seconds * 100) for seconds in (segment.begin, segment.end))
    return f"{segment.file}-{begin:07d}-{end:07d}"


def _segment(place: Place, line: str) -> _Segment:
    fields = [*line.split(maxsplit=5), ""][:6]
    if len(fields) < 6 or not all(map(is_number, fields[3:5])):
        raise place.error(
            f"{show(line.strip())} has no times in its fourth and fifth field",
            "file channel speaker begin end <labels> words…",
            "correct the line, or name the format of the references with --ref-format",
        )
    file, _, _, begin, end, rest = fields
    if rest.startswith("<"):  # labels, such as <o,f0,male>
        _, _, rest = rest.partition(">")
    words = refuse_alternatives(split_words(rest, place), place)
    return _Segment(place, check_id(file, place, "file"), float(begin), float(end), words)


FORMAT = ReferenceFormat("stm", read, fits=fits, resembles=resembles)
