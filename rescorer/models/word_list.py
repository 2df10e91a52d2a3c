"""Lists of words that a user hands over: one a line, first on it, with a count after a tab or
without.

`lexicon gazetteer` writes such a list too, with a third column. Its counts are of people, say, or
of inhabitants: no counts of a text, and passed over.
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
_MOST = 1e12  # of a count


@dataclass(frozen=True)
class WordList:
    """The distinct words of a list, in the case of a vocabulary, and what was done to them.

    Attributes:
        words: in the order of the file.
        counts: [len(words)] float64, of the first line that holds the word.
        lowered: lines whose word was lower-cased for the vocabulary.
        repeated: lines that say a word again.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    lowered: int
    repeated: int

    @classmethod
    def read(cls, path: str | Path, vocabulary: Vocabulary, *, count: float = 1.0) -> WordList:
        """Read a UTF-8 list, plain, .gz or .xz; empty lines are passed over.

        Args:
            vocabulary: whose case the words take.
            count: of a word without one.

        Raises:
            InputError: it cannot be read, holds no word, or a line is not `word`, `word<TAB>count`
                or what `lexicon gazetteer` writes, `word<TAB>count<TAB>lists`.
        """
        counts: dict[str, float] = {}
        lowered = repeated = 0
        for given, given_count in read_counted(path):
            word = vocabulary.normalise(given)
            lowered += word != given
            repeated += word in counts
            counts.setdefault(word, count if given_count is None else given_count)
        return cls(
            tuple(counts), np.fromiter(counts.values(), np.float64, len(counts)), lowered, repeated
        )

    def take(self, keep: np.ndarray) -> WordList:
        """The words where keep [len(words)] is true."""
        words = tuple(word for word, kept in zip(self.words, keep, strict=True) if kept)
        return WordList(words, self.counts[keep], self.lowered, self.repeated)


def read_counted(path: str | Path) -> Iterator[tuple[str, float | None]]:
    """The words of a list, line by line, as it has them, with the counts of those that have one.

    Raises:
        InputError: as `WordList.read` says.
    """
    some = False
    for number, line in read_lines(path):
        if not line.strip():
            continue
        word, *rest = line.rstrip().split("\t")
        _check(word, path, number)
        some = True
        count = _count(rest, path, number) if rest else None
        yield word, count if len(rest) == 1 else None  # a gazetteer's count is passed over
    if not some:
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
            f"{word[:80]!r} is a mark, no word",
            expected="words that are spoken",
            remedy="take the line out",
            file=path,
            line=line,
        )


def _count(fields: list[str], path: str | Path, line: int) -> float:
    try:
        count = float(fields[0])
    except ValueError:
        count = math.nan
    nobody = len(fields) == 2 and count == 0  # a gazetteer has places without inhabitants
    if len(fields) > 2 or not (0 < count <= _MOST or nobody):
        raise InputError(
            f"{' '.join(fields)[:80]!r} after the word",
            expected="a count above 0, or nothing",
            remedy="write word<TAB>count",
            file=path,
            line=line,
        )
    return count
