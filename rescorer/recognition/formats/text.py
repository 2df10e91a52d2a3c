"""Plain text, one hypothesis a line: `utt-N score words…`, between blanks or tabs.

The score is a natural-log probability; it is read as `first_pass`. N is the place in the
recogniser's own order, and the key; lines may stand in any order. The format holds one score a
hypothesis: of lists that have more, `total` is written where they have it, else `first_pass`, and
the others and the references are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rescorer.files import write_lines
from rescorer.recognition.formats.parsing import (
    Place,
    check_numbers,
    filled_lines,
    format_score,
    group,
    head,
    parse_score,
    show,
    split_numbered,
    split_words,
)
from rescorer.recognition.nbest import FIRST_PASS, TOTAL, Hypothesis, NBest


def matches(path: Path) -> bool:
    """Whether the first line has a hyphen in its first field and a number next. Raises InputError
    as `head` does.
    """
    fields = head(path).partition("\n")[0].split(maxsplit=2)
    try:
        return "-" in fields[0] and float(fields[1]) is not None
    except (IndexError, ValueError):
        return False


def read(path: Path, remarks: list[str]) -> list[NBest]:
    """The lists of a file, in the order of first appearance; blank lines are passed over.

    Raises:
        InputError: anything that is not as the module says, with the line.
    """
    return group(_entries(path), path)


def _entries(path: Path) -> Iterator[tuple[str, Hypothesis]]:
    lines: dict[str, int | None] = {}
    for place, line in filled_lines(path):
        key, score, words = _fields(line, place)
        if key in lines:
            raise place.error(
                f"key {show(key)} is there twice", f"once, on line {lines[key]}", "take one out"
            )
        lines[key] = place.line
        utterance, n = split_numbered(key, place)
        yield (
            utterance,
            Hypothesis(n, split_words(words, place), {FIRST_PASS: parse_score(score, place)}),
        )


def _fields(line: str, place: Place) -> tuple[str, str, str]:
    key, score, words = [*line.split(maxsplit=2), "", ""][:3]
    if not score:
        raise place.error(f"only {show(key)}", "utt-N score words", "add the score")
    return key, score, words


def write(path: Path, lists: Sequence[NBest]) -> None:
    """Write the lists, with one of their scores.

    Raises:
        InputError: they have neither `total` nor `first_pass`, a key is no number, or the file
            cannot be written.
    """
    check_numbers(lists, Place(path))
    names = lists[0].score_names
    name = next((name for name in (TOTAL, FIRST_PASS) if name in names), None)
    if name is None:
        raise Place(path).error(
            f"the lists have the scores {', '.join(names) or 'none'}",
            f"{TOTAL} or {FIRST_PASS} for the format text",
            "write the format jsonl, which holds all scores",
        )
    write_lines(
        path,
        (
            f"{nbest.utterance}-{h.key} {format_score(h.scores[name])} {' '.join(h.words)}".rstrip()
            for nbest in lists
            for h in nbest.hypotheses
        ),
    )
