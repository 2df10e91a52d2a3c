"""How often each word of a text occurs, and the vocabulary of the most frequent words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.text_words import LINE_END, words_of
from rescorer.models.vocabulary import SENTENCE_END, SENTENCE_START, UNKNOWN, Vocabulary


def count_words(
    paths: Iterable[str | Path], *, case: str = "as-is", once: bool = True
) -> Counter[str]:
    """Counts of the words of UTF-8 texts, plain, .gz or .xz, a sentence a line; `</s>` counts the
    sentences.

    Memory: the distinct words.

    Args:
        once: nobody reads the texts again, so that a pipe needs not be kept.

    Raises:
        InputError: a file cannot be read, or holds a sentence mark as a word.
    """
    paths = list(paths)
    counts: Counter[str] = Counter()
    for path in paths:
        lines = (line for _, line in read_lines(path, once=once))
        counts.update(words_of(line.lower() if case == "lower" else line for line in lines))
    if not counts:
        raise no_word(paths)
    return checked_counts(counts, paths)


def make_vocabulary(
    counts: Counter[str],
    *,
    pseudo_counts: Mapping[str, int] | None = None,
    min_count: int = 1,
    max_size: int | None = None,
    case: str = "as-is",
) -> Vocabulary:
    """The most frequent words, equals in alphabetical order; `</s>` and `<unk>` are always in.

    Words that are left out add their counts to `<unk>`.

    Args:
        pseudo_counts: of words that are always in as well; they are added to the counts of the
            text.

    Raises:
        InputError: there are more of these words than `max_size` allows.
    """
    pseudo_counts = pseudo_counts or {}
    marks = {SENTENCE_END: counts[SENTENCE_END], UNKNOWN: counts[UNKNOWN]}
    room = max_size - len(marks) if max_size else None
    if room is not None and len(pseudo_counts) > room:
        raise InputError(
            f"the lists hold {len(pseudo_counts)} words, and there is room for {room}",
            remedy="raise --max-size, or make shorter lists with `lexicon gazetteer --cap`",
        )
    listed = [(word, counts[word] + count) for word, count in pseudo_counts.items()]
    others = [
        (word, count)
        for word, count in counts.items()
        if word not in marks and word not in pseudo_counts and count >= min_count
    ]
    others.sort(key=_rank)
    kept = [*listed, *(others if room is None else others[: room - len(listed)])]
    marks[UNKNOWN] += counts.total() - sum(marks.values()) - sum(counts[word] for word, _ in kept)
    ordered = sorted([*marks.items(), *sorted(kept, key=_rank)], key=lambda item: -item[1])
    return Vocabulary(
        tuple(word for word, _ in ordered), np.array([count for _, count in ordered]), case
    )


def _rank(item: tuple[str, int]) -> tuple[int, str]:
    word, count = item
    return -count, word


def checked_counts(counts: Counter[str], paths: Sequence[str | Path]) -> Counter[str]:
    """The counts with `</s>` for line ends. Raises InputError where the text itself holds a
    mark.
    """
    for mark in (SENTENCE_START, SENTENCE_END):
        if mark in counts:
            raise InputError(
                f"the text holds the word {mark}",
                expected="sentences without marks",
                remedy="take the marks out: a line is a sentence",
                file=", ".join(map(str, paths)),
            )
    if LINE_END in counts:
        counts[SENTENCE_END] = counts.pop(LINE_END)
    return counts


def no_word(paths: Sequence[str | Path]) -> InputError:
    return InputError(
        "no word in the texts",
        expected="a sentence a line",
        remedy="check the files",
        file=", ".join(map(str, paths)),
    )
