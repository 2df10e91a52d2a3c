"""Lists of names and places → the words that they are spoken with, how many bear them, and what was
left out.

Names are brought into the words of `lexicon normalise`: no hyphens, apostrophes inside words only,
Latin letters. Each word with diacritics is there without them as well: recognisers and texts write
both.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lexicon_tools.name_tables import read_names
from lexicon_tools.word_lists import Listed, list_name, write_word_lists
from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.recognition.formats.parsing import show
from rescorer.recognition.spoken_words import has_other_script, normalise

ALTERNATES = "-alternates"  # what the list of other names is called after its list
_EXAMPLES = 5
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CODE = re.compile("[A-Z]{1,4}")  # airports
# Letters that are more than a letter and a mark.
_PLAIN = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ħ": "h",
        "Ħ": "H",
        "ı": "i",
        "ŋ": "ng",
        "Ŋ": "Ng",
    }
)

Words = tuple[str, ...]


@dataclass
class Gazetteer:
    """The words of several lists.

    Attributes:
        words: each word, with its count and its lists.
        phrases: names of several words, blanks between them, all of which are among `words`;
            greatest counts first.
        names: how many names each list holds.
        dropped: by list and reason, what was left out.
    """

    words: dict[str, Listed]
    phrases: list[str]
    names: Counter[str]
    dropped: dict[tuple[str, str], list[str]]

    def save(
        self, words: str | Path, phrases: str | Path | None = None, report: str | Path | None = None
    ) -> None:
        """Write the words, the phrases, and the report: list, reason, number and examples of what
        was left out.
        """
        if phrases:
            write_lines(phrases, self.phrases)
        if report:
            write_lines(report, ["list\treason\tcount\texamples", *self._report()])
        write_word_lists(words, self.words)

    def _report(self) -> Iterator[str]:
        for (name, reason), texts in sorted(self.dropped.items()):
            yield f"{name}\t{reason}\t{len(texts)}\t{' | '.join(map(show, texts[:_EXAMPLES]))}"


def read_gazetteer(
    paths: Sequence[str | Path], *, case: str = "lower", caps: Mapping[str, int] | None = None
) -> Gazetteer:
    """The words of lists, each called by its file's name; other names of places make a list of
    their own.

    A name's count goes to each of its words once; the count of a word is the sum over its names.

    Args:
        case: "lower": words are lower-cased; "as-is": they are not.
        caps: the most words, by list, that are kept: those of the greatest counts, equals by code
            point.

    Raises:
        InputError: a list cannot be read, holds no name or none that words can be made of, or a cap
            is for no list.
    """
    collected = _Collected(case)
    for path in map(Path, paths):
        name = list_name(path)
        before = collected.names[name]
        for entry in read_names(path):
            words = collected.add(name, [entry.text], entry.count)
            if entry.alternates:
                collected.add(
                    name + ALTERNATES, entry.alternates, entry.count, _alternate_fault, words
                )
        if collected.names[name] == before:
            raise InputError(
                "no name",
                expected="at least one",
                remedy="leave the file out, or fill it",
                file=path,
            )
        if not collected.words[name]:
            raise InputError(
                f"no word in its names: {collected.reasons(name)}",
                expected="names in Latin letters",
                remedy="leave the file out, or convert it",
                file=path,
            )
    return collected.capped(caps or {})


def _fault(text: str) -> str:
    """Why no word can be made of a name; nothing where they can."""
    if not text.strip():
        return "empty"
    if _CONTROL.search(text):
        return "control characters"
    return "other script" if has_other_script(text) else ""


def _alternate_fault(text: str) -> str:
    """As `_fault`: GeoNames keeps codes, links and letter-by-letter romanisations among the other
    names of a place.
    """
    if _CODE.fullmatch(text):
        return "code"
    if "://" in text:
        return "web address"
    return "lower case" if text[:1].islower() else _fault(text)


@dataclass
class _Collected:
    """What the lists have given so far."""

    case: str
    words: dict[str, Counter[str]] = field(default_factory=dict)  # by list
    phrases: Counter[Words] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    dropped: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(
        self,
        name: str,
        texts: Iterable[str],
        count: int,
        fault: Callable[[str], str] = _fault,
        known: frozenset[str] = frozenset(),
    ) -> frozenset[str]:
        """Count the words of the names of one person or place, once each, and return them: all but
        those `known`.

        Names with a fault are dropped for it.
        """
        forms: set[Words] = set()
        for text in texts:
            self.names[name] += 1
            if reason := fault(text):
                self.drop(name, reason, text)
            elif spoken := _forms(text, self.case):
                forms |= spoken
            else:
                self.drop(name, "no letters", text)
        self.phrases.update({form: count for form in forms if len(form) > 1})
        words = frozenset(word for form in forms for word in form) - known
        self.words.setdefault(name, Counter()).update(dict.fromkeys(words, count))
        return words

    def drop(self, name: str, reason: str, text: str) -> None:
        self.dropped.setdefault((name, reason), []).append(text)

    def reasons(self, name: str) -> str:
        """Why names of a list were dropped."""
        return ", ".join(sorted(reason for dropped, reason in self.dropped if dropped == name))

    def capped(self, caps: Mapping[str, int]) -> Gazetteer:
        """All that is within the caps."""
        for name, cap in caps.items():
            self._cap(name, cap)
        words: dict[str, Listed] = {}
        for name, counts in sorted(self.words.items()):
            for word, count in counts.items():
                known = words.get(word, Listed(0, ()))
                words[word] = Listed(known.count + count, (*known.lists, name))
        kept = (
            (form, count)
            for form, count in self.phrases.items()
            if all(word in words for word in form)
        )
        phrases = sorted(kept, key=lambda item: (-item[1], item[0]))
        return Gazetteer(words, [" ".join(form) for form, _ in phrases], self.names, self.dropped)

    def _cap(self, name: str, cap: int) -> None:
        if name not in self.words:
            raise InputError(
                f"--cap {name}: no such list",
                expected=f"one of {', '.join(sorted(self.words))}",
                remedy="correct the name, or leave the cap out",
            )
        ranked = sorted(self.words[name].items(), key=lambda item: (-item[1], item[0]))
        self.words[name] = Counter(dict(ranked[:cap]))
        if len(ranked) > cap:
            self.dropped[name, "words beyond the cap"] = [word for word, _ in ranked[cap:]]


def _forms(text: str, case: str) -> set[Words]:
    """A name's words, with diacritics and without."""
    words = tuple(
        word for sentence in normalise(text, keep_case=case == "as-is") for word in sentence
    )
    return {words, tuple(map(without_diacritics, words))} if words else set()


def without_diacritics(word: str) -> str:
    """The word in the letters of English: são → sao, łódź → lodz."""
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFD", word.translate(_PLAIN))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
