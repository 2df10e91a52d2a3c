"""HTK's Standard Lattice Format (SLF): one lattice a file, or a folder of such files, each plain or
.gz.

The HTK Book defines it in its chapter on SLF; what the book leaves open is read as SRILM's
lattice-tool reads it, and files of PocketSphinx are read as they are. A line holds fields
`name=value`: those of the header, of a node (`I=`) or of a link (`J=`); a line that begins with #
is a comment. A field that is not known is passed over.

Words stand on links, or on nodes: then each belongs to the links that enter the node. What else a
node says of its word (`v d a r` …) does so too, where the link itself says nothing. A word may be
quoted with " or ', and a backslash takes the next character as it is, or three octal digits as a
byte; a quote that is never closed is part of its word (PocketSphinx writes `W='em`). `!NULL` and no
word at all are the empty label. In PocketSphinx's files the score of a link is that of the word
that it leaves, so single links differ from the book's, but no sum along a path does.

Scores are logs of `base=`, e without it; with base=0 they are probabilities, and a link of
probability 0 is left out as if it were not there: the states that it alone led to are counted as
trimmed. Inside, and in the files that we write, scores are natural logs:

    a ACOUSTIC   l FIRST_LM   r PRONUNCIATION   n NGRAM   ds, x1 … x9 by these names

A score that only some links have is 0 on the others. Posteriors (`p`), variants (`v`), alignments
(`d`) and the times of nodes (`t`) are kept as fields: NaN, -1 or "" where there is none.
"""

from __future__ import annotations

import lzma
import math
import os
import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary, whole_path, write_lines
from rescorer.recognition.formats.parsing import (
    ErrorCollector,
    Place,
    check_id,
    filled_lines,
    show,
    split_words,
)
from rescorer.recognition.lattice import (
    SILENCE,
    SILENT,
    Arcs,
    Column,
    Lattice,
    LatticeError,
    Symbols,
    assemble,
)
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, PRONUNCIATION

# n=: an n-gram's own probability, beside that of "the general language model", l=
NGRAM = "htk_ngram"
POSTERIOR, VARIANT, ALIGNMENT, TIME = "posterior", "variant", "alignment", "time"  # names of fields

_SUFFIXES = (".slf", ".lat", ".htk")
_NULL = "!NULL"

_X = tuple(f"x{n}" for n in range(1, 10))
_SCORES = {
    "a": ACOUSTIC,
    "l": FIRST_LM,
    "r": PRONUNCIATION,
    "n": NGRAM,
    "ds": "ds",
    **{x: x for x in _X},
}
_SCALES = {
    "acscale": ACOUSTIC,
    "lmscale": FIRST_LM,
    "prscale": PRONUNCIATION,
    "ngscale": NGRAM,
    "duscale": "ds",
    **{f"{x}scale": x for x in _X},
}
_UNUSED = frozenset({"ds", *_X})  # no part of a path's total unless the header gives a scale
_FIELDS = {"p": POSTERIOR, "v": VARIANT, "d": ALIGNMENT}
_HEADER = {"V": "VERSION", "U": "UTTERANCE", "S": "SUBLAT", "N": "NODES", "L": "LINKS"}
_SHORT = {
    "time": "t",
    "WORD": "W",
    "var": "v",
    "div": "d",
    "acoustic": "a",
    "ngram": "n",
    "language": "l",
    "posterior": "p",
    "START": "S",
    "END": "E",
}
# What the lattice says itself; the other fields of a header are kept and written again.
_OURS = frozenset({*_HEADER.values(), "base", "start", "end", "wdpenalty", *_SCALES})
_KNOWN = _OURS | _HEADER.keys() | {"dir", "tscale", "lmname", "ngname", "vocab", "hmms", "amscale"}
_VARIANT = re.compile(r"(.+)\([0-9]+\)", re.DOTALL)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_ITEM = re.compile(
    r"""\s*([^\s=]+)=(?: "((?:[^"\\]|\\.)*)"(?=\s|$)
    | '((?:[^'\\]|\\.)*)'(?=\s|$) | ((?:[^\s\\]|\\.)*)(?=\s|$) )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_TO_ESCAPE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufeff]")


def matches(path: Path) -> bool:
    """Whether a file's first field is one of an SLF header, or that of a folder's first file named
    .slf, .lat or .htk.

    A file that is compressed and damaged is known by its name.

    Raises:
        InputError: there is no such file.
    """
    if os.path.isdir(path):
        files = _files(path)
        return bool(files) and matches(files[0])
    with open_binary(path) as file:
        try:
            while line := file.readline(1 << 16):
                line = line.removeprefix(b"\xef\xbb\xbf").strip()
                if line and not line.startswith(b"#"):
                    name, equals, _ = line.partition(b"=")
                    return bool(equals) and name.decode("latin-1") in _KNOWN
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return _is_named(path)
    return False


def read(path: Path, words: Path | None, collector: ErrorCollector) -> Iterator[Lattice]:
    """The lattices of a file or, in the order of names, of a folder.

    An utterance's id is the file's UTTERANCE where that is one printable token, else the file's
    name without its suffix. Scores are natural logs. The recogniser's own scales and word penalty
    are divided by its `lmscale`, so that the scale of its language model is 1, unless `lmscale` is
    not above 0; they are empty where the header has none.

    Raises:
        InputError: `words` is given, or an id is there twice; or, unless `collector` passes it
            over, a file that is not as the module says, has sub-lattices or a cycle, or does not
            tell its start, with file and line.
    """
    if words is not None:
        raise Place(path).error(
            "a table of words was given", "none: SLF spells its words", f"leave {words} out"
        )
    seen: dict[str, Path] = {}
    for file in _files(path, needed=True) if os.path.isdir(path) else [path]:
        try:
            lattice = _File(file).lattice()
            if (other := seen.setdefault(lattice.utterance, file)) != file:
                raise Place(file).error(
                    f"utterance {show(lattice.utterance)} is in {other.name} too",
                    "unique ids",
                    "take one of the files away, or correct its UTTERANCE",
                )
        except InputError as error:
            collector.add(error)
        else:
            yield lattice


def _files(folder: Path, needed: bool = False) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if _is_named(file) and file.is_file())
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", remedy="check the path", file=folder
        ) from None
    if needed and not files:
        raise Place(folder).error(
            "the folder holds no SLF files",
            f"files named {', '.join(_SUFFIXES)}, or these .gz",
            "give the folder that holds the lattices, or rename them",
        )
    return files


def _is_named(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(_SUFFIXES)


# Reading: the lines of a file become columns of nodes and links, and these become arcs.


def _real(text: str) -> float:
    value = float(text)
    # Python reads "1_000" and digits of other scripts; no recogniser writes them.
    if not math.isfinite(value) or "_" in text or not text.isascii():
        raise ValueError
    return value


def _number(text: str) -> int:
    if len(text) > 18 or not (text.isascii() and text.isdigit()):  # 18 digits fit into 64 bits
        raise ValueError
    return int(text)


def _variant(text: str) -> int:
    return -1 if text == "-1" else _number(text)


class _Field(NamedTuple):
    """One field of nodes or links: how its text is read, and what stands where there is none."""

    parse: Callable[[str], Any]
    missing: Any
    type: str  # array's

    def column(self) -> MutableSequence[Any]:
        return array(self.type) if self.type else []


_REAL, _NUMBER = _Field(_real, math.nan, "d"), _Field(_number, -1, "q")
_ON_BOTH = {
    **{key: _REAL for key in _SCORES if key not in "ln"},
    "v": _Field(_variant, -1, "q"),
    "d": _Field(str, "", ""),
}
_ON_NODES = {"I": _NUMBER, "t": _REAL, **_ON_BOTH}
_ON_LINKS = {
    "J": _NUMBER,
    "S": _NUMBER,
    "E": _NUMBER,
    "l": _REAL,
    "n": _REAL,
    "p": _REAL,
    **_ON_BOTH,
}


class _Table:
    """The nodes or the links of a file, a column a field: memory follows the lines, whatever
    numbers they hold.

    Attributes:
        lines: of each row, the line that it stands on.
    """

    def __init__(self, fields: Mapping[str, _Field]) -> None:
        self.lines = array("q")
        self._fields = fields
        self._columns: dict[str, MutableSequence[Any]] = {}

    def add(self, texts: Mapping[str, str], place: Place) -> None:
        rows = len(self.lines)
        for name, text in texts.items():
            name = _SHORT.get(name, name)
            if (field := self._fields.get(name)) is None:
                continue
            if (column := self._columns.get(name)) is None:
                column = self._columns[name] = field.column()
            if len(column) != rows:
                self._pad(name, rows, place)
            try:
                column.append(field.parse(text))
            except ValueError:
                raise _not_a_number(name, text, place, whole=field.type == "q") from None
        self.lines.append(place.line or 0)

    def _pad(self, name: str, rows: int, place: Place) -> None:
        column = self._columns[name]
        if len(column) > rows:
            raise place.error(f"{name}= is there twice", "each field once", "take one out")
        column.extend(repeat(self._fields[name].missing, rows - len(column)))

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def column(self, name: str, rows: int | None = None) -> np.ndarray:
        """[rows] one field, with what stands for nothing where a row has none; all rows, or that
        many.
        """
        field = self._fields[name]
        dtype = {"d": np.float64, "q": np.int64}.get(field.type, object)
        whole = np.full(len(self.lines) if rows is None else rows, field.missing, dtype)
        column = self._columns.get(name, [])
        whole[: len(column)] = column
        return whole


def _not_a_number(name: str, text: str, place: Place, whole: bool = False) -> InputError:
    return place.error(
        f"{name}={show(text)}",
        "a whole number" if whole else "a finite number",
        "correct it, or make the lattice again",
    )


class _Graph(NamedTuple):
    """Where the links of a file run, with one more before the start where that node has a word.

    Attributes:
        sources, targets, lines: [A] nodes, and the line of each link; 0 for one that is ours.
        start: the first node.
        finals: [F] the last ones.
        end: the number of the end state, which is ours too: one above all others.
    """

    sources: np.ndarray
    targets: np.ndarray
    lines: np.ndarray
    start: int
    finals: np.ndarray
    end: int


class _File:
    """One SLF file: first all lines are read, then they are made a lattice."""

    def __init__(self, path: Path) -> None:
        self._place = Place(path)
        self._header: dict[str, tuple[str, Place]] = {}
        self._symbols = {"": SILENCE}
        word = _Field(self._symbol, -1, "q")
        self._nodes, self._links = (
            _Table({**_ON_NODES, "W": word}),
            _Table({**_ON_LINKS, "W": word}),
        )
        for place, line in filled_lines(path):
            if not line.lstrip().startswith("#"):
                self._take(_fields(line, place), place)
        self._base = self._header_number("base", math.e)
        if self._base < 0 or self._base == 1:
            raise self._header["base"][1].error(
                f"base={self._base}", "the base of logarithms, or 0 for probabilities", "correct it"
            )
        self._size = self._check_size("NODES", self._nodes, "I")
        self._check_size("LINKS", self._links, "J")

    def _symbol(self, text: str) -> int:
        return self._symbols.setdefault("" if text == _NULL else text, len(self._symbols))

    def _take(self, fields: dict[str, str], place: Place) -> None:
        if "J" in fields:
            self._links.add(fields, place)
        elif "I" in fields:
            if "L" in fields:
                raise _sublattice(place)
            self._nodes.add(fields, place)
        else:
            for name, text in fields.items():
                self._take_header(_HEADER.get(name, name), text, place)

    def _take_header(self, name: str, text: str, place: Place) -> None:
        if name == "SUBLAT":
            raise _sublattice(place)
        if name in self._header:
            raise place.error(
                f"{name}= is there twice",
                f"once, on line {self._header[name][1].line}",
                "take one out, or make each lattice a file",
            )
        self._header[name] = text, place

    def _header_number(
        self, name: str, default: float, parse: Callable[[str], float] = _real
    ) -> float:
        if name not in self._header:
            return default
        text, place = self._header[name]
        try:
            return parse(text)
        except ValueError:
            raise _not_a_number(name, text, place, whole=parse is _number) from None

    def _check_size(self, name: str, table: _Table, key: str) -> int:
        """How many nodes or links the header says there are. Raises InputError unless they are,
        with these numbers.
        """
        if name not in self._header:
            raise self._place.error(
                f"there is no {name[0]}=",
                f"the number of {name.lower()} in the header",
                "the file is cut short, or no SLF: make the lattice again",
            )
        size, rows = int(self._header_number(name, 0, _number)), len(table.lines)
        # the lines of nodes can be left out altogether
        if rows != size and (rows or table is self._links):
            raise self._header[name][1].error(
                f"{name[0]}={size}, but there are {rows} {name.lower()}",
                "the same number",
                "the file is cut short or damaged: make the lattice again",
            )
        numbers = self._numbers(table, key, size)
        order = np.argsort(numbers, kind="stable")
        again = order[1:][np.diff(numbers[order]) == 0]
        if len(again):
            raise self._row(table, again.min()).error(
                f"{key}={numbers[again.min()]} is there twice",
                "each number once",
                "make the lattice again",
            )
        return size

    def _numbers(self, table: _Table, key: str, size: int) -> np.ndarray:
        """[rows] numbers of nodes or links. Raises InputError for one that is missing or not below
        `size`.
        """
        numbers = table.column(key)
        wrong = np.flatnonzero((numbers < 0) | (numbers >= size))
        if len(wrong):
            number = numbers[wrong[0]]
            raise self._row(table, wrong[0]).error(
                f"{key}={number}" if number >= 0 else f"there is no {key}=",
                f"a number below {size}",
                "make the lattice again",
            )
        return numbers

    def _row(self, table: _Table, row: int) -> Place:
        return self._place._replace(line=table.lines[row])

    def lattice(self) -> Lattice:
        """The lattice. Raises InputError where the lines make none."""
        symbols = self._table()
        graph = self._graph(symbols)
        arcs = self._arcs(graph)
        try:
            lattice = assemble(
                self._utterance(),
                symbols,
                graph.start,
                arcs,
                states=graph.end,
                state_fields=self._times(graph.end),
                header=self._kept_header(),
                **self._own(arcs.scores),
            )
        except LatticeError as error:
            raise self._place.error(error.found, error.expected, error.remedy) from None
        for times in lattice.state_fields.values():  # our end is where the last arcs end
            times[-1:] = np.fmax.reduce(times[lattice.sources[lattice.ends]], initial=math.nan)  # type: ignore[index]
        return lattice

    def _utterance(self) -> str:
        try:
            return check_id(*self._header.get("UTTERANCE", ("", self._place)))
        except InputError:
            return check_id(Path(self._place.file.name.removesuffix(".gz")).stem, self._place)

    def _table(self) -> Symbols:
        for label in self._symbols:
            split_words(label, self._place)  # for control characters
        return Symbols(tuple(self._symbols), tuple(map(_word, self._symbols)))

    def _kept_header(self) -> dict[str, str]:
        return {name: text for name, (text, _) in self._header.items() if _is_kept(name)}

    def _graph(self, symbols: Symbols) -> _Graph:
        sources, targets = (self._numbers(self._links, key, self._size) for key in "SE")
        graph = _Graph(
            sources,
            targets,
            np.asarray(self._links.lines),
            self._start(sources, targets),
            self._finals(sources, targets),
            self._size,
        )
        node_words = self._by_node("W")
        if node_words is None or not symbols.words[max(SILENCE, node_words[graph.start])]:
            return graph
        # The word of a node belongs to the links that enter it: here is one, from a state of ours.
        return _Graph(
            np.append(sources, self._size),
            np.append(targets, graph.start),
            np.append(graph.lines, 0),
            self._size,
            graph.finals,
            self._size + 1,
        )

    def _start(self, sources: np.ndarray, targets: np.ndarray) -> int:
        if "start" in self._header:
            return self._node_in_header("start")
        starts = np.setdiff1d(sources, targets)
        if len(sources) and len(starts) != 1:
            found = f"nodes {starts[0]} and {starts[1]} have" if len(starts) else "no node has"
            raise self._place.error(
                f"{found} links that leave and none that enters",
                "one start, and no cycles",
                "add start= to the header, or make the lattice again",
            )
        return int(starts[0]) if len(starts) else 0

    def _finals(self, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        if "end" in self._header:
            return np.array([self._node_in_header("end")])
        if not len(sources):
            # one node and no links: the empty sentence
            return np.arange(self._size == 1, dtype=np.int64)
        finals = np.setdiff1d(targets, sources)
        if not len(finals):
            raise self._place.error(
                "no node has links that enter and none that leaves",
                "an end, and no cycles",
                "add end= to the header, or make the lattice again",
            )
        return finals

    def _node_in_header(self, name: str) -> int:
        node = int(self._header_number(name, 0, _number))
        if node >= self._size:
            raise self._header[name][1].error(
                f"{name}={node}", f"a node below {self._size}", "correct it"
            )
        return node

    def _by_node(self, name: str) -> np.ndarray | None:
        """[N] a field of the nodes, by their numbers; None where no node has it."""
        if name not in self._nodes:
            return None
        column = self._nodes.column(name)
        by_node = np.empty_like(column)
        by_node[self._nodes.column("I")] = column
        return by_node

    def _times(self, end: int) -> dict[str, np.ndarray]:
        times = self._by_node("t")
        return (
            {} if times is None else {TIME: np.append(times, np.full(end - len(times), math.nan))}
        )

    def _arcs(self, graph: _Graph) -> Arcs:
        """The links, and the arcs that end the sentence."""
        if "W" in self._nodes and self._header.get("dir", ("f",))[0].startswith("b"):
            raise self._header["dir"][1].error(
                "words on the nodes of a backward lattice",
                "words on links, or dir=f",
                "convert it with SRILM's lattice-tool, or make it again",
            )
        columns = {
            name: column
            for name in ("W", *_FIELDS, *_SCORES)
            if (column := self._by_arc(name, graph.targets)) is not None
        }
        labels = columns.get("W", np.zeros(len(graph.targets), np.int64))
        logs = {
            name: self._logs(name, column, graph.lines)
            for name, column in columns.items()
            if name in _SCORES
        }
        # A link of probability 0 is as if it were not there. Another infinity is for `assemble` to
        # refuse.
        kept = np.flatnonzero(
            np.all([log > -math.inf for log in logs.values()], axis=0)
            if logs and not self._base
            else np.ones(len(labels), bool)
        )

        def ended(column: np.ndarray, last: Any) -> np.ndarray:
            return np.append(column[kept], np.full(len(graph.finals), last, column.dtype))

        return Arcs(
            np.append(graph.sources[kept], graph.finals),
            ended(graph.targets, graph.end),
            ended(np.maximum(labels, SILENCE), SILENCE),
            {_SCORES[name]: ended(log, 0.0) for name, log in logs.items()},
            {
                _FIELDS[name]: ended(columns[name], _ON_LINKS[name].missing)
                for name in _FIELDS
                if name in columns
            },
        )

    def _by_arc(self, name: str, targets: np.ndarray) -> np.ndarray | None:
        """[A] what the links say, or else the nodes that they enter; None where none of them says
        anything.
        """
        by_node = self._by_node(name)
        if by_node is None and name not in self._links:
            return None
        column = self._links.column(name, rows=len(targets))
        if by_node is not None:
            missing = _missing(column)
            column[missing] = by_node[targets[missing]]
        return column

    def _logs(self, name: str, column: np.ndarray, lines: np.ndarray) -> np.ndarray:
        """[A] natural logs of what a field holds, 0 where there is none; minus infinity for a
        probability of 0.
        """
        if not self._base and (column < 0).any():
            wrong = int(np.flatnonzero(column < 0)[0])
            raise self._place._replace(line=int(lines[wrong]) or None).error(
                f"{name}={column[wrong]} with base=0",
                "a probability",
                "correct base=, or make the lattice again",
            )
        with np.errstate(divide="ignore", over="ignore"):
            logs = column * math.log(self._base) if self._base else np.log(column)
        return np.where(np.isnan(column), 0.0, logs)

    def _own(self, scores: Iterable[str]) -> dict[str, Any]:
        """The recogniser's scales and word penalty, in units of the scale of its language model."""
        given = {
            score: self._header_number(name, 0)
            for name, score in _SCALES.items()
            if name in self._header
        }
        if not given and "wdpenalty" not in self._header:
            return {}
        unit = given.get(FIRST_LM, 1.0)
        unit = unit if unit > 0 else 1.0
        names = dict.fromkeys([*scores, FIRST_LM, *given])
        scales = {name: given.get(name, float(name not in _UNUSED)) / unit for name in names}
        penalty = 0.0 - self._word_score() / unit
        if not all(map(math.isfinite, (penalty, *scales.values()))):
            raise _not_a_number("lmscale", *self._header.get("lmscale", ("", self._place)))
        return {"own_scales": scales, "own_word_penalty": penalty}

    def _word_score(self) -> float:
        """What HTK adds for each word, in nats."""
        score = self._header_number("wdpenalty", 0.0)
        if self._base:
            return score * math.log(self._base)
        if score < 0:
            raise self._header["wdpenalty"][1].error(
                f"wdpenalty={score} with base=0", "a probability", "correct it"
            )
        return math.log(score) if score else 0.0


def _is_kept(name: str) -> bool:
    """Whether a field of a header is one that we say nothing of; names of one letter are HTK's
    own.
    """
    return name not in _OURS and _HEADER_NAME.fullmatch(name) is not None


def _missing(column: np.ndarray) -> np.ndarray:
    """[rows] bool: where a column holds what stands for nothing."""
    if column.dtype == float:
        return np.asarray(np.isnan(column))
    return np.asarray(column == ("" if column.dtype == object else -1))


def _sublattice(place: Place) -> InputError:
    return place.error(
        "a sub-lattice", "one lattice of words", "expand the sub-lattices, or make it again without"
    )


def _word(label: str) -> str:
    """What a language model hears: nothing for silence, and the word itself for `word(2)`."""
    variant = _VARIANT.fullmatch(label)
    word = variant[1] if variant else label
    return "" if word.lower() in SILENT else word


def _fields(line: str, place: Place) -> dict[str, str]:
    """The fields of a line, by name as spelled. Raises InputError for anything else on it."""
    if '="' in line or "='" in line or "\\" in line:
        pairs: Sequence[Sequence[str]] = _quoted(line, place)
    else:
        pairs = [item.split("=", 1) for item in line.split()]
    try:
        fields = {name: text for name, text in pairs}
    except ValueError:
        raise _no_field(next(pair[0] for pair in pairs if len(pair) < 2), place) from None
    if len(fields) != len(pairs):
        raise place.error("a field is there twice", "each field once", "take one out")
    return fields


def _quoted(line: str, place: Place) -> list[tuple[str, str]]:
    pairs, at, end = [], 0, len(line.rstrip())
    while at < end:
        if (item := _ITEM.match(line, at)) is None:
            raise _no_field(line[at:].strip(), place)
        name, *values = item.groups()
        pairs.append(
            (name, _unescaped(next(value for value in values if value is not None), place))
        )
        at = item.end()
    return pairs


def _no_field(text: str, place: Place) -> InputError:
    return place.error(
        f"{show(text)}", "fields name=value", "correct the line, or make the lattice again"
    )


def _unescaped(text: str, place: Place) -> str:
    if "\\" not in text:
        return text
    try:
        return _ESCAPE.sub(_escaped_byte, text.encode()).decode()
    except UnicodeDecodeError:
        raise place.error(
            f"{show(text)} is not UTF-8 with its escapes",
            "UTF-8 text",
            "make the lattice again with UTF-8 words",
        ) from None


def _escaped_byte(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 8) & 255]) if len(escape[1]) == 3 else escape[1]


# Writing


def write(path: Path, lattices: Iterable[Lattice]) -> None:
    """Write lattices, whole or not at all: one to a path named .slf, .lat or .htk, or such a name
    and .gz; any number to another path, which becomes a folder of files UTTERANCE.slf, with "_" for
    each "/" of an id.

    Words stand on links, scores are natural logs. Where there is no FIRST_LM, GRAPH is written as
    `l=`; scores that SLF has no name for are left out. Arcs that end the sentence are not written
    where they score nothing; where they do, they become links without words into a final node.

    Raises:
        InputError: no lattice, several to one file, ids that no file can have, or the place cannot
            be written.
    """
    if _is_named(path):
        _write_file(path, lattices)
        return
    place = Place(path)
    names: set[str] = set()
    with whole_path(path) as folder:
        folder.mkdir()
        for lattice in lattices:
            name = check_id(lattice.utterance, place).replace("/", "_") + ".slf"
            if name in names:
                raise place.error(
                    f"two lattices for the file {show(name)}", "unique ids", "rename one utterance"
                )
            names.add(name)
            write_lines(folder / name, _lines(lattice))
        if not names:
            raise _nothing(place)


def _write_file(path: Path, lattices: Iterable[Lattice]) -> None:
    several = iter(lattices)
    lattice = next(several, None)
    if lattice is None:
        raise _nothing(Place(path))
    check_id(lattice.utterance, Place(path))
    if next(several, None) is not None:
        raise Place(path).error(
            "several lattices for one file",
            "one lattice a file",
            f"give the name of a folder: one without {', '.join(_SUFFIXES)}",
        )
    write_lines(path, _lines(lattice))


def _nothing(place: Place) -> InputError:
    return place.error("no lattices to write", "at least one", "check what was read")


def _lines(lattice: Lattice) -> Iterator[str]:
    lm = GRAPH if GRAPH in lattice.scores and FIRST_LM not in lattice.scores else FIRST_LM
    scores = {
        name: lattice.scores[score]
        for name, score in {**_SCORES, "l": lm}.items()
        if score in lattice.scores
    }
    unsaid = _ends_unsaid(lattice, scores.values())
    arcs = np.flatnonzero(~lattice.ends) if unsaid else np.arange(lattice.arcs)
    nodes = max(0, lattice.states - unsaid)
    yield from _header_lines(lattice, lm)
    if nodes:
        yield "start=0"
        # where several nodes end the sentence, no link leaves them
        if lattice.arcs - len(arcs) <= 1:
            yield f"end={nodes - 1}"
    yield f"N={nodes}\tL={len(arcs)}"
    times = _texts("t", lattice.state_fields.get(TIME), np.arange(nodes))
    yield from (f"I={node}{time}" for node, time in enumerate(times))
    words = [_NULL, *(_quote(label) for label in lattice.symbols.labels[SILENCE + 1 :])]
    columns = {**scores, **{name: lattice.arc_fields.get(field) for name, field in _FIELDS.items()}}
    rest = map(
        "".join, zip(*(_texts(name, column, arcs) for name, column in columns.items()), strict=True)
    )
    links = zip(
        lattice.sources[arcs].tolist(),
        lattice.targets[arcs].tolist(),
        lattice.labels[arcs].tolist(),
        rest,
        strict=True,
    )
    yield from (
        f"J={link}\tS={source}\tE={target}\tW={words[label]}{more}"
        for link, (source, target, label, more) in enumerate(links)
    )


def _ends_unsaid(lattice: Lattice, scores: Iterable[np.ndarray]) -> bool:
    """Whether the arcs that end the sentence say no more than which nodes have no link that
    leaves.
    """
    ends = np.flatnonzero(lattice.ends)
    says = lattice.labels[ends].any() or any(score[ends].any() for score in scores)
    return not says and bool((np.bincount(lattice.sources)[lattice.sources[ends]] == 1).all())


def _header_lines(lattice: Lattice, lm: str) -> Iterator[str]:
    header = {"VERSION": "1.1", "UTTERANCE": lattice.utterance}
    header.update(
        (name, text)
        for name, text in lattice.header.items()
        if _is_kept(name) and isinstance(text, str)
    )
    yield from (f"{name}={_quote(text)}" for name, text in header.items())
    for name, score in {**_SCALES, "lmscale": lm}.items():
        if score in lattice.own_scales:
            yield f"{name}={float(lattice.own_scales[score])!r}"
    if lattice.own_scales or lattice.own_word_penalty:
        yield f"wdpenalty={0.0 - float(lattice.own_word_penalty)!r}"


def _texts(name: str, column: Column | None, rows: np.ndarray) -> list[str]:
    """A field for each row as it is written, with a tab before it; nothing where the row has
    none.
    """
    if column is None:
        return [""] * len(rows)
    values: list[Any] = np.asarray(column.take(rows)).tolist()
    if name == "d":
        return [f"\t{name}={_quote(value)}" if value else "" for value in values]
    if name == "v":
        return [f"\t{name}={value}" if value >= 0 else "" for value in values]
    # NaN is not itself
    return [f"\t{name}={value!r}" if value == value else "" for value in values]


def _quote(text: str) -> str:
    """A value as HTK reads it back: white space as the octal codes of its bytes, and no quote at
    its beginning.
    """
    text = _TO_ESCAPE.sub(
        lambda bad: "".join(f"\\{byte:03o}" for byte in bad[0].encode()), text.replace("\\", r"\\")
    )
    return "\\" + text if text.startswith(("'", '"')) else text
