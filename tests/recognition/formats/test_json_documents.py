"""Recognisers' JSON results: files, folders, ids and faults."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest

VOSK = '{"alternatives": [{"text": "he can", "confidence": 10.5}]}'
GOOGLE = '{"results": [{"alternatives": [{"transcript": "he"}]}, {"alternatives": []}]}'
AZURE = '{"NBest": [{"Lexical": "he", "Confidence": 0}]}'
AWS = '{"results": {"segments": [{"alternatives": [{"transcript": "he"}]}]}}'
WENET = '{"nbest": [{"sentence": "he"}]}'
WHOLE = {"vosk": VOSK, "google": GOOGLE, "azure": AZURE, "aws": AWS, "wenet-json": WENET}


@pytest.mark.parametrize("format", WHOLE)
@pytest.mark.parametrize("layout", ["{0}", "{0}\n{0}", "{0}{0}", "[{0}, {0}]", "[\n{0},\n{0}\n]"])
def test_documents_in_any_layout(tmp_path: Path, format: str, layout: str) -> None:
    (tmp_path / "talk 1.json.gz").write_bytes(gzip.compress(layout.format(WHOLE[format]).encode()))
    file = read_nbest(tmp_path / "talk 1.json.gz")
    assert file.format == format
    numbers = [""] if layout == "{0}" else ["-1", "-2"]
    assert [each.utterance for each in file.lists] == [f"talk_1{number}" for number in numbers]


@pytest.mark.parametrize("format", WHOLE)
def test_a_folder_has_a_document_for_each_recording(tmp_path: Path, format: str) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text(WHOLE[format])
    (tmp_path / "notes.txt").write_text("none")
    file = read_nbest(tmp_path)
    assert file.format == format
    assert [each.utterance for each in file.lists] == ["a", "b"]


def test_an_id_of_its_own_comes_before_the_files(tmp_path: Path) -> None:
    lines = [VOSK.replace("{", f'{{"id": "utt-{n}", ', 1) for n in (1, 2)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    assert [each.utterance for each in read_nbest(tmp_path / "in.jsonl", "vosk").lists] == [
        "utt-1",
        "utt-2",
    ]


@pytest.mark.parametrize(
    ("content", "format", "parts"),
    [
        (f"{VOSK}\n\n{{x", "vosk", [":3: ", "JSON does not parse at column 2"]),
        (f"{VOSK}\n5", "vosk", [":2: the document is 5"]),
        (f"[{VOSK}, 5]", "vosk", [":1: document 2: the document is 5"]),
        (f'{VOSK}\n{{"text": "he"}}', "vosk", [':2: no "alternatives"', "SetMaxAlternatives"]),
        (VOSK.replace("10.5", '"x"'), "vosk", [":1: alternative 1: confidence is 'x'"]),
        (VOSK.replace("confidence", "c"), "vosk", [':1: alternative 1: no "confidence"']),
        ('{"alternatives": []}', "vosk", ["utterance 'in': no hypotheses"]),
        ('{"partial": ""}', "vosk", ["the file is empty"]),
        ('{"RecognitionStatus": "Success"}', "azure", ['no "NBest"', "detailed"]),
        ('{"NBest": [{"Display": "He."}]}', "azure", ['alternative 1: no "lexical"']),
        (AZURE.replace("0}", "1.5}"), "azure", ["alternative 1: confidence 1.5", "0 to 1"]),
        ('{"results": {}}', "aws", ['no "transcripts"']),
        ('{"results": {"segments": [{}]}}', "aws", ['segment 1: no "alternatives"']),
        (AWS.replace("transcript", "x"), "aws", ['alternative 1: no "transcript"']),
        ('{"results": [5]}', "google", ["a result is 5"]),
        (GOOGLE.replace('"he"', "1"), "google", ["result 1, alternative 1: transcript is 1"]),
        ('{"nbest": [{}]}', "wenet-json", ['hypothesis 1: no "sentence"']),
        ('{"nbest": "[{"}', "wenet-json", ["nbest: JSON does not parse"]),
    ],
)
def test_a_bad_document_is_told(
    tmp_path: Path, content: str, format: str, parts: list[str]
) -> None:
    path = tmp_path / "in.json"
    path.write_text(content)
    refusal(lambda: read_nbest(path, format), str(path), *parts)


def test_the_whole_transcript_is_one_hypothesis(tmp_path: Path) -> None:
    transcripts = '{"results": {"transcripts": [{"transcript": "He can."}], "items": []}}'
    (tmp_path / "job.json").write_text(transcripts)
    (only,) = read_nbest(tmp_path / "job.json").lists
    assert [h.words for h in only.hypotheses] == [("He", "can.")]


def test_google_operations_and_confidences_of_all(tmp_path: Path) -> None:
    results = GOOGLE.replace('"he"', '"he", "confidence": 1')
    (tmp_path / "in.json").write_text(f'{{"name": "1", "done": true, "response": {results}}}')
    file = read_nbest(tmp_path / "in.json")
    assert file.format == "google" and file.remarks == ()
    assert file.lists[0].hypotheses[0].scores == {"confidence": 0.0}
