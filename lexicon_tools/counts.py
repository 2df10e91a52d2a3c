"""How often each word occurs, and the vocabulary of the most frequent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN
from rescorer.models.vocabulary import Vocabulary

_LINE_END = "\n"  # no word: where sentences end is counted apart from any `</s>` in the text


def count_words(paths: Iterable[str | Path], *, case: str = "as-is") -> Counter[str]:
    """Counts of the words of UTF-8 texts, plain, .gz or .xz, a sentence a line; `</s>` counts the sentences.

    Memory: the distinct words.

    Raises:
        InputError: a file cannot be read, or holds a sentence mark as a word.
    """
    paths = list(paths)
    counts: Counter[str] = Counter()
    for path in paths:
        lines = (line.lower() if case == "lower" else line for _, line in read_lines(path))
        filled = (words for words in map(str.split, lines) if words)
        counts.update(chain.from_iterable((*words, _LINE_END) for words in filled))
    if not counts:
        raise InputError("no word in the texts", expected="a sentence a line", remedy="check the files",
                         file=", ".join(map(str, paths)))
    for mark in (SENTENCE_START, SENTENCE_END):
        if mark in counts:
            raise InputError(f"the text holds the word {mark}", expected="sentences without marks",
                             remedy="take the marks out: a line is a sentence", file=", ".join(map(str, paths)))
    counts[SENTENCE_END] = counts.pop(_LINE_END)
    return counts


def make_vocabulary(
    counts: Counter[str], *, min_count: int = 1, max_size: int | None = None, case: str = "as-is"
) -> Vocabulary:
    """The most frequent words, equals in alphabetical order; `</s>` and `<unk>` are always in.

    Words that are left out add their counts to `<unk>`.
    """
    marks = {SENTENCE_END: counts[SENTENCE_END], UNKNOWN: counts[UNKNOWN]}
    words = [(word, count) for word, count in counts.items() if word not in marks and count >= min_count]
    words.sort(key=lambda item: (-item[1], item[0]))
    kept = words[: max_size - len(marks)] if max_size else words
    marks[UNKNOWN] += counts.total() - sum(marks.values()) - sum(count for _, count in kept)
    ordered = sorted([*marks.items(), *kept], key=lambda item: -item[1])
    return Vocabulary(tuple(word for word, _ in ordered), np.array([count for _, count in ordered]), case)
