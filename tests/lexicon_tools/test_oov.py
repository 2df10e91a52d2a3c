"""Rates of unknown words."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lexicon_tools.oov import Rate, count_source, rates, unknown_words
from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary
from rescorer.recognition.formats import write_nbest, written_formats
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

DATA = os.environ.get("RESCORER_DATA")

KNOWN = Vocabulary(("</s>", "<unk>", "the", "cat"), np.array([4, 3, 2, 1]), "lower")
COUNTS = Counter({"the": 5, "cat": 1, "<unk>": 2, "lima": 1, "oslo": 3, "smith": 3, "cats": 1})
LISTS = {"places": {"lima", "oslo", "rome"}, "surnames": {"smith", "cat"}, "verbs": {"ran"}}


def test_rates() -> None:
    unknown = unknown_words(COUNTS, KNOWN)
    assert list(unknown.items()) == [
        ("oslo", 3),
        ("smith", 3),
        ("<unk>", 2),
        ("cats", 1),
        ("lima", 1),
    ]
    found = rates(COUNTS, unknown, LISTS)
    assert found == [
        Rate("all", 16, 10, 7, 5),
        Rate("places", 4, 4, 2, 2),
        Rate("surnames", 4, 3, 2, 1),
        Rate("in no list", 8, 3, 3, 2),
    ]
    assert [rate.share for rate in found] == [0.625, 1, 0.75, 0.375]


def test_without_lists() -> None:
    assert rates(COUNTS, unknown_words(COUNTS, KNOWN), {}) == [Rate("all", 16, 10, 7, 5)]


def test_nothing_unknown() -> None:
    counts = Counter({"the": 2})
    assert rates(counts, unknown_words(counts, KNOWN), LISTS) == [
        Rate("all", 2, 0, 1, 0),
        Rate("in no list", 2, 0, 1, 0),
    ]


def test_a_text(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("The cat\n\nthe OSLO\n")
    assert count_source(tmp_path / "text", KNOWN) == {"text": {"the": 2, "cat": 1, "oslo": 1}}


@pytest.mark.parametrize("format", written_formats())
def test_lists_of_every_format(tmp_path: Path, format: str) -> None:
    spoken = (("The", "cat"), ("the", "OSLO"), ("the",))
    hypotheses = tuple(
        Hypothesis(str(n), words, {FIRST_PASS: -float(n)})
        for n, words in enumerate(spoken, start=1)
    )
    write_nbest(tmp_path / "lists", [NBest("utt", hypotheses, ("the", "Lima"))], format)
    found = count_source(tmp_path / "lists", KNOWN)
    assert found.pop("hypotheses") == {"the": 3, "cat": 1, "oslo": 1}
    assert found in ({}, {"references": {"the": 1, "lima": 1}})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no word|is empty"),
        (b"\n", "no word"),
        (b"a\n\xff", "text:2: .*UTF-8"),
        (b"a </s>\n", "holds the word </s>"),
        (b'{"id": "u", "nbest": [{"text": "", "score": -1}]}\n', "no word in the lists"),
        (
            b"VERSION=1.0\nUTTERANCE=u\nN=2 L=1\nI=0\nI=1\nJ=0 S=0 E=1 W=a\n",
            r"holds lattices \(htk\).*remedy",
        ),
    ],
)
def test_bad_sources(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(InputError, match=expected):
        count_source(tmp_path / "text", KNOWN)


@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_real_lists() -> None:
    found = count_source(Path(str(DATA)) / "nbest/kathleen-dev.jsonl", KNOWN)
    assert set(found) == {"hypotheses", "references"}
    assert unknown_words(found["references"], KNOWN).total() > 0.8 * found["references"].total()
