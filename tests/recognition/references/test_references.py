"""References by utterance."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from refusals import refusal

from rescorer.errors import InputError
from rescorer.recognition import format_names
from rescorer.recognition.references import REFERENCE_FORMATS, read_references

DATA = os.environ.get("RESCORER_DATA")


@pytest.mark.parametrize(
    "content",
    [
        "b-2 two  words\nempty\n\na-1\tone\n",
        '{"id": "b-2", "ref": "two words"}\n{"ref": "", "id": "empty", "nbest": 0}\n\n{"id": '
        '"a-1", "ref": " one"}\n',
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_text_and_json_lines(tmp_path: Path, content: str, packed: bool) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    references = read_references(tmp_path / "in")
    assert references == {"b-2": ("two", "words"), "empty": (), "a-1": ("one",)}
    assert list(references) == ["b-2", "empty", "a-1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [": the file is empty"]),
        (b" \n\n", [": the file is empty"]),
        (b"a x\nb y\na z\n", [":3: ", "'a' is there twice"]),
        (b"a x\nb\xff y\n", [":2: ", "0xff is not UTF-8"]),
        (b"a x\nb\0 y\n", [":2: ", "control characters"]),
        (b"a x\nb \0y\n", [":2: ", r"'\x00'"]),
        (gzip.compress(b"a x\n" * 100)[:-10], ["cut short"]),
        (b'{"id": "a", "ref": "x"}\n{"id": "a", "ref": "x"}', [":2: ", "'a' is there twice"]),
        (b'{"id": "a", "ref": "x"}\n{"id": "b"}', [":2: ", 'no "ref"']),
        (b'{"id": "a", "ref": "x"}\n{"ref": "b"}', [":2: ", 'no "id"']),
        (b'{"id": "a", "ref": null}', [":1: ", "ref is null"]),
        (b'{"id": "a", "ref": 1}', [":1: ", "ref is 1"]),
        (b'{"id": "a b", "ref": ""}', [":1: ", "utterance id 'a b'"]),
        (b'{"id": "a", "ref": "\\ud800"}', [":1: ", r"'\ud800'"]),
        (b'{"id": "a", "ref": "x"', [":1: ", "JSON does not parse"]),
        (b'{"id": "a", "ref": ' + b"[" * 100_000, [":1: ", "nested too deeply"]),
    ],
)
def test_bad_references_are_told(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    path = tmp_path / "in"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_references(path)
    message = str(caught.value)
    assert str(path) in message and "remedy: " in message
    assert all(part in message for part in expected), message
    assert len(message.splitlines()) == 1


@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_real_references() -> None:
    data = Path(DATA or "")
    for part in ("dev", "test"):
        references = read_references(data / "lattices" / f"kathleen-refs.{part}.txt")
        assert len(references) == 120 and all(references.values())
        assert len(read_references(data / "nbest" / f"kathleen-{part}.jsonl")) == 566


TRN = "he can see (spk-utt1)\n (spk-utt2)\nyes ( spk-utt3 )\n"
STM = (
    ';; CATEGORY "0"\n'
    "talk1 1 spk 0.00 1.20 <o,f0,male> he can see\n"
    "talk2 1 spk 0.50 1.25 <o,f0,male> yes\n"
    "talk2 1 spk 1.30 12.00 no\n"
    "talk2 1 spk 12.5 13.0 <o> ignore_time_segment_in_scoring\n"
)
CTM = "utt-1 1 0.50 0.20 can 0.98\nutt-2 A 0.00 0.30 yes\nutt-1 1 0.10 0.30 he 0.5\n"
NEMO = (
    '{"audio_filepath": "/data/a.wav", "duration": 2.0, "text": "he can see"}\n'
    '{"audio_filepath": "b.wav", "offset": 1.5, "text": "yes"}\n'
    '{"audio_filepath": "b.wav", "offset": 3, "text": ""}\n'
)
SUPERVISIONS = (
    '{"id": "s-1", "recording_id": "r", "start": 0.0, "duration": 1.0, "channel": 0, '
    '"text": "he can see", "speaker": "x"}\n'
    '{"id": "s-2", "recording_id": "r", "start": 1.0, "duration": 1.0, "text": ""}\n'
)
CUTS = (
    '{"id": "c-1", "start": 0, "type": "MonoCut", "supervisions": '
    '[{"id": "b", "start": 2, "text": "see"}, {"id": "a", "start": 0.5, "text": "he can"}]}\n'
    '{"id": "c-2", "start": 0, "supervisions": []}\n'
)
RECOGS = "u-2:\tref=['HE', \"CAN'T\"]\nu-2:\thyp=['HE', 'CAN']\nu-1:\tref=[]\nu-1:\thyp=['SEE']\n"
FILES = {
    "trn": (TRN, {"spk-utt1": "he can see", "spk-utt2": "", "spk-utt3": "yes"}),
    "stm": (
        STM,
        {
            "talk1": "he can see",
            "talk2-0000050-0000125": "yes",
            "talk2-0000130-0001200": "no",
        },
    ),
    "ctm": (CTM, {"utt-1": "he can", "utt-2": "yes"}),
    "nemo": (NEMO, {"a": "he can see", "b-1.5": "yes", "b-3": ""}),
    "lhotse": (SUPERVISIONS, {"s-1": "he can see", "s-2": ""}),
    "icefall": (RECOGS, {"u-2": "HE CAN'T", "u-1": ""}),
    "mlm-scoring": ('{"u": {"hyp_1": {"text": "x", "score": 1}, "ref": "he"}}', {"u": "he"}),
    "hyporadise": ('[{"input": ["x"], "output": "he can"}]', {"1": "he can"}),
    "text": ("utt1 he can see\nutt2\n", {"utt1": "he can see", "utt2": ""}),
    "jsonl": ('{"id": "a", "ref": "he"}\n', {"a": "he"}),
}


@pytest.mark.parametrize("name", REFERENCE_FORMATS)
def test_each_format_is_found_and_read(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    (tmp_path / "in").write_text(content)
    references = read_references(tmp_path / "in")
    assert {utterance: " ".join(words) for utterance, words in references.items()} == expected
    assert read_references(tmp_path / "in", name) == references


def test_the_names_of_the_help_are_those_of_the_table() -> None:
    assert tuple(REFERENCE_FORMATS) == format_names.REFERENCE_FORMATS


def test_cuts_have_the_words_of_their_supervisions_in_time(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(CUTS)
    assert read_references(tmp_path / "in") == {"c-1": ("he", "can", "see"), "c-2": ()}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        # What was misread in silence: an utterance `he`, and words `1 spk 0.0 1.2`.
        (
            "he can see (spk-utt1)\nutt2 yes\n",
            [":2: the line is no trn", "--ref-format trn or --ref-format text"],
        ),
        ("a 1 spk 0.0 1.2 yes\nutt2 no no no\n", [":2: the line is no stm"]),
        ("a 1 0.0 1.2 yes\nutt2 no\n", [":2: the line is no ctm"]),
        ("a 1 spk 0 12 yes\n", [":1: the references could be stm or text", "--ref-format stm"]),
        ("a 1 0 12 yes\n", [":1: the references could be ctm or text"]),
        ("a 1 spk 0.0 1.2 <o> yes (x)\n", [":1: the references could be trn or stm"]),
        ("u-1 yes (laughs)\nu-2 no (laughs)\n", [":2: utterance 'laughs' is there twice"]),
        ("see { a / b } (u1)\n", [":1: alternatives: '{ a / b }'", "one sequence"]),
        ("a 1 s 0.0 1.2 { a / b }\n", [":1: alternatives"]),
        ("a 1 0.0 0.2 yes\na 2 0.5 0.2 no\n", [":2: 'a' is on channel '2' and on '1'"]),
        ('{"audio_filepath": "a.wav"}\n', [':1: no "text"', "add it"]),
        ('{"audio_filepath": 5, "text": "x"}\n', [":1: the audio file is 5"]),
        ('{"id": "s", "recording_id": "r"}\n', [':1: no "text"']),
        ('{"id": "s", "supervisions": [{}]}\n', [':1: supervision 1: no "text"']),
        ('{"words": "x"}\n', [':1: no "id"']),
        ('[{"input": ["x"]}]', ["hold no references"]),
        ("u-1:\tref=['A']\nu-1:\thyp=[A]\n", [":2: '[A]'", "a list of words"]),
    ],
)
def test_what_could_be_misread_is_refused(tmp_path: Path, content: str, parts: list[str]) -> None:
    (tmp_path / "in").write_text(content)
    refusal(lambda: read_references(tmp_path / "in"), str(tmp_path / "in"), *parts)


def test_a_named_format_is_taken(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("he can see (u1)\nu2 yes\n")
    assert read_references(tmp_path / "in", "text") == {
        "he": ("can", "see", "(u1)"),
        "u2": ("yes",),
    }
    (tmp_path / "in").write_text("a 1 spk 0 12 yes\n")
    assert read_references(tmp_path / "in", "stm") == {"a": ("yes",)}
    assert read_references(tmp_path / "in", "text") == {"a": ("1", "spk", "0", "12", "yes")}
    refusal(lambda: read_references(tmp_path / "in", "trn"), ":1: ", "no id at its end")
    refusal(lambda: read_references(tmp_path / "in", "csv"), "unknown format 'csv'", "text, trn")


def test_a_folder_is_no_reference(tmp_path: Path) -> None:
    refusal(lambda: read_references(tmp_path), "is a folder")
