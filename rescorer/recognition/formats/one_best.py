"""One hypothesis an utterance without a score, as Kaldi's `text`: `utterance words…` a line.

Nothing in such a file tells it from any other text, so it is read only where its format is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    check_id,
    filled_lines,
    ranked,
    split_words,
)
from rescorer.recognition.nbest import Hypothesis, NBest


class Line(NamedTuple):
    """One line, and where it stands."""

    place: Place
    utterance: str
    words: tuple[str, ...]


def lines(path: Path) -> Iterator[Line]:
    """The lines of a file that are not blank. Raises InputError for a bad one."""
    for place, line in filled_lines(path):
        yield parse(place, line)


def parse(place: Place, line: str) -> Line:
    """One line. Raises InputError for a bad one."""
    utterance, words = [*line.split(maxsplit=1), ""][:2]
    return Line(place, check_id(utterance, place), split_words(words, place))


def matches(beginning: Beginning) -> bool:
    """Never."""
    return False


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, of one hypothesis each.

    Raises:
        InputError: an utterance twice, or an utterance or words that cannot be, with the line.
    """
    lists = Lists(source.path)
    for place, line in filled_lines(source.path):
        with source.collector:
            _, utterance, words = parse(place, line)
            yield lists.add(ranked(NBest(utterance, (Hypothesis("1", words),))), place)
    lists.done()


FORMAT = Format("one-best", matches, read)
