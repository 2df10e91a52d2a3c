"""Files of lexicons: Kaldi's and k2's `lexicon.txt`, Kaldi's `lexiconp.txt`, and CMUdict.

| format | line |
| --- | --- |
| `lexicon` | `word phone phone …`; the pronunciations of a word are equally probable |
| `lexiconp` | `word probability phone phone …`; the most probable of a word has 1 by convention |
| `cmudict` | `WORD  AH0 …`, others as `WORD(2)`, `;;;` lines and ` # …` are comments |

The format is found from the content. Sources: Kaldi's data preparation, icefall's
`icefall/lexicon.py`, the README of CMUdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.phones import PhoneSet, without_position, without_stress

FORMATS = ("lexicon", "lexiconp", "cmudict")
Pronounced = tuple[str, tuple[Pronunciation, ...]]  # a word and its pronunciations

_COMMENT = ";;;"
_TRAILING_COMMENT = "#"
_VARIANT = re.compile(r"(.+)\(\d+\)")
_FIELD = re.compile(r"[ \t]+")  # other white space, such as U+00A0, is part of a word
_SPECIAL = re.compile(r"<.*>|\[.*\]|!.*")  # <UNK>, [NOISE], !SIL: no word that is said
_RESERVED = frozenset(("<eps>", "<s>", "</s>", "#0"))  # Kaldi and icefall refuse them, too
_SILENCE_PROBABILITIES = 3  # of lexiconp_silprob.txt, after the probability


@dataclass(frozen=True)
class _Line:
    number: int
    fields: list[str]


def read_lexicon(
    path: str | Path,
    phones: PhoneSet | None = None,
    *,
    format: str = "",
    case: str = "as-is",
) -> Lexicon:
    """Read a lexicon; plain, .gz or .xz.

    Args:
        phones: that the pronunciations are made of. A stress digit or a position in the word that
            it lacks is taken off, and `<UNK>`, `[NOISE]` and `!SIL` are left out if it lacks their
            phones. None: the phones of the file as they stand, in sorted order.
        format: one of `FORMATS`; found from the content if it is empty.
        case: of the lexicon.

    Raises:
        InputError: a line without phones, with an unknown phone or a bad probability; a file that
            could be of two formats; another kind of file.
    """
    lines = [
        _Line(number, fields)
        for number, text in read_lines(path)
        if (fields := _FIELD.split(text.strip(" \t"))) != [""]
    ]
    try:
        parse = _PARSERS[format or _found_format(lines)]
    except _Refused as refused:
        raise InputError(refused.found, remedy=refused.remedy, file=path) from None
    fit = _Fit(phones, path)
    kept = [fitted for entry in parse(lines, path) if (fitted := fit.entry(entry))]
    if not kept:
        raise InputError("no pronunciation", expected="`word phone phone …` a line", file=path)
    if phones is None:
        phones = PhoneSet(sorted({phone for _, said in kept for phone in said.phones}))
    return Lexicon(kept, phones, case)


def write_lexicon(path: str | Path, words: Iterable[Pronounced], format: str = "lexicon") -> None:
    """Write a lexicon, whole or not at all; compressed where the name ends in .gz or .xz.

    Args:
        words: each with its pronunciations, most probable first, such as `lexicon.items()`.
        format: `lexicon` drops the probabilities. `lexiconp` gives each word's most probable
            pronunciation 1, as Kaldi does. `cmudict` numbers a word's pronunciations.
    """
    write_lines(path, _WRITERS[format](words))


# ---- which format ----


class _Refused(Exception):
    """Why a file is not read."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


def _found_format(lines: list[_Line]) -> str:
    entries = [each.fields for each in lines if not each.fields[0].startswith(_COMMENT)]
    if _is_symbol_table(entries):
        raise _Refused("is a table of symbols and ids, such as words.txt", "give lexicon.txt")
    if _has_silence_probabilities(entries):
        raise _Refused("is a lexiconp_silprob.txt", "give lexiconp.txt, which lies beside it")
    is_cmudict = len(entries) < len(lines) or _has_variants_or_comments(entries)
    numbers = sum(len(fields) > 1 and _is_probability(fields[1]) for fields in entries)
    if not numbers:
        return "cmudict" if is_cmudict else "lexicon"
    if is_cmudict or numbers < len(entries) or _has_numeric_phones(entries):
        raise _Refused(
            "could be a lexicon with numbers as phones, or with probabilities",
            "say which with the format lexicon, lexiconp or cmudict",
        )
    return "lexiconp"


def _is_symbol_table(entries: list[list[str]]) -> bool:
    ids = [fields[1] for fields in entries if len(fields) == 2]
    return (
        len(entries) > 1
        and len(ids) == len(entries) == len(set(ids))
        and all(map(str.isdecimal, ids))
    )


def _has_silence_probabilities(entries: list[list[str]]) -> bool:
    wanted = 1 + _SILENCE_PROBABILITIES
    return bool(entries) and all(
        len(fields) > 1 + wanted and all(map(_is_number, fields[1 : 1 + wanted]))
        for fields in entries
    )


def _has_variants_or_comments(entries: list[list[str]]) -> bool:
    words = {fields[0] for fields in entries}
    variants = (_VARIANT.fullmatch(word) for word in words if word.endswith(")"))
    return any(match and match[1] in words for match in variants) or any(
        _TRAILING_COMMENT in fields[1:] for fields in entries
    )


def _has_numeric_phones(entries: list[list[str]]) -> bool:
    return any(_is_number(field) for fields in entries for field in fields[2:]) or any(
        len(fields) == 2 for fields in entries
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[0].isdecimal() or text[0] in ".+-"


def _is_probability(text: str) -> bool:
    return _is_number(text) and 0 < float(text) <= 1


# ---- reading ----


@dataclass(frozen=True)
class _Entry:
    line: int
    word: str
    phones: list[str]
    probability: float = 1.0


def _parse_lexicon(lines: list[_Line], path: str | Path) -> Iterator[_Entry]:
    for line in lines:
        word, *phones = line.fields
        yield _Entry(line.number, word, phones)


def _parse_lexiconp(lines: list[_Line], path: str | Path) -> Iterator[_Entry]:
    for line in lines:
        word, probability, *phones = line.fields if len(line.fields) > 1 else [*line.fields, ""]
        if not _is_probability(probability):
            raise InputError(
                f"probability {probability!r} of the word {word!r}",
                expected="a number above 0 and at most 1",
                remedy="correct the line; a lexicon without probabilities is of the format lexicon",
                file=path,
                line=line.number,
            )
        yield _Entry(line.number, word, phones, float(probability))


def _parse_cmudict(lines: list[_Line], path: str | Path) -> Iterator[_Entry]:
    for line in lines:
        word, *phones = line.fields
        if word.startswith(_COMMENT):
            continue
        if _TRAILING_COMMENT in phones:
            del phones[phones.index(_TRAILING_COMMENT) :]
        variant = _VARIANT.fullmatch(word)
        yield _Entry(line.number, variant[1] if variant else word, phones)


_PARSERS = {"lexicon": _parse_lexicon, "lexiconp": _parse_lexiconp, "cmudict": _parse_cmudict}


class _Fit:
    """Brings entries into the phones of a set."""

    def __init__(self, phones: PhoneSet | None, path: str | Path) -> None:
        self._phones, self._path = phones, path
        self._names: dict[str, str] = {}  # by phone of the file; empty: not in the set

    def entry(self, entry: _Entry) -> tuple[str, Pronunciation] | None:
        """A word and its pronunciation; None if it is no word and has other phones.

        Raises:
            InputError: it has no phones, an unknown one, or a word that is reserved.
        """
        if not entry.phones:
            raise self._error(entry, " has no phones", "`word phone phone …`")
        if entry.word in _RESERVED:
            raise self._error(entry, "", "no symbol of Kaldi's and k2's graphs")
        names = [self._name(phone) for phone in entry.phones]
        if "" in names:
            if _SPECIAL.fullmatch(entry.word):
                return None
            found = f" has the unknown phone {entry.phones[names.index('')]!r}"
            symbols = " ".join(self._phones.symbols) if self._phones else ""
            raise self._error(entry, found, f"one of {symbols}")
        return entry.word, Pronunciation(tuple(names), entry.probability)

    def _name(self, phone: str) -> str:
        if phone not in self._names:
            self._names[phone] = _fitted_phone(phone, self._phones)
        return self._names[phone]

    def _error(self, entry: _Entry, found: str, expected: str) -> InputError:
        return InputError(
            f"the word {entry.word!r}{found}",
            expected=expected,
            remedy="correct or delete the line",
            file=self._path,
            line=entry.line,
        )


def _fitted_phone(phone: str, phones: PhoneSet | None) -> str:
    """The phone as the set has it, without stress or position if it must; empty if it lacks it."""
    if phones is None:
        return phone
    bare = without_position(phone)
    names = (phone, without_stress(phone), bare, without_stress(bare))
    return next((name for name in names if name in phones), "")


# ---- writing ----


def _lexicon_lines(words: Iterable[Pronounced]) -> Iterator[str]:
    for word, pronunciations in words:
        for said in pronunciations:
            yield f"{word} {' '.join(said.phones)}"


def _lexiconp_lines(words: Iterable[Pronounced]) -> Iterator[str]:
    for word, pronunciations in words:
        for said in pronunciations:
            relative = said.probability / pronunciations[0].probability
            yield f"{word} {relative:.6g} {' '.join(said.phones)}"


def _cmudict_lines(words: Iterable[Pronounced]) -> Iterator[str]:
    for word, pronunciations in words:
        for number, said in enumerate(pronunciations, start=1):
            name = word if number == 1 else f"{word}({number})"
            yield f"{name}  {' '.join(said.phones)}"


_WRITERS = {"lexicon": _lexicon_lines, "lexiconp": _lexiconp_lines, "cmudict": _cmudict_lines}
