"""Joins the word pieces (sentencepiece: "▁new", "er") of lattices to words, and splits them again.

Shapes: A arcs and S states of the lattice of pieces; C pairs (arc, new state at its source) of one
level.
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

WORD_PIECE = "word_piece"  # the field of arcs that keeps the pieces
UNKNOWN_PIECE = "<unk>"
BLANK = "▁"
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_NO_CHARACTER = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as Python decodes them
_NO_ARC = -1
_MOST_ARCS = 30_000_000  # into the states of one level; they take some gigabytes


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
            model.id_to_piece(number)  # raises an error for a piece that is not UTF-8
    except (RuntimeError, UnicodeDecodeError):
        raise InputError(
            "no model of sentencepiece",
            expected="the .model file that it writes",
            file=path,
            remedy="give the bpe.model that the recogniser was trained with",
        ) from None
    return model


def spoken_pieces(model: SentencePieceProcessor) -> list[str]:
    """The spoken text of each piece, by id.

    It is empty for control pieces, and for id 0, which recognisers use as the blank. It is "<unk>"
    for the unknown piece, whatever its name in the model, even if its id is 0.
    """
    return [_spoken_piece(model, number) for number in range(model.get_piece_size())]


def _spoken_piece(model: SentencePieceProcessor, number: int) -> str:
    if model.is_unknown(number):
        return UNKNOWN_PIECE
    is_silent = number == 0 or model.is_control(number)
    return "" if is_silent else model.id_to_piece(number)


def read_pieces(path: Path) -> Symbols:
    """The pieces of a sentencepiece model as symbols: the index of a label is the piece's id.

    Id 0 is silence, whatever the model calls it. The words are those of `spoken_pieces`.

    Raises:
        InputError: sentencepiece cannot be imported, or the file is no model of its.
    """
    model = load_model(path)
    labels = (model.id_to_piece(number) for number in range(1, model.get_piece_size()))
    return Symbols(("", *labels), ("", *spoken_pieces(model)[1:]))


def join_words(pieces: Iterable[str]) -> tuple[str, ...]:
    """The words of a sequence of pieces, as `join_pieces` joins those of a path."""
    text = b"".join(map(_spelled, pieces)).decode(errors="surrogateescape")
    return tuple(_NO_CHARACTER.sub("\ufffd", text).split())


def join_pieces(lattice: Lattice) -> Lattice:
    """A lattice of words from one of word pieces, with the same paths, scores and fields.

    A word consists of a piece that begins with "▁" and the pieces after it. "<unk>" is a word by
    itself. Byte pieces ("<0x41>") are joined to characters. The text of a path is what
    sentencepiece decodes from its pieces, with "<unk>" instead of " ⁇ ".

    Only the next piece tells that a word is complete. So a word is the label of the arc whose piece
    begins the next word. The last word gets an arc of its own before the end of the sentence, with
    scores of 0 and null fields. The field `word_piece` keeps the pieces for `as_pieces`.

    A state of the new lattice is a pair of an old state and an unfinished word. There are S of them
    if each state follows a single unfinished word, as in a tree, and more if words that differ
    share their last pieces. Python visits each distinct pair of an unfinished word and a piece
    once. NumPy does the rest, one level of states at a time.

    Raises:
        InputError: too many different words, because the pieces of long paths begin no word.
    """
    return _Joining(lattice).done()


def as_pieces(lattice: Lattice) -> Lattice:
    """The inverse of `join_pieces`: a lattice from it, or one made of its arcs, with its pieces."""
    fields = dict(lattice.arc_fields)
    pieces: _Pieces = fields.pop(WORD_PIECE)  # type: ignore[assignment]
    return replace(lattice, symbols=pieces.symbols, labels=pieces.labels, arc_fields=fields)


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The pieces of arcs: labels [A] of the symbols; an arc that is added has the silent label."""

    symbols: Symbols
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> _Pieces:
        return _Pieces(self.symbols, np.append(self.labels, SILENCE)[indices])


class _Words:
    """Unfinished words and finished words, each numbered in order of occurrence; 0 is no word."""

    def __init__(self, symbols: Symbols) -> None:
        self._pieces = symbols.words
        self._unfinished, self._finished = {"": 0}, {"": 0}
        self._texts = [""]  # the unfinished words by number
        self._steps: dict[int, tuple[int, int]] = {}

    def follow(self, unfinished: np.ndarray, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Append pieces [C] to unfinished words [C].

        Returns:
            The new unfinished words [C], and the words [C] that the pieces complete.
        """
        # One number a pair, which `_step` takes apart; keys of `finish` are negative.
        return self._lookup(unfinished * len(self._pieces) + pieces, self._step)

    def finish(self, unfinished: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Complete unfinished words [C] at the end of a path, one word of each at a time.

        Returns:
            The rest [C] of each unfinished word, and the completed words [C].
        """
        return self._lookup(-1 - unfinished, self._last_step)

    def symbols(self) -> Symbols:
        words = tuple(self._finished)
        return Symbols(words, words)

    def _lookup(
        self, keys: np.ndarray, work_out: Callable[[int], tuple[int, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        # Python works out each distinct key once, over all levels.
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
        # A word is complete once something follows it.
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
    """The text with the piece appended, as bytes: a piece may be one byte of a character."""
    return (text.encode(errors="surrogateescape") + _spelled(piece)).decode(
        errors="surrogateescape"
    )


def _spelled(piece: str) -> bytes:
    """The bytes that a piece adds to a text."""
    if piece == UNKNOWN_PIECE:
        return b" <unk> "
    byte = _BYTE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace(BLANK, " ").encode()


class _Joining:
    """The new states and the arcs between them, which grow level by level."""

    def __init__(self, lattice: Lattice) -> None:
        fields = {**lattice.arc_fields, WORD_PIECE: _Pieces(lattice.symbols, lattice.labels)}
        self._lattice, self._words = replace(lattice, arc_fields=fields), _Words(lattice.symbols)
        # Buffers with an entry for each new state. The states of one old state are adjacent.
        self._origin = np.zeros(lattice.states + 1, np.int64)
        self._unfinished = np.zeros(lattice.states + 1, np.int64)
        self._made = 0
        self._begins, self._counts = (np.zeros(lattice.states, np.int64) for _ in range(2))
        self._arcs: list[tuple[np.ndarray, ...]] = []  # old arcs, sources, targets, words

    def done(self) -> Lattice:
        lattice = self._lattice
        if not lattice.arcs:
            return replace(lattice, symbols=self._words.symbols())
        self._make_states(np.zeros(1, np.int64), np.zeros(1, np.int64))
        depth = depths(lattice.states, lattice.sources, lattice.targets)[lattice.targets]
        order = np.argsort(depth, kind="stable")
        # Arcs sorted by the level of their target; the last level holds only the end.
        cuts = np.flatnonzero(np.diff(depth[order], prepend=0, append=-1))
        for begin, end in pairwise(cuts[:-1]):
            self._grow(order[begin:end])
        self._finish(order[cuts[-2] : cuts[-1]])
        return self._assembled()

    def _grow(self, arcs: np.ndarray) -> None:
        """Make the states of a level from the old arcs into it."""
        arcs, sources = self._after(arcs)
        unfinished, words = self._words.follow(
            self._unfinished[sources], self._lattice.labels[arcs]
        )
        # One number stands for a pair of an old state and an unfinished word; arcs with the same
        # pair meet in one new state.
        many = int(unfinished.max()) + 1
        states, place = np.unique(
            self._lattice.targets[arcs] * many + unfinished, return_inverse=True
        )
        first = self._make_states(*np.divmod(states, many))
        self._arcs.append((arcs, sources, first + place, words))

    def _after(self, arcs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each old arc once for each new state at its source.

        Returns:
            The arcs [C] and their sources [C].
        """
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
        """Add states for pairs of an old state and an unfinished word; returns the first number."""
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
        """Add the old arcs into the end, and before them an arc for each unfinished word."""
        arcs, sources = self._after(ends)
        before = np.unique(sources)  # the states that the arcs leave
        last = before.copy()  # the state at the end of each one's added arcs
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
