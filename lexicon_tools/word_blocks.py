"""The words of texts, counted block by block in several processes; light, for every process imports it."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from rescorer.files import read_lines

LINE_END = "\n"  # no word: where sentences end is counted apart from any `</s>` in the text

_BLOCK = 1 << 20  # characters handed to a process at a time


def words_of(lines: Iterable[str]) -> Iterator[str]:
    """The words of all lines, with a `LINE_END` after each line that has any."""
    filled = (words for words in map(str.split, lines) if words)
    return chain.from_iterable((*words, LINE_END) for words in filled)


def block_counts(paths: Iterable[str | Path], processes: int) -> Iterator[Counter[str]]:
    """Counts of `words_of` the texts, a block of text at a time, in any order; memory: a few blocks a process.

    Raises:
        InputError: a file cannot be read.
    """
    blocks = _blocks(paths)
    if processes == 1:
        yield from map(_count, blocks)
        return
    # Ctrl-C is the parent's: a worker that died of it, holding the queue's lock, would keep the pool from ending.
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)
    with multiprocessing.get_context("spawn").Pool(processes, signal.signal, ignore_interrupts) as pool:
        # Pool.imap would read the whole input ahead: groups keep memory bounded.
        while group := list(islice(blocks, 4 * processes)):
            yield from pool.imap_unordered(_count, group)


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
