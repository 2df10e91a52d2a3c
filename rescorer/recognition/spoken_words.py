"""Running text → the words as a speaker would say them.

What comes out follows the transcripts of read speech (CMU ARCTIC and alike): lower case, no
punctuation, apostrophes inside words only (`don't`, `o'brien`; `'em` is an exception), `mr` and
`mrs` as they are, hyphens split, numbers spelled out (`nineteen oh eight`, `two hundred and
fifty`), letters of dotted acronyms apart (`u s`). Accents stay. Words in another script than Latin
are left out. Roman numerals and abbreviations without a number are not expanded.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from num2words import num2words

_CACHED_TOKENS = 1 << 19  # about 100 MB; Wikipedia's other tokens are seen once or twice
_LONGEST_NUMBER = 12  # digits; longer strings are read digit by digit

# Single quotes, modifier letters (Hawai'i), grave, acute, prime, full width.
_APOSTROPHES = dict.fromkeys(
    [0x2018, 0x2019, 0x201B, 0x02BB, 0x02BC, 0x60, 0xB4, 0x2032, 0xFF07], "'"
)
_FRACTIONS = {ord("½"): " half ", ord("¼"): " quarter ", ord("¾"): " three quarters "}
_CHARACTERS = {**_APOSTROPHES, **_FRACTIONS}
_COMBINING = re.compile("[\u0300-\u036f]")  # marks that NFKC could not join to their letter

_CURRENCIES = {
    "$": ("dollar", "dollars", "cents"),
    "£": ("pound", "pounds", "pence"),
    "€": ("euro", "euros", "cents"),
}
_LARGE_MONEY = re.compile(r"([$£€])(\d(?:[\d,.]*\d)?)[ -](thousand|million|billion|trillion)\b")

_LATIN = "a-z\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_LETTERS = r"[^\W\d_]+"
_PIECE = re.compile(
    r"(?P<word>'(?:em|tis|twas|twere|twill|twould)\b|&c\b|to-(?:day|morrow|night)\b"
    rf"|{_LETTERS}(?:'{_LETTERS})*)"
    r"|(?P<currency>[$£€])?(?P<number>\d+(?:,\d{3})+(?!\d)|\d+)(?:\.(?P<decimals>\d+))?"
    r"(?P<suffix>(?:st|nd|rd|th|'?s)(?!\w))?"
    r"|(?P<symbol>[%&])",
    re.IGNORECASE,
)
_ALL_LATIN = re.compile(f"['{_LATIN}]+", re.IGNORECASE)
_OTHER_SCRIPT = re.compile(rf"(?![{_LATIN}])[^\W\d_]", re.IGNORECASE)
_RESPELLED = {"&c": "etc", "to-day": "today", "to-morrow": "tomorrow", "to-night": "tonight"}
_SYMBOLS = {"%": "percent", "&": "and"}

_SENTENCE_END = re.compile(r"[.?!][.?!'\")\]}»”]*$")
_SENTENCE_START = re.compile(r"[\[({'\"«“¿¡]*[^\W\d_]")
_INITIAL = re.compile(r"(?:.*\W)?[^\W\d_]\.$")  # J. and U.S. rarely end a sentence
_TITLES = frozenset(
    f"{word}."
    for word in (
        "mr",
        "mrs",
        "ms",
        "messrs",
        "dr",
        "st",
        "prof",
        "rev",
        "hon",
        "gen",
        "col",
        "maj",
        "capt",
        "cpt",
        "lt",
        "sgt",
        "cmdr",
        "adm",
        "gov",
        "sen",
        "rep",
        "pres",
        "jr",
        "sr",
        "vs",
        "viz",
        "cf",
        "fig",
        "vol",
        "ch",
        "pp",
        "mt",
        "ft",
    )
)


class _Token(NamedTuple):
    """What one blank-separated token of running text says."""

    words: tuple[str, ...]
    may_end: bool  # a sentence may end after it
    may_start: bool  # a sentence may start with it


def normalise(line: str, *, keep_case: bool = False) -> list[list[str]]:
    """The sentences of a line (a paragraph) of running text, each a list of spoken words; none is
    empty.

    A sentence ends at `.`, `?` or `!` (closing quotes may follow) before a capital, but not after
    titles and initials. With `keep_case`, which lists of names want, words are not lower-cased.
    """
    sentences: list[list[str]] = []
    sentence: list[str] = []
    after_end = False
    for text in _clean(line).split():
        token = _token(text, keep_case)
        if after_end and token.may_start and sentence:
            sentences.append(sentence)
            sentence = []
        sentence += token.words
        after_end = token.may_end
    if sentence:
        sentences.append(sentence)
    return sentences


def has_other_script(text: str) -> bool:
    """Whether `normalise` would leave out words or letters of the text, since they are not
    Latin.
    """
    return _OTHER_SCRIPT.search(_clean(text)) is not None


def _clean(line: str) -> str:
    if not line.isascii():
        line = unicodedata.normalize("NFKC", line.translate(_CHARACTERS))
    elif "`" in line:
        line = line.replace("`", "'")
    if _CURRENCIES.keys() & set(line):
        line = _LARGE_MONEY.sub(
            lambda found: f"{found[2]} {found[3]} {_CURRENCIES[found[1]][1]}", line
        )
    return line


@lru_cache(_CACHED_TOKENS)
def _token(text: str, keep_case: bool) -> _Token:
    may_end = bool(_SENTENCE_END.search(text)) and not (
        _INITIAL.match(text) or text.lower().lstrip("('\"[") in _TITLES
    )
    start = _SENTENCE_START.match(text)
    may_start = start is not None and text[start.end() - 1].isupper()
    cased = _COMBINING.sub("", text if keep_case else text.lower())
    return _Token(
        tuple(chain.from_iterable(map(_spoken, _PIECE.finditer(cased)))), may_end, may_start
    )


def _spoken(piece: re.Match[str]) -> list[str]:
    if word := piece["word"]:
        word = _RESPELLED.get(word.lower(), word)
        return [word] if _ALL_LATIN.fullmatch(word) else []
    if symbol := piece["symbol"]:
        return [_SYMBOLS[symbol]]
    return _number(
        piece["number"].replace(",", ""), piece["decimals"], piece["suffix"], piece["currency"]
    )


def _number(
    digits: str, decimals: str | None, suffix: str | None, currency: str | None
) -> list[str]:
    if currency:
        return _money(digits, decimals, _CURRENCIES[currency])
    if decimals:
        return [*_cardinal(digits), "point", *_one_by_one(decimals)]
    if suffix and suffix.lower() in ("s", "'s"):
        *words, last = _year_or_cardinal(digits)
        return [*words, _plural(last)]
    if suffix:
        return _spell(digits, "ordinal") if len(digits) <= _LONGEST_NUMBER else _one_by_one(digits)
    return _year_or_cardinal(digits)


def _money(digits: str, decimals: str | None, names: tuple[str, str, str]) -> list[str]:
    one, many, hundredths = names
    unit = one if digits == "1" else many
    if decimals and len(decimals) == 2:
        return [*_cardinal(digits), unit, "and", *_spell(decimals, "cardinal"), hundredths]
    if decimals:
        return [*_cardinal(digits), "point", *_one_by_one(decimals), many]
    return [*_cardinal(digits), unit]


def _year_or_cardinal(digits: str) -> list[str]:
    if len(digits) == 4 and 1100 <= int(digits) < 2100:
        return _spell(digits, "year")
    return _cardinal(digits)


def _cardinal(digits: str) -> list[str]:
    if len(digits) > _LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1):
        return _one_by_one(digits)
    return _spell(digits, "cardinal")


def _one_by_one(digits: str) -> list[str]:
    return [word for digit in digits for word in _spell(digit, "cardinal")]


@lru_cache(1 << 14)
def _spelled(digits: str, kind: str) -> tuple[str, ...]:
    return tuple(num2words(int(digits), to=kind).replace(",", "").replace("-", " ").split())


def _spell(digits: str, kind: str) -> list[str]:
    return list(_spelled(digits, kind))


def _plural(word: str) -> str:
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("x") else "s")
