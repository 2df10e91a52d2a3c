"""The words of lines of text; light, for processes that count words import it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

LINE_END = "\n"  # no word: where sentences end is counted apart from any `</s>` in the text


def words_of(lines: Iterable[str]) -> Iterator[str]:
    """The words of all lines, with a `LINE_END` after each line that has any."""
    filled = (words for words in map(str.split, lines) if words)
    return chain.from_iterable((*words, LINE_END) for words in filled)
