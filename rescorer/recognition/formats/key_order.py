"""Files with a line `utt-N …` a hypothesis: whether lists can be read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats.parsing import Lists, Place, filled_lines, split_numbered
from rescorer.recognition.nbest import Hypothesis, NBest


def is_in_order(files: Sequence[Path]) -> bool:
    """Whether files have the same keys line by line, and those of each utterance stand side by side
    and by ascending N.

    Such files are read without holding more than a list. Others are joined by their keys; so are
    files with a bad key, where the reader names the fault. Raises InputError as `read_lines` does.
    """
    seen: set[str] = set()
    last, last_number = "", -1
    for keys in zip_longest(*map(_keys, files)):
        try:
            utterance, n = split_numbered(keys[0] or "", Place(files[0]))
        except InputError:
            return False
        is_new = utterance != last
        if len(set(keys)) > 1 or (utterance in seen if is_new else int(n) <= last_number):
            return False
        seen.add(utterance)
        last, last_number = utterance, int(n)
    return bool(seen)


def _keys(file: Path) -> Iterator[str]:
    return (line.split(maxsplit=1)[0] for _, line in filled_lines(file))


def group_in_order(entries: Iterable[tuple[str, Hypothesis]], path: Path) -> Iterator[NBest]:
    """The lists of (utterance, hypothesis) pairs of files that are in order."""
    lists = Lists(path)
    for utterance, members in groupby(entries, itemgetter(0)):
        hypotheses = tuple(hypothesis for _, hypothesis in members)
        yield lists.add(NBest(utterance, hypotheses), Place(path))
    lists.done()
