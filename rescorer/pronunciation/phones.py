"""Phone sets: the symbols of a lexicon, and their ids.

The default is ARPAbet without stress, as CMUdict has it. Other lexicons bring phone sets of their
own: Kaldi's carry positions in the word (`AH_B`), others are in IPA.

Shapes: T phones.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from rescorer.errors import InputError


class PhoneSet:
    """Phones in a fixed order; a phone's id is its place in that order.

    Attributes:
        symbols: the phones by id.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        """
        Raises:
            InputError: there is no symbol, a symbol is empty or holds white space, or one occurs
                twice.
        """
        self.symbols = tuple(symbols)
        for symbol in self.symbols:
            if symbol.split() != [symbol] or self.symbols.count(symbol) > 1:
                raise InputError(
                    f"phone {symbol!r} in a phone set",
                    expected="distinct symbols without white space",
                    remedy="correct the phone set",
                )
        if not self.symbols:
            raise InputError("a phone set without phones", remedy="give at least one phone")

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PhoneSet) and self.symbols == other.symbols

    def __hash__(self) -> int:
        return hash(self.symbols)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._ids

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def ids(self, phones: Iterable[str]) -> np.ndarray:
        """int16[T] ids of phones.

        Raises:
            InputError: a phone is not in the set; the message names it.
        """
        try:
            return np.array([self._ids[phone] for phone in phones], np.int16)
        except KeyError as error:
            raise InputError(
                f"unknown phone {error.args[0]!r}",
                expected=f"one of {' '.join(self.symbols)}",
                remedy="correct the pronunciation, or use a lexicon of this phone set",
            ) from None


# CMUdict's phones without stress digits
_ARPABET = """
AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH
"""
ARPABET = PhoneSet(_ARPABET.split())


def without_stress(phone: str) -> str:
    """An ARPAbet phone without its stress digit: `AH0` is `AH`; other phones stay as they are."""
    return phone[:-1] if phone[-1:] in ("0", "1", "2") else phone


_POSITIONS = ("_B", "_E", "_I", "_S")  # Kaldi: begin, end, inside, a word of one phone


def without_position(phone: str) -> str:
    """A phone without the position in the word that Kaldi adds: `AH_B` is `AH`; others stay."""
    return phone[:-2] if len(phone) > 2 and phone.endswith(_POSITIONS) else phone
