"""The one error of the user's: one line, whatever the file held."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from rescorer.errors import InputError, one_line


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


@pytest.mark.parametrize(
    "character", [*map(chr, (*range(32), *range(127, 161))), *"\u2028\u2029\u202e\ufeff\ud800"]
)
def test_what_is_not_printable_is_escaped(character: str) -> None:
    message = str(
        InputError(
            f"<{character}>", expected=character, remedy=character, file=f"odd{character}name"
        )
    )
    assert message.isprintable() and repr(character)[1:-1] in message
    assert one_line(f"<{character}>") == f"<{repr(character)[1:-1]}>"


def test_what_is_long_is_cut_and_place_and_remedy_stay() -> None:
    message = str(
        InputError("\x00" * 9999, expected="e" * 9999, remedy="do this", file="a.txt", line=7)
    )
    assert (
        message.startswith("a.txt:7: \\x00")
        and message.endswith("; remedy: do this")
        and len(message) < 1100
    )
    message = str(InputError("word " * 50, file="f" * 900, remedy="do this"))
    assert "…" not in message
    assert len(one_line("x" * 9999)) == 3000


def test_a_copy_from_another_process_says_the_same() -> None:
    error = InputError("f" * 480, expected="e" * 480, remedy="r" * 480, file="long\n" * 90, line=3)
    assert str(pickle.loads(pickle.dumps(error))) == str(error) and len(str(error)) > 1900


def test_message_stays_one_line() -> None:
    message = str(InputError("found 'a\nb\r'", file="odd\nname"))
    assert message == "odd\\nname: found 'a\\nb\\r'"
