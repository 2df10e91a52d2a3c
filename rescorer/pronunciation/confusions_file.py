"""Files of confusions: JSON, one line for each spoken phone.

    {"format": "phone confusions", "version": 1, "phones": ["AA", "AE", …],
     "learnt": {"words": 5012, …},
     "insertion": {"AA": 0.0001, …},
     "spoken": {"AA": {"substitution": {"AA": 0.98, "AO": 0.004, …}, "deletion": 0.002,
                       "merge": {"R": {"ER": 0.0003}}, "split": {"AA": {"R": 0.0002}}}, …}}

`merge` has the second spoken phone, then the written one; `split` has both written phones. What the
operations of a spoken phone leave to 1 is shared evenly by its merges and splits that are not
listed. Rare ones are not, which keeps the file small.

Shapes: P phones of the set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.pronunciation.confusions import Confusions, class_confusions
from rescorer.pronunciation.edit_table import EditTable
from rescorer.pronunciation.phones import ARPABET, PhoneSet

FORMAT, VERSION = "phone confusions", 1
SHIPPED = Path(__file__).parent / "english" / "confusions.json"

_RARE = 1e-5  # merges and splits of lower probability are not listed
_CONTENT = "a file of confusions"
_ROUNDING = 1e-4  # by which a sum may exceed 1

Members = Mapping[str, Any]


def default_confusions(phones: PhoneSet = ARPABET) -> Confusions:
    """What is used where nothing was learnt: the table of the package for phones of ARPAbet.

    For other phone sets `class_confusions` guesses.
    """
    if set(phones.symbols) <= set(ARPABET.symbols):
        return _shipped().of_phones(phones)
    return class_confusions(phones)


@cache
def _shipped() -> Confusions:
    return load_confusions(SHIPPED, ARPABET)


# ---- writing ----


def save_confusions(confusions: Confusions, path: str | Path) -> None:
    """Write a file of confusions, whole or not at all."""
    write_lines(path, _lines(confusions))


def _lines(confusions: Confusions) -> Iterator[str]:
    symbols, table = confusions.phones.symbols, confusions.probabilities
    head = {
        "format": FORMAT,
        "version": VERSION,
        "phones": symbols,
        "learnt": dict(confusions.learnt),
        "insertion": _listed(symbols, table.insertion),
    }
    for name, value in head.items():
        yield ("{" if name == "format" else " ") + f"{json.dumps(name)}: {_dump(value)},"
    yield ' "spoken": {'
    for phone, symbol in enumerate(symbols):
        operations = {
            "substitution": _listed(symbols, table.substitution[phone]),
            "deletion": _rounded(table.deletion[phone]),
            "merge": _listed_pairs(symbols, table.merge[phone]),
            "split": _listed_pairs(symbols, table.split[phone]),
        }
        end = "," if phone < len(symbols) - 1 else "}}"
        yield f"  {json.dumps(symbol, ensure_ascii=False)}: {_dump(operations)}{end}"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _listed(symbols: tuple[str, ...], row: np.ndarray, least: float = 0.0) -> dict[str, float]:
    """The probabilities above a least one, by phone."""
    return {symbols[phone]: _rounded(row[phone]) for phone in np.flatnonzero(row > least)}


def _listed_pairs(symbols: tuple[str, ...], rows: np.ndarray) -> dict[str, dict[str, float]]:
    listed = (_listed(symbols, row, _RARE) for row in rows)
    return {symbol: row for symbol, row in zip(symbols, listed, strict=True) if row}


def _rounded(probability: float) -> float:
    return float(f"{probability:.5g}")


# ---- reading ----


def load_confusions(path: str | Path, phones: PhoneSet | None = None) -> Confusions:
    """Read a file of confusions.

    Args:
        phones: the phone set that they are used with; None: any.

    Raises:
        InputError: the file is damaged or of another version, its phones are others, or a
            probability or a sum of them is out of range.
    """
    return _Reader(Path(path)).confusions(phones)


class _Reader:
    """Reads one file; every fault becomes an InputError that names it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, int] = {}  # of the file's phones

    def confusions(self, phones: PhoneSet | None) -> Confusions:
        content = self._object(self._json(), "the file")
        for name, value in (("format", FORMAT), ("version", VERSION)):
            if content.get(name) != value:
                raise self._error(f"{name} {content.get(name)!r}", repr(value))
        own = self._phones(content.get("phones"))
        if phones is not None and own != phones:
            raise self._error(
                f"its {len(own)} phones are {' '.join(own.symbols)}",
                f"the {len(phones)} phones {' '.join(phones.symbols)}",
                "use confusions that were learnt with this lexicon",
            )
        return Confusions(own, self._table(content, own), self._learnt(content.get("learnt", {})))

    def _table(self, content: Members, phones: PhoneSet) -> EditTable:
        self._ids = {symbol: number for number, symbol in enumerate(phones.symbols)}
        table = EditTable.zeros(len(phones))
        table.insertion[:] = self._row(content.get("insertion"), "insertion")
        if table.insertion.sum() >= 1:
            raise self._error(f"insertions sum to {table.insertion.sum():.6g}", "less than 1")
        spoken = self._object(content.get("spoken"), "spoken")
        if set(spoken) != set(phones.symbols):
            differing = sorted(set(spoken) ^ set(phones.symbols))
            raise self._error(f"spoken: phone {differing[0]!r}", "each phone of the set once")
        for symbol, operations in spoken.items():
            self._fill(table, self._ids[symbol], self._object(operations, symbol), symbol)
        return table.normalised(stops=1 - float(table.insertion.sum()))

    def _fill(self, table: EditTable, phone: int, operations: Members, symbol: str) -> None:
        """Read the operations of one spoken phone."""
        table.substitution[phone] = self._row(
            operations.get("substitution"), f"{symbol}: substitution"
        )
        table.deletion[phone] = self._probability(operations.get("deletion"), f"{symbol}: deletion")
        for name, rows in (("merge", table.merge[phone]), ("split", table.split[phone])):
            listed = self._object(operations.get(name, {}), f"{symbol}: {name}")
            for second, row in listed.items():
                what = f"{symbol}: {name}: {second}"
                rows[self._phone(second, what)] = self._row(row, what)
        total = table.by_spoken_phone()[phone]
        if not 0 < total <= 1 + _ROUNDING:
            raise self._error(
                f"{symbol}: probabilities sum to {total:.6g}", "above 0 and at most 1"
            )
        rare = [rows[rows == 0] for rows in (table.merge[phone], table.split[phone])]
        share = max(0.0, 1 - total) / max(1, sum(map(len, rare)))
        for rows in (table.merge[phone], table.split[phone]):
            rows[rows == 0] = share

    def _json(self) -> Any:
        text = "\n".join(line for _, line in read_lines(self._path))
        try:
            return json.loads(text, object_pairs_hook=self._unique)
        except json.JSONDecodeError as error:
            raise self._error(f"no JSON: {error.msg}", _CONTENT, line=error.lineno) from None
        except (ValueError, RecursionError) as error:
            raise self._error(f"no JSON: {error}", _CONTENT) from None

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise self._error("a name comes twice in an object", "unique names")
        return members

    def _phones(self, value: object) -> PhoneSet:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._error("no list of phones", '"phones": ["AA", …]')
        try:
            return PhoneSet(value)
        except InputError as error:
            raise self._error(str(error), "a phone set") from None

    def _learnt(self, value: object) -> dict[str, float]:
        learnt = self._object(value, "learnt")
        for name, figure in learnt.items():
            if not isinstance(figure, (int, float)) or not math.isfinite(figure):
                raise self._error(f"learnt: {name} is {figure!r:.60}", "a number")
        return dict(learnt)

    def _object(self, value: object, what: str) -> Members:
        if not isinstance(value, dict):
            raise self._error(f"{what} is {value!r:.60}", "an object")
        return value

    def _phone(self, symbol: str, what: str) -> int:
        if symbol not in self._ids:
            raise self._error(f"{what}: unknown phone {symbol!r}", "a phone of the set")
        return self._ids[symbol]

    def _row(self, value: object, what: str) -> np.ndarray:
        """[P] probabilities of an object of phones."""
        row = np.zeros(len(self._ids))
        for symbol, probability in self._object(value, what).items():
            row[self._phone(symbol, what)] = self._probability(probability, f"{what}: {symbol}")
        return row

    def _probability(self, value: object, what: str) -> float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:  # type: ignore[operator] # false for NaN, too
            raise self._error(f"{what} is {value!r:.60}", "a probability from 0 to 1")
        return float(value)  # type: ignore[arg-type]

    def _error(
        self,
        found: str,
        expected: str,
        remedy: str = "make the file again with `lexicon confusions`",
        line: int | None = None,
    ) -> InputError:
        return InputError(found, expected=expected, remedy=remedy, file=self._path, line=line)
