"""Names as the outside world lists them: tables with a header line (.tsv, .csv), or one name a line
(anything else).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rescorer.files import read_lines
from rescorer.recognition.formats.parsing import Place, filled_lines, show

# Columns by the names in their header, whatever their case; the first that is there.
NAMES = ("name", "word", "surname", "last_name", "first_name", "given_name", "place", "city")
COUNTS = ("count", "population", "frequency")
ALTERNATES = ("alternate_names", "alternatenames")  # GeoNames'; | between names

_PACKED = (".gz", ".xz")
_COUNT = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Name:
    """A name as its list spells it.

    Attributes:
        text: one word or several.
        count: how many have it, or live there; 1 where the list does not tell.
        alternates: other names of the same.
    """

    text: str
    count: int
    alternates: tuple[str, ...] = ()


def read_names(path: Path) -> Iterator[Name]:
    """The names of a list, plain, .gz or .xz.

    Raises:
        InputError: a table without a column of names, a line with fewer columns, a count that is no
            whole number, or a tab in a plain list, with file and line.
    """
    kind = next((suffix for suffix in reversed(path.suffixes) if suffix not in _PACKED), "")
    if kind not in (".tsv", ".csv"):
        return _plain(path)
    return _table(_tabbed(path) if kind == ".tsv" else _commas(path), path)


def _plain(path: Path) -> Iterator[Name]:
    for place, line in filled_lines(path):
        if "\t" in line:
            raise place.error(
                f"{show(line)} holds a tab",
                "one name a line",
                "let a table's name end in .tsv, with a header line that names its columns",
            )
        yield Name(line, 1)


def _tabbed(path: Path) -> Iterator[tuple[Place, list[str]]]:
    return ((place, line.split("\t")) for place, line in filled_lines(path))


def _commas(path: Path) -> Iterator[tuple[Place, list[str]]]:
    rows = csv.reader((line + "\n" for _, line in read_lines(path)), strict=True)
    try:
        for fields in rows:
            if fields:
                yield Place(path, rows.line_num), fields
    except csv.Error as error:
        raise Place(path, rows.line_num).error(
            str(error), "comma-separated values", "correct the line"
        ) from None


def _table(rows: Iterator[tuple[Place, list[str]]], path: Path) -> Iterator[Name]:
    place, header = next(rows, (Place(path), []))
    name, count, alternates = (_column(header, names) for names in (NAMES, COUNTS, ALTERNATES))
    if name is None:
        raise place.error(
            f"no column of names among {', '.join(map(show, header)) or 'none'}",
            f"one called {', '.join(NAMES)}",
            "name the column so in the header line",
        )
    for place, fields in rows:
        if len(fields) < len(header):
            raise place.error(
                f"{len(fields)} columns", f"{len(header)} as in the header", "correct the line"
            )
        yield Name(
            fields[name],
            1 if count is None else _number(fields[count], place),
            () if alternates is None else tuple(filter(None, fields[alternates].split("|"))),
        )


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    spelled = [field.strip().lower().replace(" ", "_") for field in header]
    return next((spelled.index(name) for name in names if name in spelled), None)


def _number(text: str, place: Place) -> int:
    if not _COUNT.fullmatch(text.strip()):
        raise place.error(f"count {show(text)}", "a whole number", "correct it")
    return int(text.strip())  # of more white space than int takes away
