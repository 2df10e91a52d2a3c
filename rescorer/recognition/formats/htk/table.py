"""The nodes or the links of an SLF file, in columns."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, MutableSequence
from dataclasses import dataclass
from itertools import repeat
from typing import Generic, TypeVar

import numpy as np

from rescorer.recognition.formats.htk.fields import SCORES, SHORT_NAMES
from rescorer.recognition.formats.htk.numbers import (
    not_a_number,
    parse_real,
    parse_variant,
    parse_whole,
)
from rescorer.recognition.formats.parsing import Place

Value = TypeVar("Value", float, int, str)


@dataclass(frozen=True)
class Field(Generic[Value]):
    """How one field of nodes or links is read and stored.

    Attributes:
        parse: the value of a text; raises ValueError.
        missing: what stands in a row without this field.
        make_values: an empty sequence of values.
        dtype: of the column as an array.
    """

    parse: Callable[[str], Value]
    missing: Value
    make_values: Callable[[], MutableSequence[Value]]
    dtype: type

    def column(self, name: str) -> _Column[Value]:
        """An empty column of this field."""
        return _Column(name, self)


def whole_field(parse: Callable[[str], int] = parse_whole) -> Field[int]:
    """A field of numbers of 0 or more, -1 where there is none."""
    return Field(parse, -1, lambda: array("q"), np.int64)


def _real_field() -> Field[float]:
    return Field(parse_real, math.nan, lambda: array("d"), np.float64)


TableField = Field[float] | Field[int] | Field[str]

_ON_BOTH: dict[str, TableField] = {
    **{name: _real_field() for name in SCORES if name not in "ln"},
    "v": whole_field(parse_variant),
    "d": Field(str, "", list, object),
}
ON_NODES: Mapping[str, TableField] = {"I": whole_field(), "t": _real_field(), **_ON_BOTH}
ON_LINKS: Mapping[str, TableField] = {
    **{name: whole_field() for name in "JSE"},
    **{name: _real_field() for name in "lnp"},
    **_ON_BOTH,
}


class _Column(Generic[Value]):
    """The values of one field. It may be shorter than its table: the rest is missing."""

    def __init__(self, name: str, field: Field[Value]) -> None:
        self._name = name
        self._field: Field[Value] = field
        self._values: MutableSequence[Value] = field.make_values()

    def add(self, text: str, row: int, place: Place) -> None:
        """Set the value of a row, which no earlier row of the table follows."""
        if len(self._values) != row:
            self._fill_up_to(row, place)
        try:
            self._values.append(self._field.parse(text))
        except ValueError:
            is_whole = self._field.dtype is np.int64
            raise not_a_number(self._name, text, place, is_whole) from None

    def _fill_up_to(self, row: int, place: Place) -> None:
        name, values = self._name, self._values
        if len(values) > row:
            raise place.error(f"{name}= is there twice", "each field once", "take one out")
        values.extend(repeat(self._field.missing, row - len(values)))

    def array(self, rows: int) -> np.ndarray:
        """[rows] the values."""
        whole: np.ndarray = np.full(rows, self._field.missing, self._field.dtype)
        whole[: len(self._values)] = self._values
        return whole


class Table:
    """A column for each field: memory follows the lines, whatever numbers they hold.

    Attributes:
        lines: of each row, the line that it stands on.
    """

    def __init__(self, fields: Mapping[str, TableField]) -> None:
        self.lines = array("q")
        self._fields = fields
        self._columns: dict[str, _Column[float] | _Column[int] | _Column[str]] = {}

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, texts: Mapping[str, str], place: Place) -> None:
        """Add a row. Raises InputError for a value that its field cannot have."""
        row = len(self.lines)
        for name, text in texts.items():
            name = SHORT_NAMES.get(name, name)
            column = self._columns.get(name)
            if column is None:
                if name not in self._fields:
                    continue
                column = self._columns[name] = self._fields[name].column(name)
            column.add(text, row, place)
        self.lines.append(place.line or 0)

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def column(self, name: str, rows: int | None = None) -> np.ndarray:
        """[rows] one field, with what is missing filled in.

        Args:
            rows: how many, at least as many as the table has; as many without it.
        """
        rows = len(self.lines) if rows is None else rows
        column = self._columns.get(name) or self._fields[name].column(name)
        return column.array(rows)


def is_missing(column: np.ndarray) -> np.ndarray:
    """[rows] bool: which rows of a column have no value."""
    if column.dtype == float:
        return np.asarray(np.isnan(column))
    return np.asarray(column == ("" if column.dtype == object else -1))
