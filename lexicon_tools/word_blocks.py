"""The words of texts, counted block by block in several processes; light, for every process imports
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rescorer.files import read_lines
from rescorer.models.text_words import words_of

_BLOCK = 1 << 20  # characters handed to a process at a time

# `map` in order, by one process or many.
Mapped = Callable[[Callable[[str], Counter[str]], Iterable[str]], Iterator[Counter[str]]]


def block_counts(paths: Iterable[str | Path], mapped: Mapped) -> Iterator[Counter[str]]:
    """Counts of `words_of` the texts, a block of text at a time; memory: the blocks that `mapped`
    takes ahead.

    Raises:
        InputError: a file cannot be read.
    """
    return mapped(_count, _blocks(paths))


def _blocks(paths: Iterable[str | Path]) -> Iterator[str]:
    """The lines of the files, joined to blocks of about `_BLOCK` characters."""
    lines, length = [], 0
    for _, line in (line for path in paths for line in read_lines(path, once=True)):
        lines.append(line)
        length += len(line)
        if length >= _BLOCK:
            yield "\n".join(lines)
            lines, length = [], 0
    yield "\n".join(lines)


def _count(block: str) -> Counter[str]:
    return Counter(words_of(block.split("\n")))
