"""The phones of recognisers' lexicons."""

from __future__ import annotations

import pytest

from lexicon_tools.phone_style import LexiconPhones, PhoneStyle
from rescorer.errors import InputError
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.phones import PhoneSet


def phones_of(*pronunciations: str) -> LexiconPhones:
    entries = [
        (f"w{number}", Pronunciation(tuple(said.split()), 1.0))
        for number, said in enumerate(pronunciations)
    ]
    symbols = sorted({phone for _, said in entries for phone in said.phones})
    return LexiconPhones(Lexicon(entries, PhoneSet(symbols)), "lexicon.txt")


@pytest.mark.parametrize(
    ("lexicon", "style", "expected"),
    [
        (("SIL", "B AA B"), PhoneStyle(), "B AA B"),
        (("SIL", "B AA1 B"), PhoneStyle(stress=True), "B AA1 B"),
        (("sil", "spn", "b aa b"), PhoneStyle(lower=True), "b aa b"),
        (("b aa1 b", "aa0"), PhoneStyle(stress=True, lower=True), "b aa1 b"),
        (
            ("SIL", "B_B AA1_E", "AA0_S"),
            PhoneStyle(stress=True, position=True),
            "B_B AA1_I B_E",
        ),
        (("B AA0",), PhoneStyle(stress=True), "B AA0 B"),  # it has no AA1
    ],
)
def test_styles(lexicon: tuple[str, ...], style: PhoneStyle, expected: str) -> None:
    phones = phones_of(*lexicon)
    assert phones.style == style
    assert phones.write("bob", ("B", "AA", "B")) == tuple(expected.split())


def test_a_word_of_one_phone() -> None:
    assert phones_of("AA1_S", "B_B AA0_E").write("a", ["AA"]) == ("AA1_S",)


@pytest.mark.parametrize("lexicon", ["B AE B", "b A b", "p aI T @"])
def test_other_phones(lexicon: str) -> None:
    with pytest.raises(InputError, match=r"lexicon\.txt: lacks the phone '(AA|B|aa)' of .* 'bob'"):
        phones_of(lexicon).write("bob", ("B", "AA", "B"))


def test_styles_in_words() -> None:
    assert PhoneStyle().describe() == "ARPAbet without stress"
    assert (
        PhoneStyle(stress=True, position=True, lower=True).describe()
        == "ARPAbet in lower case with stress and with positions"
    )
