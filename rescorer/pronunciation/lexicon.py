"""Lexicons: words and their pronunciations.

Files of lexicons are read and written by `rescorer.pronunciation.lexicon_formats`.

Shapes: T phones of a pronunciation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rescorer.errors import InputError
from rescorer.pronunciation.phones import PhoneSet

CASES = ("as-is", "lower")


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """One way to say a word.

    Attributes:
        phones: T of them, at least one.
        probability: P(phones | word), above 0 and at most 1.
    """

    phones: tuple[str, ...]
    probability: float


class Lexicon(Mapping[str, tuple[Pronunciation, ...]]):
    """Words and their pronunciations, most probable first; the words keep their order.

    The probabilities of a word's pronunciations sum to 1. Look-ups follow the case:
    `lexicon.get("Berlin", ())` finds `berlin` in a lexicon of lower case.

    Attributes:
        phones: the phones that pronunciations are made of.
        case: "lower" if all words and look-ups are lower-cased; "as-is" if case matters.
    """

    def __init__(
        self,
        entries: Iterable[tuple[str, Pronunciation]],
        phones: PhoneSet,
        case: str = "as-is",
    ) -> None:
        """
        Args:
            entries: words with one pronunciation each; a word may come again. The probabilities of
                a word are scaled to sum to 1; those of equal pronunciations are added.

        Raises:
            InputError: an empty word, a pronunciation without phones or with a phone that the set
                lacks, or a probability that is not above 0 and at most 1.
        """
        if case not in CASES:
            raise ValueError(f"case {case!r}: expected one of {', '.join(CASES)}")
        self.phones = phones
        self.case = case
        known = frozenset(phones.symbols)
        weights: dict[str, dict[tuple[str, ...], float]] = {}
        for word, pronunciation in entries:
            _check(word, pronunciation, known, phones)
            of_word = weights.setdefault(self.normalise(word), {})
            said = pronunciation.phones
            of_word[said] = of_word.get(said, 0.0) + pronunciation.probability
        self._entries = {word: _normalised(of_word) for word, of_word in weights.items()}

    def normalise(self, word: str) -> str:
        """The word in the case of this lexicon."""
        return word.lower() if self.case == "lower" else word

    def __getitem__(self, word: str) -> tuple[Pronunciation, ...]:
        return self._entries[self.normalise(word)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> Iterator[tuple[str, Pronunciation]]:
        """Each word with each of its pronunciations."""
        for word, pronunciations in self._entries.items():
            for pronunciation in pronunciations:
                yield word, pronunciation

    def with_phones(self, renamed: Callable[[str], str]) -> Lexicon:
        """The lexicon with other names of phones; pronunciations that become equal are added up.

        `lexicon.with_phones(without_stress)` takes off the stress of ARPAbet, `without_position`
        the position in the word that Kaldi adds.
        """
        names = {phone: renamed(phone) for phone in self.phones.symbols}
        entries = (
            (word, Pronunciation(tuple(map(names.__getitem__, said.phones)), said.probability))
            for word, said in self.entries()
        )
        return Lexicon(entries, PhoneSet(dict.fromkeys(names.values())), self.case)


def _check(word: str, said: Pronunciation, known: frozenset[str], phones: PhoneSet) -> None:
    if not word or any(space in word for space in " \t\r\n"):
        raise InputError(f"the word {word!r}", expected="a word without white space")
    if not said.phones:
        raise InputError(f"the word {word!r} has no phones", remedy="give at least one, or drop it")
    if not known.issuperset(said.phones):
        phones.ids(said.phones)  # names the phone
    if not 0 < said.probability <= 1:
        raise InputError(
            f"probability {said.probability} of the word {word!r}",
            expected="above 0 and at most 1",
        )


def _normalised(weights: Mapping[tuple[str, ...], float]) -> tuple[Pronunciation, ...]:
    """Probabilities that sum to 1, greatest first; equal ones keep their order."""
    total = math.fsum(weights.values())
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    return tuple(Pronunciation(phones, weight / total) for phones, weight in ordered)
