"""Words and their ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines

SENTENCE_START = "<s>"
SENTENCE_END = "</s>"
UNKNOWN = "<unk>"
CASES = ("as-is", "lower")
_CASE_MARK = "# case="
_COUNT = re.compile("[0-9]{1,18}")  # of int64


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words ↔ ids 0..V-1: by frequency, then added words; `</s>` and `<unk>` are among them.

    `<s>` is part of histories and is not predicted. It has no id; it is read as the `</s>` of a
    sentence before.

    Attributes:
        words: V distinct words in id order.
        counts: [V] counts in the training text.
        case: "lower" if all words and look-ups are lower-cased; "as-is" if case matters.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    case: str = "as-is"

    def __post_init__(self) -> None:
        if self.case not in CASES:
            raise ValueError(f"case {self.case!r}: expected one of {', '.join(CASES)}")
        if len(self.counts) != len(self.words):
            raise ValueError(f"{len(self.counts)} counts for {len(self.words)} words")
        if len(self._ids) != len(self.words):
            raise ValueError("the words are not distinct")
        for mark in (SENTENCE_END, UNKNOWN):
            if mark not in self._ids:
                raise ValueError(f"{mark} is not among the words")
        for word in self.words:
            if (
                not word
                or "\t" in word
                or "\n" in word
                or word == SENTENCE_START
                or word != self.normalise(word)
            ):
                raise ValueError(
                    f"no look-up in case {self.case!r} would ever find the word {word!r}"
                )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    @cached_property
    def unknown_id(self) -> int:
        return self._ids[UNKNOWN]

    @cached_property
    def end_id(self) -> int:
        return self._ids[SENTENCE_END]

    def __len__(self) -> int:
        return len(self.words)

    def normalise(self, word: str) -> str:
        """The word in the case of this vocabulary."""
        return word.lower() if self.case == "lower" else word

    def __contains__(self, word: str) -> bool:
        return self.normalise(word) in self._ids

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] int64 ids. Unknown words get the id of `<unk>`, `<s>` that of `</s>`."""
        ids, unknown = self._ids, self.unknown_id
        lower = self.case == "lower"
        found = (
            self.end_id
            if word == SENTENCE_START
            else ids.get(word.lower() if lower else word, unknown)
            for word in words
        )
        return np.fromiter(found, np.int64, len(words))

    def with_words(self, words: Sequence[str], counts: np.ndarray) -> Vocabulary:
        """The same with additional words, which get the next ids. Raises ValueError if invalid."""
        return Vocabulary((*self.words, *words), np.concatenate([self.counts, counts]), self.case)

    def without(self, ids: np.ndarray) -> Vocabulary:
        """The same without these words (no special tokens); the ids of words after them move up."""
        keep = np.ones(len(self), dtype=bool)
        keep[ids] = False
        return Vocabulary(tuple(compress(self.words, keep)), self.counts[keep], self.case)

    def save(self, path: str | Path) -> None:
        """Write a line that declares the case, then `word<TAB>count` lines in id order."""
        lines = (
            f"{word}\t{count}" for word, count in zip(self.words, self.counts.tolist(), strict=True)
        )
        write_lines(path, [f"{_CASE_MARK}{self.case}", *lines])

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a file of `save`.

        Raises:
            InputError: a file of another kind, or a line that is not `word<TAB>count`.
        """
        remedy = "make it with `lexicon vocabulary`"
        lines = read_lines(path)
        _, head = next(lines, (0, ""))
        if not head.startswith(_CASE_MARK):
            raise InputError(
                f"starts with {head[:40]!r}",
                expected=f"{_CASE_MARK}lower or {_CASE_MARK}as-is",
                remedy=remedy,
                file=path,
                line=1,
            )
        words, counts = [], []
        for number, line in lines:
            word, _, count = line.partition("\t")
            if not word or not _COUNT.fullmatch(count):
                raise InputError(
                    f"{line[:80]!r}",
                    expected="word<TAB>count",
                    remedy=remedy,
                    file=path,
                    line=number,
                )
            words.append(word)
            counts.append(int(count))
        try:
            return cls(tuple(words), np.array(counts, dtype=np.int64), head[len(_CASE_MARK) :])
        except ValueError as error:
            raise InputError(str(error), remedy=remedy, file=path) from None
