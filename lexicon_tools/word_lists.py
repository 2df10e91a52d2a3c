"""Words and the lists (places, surnames, …) that they come from: `word<TAB>count<TAB>lists`, commas
between lists.

A list that a user made has a word a line, or `word<TAB>count`, and is called by its file's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN
from rescorer.recognition.formats.parsing import Place, filled_lines, show

LIST_NAME = re.compile(r"[A-Za-z0-9_+-]+")
_LINE = re.compile(
    r"(?P<word>\S+)(?:\t(?P<count>[0-9]{1,18})"
    rf"(?:\t(?P<lists>{LIST_NAME.pattern}(?:,{LIST_NAME.pattern})*))?)?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MARKS = (SENTENCE_START, SENTENCE_END, UNKNOWN)
_EXPECTED = "a word, word<TAB>count or word<TAB>count<TAB>lists"
_REMEDY = "correct the line, or make words of names with `lexicon gazetteer`"


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
    """The words of a file, plain, .gz or .xz; with case "lower", words that then are one are
    joined.

    Blank lines are passed over; a word without a count counts once.

    Raises:
        InputError: a line that is not `word<TAB>count<TAB>lists`, `word<TAB>count` or `word`, with
            its number, or none.
    """
    path = Path(path)
    words: dict[str, Listed] = {}
    for place, line in filled_lines(path):
        found = _LINE.fullmatch(line.rstrip())
        if not found or _CONTROL.search(found["word"]) or found["word"].lower() in _MARKS:
            raise place.error(repr(line[:80]), _EXPECTED, _REMEDY)
        word = found["word"].lower() if case == "lower" else found["word"]
        lists = tuple(found["lists"].split(",")) if found["lists"] else (list_name(path),)
        _join(words, word, Listed(int(found["count"] or 1), lists))
    if not words:
        raise Place(path).error("no word", _EXPECTED, _REMEDY)
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
