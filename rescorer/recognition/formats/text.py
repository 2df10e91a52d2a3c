"""Plain text, one hypothesis a line: `utt-N score words…`, between blanks or tabs.

The score is a natural-log probability; it is read as `first_pass`. N is the place in the
recogniser's own order, and the key; lines may stand in any order. The format holds one score a
hypothesis: of lists that have more, `total` is written where they have it, else `first_pass`, else
`rank`, and the others and the references are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rescorer.files import write_lines
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.key_order import HELD, is_grouped, lists_in_turn
from rescorer.recognition.formats.parsing import (
    Place,
    check_numbers,
    filled_lines,
    format_score,
    group,
    one_score,
    parse_score,
    peek,
    show,
    split_numbered,
    split_words,
)
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_LINE = re.compile(r"\s*\S+-[0-9]{1,18}\s+[-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|inf|nan)(?:\s|$)")


def matches(beginning: Beginning) -> bool:
    """Whether half of the first lines or more have a key with a number at its end, and a number."""
    lines = beginning.lines
    fitting = sum(_LINE.match(line) is not None for line in lines)
    return not (beginning.is_folder or beginning.is_json) and 0 < len(lines) <= 2 * fitting


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in the order of first appearance; blank lines are passed over.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    if is_grouped([source.path]):
        yield from lists_in_turn(_entries(source), source.path)
        return
    yield from group(_entries(source, _UniqueKeys()), source.path)
    if not source.collector.errors:  # of which one may be why
        source.remark(HELD)


class _UniqueKeys:
    """The keys so far, each with its line."""

    def __init__(self) -> None:
        self._lines: dict[str, int | None] = {}

    def add(self, key: str, place: Place) -> None:
        if key in self._lines:
            raise place.error(
                f"key {show(key)} is there twice",
                f"once, on line {self._lines[key]}",
                "take one out",
            )
        self._lines[key] = place.line


def _entries(source: Source, keys: _UniqueKeys | None = None) -> Iterator[tuple[str, Hypothesis]]:
    for place, line in filled_lines(source.path):
        with source.collector:
            key, score, words = _fields(line, place)
            if keys is not None:
                keys.add(key, place)
            utterance, n = split_numbered(key, place)
            hypothesis = Hypothesis(
                n, split_words(words, place), {FIRST_PASS: parse_score(score, place)}
            )
            yield utterance, hypothesis


def _fields(line: str, place: Place) -> tuple[str, str, str]:
    key, score, words = [*line.split(maxsplit=2), "", ""][:3]
    if not score:
        raise place.error(f"only {show(key)}", "utt-N score words", "add the score")
    return key, score, words


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists, with one of their scores.

    Raises:
        InputError: they have none of these scores, a key is no number, or the file
            cannot be written.
    """
    first, lists = peek(check_numbers(lists, Place(path)))
    name = one_score(first.score_names, "text", Place(path))
    write_lines(
        path,
        (
            f"{nbest.utterance}-{h.key} {format_score(h.scores[name])} {' '.join(h.words)}".rstrip()
            for nbest in lists
            for h in nbest.hypotheses
        ),
    )


FORMAT = Format("text", matches, read, write)
