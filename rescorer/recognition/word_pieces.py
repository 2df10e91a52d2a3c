"""Lattices of word pieces (sentencepiece: "▁new", "er") made into lattices of whole words, and
back.

Shapes: A arcs and S states of the lattice of pieces; C (arc, state before it) pairs of a level.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_bytes
from rescorer.recognition.graph import depths, spans
from rescorer.recognition.lattice import SILENCE, Lattice, Symbols, take_or_zero

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

WORD_PIECE = "word_piece"  # the piece that an arc had, among the fields of arcs
UNKNOWN_PIECE = "<unk>"
BLANK = "▁"
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_NO_CHARACTER = re.compile("[\udc80-\udcff]")  # how Python keeps a byte that is none
_NO_ARC = -1
_MOST_ARCS = 30_000_000  # into the states of one level: some gigabytes


def load_model(path: Path) -> SentencePieceProcessor:
    """The SentencePieceProcessor of a .model file.

    Raises:
        InputError: sentencepiece cannot be imported, or the file is no model of its.
    """
    try:
        import sentencepiece
    except ImportError:
        raise InputError(
            "sentencepiece, which reads this file, is not installed",
            file=path,
            remedy="pip install sentencepiece, or give a table of lines `piece id`",
        ) from None
    model = sentencepiece.SentencePieceProcessor()
    content = read_bytes(path)
    try:
        model.LoadFromSerializedProto(content)
        for number in range(model.get_piece_size()):
            model.id_to_piece(number)  # some are no UTF-8
    except (RuntimeError, UnicodeDecodeError):
        raise InputError(
            "no model of sentencepiece",
            expected="the .model file that it writes",
            file=path,
            remedy="give the bpe.model that the recogniser was trained with",
        ) from None
    return model


def spoken_pieces(model: SentencePieceProcessor) -> list[str]:
    """What each piece says, by id: control pieces nothing, the unknown piece "<unk>" whatever the
    model calls it.

    Id 0 says nothing either, whatever the model calls it (recognisers take it for the blank),
    unless it is unknown.
    """
    return [_spoken_piece(model, number) for number in range(model.get_piece_size())]


def _spoken_piece(model: SentencePieceProcessor, number: int) -> str:
    if model.is_unknown(number):
        return UNKNOWN_PIECE
    is_silent = number == 0 or model.is_control(number)
    return "" if is_silent else model.id_to_piece(number)


def read_pieces(path: Path) -> Symbols:
    """The pieces of a sentencepiece model: the index of a label is its id, id 0 is silence whatever
    the model calls it.

    Control pieces are silent, the unknown piece is "<unk>" whatever the model calls it.

    Raises:
        InputError: sentencepiece cannot be imported, or the file is no model of its.
    """
    model = load_model(path)
    labels = (model.id_to_piece(number) for number in range(1, model.get_piece_size()))
    return Symbols(("", *labels), ("", *spoken_pieces(model)[1:]))


def join_words(pieces: Iterable[str]) -> tuple[str, ...]:
    """The words of one sequence of pieces: what `join_pieces` makes of a path."""
    text = b"".join(map(_spelled, pieces)).decode(errors="surrogateescape")
    return tuple(_NO_CHARACTER.sub("\ufffd", text).split())


def join_pieces(lattice: Lattice) -> Lattice:
    """A lattice of word pieces as one of whole words: the same paths with the same scores and
    fields.

    A word begins with a piece that begins with "▁" and goes over the pieces after it; "<unk>" is a
    word of its own, and byte pieces ("<0x41>") are put together. The text of a path is what
    sentencepiece decodes from its pieces, "<unk>" for its " ⁇ ". A word stands on the arc whose
    piece begins the next word, and the last one on an arc of its own before the sentence's end,
    with scores of 0 and nothing in its fields. The symbols are the words made, each once, and the
    field `word_piece` keeps the pieces: see `as_pieces`.

    The states are those of the old lattice, each as often as different unfinished words lead to it:
    S where a state is in or after one word only, as in a tree; more where words of the same time
    end in the same pieces. Each distinct pair of an unfinished word and a piece is looked at once,
    all else is NumPy, a level of states at a time.

    Raises:
        InputError: pieces that begin no word, one after the other, make too many different words.
    """
    return _Joining(lattice).done()


def as_pieces(lattice: Lattice) -> Lattice:
    """A lattice that `join_pieces` made, or one taken from it, with its pieces in place of
    words.
    """
    fields = dict(lattice.arc_fields)
    pieces: _Pieces = fields.pop(WORD_PIECE)  # type: ignore[assignment]
    return replace(lattice, symbols=pieces.symbols, labels=pieces.labels, arc_fields=fields)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The pieces of arcs: [A] labels among the symbols; -1 is an arc without one."""

    symbols: Symbols
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> _Pieces:
        return _Pieces(self.symbols, np.append(self.labels, SILENCE)[indices])


class _Words:
    """Unfinished words and finished ones, numbered as they come; 0 is none."""

    def __init__(self, symbols: Symbols) -> None:
        self._pieces = symbols.words
        self._unfinished, self._finished = {"": 0}, {"": 0}
        self._texts = [""]  # the unfinished by number
        self._steps: dict[int, tuple[int, int]] = {}

    def follow(self, unfinished: np.ndarray, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each piece [C] after its unfinished word [C]: (the unfinished words then [C], the words
        finished [C]).
        """
        return self._lookup(unfinished * len(self._pieces) + pieces, self._step)

    def finish(self, unfinished: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(what is left [C], the word [C]) when no more pieces follow; several words go one by
        one.
        """
        return self._lookup(-1 - unfinished, self._last_step)

    def symbols(self) -> Symbols:
        words = tuple(self._finished)
        return Symbols(words, words)

    def _lookup(
        self, keys: np.ndarray, work_out: Callable[[int], tuple[int, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        distinct, place = np.unique(keys, return_inverse=True)
        for key in distinct.tolist():
            if key not in self._steps:
                self._steps[key] = work_out(key)
        steps = np.array([self._steps[key] for key in distinct.tolist()], np.int64).reshape(-1, 2)[
            place
        ]
        return steps[:, 0], steps[:, 1]

    def _step(self, key: int) -> tuple[int, int]:
        unfinished, piece = divmod(key, len(self._pieces))
        text = _joined(self._texts[unfinished], self._pieces[piece])
        first, *rest = text.split(maxsplit=1) or [""]
        # A word is finished when there is something after it.
        return self._number(rest[0], first) if rest else self._number(text.lstrip(), "")

    def _last_step(self, key: int) -> tuple[int, int]:
        first, *rest = self._texts[-1 - key].split(maxsplit=1) or [""]
        return self._number("".join(rest), first)

    def _number(self, unfinished: str, finished: str) -> tuple[int, int]:
        if unfinished not in self._unfinished:
            self._unfinished[unfinished] = len(self._texts)
            self._texts.append(unfinished)
        finished = _NO_CHARACTER.sub("\ufffd", finished)
        return self._unfinished[unfinished], self._finished.setdefault(
            finished, len(self._finished)
        )


def _joined(text: str, piece: str) -> str:
    """Bytes are joined, not characters: pieces may be bytes of one."""
    return (text.encode(errors="surrogateescape") + _spelled(piece)).decode(
        errors="surrogateescape"
    )


def _spelled(piece: str) -> bytes:
    """What a piece adds to a text."""
    if piece == UNKNOWN_PIECE:
        return b" <unk> "
    byte = _BYTE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace(BLANK, " ").encode()


class _Joining:
    """The states made so far, and the arcs between them by level."""

    def __init__(self, lattice: Lattice) -> None:
        fields = {**lattice.arc_fields, WORD_PIECE: _Pieces(lattice.symbols, lattice.labels)}
        self._lattice, self._words = replace(lattice, arc_fields=fields), _Words(lattice.symbols)
        # Room for states; those of an old state stand together.
        self._origin = np.zeros(lattice.states + 1, np.int64)
        self._unfinished = np.zeros(lattice.states + 1, np.int64)
        self._made = 0
        self._begins, self._counts = (np.zeros(lattice.states, np.int64) for _ in range(2))
        self._arcs: list[tuple[np.ndarray, ...]] = []  # which old arc each is, source, target, word

    def done(self) -> Lattice:
        lattice = self._lattice
        if not lattice.arcs:
            return replace(lattice, symbols=self._words.symbols())
        self._make_states(np.zeros(1, np.int64), np.zeros(1, np.int64))
        depth = depths(lattice.states, lattice.sources, lattice.targets)[lattice.targets]
        order = np.argsort(depth, kind="stable")
        # the last level has the end alone
        cuts = np.flatnonzero(np.diff(depth[order], prepend=0, append=-1))
        for begin, end in pairwise(cuts[:-1]):
            self._grow(order[begin:end])
        self._finish(order[cuts[-2] : cuts[-1]])
        return self._assembled()

    def _grow(self, arcs: np.ndarray) -> None:
        """Follow the arcs [old] into the states of a level."""
        arcs, sources = self._after(arcs)
        unfinished, words = self._words.follow(
            self._unfinished[sources], self._lattice.labels[arcs]
        )
        many = int(unfinished.max()) + 1
        states, place = np.unique(
            self._lattice.targets[arcs] * many + unfinished, return_inverse=True
        )
        first = self._make_states(*np.divmod(states, many))
        self._arcs.append((arcs, sources, first + place, words))

    def _after(self, arcs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """([C] arcs, [C] states): each arc [old] as often as there are states where it begins."""
        begins, counts = (
            column[self._lattice.sources[arcs]] for column in (self._begins, self._counts)
        )
        if counts.sum() > _MOST_ARCS:
            raise InputError(
                f"utterance {self._lattice.utterance!r}: its word pieces make too many different "
                "words",
                expected=f"pieces that begin with {BLANK!r}",
                remedy="prune the lattice",
            )
        return np.repeat(arcs, counts), spans(begins, begins + counts)

    def _make_states(self, origin: np.ndarray, unfinished: np.ndarray) -> int:
        """Add states, by their old states; returns the first one's number."""
        first, self._made = self._made, self._made + len(origin)
        while self._made > len(self._origin):
            self._origin, self._unfinished = (
                np.concatenate([column, np.zeros_like(column)])
                for column in (self._origin, self._unfinished)
            )
        self._origin[first : self._made], self._unfinished[first : self._made] = origin, unfinished
        old, begins, counts = np.unique(origin, return_index=True, return_counts=True)
        self._begins[old], self._counts[old] = first + begins, counts
        return first

    def _finish(self, ends: np.ndarray) -> None:
        """The arcs [old] into the end: before them, an arc for each word that is still
        unfinished.
        """
        arcs, sources = self._after(ends)
        before = np.unique(sources)  # the states that have an end
        last = before.copy()  # from where it goes to the end
        here = np.arange(len(before))
        while True:
            left, words = self._words.finish(self._unfinished[last[here]])
            some = words != 0
            if not some.any():
                break
            here, left, words = here[some], left[some], words[some]
            first = self._make_states(self._origin[last[here]], left)
            made = first + np.arange(len(here))
            self._arcs.append((np.full(len(here), _NO_ARC), last[here], made, words))
            last[here] = made
        end = self._make_states(np.array([self._lattice.states - 1]), np.zeros(1, np.int64))
        tails = last[np.searchsorted(before, sources)]
        self._arcs.append((arcs, tails, np.full(len(arcs), end), np.zeros(len(arcs), np.int64)))

    def _assembled(self) -> Lattice:
        lattice = self._lattice
        arcs, sources, targets, words = (
            np.concatenate(parts) for parts in zip(*self._arcs, strict=True)
        )
        order = np.argsort(sources, kind="stable")
        arcs = arcs[order]
        states = self._origin[: self._made]
        return replace(
            lattice,
            symbols=self._words.symbols(),
            states=self._made,
            sources=sources[order],
            targets=targets[order],
            labels=words[order],
            scores={name: take_or_zero(score, arcs) for name, score in lattice.scores.items()},
            arc_fields={
                name: take_or_zero(column, arcs) for name, column in lattice.arc_fields.items()
            },
            state_fields={
                name: column.take(states) for name, column in lattice.state_fields.items()
            },
        )
