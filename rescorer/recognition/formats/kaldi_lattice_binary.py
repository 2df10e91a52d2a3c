"""Kaldi's lattices in binary: OpenFst's `vector` FST, little-endian, with Kaldi's weights.

A header; then for each state its final weight, the number of its arcs (int64), and the arcs: input
label, output label, weight, target. Labels and states are int32. A weight is the graph and the
acoustic cost (two floats or two doubles), in a CompactLattice followed by the number of transition
ids (int32) and the ids. All are multiples of four bytes.

Shapes: S states, A arcs, F final states. A word is four bytes here.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rescorer.recognition.formats.byte_stream import ByteStream
from rescorer.recognition.formats.kaldi_fst import AGAIN, DOUBLE, FLOAT, Fst
from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.formats.transition_ids import PackedIds
from rescorer.recognition.graph import spans

MAGIC = struct.pack("<I", 0x7EB2FDD6)

_HEADER = struct.Struct("<iiQqqq")  # version, flags, properties, start, states, arcs
_VERSION = 2
_SYMBOLS = 0b11  # flags: tables of symbols follow
_PROPERTIES = 0b11  # expanded and mutable; OpenFst finds the others
_LONGEST = 1 << 24  # transition ids of one arc: two days of speech
_CUT = (
    "the file ends inside the lattice",
    "the rest of it",
    "the file is damaged or cut short: make it again",
)


class _Type(NamedTuple):
    """An arc type. `weight` is the words of the two costs."""

    compact: bool
    precision: str
    weight: int


_TYPES = {
    "lattice4": _Type(False, FLOAT, 2),
    "lattice8": _Type(False, DOUBLE, 4),
    "compactlattice44": _Type(True, FLOAT, 2),
    "compactlattice84": _Type(True, DOUBLE, 4),
}
_NAMES = {(kind.compact, kind.precision): name for name, kind in _TYPES.items()}


class Binary(NamedTuple):
    """An FST that was found whole in a stream.

    Attributes:
        fst: what it says.
        place: where it stands.
        arc_place: where an arc stands.
    """

    fst: Fst
    place: Place
    arc_place: Callable[[int], Place]


def read(stream: ByteStream, place: Place) -> Binary:
    """The FST at the beginning of a stream, which is passed.

    Raises:
        InputError: it is damaged, cut short or of another type, so that what follows it cannot be
            found.
    """
    began = stream.byte

    def at(byte: int) -> Place:
        return place.within(f"byte {byte}")

    kind, start, states = _read_header(stream, at)
    body = stream.byte
    layout = _Layout(kind, states)
    while not _walk(layout, stream, lambda word: at(body + 4 * word)):
        if not stream.more():
            raise at(body + len(stream.window)).error(*_CUT)
    words = np.frombuffer(stream.window[: 4 * layout.next], "<i4")
    stream.skip(4 * layout.next)
    fst, arcs = _fst(kind, start, layout, words)
    return Binary(fst, at(began), lambda arc: at(body + 4 * int(arcs[arc])))


def _need(stream: ByteStream, count: int, at: Callable[[int], Place]) -> bytes:
    found = stream.peek(count)
    if len(found) < count:
        raise at(stream.byte + len(found)).error(*_CUT)
    return found


def _read_header(stream: ByteStream, at: Callable[[int], Place]) -> tuple[_Type, int, int]:
    """(type, start, S) from the header, which is passed."""
    if _need(stream, 4, at) != MAGIC:
        raise at(stream.byte).error(
            f"begins with {show(stream.window[:4])}", f"an OpenFst file, {MAGIC!r}", AGAIN
        )
    stream.skip(4)
    if (name := _read_name(stream, at)) != "vector":
        raise at(stream.byte).error(
            f"an FST of type {show(name)}", "vector", "convert it with fstconvert"
        )
    if (name := _read_name(stream, at)) not in _TYPES:
        raise at(stream.byte).error(
            f"arcs of type {show(name)}",
            ", ".join(_TYPES),
            "give lattices of Kaldi: other FSTs have no acoustic costs",
        )
    version, flags, _, start, states, _ = _HEADER.unpack(_need(stream, _HEADER.size, at))
    if version != _VERSION:
        raise at(stream.byte).error(f"version {version}", f"version {_VERSION}", AGAIN)
    if flags & _SYMBOLS:
        raise at(stream.byte).error(
            "the FST holds tables of symbols",
            "none: Kaldi cannot read them either",
            "take them out with fstsymbols --clear_isymbols --clear_osymbols",
        )
    if states < 0 or not -1 <= start < max(states, 1):
        raise at(stream.byte).error(
            f"{states} states and the start {start}", "a start below the number of states", AGAIN
        )
    stream.skip(_HEADER.size)
    return _TYPES[name], start, states


def _read_name(stream: ByteStream, at: Callable[[int], Place]) -> str:
    (length,) = struct.unpack("<i", _need(stream, 4, at))
    if not 0 < length < 100:
        raise at(stream.byte).error(
            f"the name of a type has {length} bytes", "a name such as vector", AGAIN
        )
    name = _need(stream, 4 + length, at)[4:].decode("latin-1")
    stream.skip(4 + length)
    return name


class _Layout:
    """Where things stand in the states of an FST, as far as they were walked, in words from their
    beginning.

    Attributes:
        kind, states: from the header.
        finals: where each state begins, with its final weight.
        counts: how many arcs each has.
        arcs: where each arc begins.
        next: where the next state begins.
    """

    def __init__(self, kind: _Type, states: int) -> None:
        self.kind, self.states, self.next = kind, states, 0
        self.finals, self.counts, self.arcs = array("q"), array("q"), array("q")


def _walk(layout: _Layout, stream: ByteStream, at: Callable[[int], Place]) -> bool:
    """Walk on over the states that the window holds; False where it ends before the last.

    Nothing is taken from the file's own counts before the bytes for them are seen.
    """
    window = memoryview(stream.window)
    words = window[: len(window) // 4 * 4].cast("i")
    walk_state = _walk_compact if layout.kind.compact else _walk_plain
    while len(layout.counts) < layout.states:
        arcs = len(layout.arcs)
        try:
            after = walk_state(layout, words, at)
        except IndexError:
            after = len(words) + 1
        if after > len(words):
            del layout.arcs[arcs:]
            return False
        layout.finals.append(layout.next)
        layout.counts.append(len(layout.arcs) - arcs)
        layout.next = after
    return True


def _walk_compact(layout: _Layout, words: memoryview, at: Callable[[int], Place]) -> int:
    """Append the arcs of the next state; where the state after it begins. IndexError where the
    window ends.
    """
    weight, append = layout.kind.weight, layout.arcs.append
    count_at = (
        layout.next + weight + 1 + _length(words[layout.next + weight], layout.next + weight, at)
    )
    arc, length_at, rest = count_at + 2, 2 + weight, 4 + weight
    for _ in range(_count(words, count_at, at)):
        append(arc)
        length = words[arc + length_at]
        if not 0 <= length < _LONGEST:
            _length(length, arc + length_at, at)
        arc += rest + length
    return arc


def _walk_plain(layout: _Layout, words: memoryview, at: Callable[[int], Place]) -> int:
    """As `_walk_compact`, for arcs of one size."""
    count_at, size = layout.next + layout.kind.weight, 3 + layout.kind.weight
    arc = count_at + 2
    after = arc + size * _count(words, count_at, at)
    if after <= len(words):
        layout.arcs.extend(range(arc, after, size))
    return after


def _length(length: int, word: int, at: Callable[[int], Place]) -> int:
    if not 0 <= length < _LONGEST:
        raise at(word).error(
            f"a string of {length} transition ids", f"from 0 to {_LONGEST - 1}", AGAIN
        )
    return length


def _count(words: memoryview, word: int, at: Callable[[int], Place]) -> int:
    count: int = words[word]
    if count < 0 or words[word + 1]:
        count = (count & 0xFFFFFFFF) + (words[word + 1] << 32)
        raise at(word).error(f"a state with {count} arcs", "a number of arcs", AGAIN)
    return count


def _fst(kind: _Type, start: int, layout: _Layout, words: np.ndarray) -> tuple[Fst, np.ndarray]:
    """(FST, [A] the words where arcs begin) of what was walked over."""
    arcs, states = np.frombuffer(layout.arcs, np.int64), np.frombuffer(layout.finals, np.int64)
    weights = np.concatenate([arcs + 2, states])
    after = weights + kind.weight
    if kind.compact:
        ids = PackedIds(words, after + 1, words[after].astype(np.int64))
        targets = words[(after + 1 + ids.lengths)[: len(arcs)]]
    else:
        inputs = np.concatenate([words[arcs], np.zeros(len(states), np.int32)])
        ids = PackedIds(inputs, np.arange(len(inputs)), (inputs != 0).astype(np.int64))
        targets = words[after[: len(arcs)]]
    number = np.arange(layout.states)
    fst = Fst(
        kind.compact,
        kind.precision,
        start,
        layout.states,
        np.repeat(number, np.frombuffer(layout.counts, np.int64)),
        targets.astype(np.int64),
        words[arcs + 1].astype(np.int64),
        number,
        _costs(kind, words[weights[:, None] + np.arange(kind.weight)]),
        ids,
    )
    return fst, arcs


def _costs(kind: _Type, weights: np.ndarray) -> np.ndarray:
    """[A + S, 2] from the words of weights."""
    with np.errstate(invalid="ignore"):  # the lattice is told where a cost is not a number
        return np.ascontiguousarray(weights).view(_dtype(kind)).reshape(-1, 2).astype(np.float64)


def _dtype(kind: _Type) -> str:
    return "<f4" if kind.precision == FLOAT else "<f8"


def to_bytes(fst: Fst) -> bytes:
    """The FST as Kaldi writes it."""
    name = _NAMES[fst.compact, fst.precision]
    names = b"".join(struct.pack("<i", len(each)) + each.encode() for each in ("vector", name))
    return (
        MAGIC
        + names
        + _HEADER.pack(_VERSION, 0, _PROPERTIES, fst.start, fst.states, 0)
        + _body(fst, _TYPES[name])
    )


def _body(fst: Fst, kind: _Type) -> bytes:
    """The states, each with its arcs."""
    arcs = len(fst.sources)
    ids = fst.ids.packed()
    # A row for each state, then one for each arc; the weight of a state that is not final is
    # infinite.
    rows = np.full(fst.states, -1)
    rows[fst.finals] = arcs + np.arange(len(fst.finals))
    rows = np.concatenate([rows, np.arange(arcs)])
    ids = ids.take(rows)
    costs = np.append(fst.costs, [[np.inf, np.inf]], axis=0)[rows].astype(_dtype(kind))
    # labels stand before the weight of an arc
    heads = np.where(np.arange(len(rows)) < fst.states, 0, 2)
    sizes = heads + kind.weight + kind.compact * (1 + ids.lengths) + np.where(heads == 0, 2, 1)
    order = np.lexsort((np.arange(len(rows)), np.concatenate([np.arange(fst.states), fst.sources])))
    begins = np.empty(len(rows), np.int64)
    begins[order] = np.cumsum(sizes[order]) - sizes[order]
    words = np.zeros(int(sizes.sum()), "<i4")
    words[(begins + heads)[:, None] + np.arange(kind.weight)] = costs.view("<i4").reshape(
        -1, kind.weight
    )
    if kind.compact:
        words[begins + heads + kind.weight] = ids.lengths
        first = begins + heads + kind.weight + 1
        words[spans(first, first + ids.lengths)] = ids.values()
    words[(begins + sizes - 2)[: fst.states]] = np.bincount(fst.sources, minlength=fst.states)
    at = begins[fst.states :]
    words[at] = fst.labels if kind.compact else _single(ids.take(np.arange(fst.states, len(rows))))
    words[at + 1] = fst.labels
    words[(begins + sizes - 1)[fst.states :]] = fst.targets
    return words.tobytes()


def _single(ids: PackedIds) -> np.ndarray:
    """[A] the one id of each arc, or 0."""
    single = np.zeros(len(ids), np.int32)
    single[ids.lengths > 0] = ids.values()
    return single
