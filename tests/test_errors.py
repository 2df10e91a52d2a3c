"""The one error of the user's: one line, whatever the file held."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescorer.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "no words"),
        ({"file": "a.txt"}, "a.txt: no words"),
        ({"file": Path("a.txt"), "line": 3}, "a.txt:3: no words"),
        ({"line": 3}, "no words"),  # a line of no file says nothing
        ({"remedy": "add some"}, "no words; remedy: add some"),
        (
            {"expected": "a word a line", "remedy": "add some", "file": "a.txt", "line": 1},
            "a.txt:1: no words; expected a word a line; remedy: add some",
        ),
    ],
)
def test_message(arguments: dict[str, object], text: str) -> None:
    assert str(InputError("no words", **arguments)) == text  # type: ignore[arg-type]


def test_message_stays_one_line() -> None:
    message = str(InputError("found 'a\nb\r'", file="odd\nname"))
    assert message == "odd\\nname: found 'a\\nb\\r'"
