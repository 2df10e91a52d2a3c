"""References by utterance."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.recognition.references import read_references

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
