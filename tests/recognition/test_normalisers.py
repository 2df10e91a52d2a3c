"""Words in one style."""

from __future__ import annotations

import sys

import pytest

from rescorer.errors import InputError
from rescorer.recognition.normalisers import AS_WRITTEN, normaliser


def test_none_leaves_words_as_they_are() -> None:
    assert normaliser("none") is AS_WRITTEN
    assert AS_WRITTEN(["Mr.", "20", "%"]) == ("Mr.", "20", "%")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("250 Dollars - $20", "two hundred and fifty dollars twenty dollars"),
        ("O'Brien don't", "o'brien don't"),
        ("well-known", "well known"),
        ("...", ""),
        ("", ""),
        ("Привет, 2", "привет, two"),  # nothing of another script is lost
    ],
)
def test_spoken(text: str, expected: str) -> None:
    spoken = normaliser("spoken")
    assert " ".join(spoken(text.split())) == expected
    assert spoken.name == "spoken"


def test_words_of_a_list_are_taken_one_by_one() -> None:
    assert normaliser("spoken").of_list(["Saint-Malo", "O'Brien"]) == {"saint", "malo", "o'brien"}


def test_whisper() -> None:
    pytest.importorskip(
        "whisper_normalizer", reason="not installed: pip install whisper-normalizer"
    )
    whisper = normaliser("whisper")
    assert whisper(["Mr.", "Smith's", "colour", "isn't", "twenty", "one"]) == (
        *("mister", "smith", "is", "color", "is", "not", "21"),
    )


def test_whisper_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", None)
    with pytest.raises(InputError, match=r"whisper_normalizer is not installed.*pip install"):
        normaliser("whisper")
