"""Word lists: `word`, `word<TAB>count` or `word<TAB>count<TAB>lists` a line, commas between lists.

Users write the first two, `lexicon gazetteer` and `lexicon vocabulary` the third: `lists` names the
lists (places, surnames, …) that the word is on, and the count is of people or inhabitants.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.vocabulary import Vocabulary

LIST_NAME = re.compile("[A-Za-z0-9_+-]+")

_WHOLE = re.compile("[0-9]{1,18}")  # fits int64, and is converted fast
_JOINERS = "\u200c\u200d"  # invisible, but part of the spelling in Persian and in Indic scripts
_MAX_COUNT = 1e12
_REMEDY = "write a word on a line of its own, or make words of names with `lexicon gazetteer`"


@dataclass(frozen=True, slots=True)
class ListedWord:
    """A line of a word list.

    Attributes:
        line: its number, from 1.
        count: None if the line has none; an int if it is a whole number.
        lists: the names of the lists that the word is on; empty if the line names none.
    """

    line: int
    word: str
    count: float | None
    lists: tuple[str, ...]


def read_word_list(path: str | Path) -> Iterator[ListedWord]:
    """The lines of a UTF-8 word list, plain, .gz or .xz; empty lines are skipped.

    Raises:
        InputError: the file cannot be read or has no word, a word is a special token or holds white
            space or control characters, or a line has another form.
    """
    is_empty = True
    for number, line in read_lines(path):
        if line.strip():
            is_empty = False
            yield _parse(line.rstrip(), path, number)
    if is_empty:
        raise InputError(
            "no word in the list", expected="a word a line", remedy="check the file", file=path
        )


@dataclass(frozen=True)
class WordList:
    """The distinct words of a list in the case of a vocabulary, with the number of changes.

    The count of a line that names lists is ignored: it is no count in a text.

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
        """Read a list.

        Args:
            vocabulary: defines the case of the words.
            count: count of words without one.

        Raises:
            InputError: as `read_word_list`.
        """
        counts: dict[str, float] = {}
        lowered = repeated = 0
        for listed in read_word_list(path):
            word = vocabulary.normalise(listed.word)
            lowered += word != listed.word
            repeated += word in counts
            its_count = None if listed.lists else listed.count
            counts.setdefault(word, count if its_count is None else its_count)
        return cls(
            tuple(counts), np.fromiter(counts.values(), np.float64, len(counts)), lowered, repeated
        )

    def take(self, keep: np.ndarray) -> WordList:
        """The words for which keep [len(words)] is true."""
        words = tuple(word for word, kept in zip(self.words, keep, strict=True) if kept)
        return WordList(words, self.counts[keep], self.lowered, self.repeated)


def _parse(text: str, path: str | Path, line: int) -> ListedWord:
    word, *rest = text.split("\t")
    if fault := _word_fault(word):
        raise InputError(
            f"{word[:80]!r} {fault}",
            expected="a spoken word without white space and control characters",
            remedy=_REMEDY,
            file=path,
            line=line,
        )
    if not rest:
        return ListedWord(line, word, None, ())
    count = _count(rest[0])
    lists = tuple(rest[1].split(",")) if len(rest) == 2 else ()
    is_uninhabited = count == 0 and lists  # a place in a gazetteer
    if (
        len(rest) > 2
        or not (0 < count <= _MAX_COUNT or is_uninhabited)
        or not all(map(LIST_NAME.fullmatch, lists))
    ):
        raise InputError(
            f"{' '.join(rest)[:80]!r} after the word",
            expected="nothing, a count above 0, or word<TAB>count<TAB>lists",
            remedy=_REMEDY,
            file=path,
            line=line,
        )
    return ListedWord(line, word, count, lists)


def _word_fault(word: str) -> str:
    """Why a text is no word that is spoken; empty if it is one."""
    hidden = [
        character
        for character in word
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")
        and character not in _JOINERS
    ]
    if hidden:
        return f"holds {unicodedata.name(hidden[0], repr(hidden[0]))}"
    if word.split() != [word]:
        return "is not one word"
    return "is a special token, not a word" if word.startswith("<") and word.endswith(">") else ""


def _count(text: str) -> float:
    """The number that a text writes, as an int if it is a whole one; NaN for other texts."""
    try:
        return int(text) if _WHOLE.fullmatch(text) else float(text)
    except ValueError:
        return math.nan
