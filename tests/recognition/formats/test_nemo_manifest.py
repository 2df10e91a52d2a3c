"""NeMo's manifests with beams."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, TOTAL, Hypothesis, NBest

GOOD = '{"audio_filepath": "x/a.wav", "text": "he", "beams": [["he", -1], ["she", -2.5]]}'


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            '{"audio_filepath": "b.wav", "text": "he", "pred_text": "he"}',
            ['no "beams"', "extract_nbest=True", "--ref"],
        ),
        ('{"audio_filepath": "b.wav", "beams": []}', ["utterance 'b': no hypotheses"]),
        ('{"audio_filepath": "b.wav", "beams": {}}', ["beams is an object"]),
        ('{"audio_filepath": "b.wav", "beams": ["x"]}', ["beam 1: it is 'x'"]),
        ('{"audio_filepath": "b.wav", "beams": [["x"]]}', ["beam 1: 1 values", "[text, score]"]),
        ('{"audio_filepath": "b.wav", "beams": [["x", NaN]]}', ["beam 1: score", "not finite"]),
        ('{"audio_filepath": "b.wav", "beams": [["x", null]]}', ["beam 1: score is null"]),
        ('{"audio_filepath": "b.wav", "text": 5, "beams": [["x", 0]]}', ["text is 5"]),
        ('{"audio_filepath": null, "beams": [["x", 0]]}', ["the audio file is null"]),
        ('{"beams": [["x", 0]]}', ["the audio file is null", '"id"']),
        ('{"audio_filepath": "y/a.flac", "beams": [["x", 0]]}', ["'a' is there twice"]),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, line: str, parts: list[str]) -> None:
    (tmp_path / "in").write_text(f"{GOOD}\n{line}\n")
    refusal(lambda: read_nbest(tmp_path / "in"), f"{tmp_path / 'in'}:2: ", *parts)


def test_parts_of_one_file_are_told_apart_by_their_offset(tmp_path: Path) -> None:
    lines = [
        {"audio_filepath": f"/d/{name}.wav", "offset": offset, "beams": [["x", -1.0]]}
        for name, offset in (("a b", 0.5), ("a b", 12), ("c", 3.0))
    ]
    (tmp_path / "in").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = [each.utterance for each in read_nbest(tmp_path / "in").lists]
    assert found == ["a_b-0.5", "a_b-12", "c"]


def test_the_best_is_pred_text_and_one_score_is_written(tmp_path: Path) -> None:
    hypotheses = (
        Hypothesis("2", ("she",), {FIRST_PASS: -2.0, TOTAL: -3.0}),
        Hypothesis("1", ("he",), {FIRST_PASS: -1.0, TOTAL: -4.0}),
    )
    write_nbest(tmp_path / "out", [NBest("x.y", hypotheses, ("he",))], "nemo")
    assert json.loads((tmp_path / "out").read_text()) == {
        "audio_filepath": "x.y",
        "id": "x.y",
        "text": "he",
        "pred_text": "she",
        "beams": [["she", -3.0], ["he", -4.0]],
    }
