"""Lists of expected names: an address book, the participants of a meeting, the places of a map.

A line is a name of one or more words, and what is known of it in further fields, separated by tabs:

    mary ann<TAB>class=person<TAB>weight=2<TAB>phones=M EH R IY AE N
    saint-malo

`phones` are those of ARPAbet, with stress or without; the field may be there several times. Fields
without `=` are skipped: lists with counts are lists of names too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.language_model import MARKS
from rescorer.pronunciation.phones import ARPABET, without_stress
from rescorer.recognition.lattice import is_silent

_LINE = "name, then fields such as weight=2, class=person or phones=M EH R IY, separated by tabs"
_LARGEST_WEIGHT = 100.0
LONGEST_NAME = 20  # words


@dataclass(frozen=True)
class Name:
    """A name that may have been said.

    Attributes:
        words: at least one.
        weight: what the name adds to the raw score `bias`; 1 for a name like all others.
        kind: its class, such as person or place; empty if none is given.
        pronunciations: phones of each pronunciation; empty if they follow from the words.
    """

    words: tuple[str, ...]
    weight: float = 1.0
    kind: str = ""
    pronunciations: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class ExpectedNames:
    """The names that may have been said.

    Attributes:
        everywhere: in any utterance.
        by_utterance: in one utterance, beside those.
    """

    everywhere: tuple[Name, ...] = ()
    by_utterance: Mapping[str, tuple[Name, ...]] | None = None

    def all(self) -> Iterator[Name]:
        """Every name, as often as it is listed."""
        yield from self.everywhere
        for names in (self.by_utterance or {}).values():
            yield from names

    @property
    def number_in_utterance(self) -> float:
        """How many names an utterance has, on average."""
        lists = (self.by_utterance or {}).values()
        return len(self.everywhere) + sum(map(len, lists)) / max(1, len(lists))

    def spelled(self, spell: Callable[[str], str]) -> ExpectedNames:
        """The names with each word spelled in another way, such as in upper case."""

        def respelled(names: tuple[Name, ...]) -> tuple[Name, ...]:
            return tuple(replace(each, words=tuple(map(spell, each.words))) for each in names)

        by_utterance = self.by_utterance and {
            utterance: respelled(names) for utterance, names in self.by_utterance.items()
        }
        return ExpectedNames(respelled(self.everywhere), by_utterance)


def read_names(path: str | Path) -> tuple[Name, ...]:
    """Read a list of names, plain, .gz or .xz; empty lines are skipped.

    Lines of the same words are one name with all their pronunciations.

    Raises:
        InputError: the file cannot be read or holds no name, or a field is wrong.
    """
    names = _joined(_name(line.split("\t"), path, number) for number, line in _lines(path))
    if not names:
        raise InputError(
            "no name in the list", expected="a name a line", remedy="check the file", file=path
        )
    return names


def read_names_by_utterance(path: str | Path) -> Mapping[str, tuple[Name, ...]]:
    """Read the names of each utterance: `utterance<TAB>name<TAB>name…`; an utterance may have none.

    Raises:
        InputError: the file cannot be read or has no line, or an utterance has two lines.
    """
    found: dict[str, tuple[Name, ...]] = {}
    for number, line in _lines(path):
        utterance, *names = line.split("\t")
        if utterance.split() != [utterance] or utterance in found:
            raise InputError(
                f"utterance {utterance!r} {'again' if utterance in found else 'is no id'}",
                expected="utterance<TAB>name<TAB>name… with each utterance once",
                remedy="correct the line",
                file=path,
                line=number,
            )
        found[utterance] = _joined(
            Name(_words(name, path, number)) for name in names if name.strip()
        )
    if not found:
        raise InputError(
            "no utterance in the list",
            expected="utterance<TAB>name<TAB>name…",
            remedy="check the file",
            file=path,
        )
    return found


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    for number, line in read_lines(path):
        if line.strip():
            yield number, line.rstrip("\n")


def _joined(names: Iterable[Name]) -> tuple[Name, ...]:
    found: dict[tuple[str, ...], Name] = {}
    for name in names:
        if known := found.get(name.words):
            both = dict.fromkeys((*known.pronunciations, *name.pronunciations))
            name = replace(known, pronunciations=tuple(both))
        found[name.words] = name
    return tuple(found.values())


def _name(fields: list[str], path: str | Path, line: int) -> Name:
    name = Name(_words(fields[0], path, line))
    for field in fields[1:]:
        key, equals, value = field.strip().partition("=")
        if equals:
            name = _with_field(name, key.strip(), value.strip(), path, line)
    return name


def _words(text: str, path: str | Path, line: int) -> tuple[str, ...]:
    words = tuple(text.split())
    special = any(word in MARKS or is_silent(word) for word in words)
    if not words or len(words) > LONGEST_NAME or special or not text.strip().isprintable():
        raise InputError(
            f"{text[:80]!r} is no name",
            expected=f"1 to {LONGEST_NAME} words without control characters or special tokens",
            remedy="correct the line",
            file=path,
            line=line,
        )
    return words


def _with_field(name: Name, key: str, value: str, path: str | Path, line: int) -> Name:
    if key == "weight":
        return replace(name, weight=_weight(value, path, line))
    if key == "class" and value:
        return replace(name, kind=value)
    if key == "phones" and value:
        phones = _phones(value, path, line)
        return replace(name, pronunciations=(*name.pronunciations, phones))
    raise InputError(
        f"field {f'{key}={value}'[:80]!r}",
        expected=_LINE,
        remedy="correct the field",
        file=path,
        line=line,
    )


def _phones(text: str, path: str | Path, line: int) -> tuple[str, ...]:
    phones = tuple(map(without_stress, text.split()))
    for phone in phones:
        if phone not in ARPABET:
            raise InputError(
                f"unknown phone {phone[:80]!r}",
                expected=f"one of {' '.join(ARPABET.symbols)}",
                remedy="correct the pronunciation",
                file=path,
                line=line,
            )
    return phones


def _weight(text: str, path: str | Path, line: int) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= _LARGEST_WEIGHT:
        raise InputError(
            f"weight={text[:80]}",
            expected=f"a number above 0, at most {_LARGEST_WEIGHT:g}",
            remedy="correct the weight",
            file=path,
            line=line,
        )
    return weight
