"""JSON that is read an item at a time."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import json_stream
from rescorer.recognition.formats.json_stream import JsonText
from rescorer.recognition.formats.json_values import JsonValue

VALUES: list[JsonValue] = [
    1.25e-5, -3, "a ] \" \\ } é 𝄞", None, True, {}, [], {"a": [1, {"b": "x"}], "c": -0.5}, 12,
]  # fmt: skip


def _cut(text: str, length: int) -> Iterator[str]:
    return (text[at : at + length] for at in range(0, len(text), length))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 1000])
def test_items_are_the_same_wherever_the_text_is_cut(length: int, indent: int | None) -> None:
    text = json.dumps(VALUES, indent=indent, ensure_ascii=False)
    stream = JsonText(Path("in"), _cut(text, length))
    found = [(stream.place.line, stream.value()) for _ in stream.items("[", "]")]
    stream.end()
    assert [value for _, value in found] == VALUES
    if indent:  # each begins a line of its own
        lines = enumerate(text.split("\n"), start=1)
        starts = [n for n, line in lines if line[0] == " " and line[1] not in " ]}"]
        assert [line for line, _ in found] == starts


@pytest.mark.parametrize("length", [1, 4, 1000])
def test_the_place_of_a_fault_is_the_same_wherever_the_text_is_cut(length: int) -> None:
    text = '[{"a": 1},\n  {"b":  2 3}]'
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    stream = JsonText(Path("in"), _cut(text, length))
    fault = f"in:2: JSON does not parse at column {expected.value.colno}: {expected.value.msg}"
    refusal(lambda: [stream.value() for _ in stream.items("[", "]")], fault)


def test_members_of_an_object(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_text('\ufeff{"a": 1,\n"b" : [2],"a":{}}')
    found = [(place.line, name, value) for place, name, value in json_stream.members(path)]
    assert found == [(1, "a", 1), (2, "b", [2]), (2, "a", {})]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"a": 1', ":1: JSON does not parse at column 8: Expecting ',' delimiter"),
        ('{"a": 1,}', "column 9: Expecting property name"),
        ('{"a" 1}', "column 6: Expecting ':' delimiter"),
        ("{5: 1}", "column 2: Expecting property name"),
        ('{"a": 1}\n x', ":2: JSON does not parse at column 2: Extra data"),
        ("[5]", "the file is a list; expected an object"),
        ('{"a":\n"x', ":2: JSON does not parse at column 1: Unterminated string"),
        (" \n", "the file is empty"),
    ],
)
def test_what_is_no_object_is_told(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "in").write_text(content)
    refusal(lambda: list(json_stream.members(tmp_path / "in")), fault)


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b'[1,\n"\xe9"]')
    refusal(lambda: list(json_stream.elements(tmp_path / "in")), ":2: byte 0xe9 is not UTF-8")
    (tmp_path / "in").write_bytes(b'[1,\n\n"\xc3')
    refusal(lambda: list(json_stream.elements(tmp_path / "in")), ":3: byte 0xc3 is not UTF-8")


def test_a_long_file_is_not_held(tmp_path: Path) -> None:
    with (tmp_path / "in").open("w") as file:
        file.write("[" + ",".join(['{"text": "he can see"}'] * 200_000) + "]")
    tracemalloc.start()
    assert sum(1 for _ in json_stream.elements(tmp_path / "in")) == 200_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6  # of 4.6 MB
