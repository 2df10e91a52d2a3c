"""Words and the lists (places, surnames, …) that they are on, of several files together.

A list that names no list in its lines is called by its file's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.word_list import LIST_NAME, read_word_list
from rescorer.recognition.formats.parsing import show


@dataclass(frozen=True, slots=True)
class Listed:
    """What lists say of a word.

    Attributes:
        count: persons of that name, people of that place, …, added over the lists.
        lists: their names, in alphabetical order.
    """

    count: int
    lists: tuple[str, ...]


def list_name(path: Path) -> str:
    """What a list is called: its file's name up to the first dot. Raises InputError where that is
    no word.
    """
    name = path.name.partition(".")[0]
    if not LIST_NAME.fullmatch(name):
        raise InputError(
            f"list name {show(name)}",
            expected="letters, digits and _ + - before the first dot",
            remedy="rename the file: lists are called by their files' names",
            file=path,
        )
    return name


def read_word_lists(path: str | Path, *, case: str = "as-is") -> dict[str, Listed]:
    """The words of a list; with case "lower", words that then are one are joined.

    A word without a count counts once. A word that is on no named list is on the list of the file.

    Raises:
        InputError: as `read_word_list`, or a count is no whole number.
    """
    path = Path(path)
    words: dict[str, Listed] = {}
    for listed in read_word_list(path):
        count = 1 if listed.count is None else listed.count
        if not isinstance(count, int):
            raise InputError(
                f"the count {count:g} of {listed.word[:80]!r}",
                expected="a whole number",
                remedy="round it",
                file=path,
                line=listed.line,
            )
        word = listed.word.lower() if case == "lower" else listed.word
        _join(words, word, Listed(count, listed.lists or (list_name(path),)))
    return words


def write_word_lists(path: str | Path, words: Mapping[str, Listed]) -> None:
    """Write what `read_word_lists` reads: the greatest counts first, equals in the order of their
    code points.
    """
    ranked = sorted(words.items(), key=lambda item: (-item[1].count, item[0]))
    write_lines(
        path, (f"{word}\t{listed.count}\t{','.join(listed.lists)}" for word, listed in ranked)
    )


def joined(files: Iterable[Mapping[str, Listed]]) -> dict[str, Listed]:
    """The words of several files: counts added, lists united."""
    words: dict[str, Listed] = {}
    for file in files:
        for word, listed in file.items():
            _join(words, word, listed)
    return words


def pseudo_counts(files: Iterable[tuple[Mapping[str, Listed], int]]) -> Counter[str]:
    """For each word the sum of the weights of the files that hold it."""
    counts: Counter[str] = Counter()
    for words, weight in files:
        for word in words:
            counts[word] += weight
    return counts


def by_list(words: Mapping[str, Listed]) -> dict[str, set[str]]:
    """The words of each list, lists by name."""
    lists: dict[str, set[str]] = {}
    for word, listed in words.items():
        for name in listed.lists:
            lists.setdefault(name, set()).add(word)
    return dict(sorted(lists.items()))


def _join(words: dict[str, Listed], word: str, listed: Listed) -> None:
    known = words.get(word, Listed(0, ()))
    words[word] = Listed(known.count + listed.count, tuple(sorted({*known.lists, *listed.lists})))
