"""Word lists of users: a word a line, with or without a count after a tab.

`lexicon gazetteer` also writes such lists, with a third column. Its counts are numbers of people or
inhabitants, not counts in a text, so they are ignored.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.vocabulary import Vocabulary

_JOINERS = "\u200c\u200d"  # invisible, but part of the spelling in Persian and in Indic scripts
_MAX_COUNT = 1e12


@dataclass(frozen=True)
class WordList:
    """The distinct words of a list in the case of a vocabulary, with the number of changes.

    Attributes:
        words: the words in the order of the file.
        counts: [len(words)] float64 count in the first line of the word.
        lowered: number of lines whose word was lower-cased.
        repeated: number of lines that repeat a word.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    lowered: int
    repeated: int

    @classmethod
    def read(cls, path: str | Path, vocabulary: Vocabulary, *, count: float = 1.0) -> WordList:
        """Read a UTF-8 list, plain, .gz or .xz; empty lines are skipped.

        Args:
            vocabulary: defines the case of the words.
            count: count of words without one.

        Raises:
            InputError: the file cannot be read or has no word, or a line is not `word`,
                `word<TAB>count`, or `word<TAB>count<TAB>lists` of `lexicon gazetteer`.
        """
        counts: dict[str, float] = {}
        lowered = repeated = 0
        for original, its_count in read_counted(path):
            word = vocabulary.normalise(original)
            lowered += word != original
            repeated += word in counts
            counts.setdefault(word, count if its_count is None else its_count)
        return cls(
            tuple(counts), np.fromiter(counts.values(), np.float64, len(counts)), lowered, repeated
        )

    def take(self, keep: np.ndarray) -> WordList:
        """The words for which keep [len(words)] is true."""
        words = tuple(word for word, kept in zip(self.words, keep, strict=True) if kept)
        return WordList(words, self.counts[keep], self.lowered, self.repeated)


def read_counted(path: str | Path) -> Iterator[tuple[str, float | None]]:
    """The word of each line of a list, and its count or None.

    Raises:
        InputError: as in `WordList.read`.
    """
    is_empty = True
    for number, line in read_lines(path):
        if not line.strip():
            continue
        word, *rest = line.rstrip().split("\t")
        _check(word, path, number)
        is_empty = False
        count = _count(rest, path, number) if rest else None
        yield word, count if len(rest) == 1 else None  # the count of a gazetteer is ignored
    if is_empty:
        raise InputError(
            "no word in the list", expected="a word a line", remedy="check the file", file=path
        )


def _check(word: str, path: str | Path, line: int) -> None:
    hidden = [
        character
        for character in word
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")
        and character not in _JOINERS
    ]
    if not word or word.split() != [word] or hidden:
        what = (
            f"holds {unicodedata.name(hidden[0], repr(hidden[0]))}" if hidden else "is not one word"
        )
        raise InputError(
            f"{word[:80]!r} {what}",
            expected="a word without white space and control characters",
            remedy="put each word of a name on a line of its own",
            file=path,
            line=line,
        )
    if word in (SENTENCE_END, UNKNOWN) or (word.startswith("<") and word.endswith(">")):
        raise InputError(
            f"{word[:80]!r} is a special token, not a word",
            expected="words that are spoken",
            remedy="remove the line",
            file=path,
            line=line,
        )


def _count(fields: list[str], path: str | Path, line: int) -> float:
    try:
        count = float(fields[0])
    except ValueError:
        count = math.nan
    uninhabited = len(fields) == 2 and count == 0  # a place in a gazetteer
    if len(fields) > 2 or not (0 < count <= _MAX_COUNT or uninhabited):
        raise InputError(
            f"{' '.join(fields)[:80]!r} after the word",
            expected="a count above 0, or nothing",
            remedy="write word<TAB>count",
            file=path,
            line=line,
        )
    return count
