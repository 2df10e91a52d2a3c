"""Results as data: the figures of a benchmark with its command, machine and measured sources.

A benchmark makes a `Measurement`, adds rows as it measures them, and finishes it. Each row is
printed at once. With `--record` the result is written to `benchmarks/results/NAME.json`, which
`benchmarks.render` reads.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.sources import ROOT, digest, sources_of
from rescorer.errors import InputError
from rescorer.files import write_lines

FOLDER = Path(__file__).parent / "results"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


@dataclass(frozen=True)
class Column:
    """Attributes:
    key: the key of its values in the rows.
    label: its head in the table.
    format: of its numbers, as Python's `format` takes it, such as ",d" or ".2f".
    """

    key: str
    label: str
    format: str = ""

    def shown(self, row: Mapping[str, Any]) -> str:
        """The cell of this column in a row."""
        value = row.get(self.key)
        if value is None:
            return ""
        if isinstance(value, str | bool):
            return str(value)
        if isinstance(value, list | tuple):  # an interval
            return f"[{', '.join(format(each, self.format or '.4g') for each in value)}]"
        if self.format:
            return format(value, self.format)
        if isinstance(value, int):
            return f"{value:,}"
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

    def is_number(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether all values in these rows are numbers."""
        values = [row[self.key] for row in rows if row.get(self.key) is not None]
        return bool(values) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in values
        )


@dataclass(frozen=True)
class Result:
    """One measurement.

    Attributes:
        name: of its file, without `.json`.
        title: the head of its table.
        question: the question that it answers, one sentence.
        command: the command that measures it.
        commit: the measured commit; for figures of older notes, the commit that recorded them.
        date: YYYY-MM-DD.
        machine: processor, cores, versions.
        measures: source files, or folders of them, whose change makes the result outdated.
        settings: the settings that matter.
        columns: of the table.
        rows: of the table; values without a column are not shown.
        notes: sentences under the table.
        sources: digests of `measures` at the time of the measurement.
        outdated: why the command would give other figures today, if that is known.
    """

    name: str
    title: str
    question: str
    command: str
    commit: str
    date: str
    machine: str
    measures: tuple[str, ...]
    settings: Mapping[str, Any]
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    outdated: str = ""

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read a file. Raises InputError if it is no result."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"no JSON: {error}", remedy="measure it again", file=path) from None
        result = cls.from_dict(content, path)
        if result.name != path.stem:
            raise InputError(
                f"its name is {result.name!r}",
                expected=repr(path.stem),
                remedy="rename it",
                file=path,
            )
        return result

    @classmethod
    def from_dict(cls, content: Any, path: Path) -> Result:
        """Raises InputError for a missing, unknown or empty field, or a row without any value."""

        def check(holds: bool, problem: str, expected: str) -> None:
            if not holds:
                raise InputError(
                    problem, expected=expected, remedy="correct it or measure it again", file=path
                )

        names = {each.name for each in fields(cls)}
        check(isinstance(content, dict), "it holds no object", "a result")
        unknown, missing = (
            sorted(content.keys() - names),
            sorted(names - content.keys() - _OPTIONAL),
        )
        check(not unknown, f"unknown field {unknown[:1]}", f"fields {sorted(names)}")
        check(not missing, f"no field {missing[:1]}", f"fields {sorted(names - _OPTIONAL)}")
        for name in ("title", "question", "command", "commit", "machine"):
            filled = isinstance(content[name], str) and bool(content[name].strip())
            check(filled, f"{name} is {content[name]!r}", "a text")
        check(
            bool(_NAME.fullmatch(str(content["name"]))),
            f"name {content['name']!r}",
            "lower-case letters, digits, _",
        )
        check(
            bool(_DATE.fullmatch(str(content["date"]))), f"date {content['date']!r}", "YYYY-MM-DD"
        )
        for column in content["columns"]:
            fits = {"key", "label"} <= column.keys() <= {"key", "label", "format"}
            check(fits, f"column {column}", "key, label and perhaps format")
        columns = tuple(Column(**column) for column in content["columns"])
        check(
            bool(columns) and bool(content["rows"]),
            "columns or rows are empty",
            "at least one of each",
        )
        for row in content["rows"]:
            found = [column.key for column in columns if column.key in row]
            check(
                bool(found),
                f"the row {row} has no value of a column",
                f"some of {[each.key for each in columns]}",
            )
        texts = {name: tuple(content.get(name, ())) for name in ("measures", "rows", "notes")}
        return cls(**{**content, **texts, "columns": columns})

    def write(self, folder: Path = FOLDER) -> Path:
        content = asdict(self)
        content["columns"] = [
            {key: value for key, value in column.items() if value} for column in content["columns"]
        ]
        kept = {key: value for key, value in content.items() if value or key not in _OPTIONAL}
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        write_lines(path, _json_lines(kept))
        return path

    def changed_sources(self, root: Path = ROOT) -> list[str]:
        """Those of `measures` whose digest has changed or is missing."""
        return [path for path in self.measures if self.sources.get(path) != digest(path, root)]


_OPTIONAL = {"notes", "sources", "outdated"}


def _json_lines(content: Mapping[str, Any]) -> list[str]:
    """JSON with a line for each row and each column, so that diffs show changed figures."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list | tuple) and value:
            items = ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value)
            text = f"[\n{items}\n ]"
        else:
            text = json.dumps(value, ensure_ascii=False)
        lines.append(f" {json.dumps(key)}: {text}")
    return ["{", *",\n".join(lines).split("\n"), "}"]


def read_all(folder: Path = FOLDER) -> dict[str, Result]:
    """All results by name."""
    return {path.stem: Result.read(path) for path in sorted(folder.glob("*.json"))}


# ---- measuring ----


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The parser of a benchmark, with the option that writes the result."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--record",
        nargs="?",
        const="",
        metavar="NAME",
        help="write benchmarks/results/NAME.json; without a name, that of the program",
    )
    return parser


def record(
    name: str,
    title: str,
    question: str,
    command: str,
    machine: str,
    measures: Sequence[str],
    settings: Mapping[str, Any],
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
) -> Path:
    """Write the result of a benchmark that collects its rows itself; returns the file.

    Args:
        columns: label of each column by its key.
    """
    result = Result(
        name=name,
        title=title,
        question=question,
        command=command,
        commit=_commit(),
        date=date.today().isoformat(),
        machine=machine,
        measures=tuple(measures),
        settings=settings,
        columns=tuple(Column(key, label) for key, label in columns.items()),
        rows=tuple(rows),
        notes=tuple(notes),
        sources={path: digest(path) for path in measures},
    )
    return result.write(FOLDER)


class Measurement:
    """A result that is being measured: rows are printed as Markdown when they are added.

    Args:
        program: `__file__` of the benchmark.
        arguments: its arguments, which become the settings; `record` tells whether the result is
            written.
        part: a suffix of the name, for a program with several tables.
        launcher: the program that starts it, if that is not Python.
    """

    def __init__(
        self,
        program: str,
        arguments: argparse.Namespace,
        title: str,
        question: str,
        columns: Sequence[Column],
        machine: str,
        *,
        part: str = "",
        launcher: str = "python",
    ) -> None:
        file = Path(program).resolve()
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        name = getattr(arguments, "record", None) or file.stem
        self._record = getattr(arguments, "record", None) is not None
        sources = sources_of(file)
        self._result = Result(
            name=f"{name}_{part}" if part else name,
            title=title,
            question=question,
            command=f"{launcher} -m {module} {shlex.join(map(public, sys.argv[1:]))}".strip(),
            commit=_commit(),
            date=date.today().isoformat(),
            machine=machine,
            measures=tuple(sources),
            settings={
                key: _plain(value) for key, value in vars(arguments).items() if key != "record"
            },
            columns=tuple(columns),
            rows=(),
            sources={path: digest(path) for path in sources},
        )
        self.columns = tuple(columns)
        self.rows: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def add(self, **values: Any) -> None:
        """Add a row, by the keys of the columns."""
        if not self.rows:
            print("\n" + "\n".join(table_head(self.columns, [values])))
        self.rows.append(values)
        print(table_row(self.columns, values), flush=True)

    def note(self, sentence: str) -> None:
        """Add a sentence under the table."""
        self.notes.append(sentence)

    def finish(self) -> None:
        """Print the notes, and write the result if `--record` asks for that."""
        print("".join(f"\n{note}\n" for note in self.notes), flush=True)
        if self._record:
            whole = replace(self._result, rows=tuple(self.rows), notes=tuple(self.notes))
            print(f"wrote {whole.write(FOLDER)}", file=sys.stderr)


def table_head(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first two lines of a table in Markdown; numbers are aligned right."""
    rule = ["---:" if column.is_number(rows) else "---" for column in columns]
    return [
        "| " + " | ".join(column.label for column in columns) + " |",
        "| " + " | ".join(rule) + " |",
    ]


def table_row(columns: Sequence[Column], row: Mapping[str, Any]) -> str:
    return "| " + " | ".join(column.shown(row) for column in columns) + " |"


def public(argument: str) -> str:
    """A path without this machine's folders: below DATA if in RESCORER_DATA, else its name."""
    data = os.environ.get("RESCORER_DATA")
    if data and argument.startswith(data.rstrip("/") + "/"):
        return "DATA/" + argument[len(data.rstrip("/")) + 1 :]
    return Path(argument).name if argument.startswith("/") else argument


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return public(str(value))
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return found.stdout.strip() or "unknown"
