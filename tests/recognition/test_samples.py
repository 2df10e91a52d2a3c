"""Files as recognisers write them, each with what is read from it; see samples/README.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from recogniser_samples import EXPECTED, SAMPLES

from rescorer.recognition.formats import FORMATS, read_nbest
from rescorer.recognition.references import read_references

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_recogniser_writes_is_read(name: str) -> None:
    format, expected = EXPECTED[name]
    read = read_nbest(SAMPLES / name)
    assert read.format == format
    found = {each.utterance: each.hypotheses for each in read.lists}
    assert list(found) == list(expected)
    for utterance, hypotheses in found.items():
        assert [h.key for h in hypotheses] == [str(n + 1) for n in range(len(hypotheses))]
        texts, scores = zip(*expected[utterance], strict=True)
        assert [" ".join(h.words) for h in hypotheses] == list(texts)
        for hypothesis, wanted in zip(hypotheses, scores, strict=True):
            assert hypothesis.scores == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nemo.json", {"a-1": "he can see", "a-2": "yes"}),
        ("icefall.txt", {"utt2": "YES", "utt1": "HE CAN'T SEE"}),
        ("lhotse.jsonl", {"s-1": "he can see", "s-2": ""}),
        ("mlm-scoring.json", {"utt1": "he can see"}),
        ("hyporadise.json", {"1": "he can see", "2": "<UNK>"}),
    ],
)
def test_references_are_read(name: str, expected: dict[str, str]) -> None:
    found = read_references(SAMPLES / name)
    assert {utterance: " ".join(words) for utterance, words in found.items()} == expected


def test_each_sample_has_its_origin() -> None:
    named = re.findall(r"`([\w.-]+)/?`", (SAMPLES / "README.md").read_text(encoding="utf-8"))
    assert {each.name for each in SAMPLES.iterdir()} - {"README.md"} <= set(named)


def test_each_format_of_recognisers_has_a_sample() -> None:
    ours = {"kaldi", "jsonl", "text", "one-best"}  # with tests of their own
    assert {format for format, _ in EXPECTED.values()} == set(FORMATS) - ours


def test_each_row_of_the_recognisers_has_a_sample() -> None:
    page = (ROOT / "docs/reference/formats.md").read_text(encoding="utf-8")
    table = page.split("## Recognisers")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    named = [row[2].strip("`") for row in rows]
    assert len(named) > 10
    # Kaldi's folder is read in test_registry.py.
    assert set(named) - {"kaldi"} == {format for format, _ in EXPECTED.values()}
