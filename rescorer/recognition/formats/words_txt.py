"""Kaldi's words.txt, as OpenFst writes a table of symbols: a line `word id` for each word, in any
order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rescorer.recognition.formats.parsing import Place, empty, filled_lines, show
from rescorer.recognition.lattice import SILENCE, SILENT, Symbols

NAME = "words.txt"
GAP = ""  # the label of an id that no word has: no word of a file is empty
_GREATEST = 10_000_000  # an id above it is a slip that would fill the memory


def read(path: Path) -> Symbols:
    """The symbols of a words.txt: the index of a label is its id, and ids between that are not
    there are `GAP`.

    Raises:
        InputError: a line that is not a word and its id, an id that is there twice or too great, or
            a word 0 that is not the empty one, with file and line.
    """
    labels: dict[int, str] = {}
    for place, line in filled_lines(path):
        fields = line.split()
        if len(fields) != 2 or not _is_number(fields[1]) or int(fields[1]) > _GREATEST:
            raise place.error(
                show(line.strip()), f"a word and its id, from 0 to {_GREATEST}", "correct the line"
            )
        word, number = fields[0], int(fields[1])
        if number in labels:
            raise place.error(f"id {number} is there twice", "one word an id", "take one line out")
        labels[number] = word
    if not labels:
        raise empty(path)
    if (first := labels.setdefault(SILENCE, "<eps>")).lower() not in SILENT:
        raise Place(path).error(
            f"id 0 is {show(first)}", "<eps> 0", "give the words.txt that the lattices came with"
        )
    return Symbols(tuple(labels.get(number, GAP) for number in range(max(labels) + 1)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def present(symbols: Symbols) -> np.ndarray:
    """[number of labels] bool: which ids have a word."""
    there = np.array([label != GAP for label in symbols.labels])
    there[SILENCE] = True
    return there
