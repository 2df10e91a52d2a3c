"""Files with a line `utt-N …` a hypothesis: whether lists can be read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise, zip_longest
from operator import itemgetter
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    by_number,
    filled_lines,
    split_numbered,
)
from rescorer.recognition.nbest import Hypothesis, NBest

# A remark for the user.
HELD = (
    "the hypotheses of an utterance do not stand side by side, or the files differ in their order: "
    "all lists are held in memory; sort the files to avoid that"
)


def is_grouped(files: Sequence[Path]) -> bool:
    """Whether files have the same keys line by line, and those of each utterance stand side by
    side, each once, in any order: so `sort` leaves them.

    Such files are read without holding more than a list. Others are joined by their keys; so are
    files with a bad key, where the reader names the fault. Raises InputError as `read_lines` does.
    """
    seen: set[str] = set()
    numbers: set[str] = set()
    last = ""
    for keys in zip_longest(*map(_keys, files)):
        try:
            utterance, n = split_numbered(keys[0] or "", Place(files[0]))
        except InputError:
            return False
        if utterance != last:
            numbers.clear()
        if len(set(keys)) > 1 or n in numbers or (utterance in seen and utterance != last):
            return False
        seen.add(utterance)
        numbers.add(n)
        last = utterance
    return bool(seen)


def is_numbered(file: Path) -> bool:
    """Whether the keys of a grouped file ascend in each list. Raises InputError as `is_grouped`."""
    keys = (split_numbered(key, Place(file)) for key in _keys(file))
    return all(
        before[0] != after[0] or int(before[1]) < int(after[1]) for before, after in pairwise(keys)
    )


def _keys(file: Path) -> Iterator[str]:
    return (line.split(maxsplit=1)[0] for _, line in filled_lines(file))


def lists_in_turn(entries: Iterable[tuple[str, Hypothesis]], path: Path) -> Iterator[NBest]:
    """The lists of (utterance, hypothesis) pairs of grouped files, each by ascending N."""
    lists = Lists(path)
    for utterance, members in groupby(entries, itemgetter(0)):
        hypotheses = by_number(hypothesis for _, hypothesis in members)
        yield lists.add(NBest(utterance, tuple(hypotheses)), Place(path))
    lists.done()
