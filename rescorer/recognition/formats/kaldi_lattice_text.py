"""Kaldi's lattices as text: after the utterance's id a line for each arc and each final state, and
a blank line.

    CompactLattice   source target word graph,acoustic,3_1_1        state graph,acoustic,3_1_1
    Lattice          source target transition-id word graph,acoustic         state graph,acoustic

A weight of nothing but zeros is left out. The first line's state is the start. Words are numbers,
or spelled out after Kaldi's int2sym.pl. The text does not tell its precision: costs are floats, as
for Kaldi, unless one of the lattice is written with more characters than a float can need.

Shapes: A arcs, F final states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from rescorer.recognition.formats.kaldi_fst import AGAIN, DOUBLE, FLOAT, Fst
from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.formats.transition_ids import PackedIds, TransitionIds, spelled_ids
from rescorer.recognition.lattice import Symbols

EPSILON = "<eps>"

_LONGEST_FLOAT = 15  # characters, such as -1.17549435e-38
_EXPECTED = {
    True: "source target word graph,acoustic,ids or state graph,acoustic,ids",
    False: "source target transition-id word graph,acoustic or state graph,acoustic",
}
_ONE = {True: b"0,0,", False: b"0,0"}  # the weight that is left out
_ARC = {True: 4, False: 5}  # fields


class Text(NamedTuple):
    """The lines of a lattice, taken apart.

    Attributes:
        fst: what they say; its labels are to come.
        labels: [A] as they are written.
        arc_place: where an arc stands.
    """

    fst: Fst
    labels: Sequence[bytes]
    arc_place: Callable[[int], Place]

    @property
    def numbered(self) -> bool:
        """Whether words are numbers. One that is none among many is damage, and one number among
        words is a word.
        """
        return 2 * sum(map(bytes.isdigit, self.labels)) >= len(self.labels)

    def by_number(self) -> Fst:
        """The FST with the numbers of its words. Raises InputError for a word that is no number."""
        try:
            return self.fst._replace(labels=_numbers(self.labels))
        except (ValueError, OverflowError):
            arc = next((arc for arc, label in enumerate(self.labels) if not _is_number(label)), 0)
            raise self.arc_place(arc).error(
                f"word {show(_text(self.labels[arc]))} is not a number", "the id of a word", AGAIN
            ) from None

    def by_word(self) -> tuple[Fst, Symbols]:
        """The FST and the words that it spells out. Raises InputError for one that is no word."""
        index = {EPSILON.encode(): 0}
        numbers = [index.setdefault(label, len(index)) for label in self.labels]
        words = [_text(label) for label in index]
        for number, word in enumerate(words):
            if not word.isprintable() or word.split() != [word] or "\ufffd" in word:
                raise self.arc_place(numbers.index(number)).error(f"{show(word)}", "a word", AGAIN)
        return self.fst._replace(labels=np.array(numbers, np.int64)), Symbols(tuple(words))


def parse(lines: list[bytes], place: Callable[[int], Place]) -> Text:
    """Take the lines of a lattice apart, none of which is blank.

    Args:
        place: where each line stands.

    Raises:
        InputError: a line is not as the module says.
    """
    rows = [line.split() for line in lines]
    compact = _is_compact(rows)
    arcs = [number for number, row in enumerate(rows) if len(row) > 2]
    try:
        fst, labels = _columns(rows, compact)
    except (ValueError, OverflowError):
        bad = _bad(rows, compact)
        raise place(bad).error(show(_text(lines[bad].strip())), _EXPECTED[compact], AGAIN) from None
    return Text(fst, labels, lambda arc: place(arcs[arc]))


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")


def _bad(rows: list[list[bytes]], compact: bool) -> int:
    """The first line that cannot stand alone."""
    for number, row in enumerate(rows):
        try:
            _columns([row], compact)
        except (ValueError, OverflowError):
            return number
    return 0


def _is_compact(rows: Iterable[list[bytes]]) -> bool:
    """What most lines are: one that is of the other kind is damaged."""
    votes = 0
    for row in rows:
        if len(row) in (2, 4):
            commas = row[-1].count(b",")
            votes += 1 if commas > 1 else -1 if commas or len(row) == 4 else 0
        else:
            votes += {3: 1, 5: -1}.get(len(row), 0)
    return votes >= 0


def _columns(rows: list[list[bytes]], compact: bool) -> tuple[Fst, Sequence[bytes]]:
    """The FST, and the labels of its arcs. Raises ValueError or OverflowError for a bad line among
    them.
    """
    width, one = _ARC[compact], _ONE[compact]
    if not {1, 2, width - 1, width}.issuperset(map(len, rows)):
        raise ValueError("fields")
    arcs = [row if len(row) == width else [*row, one] for row in rows if len(row) > 2]
    # the last says it, as in Kaldi
    finals = list({row[0]: row for row in rows if len(row) < 3}.values())
    fields = list(zip(*arcs, strict=False)) or [()] * width
    weights = [*fields[-1], *(row[1] if len(row) == 2 else one for row in finals)]
    costs, ids, precision = _weights(weights, compact)
    sources, targets = _numbers(fields[0]), _numbers(fields[1])
    final = _numbers([row[0] for row in finals])
    if ids is None:
        inputs = np.concatenate([_numbers(fields[2]), np.zeros(len(finals), np.int64)])
        if inputs.max(initial=0) > np.iinfo(np.int32).max:
            raise ValueError("too great a number")
        ids = PackedIds(
            inputs.astype(np.int32), np.arange(len(inputs)), (inputs != 0).astype(np.int64)
        )
    start = int(rows[0][0]) if rows else -1
    states = 1 + max(int(each.max(initial=-1)) for each in (sources, targets, final))
    fst = Fst(compact, precision, start, states, sources, targets, sources, final, costs, ids)
    return fst, fields[width - 2]


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= 18


def _numbers(column: Sequence[bytes]) -> np.ndarray:
    """Raises ValueError for what is not a number of at most 18 digits."""
    if column and (not b"".join(column).isdigit() or max(map(len, column)) > 18):
        raise ValueError("not a number")
    return np.array(list(map(int, column)), np.int64)


def _weights(weights: list[bytes], compact: bool) -> tuple[np.ndarray, TransitionIds | None, str]:
    """(costs [A + F, 2], ids [A + F] of a CompactLattice, precision). Raises ValueError for a bad
    weight.
    """
    parts = [weight.split(b",") for weight in weights]
    if not {3 if compact else 2}.issuperset(map(len, parts)):
        raise ValueError("weight")
    columns = list(zip(*parts, strict=False)) or [()] * 3
    numbers = columns[0] + columns[1]
    if b"_" in b"".join(numbers):
        raise ValueError("1_000 is a number for Python alone")
    costs = np.array(list(map(float, numbers)), np.float64).reshape(2, -1).T
    precision = DOUBLE if max(map(len, numbers), default=0) > _LONGEST_FLOAT else FLOAT
    if precision == FLOAT:
        with np.errstate(over="ignore"):  # the lattice is told that its costs are finite
            costs = costs.astype(np.float32).astype(np.float64)
    return costs, spelled_ids(list(columns[2])) if compact else None, precision


def to_text(fst: Fst, utterance: str, labels: Sequence[str] | None) -> bytes:
    """The lattice as Kaldi writes it, words spelled out where there are `labels`."""
    arcs = len(fst.sources)
    weights = _weight_texts(fst)
    words = (
        fst.labels.tolist()
        if labels is None
        else [labels[label] or EPSILON for label in fst.labels.tolist()]
    )
    middle: Iterable[str] = map(str, words)
    if not fst.compact:
        inputs = (ids.decode() or "0" for ids in fst.ids.texts())
        middle = (f"{ids}\t{word}" for ids, word in zip(inputs, middle, strict=False))
    lines = [
        *map("{}\t{}\t{}{}\n".format, fst.sources.tolist(), fst.targets.tolist(), middle, weights),
        *map("{}{}\n".format, fst.finals.tolist(), weights[arcs:]),
    ]
    order = np.argsort(np.concatenate([fst.sources, fst.finals]), kind="stable").tolist()
    return f"{utterance} \n{''.join(lines[index] for index in order)}\n".encode()


def _weight_texts(fst: Fst) -> list[str]:
    """[A + F] with the tab before it, or nothing where a weight is left out."""
    graph, acoustic = (_cost_texts(fst.costs[:, column], fst.precision) for column in (0, 1))
    if not fst.compact:
        return [
            "" if g == a == "0" else f"\t{g},{a}" for g, a in zip(graph, acoustic, strict=False)
        ]
    ids = (each.decode() for each in fst.ids.texts())
    return [
        "" if g == a == "0" and not i else f"\t{g},{a},{i}"
        for g, a, i in zip(graph, acoustic, ids, strict=False)
    ]


def _cost_texts(costs: np.ndarray, precision: str) -> list[str]:
    """Each as short as it can be to be read back as the same number; one of doubles is long enough
    to tell them.
    """
    if precision == FLOAT:
        texts = costs.astype(np.float32).astype("U").tolist()
        texts = [text if len(text) <= _LONGEST_FLOAT else f"{float(text):.9g}" for text in texts]
    else:
        # as they are measured, so they are written
        texts = [repr(cost).removesuffix(".0") for cost in costs.tolist()]
        with np.errstate(over="ignore"):
            is_float = (costs.astype(np.float32) == costs).tolist()
        if max(map(len, texts), default=0) <= _LONGEST_FLOAT:
            texts = [
                text if same else f"{float(text):.16e}"
                for text, same in zip(texts, is_float, strict=False)
            ]
    return [text.removesuffix(".0") for text in texts]
