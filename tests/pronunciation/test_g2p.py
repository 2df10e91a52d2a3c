import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.g2p import LONGEST_WORD, GraphemeToPhoneme, english_g2p, spelled
from rescorer.pronunciation.phones import ARPABET


def phones(word):
    return [" ".join(each.phones) for each in english_g2p().pronounce([word], 3)[0]]


def test_phones_are_arpabet():
    assert english_g2p().phones == ARPABET


def test_unheard_words_are_pronounced():
    words = ["stinkerly", "zwick", "o'lorcan"]
    found = english_g2p().pronounce(words)
    assert [" ".join(each.phones) for (each,) in found] == [
        "S T IH NG K ER L IY",
        "Z W IH K",
        "OW L AO R K AH N",
    ]


def test_n_best_are_distinct_and_most_probable_first():
    (found,) = english_g2p().pronounce(["lancet"], 5)
    descending = [each.probability for each in found]
    assert len({each.phones for each in found}) == len(found) == 5
    assert descending == sorted(descending, reverse=True)
    assert 0 < sum(descending) <= 1 + 1e-6


def test_results_do_not_depend_on_the_batch():
    words = ["abc", "x", "lancet", "r2d2", "tarquinius", "", "lancet"]
    together = english_g2p().pronounce(words, 2)
    assert together == [english_g2p().pronounce([word], 2)[0] for word in words]
    assert together[3] == together[5] == ()


@pytest.mark.parametrize(
    ("word", "letters"),
    [
        ("O’Brien", "o'brien"),
        ("Zoë", "zoe"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("jean‐luc", "jean-luc"),
        ("ﬁn", "fin"),
        ("'s", "'s"),
        ("-", ""),
        ("'", ""),
        ("r2d2", ""),
        ("a.m.", ""),
        ("пётр", ""),
        ("new york", ""),
        ("", ""),
    ],
)
def test_spelled(word, letters):
    assert spelled(word) == letters


@pytest.mark.parametrize("word", ["-", "r2d2", "пётр", "", "b" * (LONGEST_WORD + 1)])
def test_words_that_cannot_be_read_have_no_pronunciation(word):
    assert phones(word) == []


def test_case_apostrophes_and_diacritics_do_not_matter():
    assert phones("Zoëlla") == phones("zoella") != []
    assert phones("O’Lorcan")[0].startswith("OW L AO R")


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz")
def test_one_letter_has_a_pronunciation(letter):
    assert phones(letter)[0]


def test_a_long_word_has_a_pronunciation():
    assert len(phones("banana" * 10)[0].split()) == 60


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match=r"model.npz: no grapheme-to-phoneme model"):
        GraphemeToPhoneme.load(path)
    np.savez(path, graphones=np.array(["a:AH"]))
    with pytest.raises(InputError, match=r"model.npz: no grapheme-to-phoneme model"):
        GraphemeToPhoneme.load(path)
