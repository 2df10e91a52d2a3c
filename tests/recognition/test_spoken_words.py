"""Running text becomes what a speaker would say."""

from __future__ import annotations

import pytest

from rescorer.recognition.spoken_words import normalise


def spoken(line: str) -> str:
    return " | ".join(" ".join(sentence) for sentence in normalise(line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # As the transcripts of read speech write it.
        (
            "Author of the danger trail, Philip Steels, etc.",
            "author of the danger trail philip steels etc",
        ),
        ("At sea, Wednesday, March 18, 1908.", "at sea wednesday march eighteen nineteen oh eight"),
        ("It issued a rate of forty-two dollars", "it issued a rate of forty two dollars"),
        ("I saw Mr. Pike. Mrs. Hall cried.", "i saw mr pike | mrs hall cried"),
        ("250 miles", "two hundred and fifty miles"),
        # Apostrophes.
        ("‘I don’t know’, the girls' O’Brien said", "i don't know the girls o'brien said"),
        ("Tell 'em it`s rock'n'roll", "tell 'em it's rock'n'roll"),
        # Hyphens, dashes, other marks.
        ("a well-known—no--yes… (maybe) _very_ and/or", "a well known no yes maybe very and or"),
        ("to-day, To-morrow; to-night to-do", "today tomorrow tonight to do"),
        ("AT&T &c.", "at and t etc"),
        # Numbers.
        (
            "1,000 and 1,234,567.5",
            "one thousand and one million two hundred and thirty four thousand five hundred and "
            "sixty seven point five",
        ),
        (
            "1099 1100 2005 2015 2100",
            "one thousand and ninety nine eleven hundred two thousand and five twenty fifteen "
            "two thousand one hundred",
        ),
        ("the 1990s, the '80s, 1960's", "the nineteen nineties the eighties nineteen sixties"),
        ("1st 2nd 3rd 112th-ranked", "first second third one hundred and twelfth ranked"),
        ("3.14 is 5% of 007", "three point one four is five percent of zero zero seven"),
        ("1914–1918, 12:30", "nineteen fourteen nineteen eighteen twelve thirty"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
        ("H2O 5km", "h two o five km"),
        # Currencies.
        ("$1, £2 and €3.50", "one dollar two pounds and three euros and fifty cents"),
        ("$3.5 million; $2,000", "three point five million dollars two thousand dollars"),
        ("$0.125", "zero point one two five dollars"),
        # Scripts and letters.
        ("Dvořák, naïve ÉCOLE straße", "dvořák naïve école straße"),
        ("from ἀναρχία, Москва and 東京", "from and"),
        ("ｆｕｌｌ ﬁne İstanbul", "full fine istanbul"),
        ("cafe\u0301", "café"),
        ("2½ miles", "two half miles"),
    ],
)
def test_words(line: str, expected: str) -> None:
    assert spoken(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("One. Two? Three! Four", "one | two | three | four"),
        ('"Who?" She knew. "You," he said.', "who | she knew | you he said"),
        (
            "He asked who? and left. then 3 came. 4 left.",
            "he asked who and left then three came four left",
        ),
        (
            "By J. R. Tolkien of the U.S. Army, St. John and Dr. (Prof. X) Who.",
            "by j r tolkien of the u s army st john and dr prof x who",
        ),
        ("ἀρχή. Next.", "next"),
        ("...", ""),
        ("", ""),
    ],
)
def test_sentences(line: str, expected: str) -> None:
    assert spoken(line) == expected


def test_every_word_is_plain() -> None:
    """Whatever the characters, no word holds anything but Latin letters and apostrophes, or is
    empty.
    """
    line = " ".join(chr(code) + "a1" + chr(code) for code in range(0x21, 0x3000))
    words = [word for sentence in normalise(line) for word in sentence]
    assert words
    assert all(word.replace("'", "").isalpha() and word == word.lower() for word in words)
