"""How a recogniser's lexicon writes the phones of ARPAbet, and pronunciations in that style.

Shapes: T phones of a pronunciation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lexicon_tools.stress import with_stress
from rescorer.errors import InputError
from rescorer.pronunciation.lexicon import Lexicon
from rescorer.pronunciation.phones import ARPABET, without_position, without_stress


@dataclass(frozen=True)
class PhoneStyle:
    """What a lexicon adds to the phones of ARPAbet.

    Attributes:
        stress: vowels have a digit: `AH0`.
        position: phones have their position in the word, as in Kaldi's `align_lexicon.txt`: `AH_B`.
        lower: phones are in lower case: `ah`.
    """

    stress: bool = False
    position: bool = False
    lower: bool = False

    def describe(self) -> str:
        """The style in words."""
        return " ".join(
            (
                "ARPAbet in lower case" if self.lower else "ARPAbet",
                "with stress" if self.stress else "without stress",
                *(("and with positions",) if self.position else ()),
            )
        )


class LexiconPhones:
    """The phones of a recogniser's lexicon.

    Attributes:
        style: how they are written.
    """

    def __init__(self, lexicon: Lexicon, path: str | Path) -> None:
        """
        Args:
            path: of the lexicon, for errors.
        """
        self._path = path
        self._symbols = " ".join(lexicon.phones.symbols)
        self.style = _style(lexicon)
        self._written: dict[str, list[str]] = defaultdict(list)  # by phone of ARPAbet
        for phone in sorted(set(map(without_position, lexicon.phones.symbols))):
            self._written[_arpabet(phone)].append(phone)

    def write(self, word: str, phones: Sequence[str]) -> tuple[str, ...]:
        """[T] phones of ARPAbet without stress as this lexicon writes them.

        Raises:
            InputError: the lexicon lacks a phone.
        """
        style = self.style
        written = with_stress(word.lower(), phones) if style.stress else tuple(phones)
        written = tuple(phone.lower() if style.lower else phone for phone in written)
        known = [self._known(word, phone) for phone in written]
        return _with_positions(known) if style.position else tuple(known)

    def _known(self, word: str, phone: str) -> str:
        """The phone, or, if the lexicon lacks it, the same with another stress."""
        written = self._written.get(_arpabet(phone), [])
        if not written:
            raise InputError(
                f"lacks the phone {phone!r} of the new word {word!r}",
                expected=f"a lexicon in ARPAbet; its phones are {self._symbols}",
                remedy="give a lexicon in ARPAbet that has this phone, or leave out --lexicon",
                file=self._path,
            )
        return phone if phone in written else written[0]


def _arpabet(phone: str) -> str:
    return without_stress(phone).upper() if phone.islower() else without_stress(phone)


def _style(lexicon: Lexicon) -> PhoneStyle:
    phones = [phone for phone in lexicon.phones.symbols if _bare(phone) in ARPABET]
    bare = [without_position(phone) for phone in phones]
    return PhoneStyle(
        stress=any(phone != without_stress(phone) for phone in bare),
        position=bare != phones,
        lower=bool(bare) and all(phone.islower() for phone in bare),
    )


def _bare(phone: str) -> str:
    return _arpabet(without_position(phone))


def _with_positions(phones: Sequence[str]) -> tuple[str, ...]:
    """[T] phones with Kaldi's marks of begin, inside and end of a word, or of its only phone."""
    if len(phones) == 1:
        return (f"{phones[0]}_S",)
    first, *inside, last = phones
    return (f"{first}_B", *(f"{phone}_I" for phone in inside), f"{last}_E")
