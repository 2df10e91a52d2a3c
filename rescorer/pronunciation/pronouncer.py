"""Pronunciations of any words: from lexicons first, then from their spelling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice, product
from math import prod

from rescorer.errors import InputError
from rescorer.pronunciation.g2p import FOLDER, GraphemeToPhoneme, english_g2p, spelled
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.lexicon_formats import read_lexicon
from rescorer.pronunciation.phones import ARPABET, PhoneSet

CMUDICT = FOLDER / "cmudict.dict.xz"
_SIBILANTS = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_VOICELESS = frozenset(["P", "T", "K", "F", "TH"])
_PRODUCTS = 64  # pronunciations of a word of several parts that are compared


class Pronouncer:
    """Pronunciations of words: the first lexicon that has a word, else grapheme-to-phoneme.

    A word with hyphens that no lexicon has is said as its parts. A possessive is said as the word
    before `'s` and an ending that follows from its last phone, where that word is in a lexicon.

    Attributes:
        phones: that pronunciations are made of.
    """

    def __init__(self, lexicons: Sequence[Lexicon], g2p: GraphemeToPhoneme) -> None:
        """
        Args:
            lexicons: asked in this order.

        Raises:
            InputError: a lexicon has phones that the grapheme-to-phoneme model lacks.
        """
        for lexicon in lexicons:
            for phone in lexicon.phones.symbols:
                if phone not in g2p.phones:
                    raise InputError(
                        f"phone {phone!r} of a lexicon",
                        expected=f"one of {' '.join(g2p.phones.symbols)}",
                        remedy="read the lexicon with the phone set of the model",
                    )
        self._lexicons = tuple(lexicons)
        self._g2p = g2p
        self.phones: PhoneSet = g2p.phones

    @classmethod
    def english(cls, lexicon: Lexicon | None = None) -> Pronouncer:
        """A lexicon of the user's own, then CMUdict, then the English model of the package."""
        own = () if lexicon is None else (lexicon,)
        return cls([*own, english_lexicon()], english_g2p())

    def look_up(self, word: str) -> tuple[Pronunciation, ...]:
        """What the lexicons have of a word, most probable first; () if they lack it."""
        if found := self._entry(word):
            return found
        base, apostrophe, ending = word.replace("’", "'").lower().rpartition("'")
        if base and apostrophe and ending == "s" and (found := self._entry(base)):
            return tuple(map(_possessive, found))
        return ()

    def _entry(self, word: str) -> tuple[Pronunciation, ...]:
        names = dict.fromkeys((word, spelled(word)))
        for lexicon in self._lexicons:
            for name in filter(None, names):
                if found := lexicon.get(name, ()):
                    return found
        return ()

    def pronounce(self, words: Sequence[str], n: int = 1) -> list[tuple[Pronunciation, ...]]:
        """Up to n pronunciations of each word, most probable first.

        A word has none, (), if no lexicon has it and it cannot be read from its letters: it has a
        digit, or letters of another script.
        """
        known = {word: self.look_up(word) for word in words}
        parts = {word: (word,) if said else _parts(word) for word, said in known.items()}
        for part in {part for of_word in parts.values() for part in of_word} - known.keys():
            known[part] = self.look_up(part)
        unknown = sorted(part for part, said in known.items() if not said)
        known.update(zip(unknown, self._g2p.pronounce(unknown, n), strict=True))
        return [_joined([known[part] for part in parts[word]], n) for word in words]


def _parts(word: str) -> tuple[str, ...]:
    """The parts between hyphens; the word itself if one of them could not be said."""
    parts = tuple(filter(None, spelled(word).split("-")))
    return parts if len(parts) > 1 and all(map(spelled, parts)) else (word,)


def _joined(parts: Sequence[tuple[Pronunciation, ...]], n: int) -> tuple[Pronunciation, ...]:
    """The n most probable ways to say the parts one after the other."""
    if len(parts) == 1:
        return parts[0][:n]
    ways = islice(product(*parts), _PRODUCTS)
    found: dict[tuple[str, ...], float] = {}
    for way in ways:
        phones = tuple(phone for said in way for phone in said.phones)
        found[phones] = found.get(phones, 0.0) + prod(said.probability for said in way)
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return tuple(Pronunciation(phones, probability) for phones, probability in ordered[:n])


def _possessive(said: Pronunciation) -> Pronunciation:
    """With the ending that English adds: /ɪz/ after sibilants, /s/ after voiceless consonants."""
    last = said.phones[-1]
    ending = ("IH", "Z") if last in _SIBILANTS else ("S",) if last in _VOICELESS else ("Z",)
    return Pronunciation((*said.phones, *ending), said.probability)


@cache
def english_lexicon() -> Lexicon:
    """CMUdict without stress, read once: 126,000 words in lower case."""
    return read_lexicon(CMUDICT, ARPABET, format="cmudict", case="lower")
