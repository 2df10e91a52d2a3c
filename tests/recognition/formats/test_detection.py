"""Which format a file has, and what no file may be taken for."""

from __future__ import annotations

from pathlib import Path

import pytest
from recogniser_samples import SAMPLES
from refusals import refusal

from rescorer.recognition.formats import FORMATS, read_nbest
from rescorer.recognition.formats.detection import matching_formats
from rescorer.recognition.formats.json_outline import outline


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_no_sample_could_be_two_formats(path: Path) -> None:
    found = [format.name for format in matching_formats(path, FORMATS)]
    none = ("README.md", "lhotse.jsonl")
    expected = 0 if path.name in none else 1
    if path.name == "nemo-tsv":  # a folder with a manifest, which is no folder of lists
        expected = 0
    assert len(found) == expected, found


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ('{"segments": [{"avg_logprob": -0.2, "text": "x"}]}', ["Whisper's JSON", "a mean"]),
        ('{"words": []}', [":1: JSON of no known format"]),
        ('{"words": [}', [":1: JSON does not parse at column 12"]),
        ('{"words":\n[}', [":2: JSON does not parse"]),
        ("u-1 yes no\n", [":1: the format is not known", "--format one-best"]),
    ],
)
def test_what_is_no_list_is_told(tmp_path: Path, content: str, parts: list[str]) -> None:
    (tmp_path / "in").write_text(content)
    refusal(lambda: read_nbest(tmp_path / "in"), *parts)


@pytest.mark.parametrize("name", ["avg_logprob", "sequences_scores"])
def test_a_mean_over_tokens_is_no_score(tmp_path: Path, name: str) -> None:
    hypothesis = f'{{"text": "x", "{name}": -0.2}}'
    (tmp_path / "in").write_text(f'{{"id": "u", "nbest": [{hypothesis}]}}')
    parts = (f"'{name}' is a mean over the tokens", "multiply it by the number of tokens")
    refusal(lambda: read_nbest(tmp_path / "in"), ":1: hypothesis 1: ", *parts)
    (tmp_path / "in").write_text(f'{{"u": {{"hyp_1": {hypothesis}}}}}')
    refusal(lambda: read_nbest(tmp_path / "in"), "utterance 'u', hyp_1: ", *parts)
    (tmp_path / "in").write_text(f'[{{"input": ["x"], "{name}": [-0.2]}}]')
    refusal(lambda: read_nbest(tmp_path / "in"), *parts)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"a": 1, "b": [{"c": 2}, {"d": [3]}]}', ["a", "b", "b [] c", "b [] d"]),
        ('[{"a": {"b": 1}}] {"c": 1}', ["[] a", "[] a b"]),
        ('{"a": {"b" "c"}', ["a", "a b"]),
        ('{"a\\u0062": "{", "c"', ["ab", "c"]),
        ("[[[", []),
        ("{", []),
        ("", []),
    ],
)
def test_the_outline_of_json(text: str, members: list[str]) -> None:
    assert outline(text) == {tuple(member.split()) for member in members}


def test_the_outline_of_deep_or_long_json_is_short() -> None:
    assert len(outline('{"a":' * 100_000)) < 10
    assert len(outline("{" + '"a": 1, ' * 1_000_000)) == 1
