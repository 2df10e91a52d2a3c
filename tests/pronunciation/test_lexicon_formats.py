import gzip

import pytest

from rescorer.errors import InputError
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.lexicon_formats import FORMATS, read_lexicon, write_lexicon
from rescorer.pronunciation.phones import ARPABET, PhoneSet

CMUDICT = """;;; a comment
RECORD  R AH0 K AO1 R D
RECORD(2)  R EH1 K ER0 D
AALTO  AA1 L T OW2 # name, finnish
"""


def said(text, probability=1.0):
    return Pronunciation(tuple(text.split()), probability)


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "lexicon.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_lexicon(written):
    lexicon = read_lexicon(written("a AH\na EY\n\nbé\tB  EY \n"))
    assert dict(lexicon) == {"a": (said("AH", 0.5), said("EY", 0.5)), "bé": (said("B EY"),)}
    assert lexicon.phones == PhoneSet(["AH", "B", "EY"])


def test_lexiconp(written):
    lexicon = read_lexicon(written("a 0.25 AH\na 1.0 EY\nbe 1 B IY\n"))
    assert lexicon["a"] == (said("EY", 0.8), said("AH", 0.2))


def test_cmudict(written):
    lexicon = read_lexicon(written(CMUDICT), ARPABET, case="lower")
    assert lexicon["record"] == (said("R AH K AO R D", 0.5), said("R EH K ER D", 0.5))
    assert lexicon["aalto"] == (said("AA L T OW"),)
    assert lexicon.phones == ARPABET


def test_stress_is_kept_without_a_phone_set(written):
    lexicon = read_lexicon(written(CMUDICT))
    assert lexicon["AALTO"] == (said("AA1 L T OW2"),)


def test_positions_are_kept_or_taken_off(written):
    path = written("!SIL SIL\n<UNK> SPN_S\nan AE1_B N_E\n")
    assert read_lexicon(path)["an"] == (said("AE1_B N_E"),)
    assert dict(read_lexicon(path, ARPABET)) == {"an": (said("AE N"),)}


def test_a_compressed_lexicon_in_another_case(tmp_path):
    path = tmp_path / "lexicon.txt.gz"
    path.write_bytes(gzip.compress(b"Berlin B ER L IH N\n"))
    assert read_lexicon(path, case="lower")["BERLIN"] == (said("B ER L IH N"),)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read(format, tmp_path):
    entries = [("be", said("B IY")), ("a", said("EY", 0.75)), ("a", said("AH", 0.25))]
    lexicon = Lexicon(entries, PhoneSet(["AH", "B", "EY", "IY"]))
    path = tmp_path / "lexicon.txt"
    write_lexicon(path, lexicon.items(), format)
    found = read_lexicon(path)
    assert list(found) == ["be", "a"]
    assert found.phones == lexicon.phones
    assert [each.phones for each in found["a"]] == [("EY",), ("AH",)]
    if format == "lexiconp":
        assert path.read_text() == "be 1 B IY\na 1 EY\na 0.333333 AH\n"
        assert found["a"][0].probability == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no pronunciation"),
        ("a AH\nb\n", r"lexicon.txt:2: the word 'b' has no phones"),
        ("a AH\nb QQ\n", r"lexicon.txt:2: the word 'b' has the unknown phone 'QQ'"),
        ("a AH\n<s> S\n", r"lexicon.txt:2: the word '<s>'"),
        ("a 1.0 AH\nb 1.0\n", "could be a lexicon with numbers as phones"),
        ("a 1.0 AH\nb B IY\n", "could be a lexicon with numbers as phones"),
        ("ma 1 2 3\nna 1 2 2\n", "could be a lexicon with numbers as phones"),
        ("<eps> 0\na 1\nb 2\n", "is a table of symbols and ids"),
        ("a 1.0 0.2 0.9 1.1 AH\n", "is a lexiconp_silprob.txt"),
    ],
)
def test_what_cannot_be_read_is_named(written, text, message):
    with pytest.raises(InputError, match=message):
        read_lexicon(written(text), ARPABET)


def test_the_format_settles_what_is_ambiguous(written):
    path = written("ma 1 2 3\nna 1 2 2\n")
    assert read_lexicon(path, format="lexicon")["ma"] == (said("1 2 3"),)
    assert read_lexicon(path, format="lexiconp")["ma"] == (said("2 3"),)


@pytest.mark.parametrize("probability", ["1.5", "0", "-1", "nan", "x", ""])
def test_a_bad_probability_is_named(written, probability):
    path = written(f"a 1.0 AH\nb {probability} B IY\n".replace("  ", " "))
    with pytest.raises(InputError, match=r"lexicon.txt:2: probability"):
        read_lexicon(path, format="lexiconp")
