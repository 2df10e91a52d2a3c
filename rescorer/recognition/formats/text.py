"""Plain text, one hypothesis a line: `utt-N score words…`, between blanks or tabs.

The score is a natural-log probability; it is read as `first_pass`. N is the place in the
recogniser's own order, and the key; lines may stand in any order. The format holds one score a
hypothesis: of lists that have more, `total` is written where they have it, else `first_pass`, else
`rank`, and the others and the references are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rescorer.files import write_lines
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Place,
    check_numbers,
    filled_lines,
    format_score,
    group,
    one_score,
    parse_score,
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


def read(source: Source) -> list[NBest]:
    """The lists of a file, in the order of first appearance; blank lines are passed over.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    return group(_entries(source), source.path)


def _entries(source: Source) -> Iterator[tuple[str, Hypothesis]]:
    lines: dict[str, int | None] = {}
    for place, line in filled_lines(source.path):
        with source.collector:
            key, score, words = _fields(line, place)
            if key in lines:
                raise place.error(
                    f"key {show(key)} is there twice", f"once, on line {lines[key]}", "take one out"
                )
            lines[key] = place.line
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


def write(path: Path, lists: Sequence[NBest]) -> None:
    """Write the lists, with one of their scores.

    Raises:
        InputError: they have none of these scores, a key is no number, or the file
            cannot be written.
    """
    check_numbers(lists, Place(path))
    name = one_score(lists, "text", Place(path))
    write_lines(
        path,
        (
            f"{nbest.utterance}-{h.key} {format_score(h.scores[name])} {' '.join(h.words)}".rstrip()
            for nbest in lists
            for h in nbest.hypotheses
        ),
    )


FORMAT = Format("text", matches, read, write)
