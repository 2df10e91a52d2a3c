"""The words of texts, counted block by block in several processes; light, for every process imports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from lexicon_tools.processes import mapped
from rescorer.files import read_lines

LINE_END = "\n"  # no word: where sentences end is counted apart from any `</s>` in the text

_BLOCK = 1 << 20  # characters handed to a process at a time


def words_of(lines: Iterable[str]) -> Iterator[str]:
    """The words of all lines, with a `LINE_END` after each line that has any."""
    filled = (words for words in map(str.split, lines) if words)
    return chain.from_iterable((*words, LINE_END) for words in filled)


def block_counts(paths: Iterable[str | Path], processes: int) -> Iterator[Counter[str]]:
    """Counts of `words_of` the texts, a block of text at a time; memory: a few blocks a process.

    Raises:
        InputError: a file cannot be read.
    """
    return mapped(_count, _blocks(paths), processes)


def _blocks(paths: Iterable[str | Path]) -> Iterator[str]:
    """The lines of the files, joined to blocks of about `_BLOCK` characters."""
    lines, length = [], 0
    for _, line in chain.from_iterable(map(read_lines, paths)):
        lines.append(line)
        length += len(line)
        if length >= _BLOCK:
            yield "\n".join(lines)
            lines, length = [], 0
    yield "\n".join(lines)


def _count(block: str) -> Counter[str]:
    return Counter(words_of(block.split("\n")))
