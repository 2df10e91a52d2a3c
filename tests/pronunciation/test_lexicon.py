import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.phones import ARPABET, PhoneSet, without_position, without_stress

PHONES = PhoneSet(["A", "B", "C"])


def said(text, probability=1.0):
    return Pronunciation(tuple(text.split()), probability)


def test_probabilities_of_a_word_sum_to_one_most_probable_first():
    lexicon = Lexicon([("x", said("A", 0.5)), ("y", said("C")), ("x", said("B"))], PHONES)
    assert list(lexicon) == ["x", "y"]
    assert lexicon["x"] == (said("B", 2 / 3), said("A", 1 / 3))
    assert list(lexicon.entries())[-1] == ("y", said("C"))


def test_equally_probable_pronunciations_keep_their_order():
    lexicon = Lexicon([("x", said("C")), ("x", said("A"))], PHONES)
    assert lexicon["x"] == (said("C", 0.5), said("A", 0.5))


def test_equal_pronunciations_are_added():
    lexicon = Lexicon([("x", said("A")), ("x", said("B")), ("x", said("B"))], PHONES)
    assert lexicon["x"] == (said("B", 2 / 3), said("A", 1 / 3))


def test_look_up_follows_the_case():
    entries = [("Berlin", said("A")), ("berlin", said("B"))]
    assert Lexicon(entries, PHONES)["Berlin"] == (said("A"),)
    lower = Lexicon(entries, PHONES, "lower")
    assert lower["BERLIN"] == (said("A", 0.5), said("B", 0.5))
    assert "Berlin" in lower and "Bonn" not in lower
    assert lower.get("Bonn", ()) == ()


def test_phones_are_renamed():
    phones = PhoneSet(["AH0", "AH1", "B"])
    lexicon = Lexicon([("x", said("AH0 B")), ("x", said("AH1 B"))], phones)
    bare = lexicon.with_phones(without_stress)
    assert bare["x"] == (said("AH B"),)
    assert bare.phones == PhoneSet(["AH", "B"])


def test_positions_are_taken_off():
    phones = ["AH_B", "N_I", "D_E", "EY_S", "SIL", "_B", "B"]
    assert [without_position(each) for each in phones] == ["AH", "N", "D", "EY", "SIL", "_B", "B"]


@pytest.mark.parametrize(
    ("word", "pronunciation", "message"),
    [
        ("", said("A"), "the word ''"),
        ("a b", said("A"), "the word 'a b'"),
        ("a", said(""), "no phones"),
        ("a", said("A QQ"), "unknown phone 'QQ'"),
        ("a", said("A", 0.0), r"probability 0\.0"),
        ("a", said("A", 1.5), r"probability 1\.5"),
        ("a", said("A", float("nan")), "probability nan"),
    ],
)
def test_bad_entries_are_refused(word, pronunciation, message):
    with pytest.raises(InputError, match=message):
        Lexicon([(word, pronunciation)], PHONES)


def test_arpabet_is_a_phone_set():
    assert "AH" in ARPABET and "AH0" not in ARPABET
