"""Texts and n-best lists of sentencepiece's pieces → words, and back, as the recogniser's model
cuts them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.recognition.formats import (
    holds_nbest,
    lattice_format,
    output_format,
    read_nbest,
    write_nbest,
)
from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.nbest import NBest
from rescorer.recognition.word_pieces import (
    BLANK,
    UNKNOWN_PIECE,
    join_words,
    load_model,
    spoken_pieces,
)

Words = tuple[str, ...]


class PieceModel:
    """The pieces of a recogniser, each written as its label or as its id.

    Attributes:
        unknown: how many unknown pieces `to_pieces` has given.
    """

    def __init__(self, path: Path, *, ids: bool = False) -> None:
        """Raises InputError where sentencepiece or the model cannot be read."""
        self._path, self._ids = path, ids
        self._model = load_model(path)
        self._spoken = spoken_pieces(self._model)
        self._labels = [self._model.id_to_piece(number) for number in range(len(self._spoken))]
        self._number = {label: number for number, label in enumerate(self._labels)}
        self._number[UNKNOWN_PIECE] = self._model.unk_id()
        # Some models mark where words end, or do not mark a text's first word.
        self._marks_starts = self._model.encode("a", out_type=str)[0].startswith(BLANK)
        self.unknown = 0

    def to_words(self, pieces: Sequence[str], place: Place) -> Words:
        """The words of pieces.

        Raises:
            InputError: a piece that the model does not have, or a first one that begins no word.
        """
        find = self._by_id if self._ids else self._by_label
        spoken = [piece for piece in (self._spoken[find(text, place)] for text in pieces) if piece]
        if spoken and self._marks_starts and not spoken[0].startswith((BLANK, UNKNOWN_PIECE)):
            raise place.error(
                f"the first piece {show(spoken[0])} begins no word",
                f"one that begins with {BLANK!r}",
                "give whole hypotheses, and the model that they were made with",
            )
        return join_words(spoken)

    def to_pieces(self, words: Sequence[str], place: Place) -> Words:
        """The pieces of words, the unknown one for characters that no piece has."""
        unknown = self._model.unk_id()
        numbers: list[int] = []
        for is_unknown, run in groupby(words, UNKNOWN_PIECE.__eq__):
            text = list(run)
            numbers += [unknown] * len(text) if is_unknown else self._model.encode(" ".join(text))
        self.unknown += numbers.count(unknown)
        return tuple(str(number) if self._ids else self._labels[number] for number in numbers)

    def _by_label(self, text: str, place: Place) -> int:
        if text not in self._number:
            is_number = text.isascii() and text.isdigit()
            raise place.error(
                f"{show(text)} is no piece of {self._path}",
                f"one of its {len(self._spoken)} pieces",
                "read ids with --ids"
                if is_number
                else "give the model that the pieces were made with",
            )
        return self._number[text]

    def _by_id(self, text: str, place: Place) -> int:
        if not (
            text.isascii() and text.isdigit() and len(text) <= 18 and int(text) < len(self._spoken)
        ):
            raise place.error(
                f"{show(text)} is no id of a piece of {self._path}",
                f"0 to {len(self._spoken) - 1}",
                "give the model that they were made with, or leave --ids out where they are "
                "spelled",
            )
        return int(text)


def convert(
    source: Path,
    output: Path,
    convert_words: Callable[[Words, Place], Words],
    *,
    keys: bool = False,
) -> None:
    """Write a text, line by line, or n-best lists, each line or hypothesis converted; in their
    format, or as JSON lines where that is only read.

    References of lists are words, and stay.

    Args:
        keys: the first field of each line of a text is the utterance, and stays.

    Raises:
        InputError: the source cannot be read, or a line or hypothesis cannot be converted.
    """
    if (found := lattice_format(source)) is not None:
        raise InputError(
            f"holds lattices ({found.name})",
            expected="a text or n-best lists",
            file=source,
            remedy="give them to `rescore --bpe-model`",
        )
    if not keys and holds_nbest(source):
        file = read_nbest(source)
        write_nbest(
            output,
            (_converted(nbest, convert_words, Place(source)) for nbest in file.lists),
            output_format(file.format),
        )
        return
    write_lines(
        output,
        (
            " ".join((*fields[:keys], *convert_words(tuple(fields[keys:]), Place(source, number))))
            for number, line in read_lines(source)
            for fields in [line.split()]
        ),
    )


def _converted(nbest: NBest, convert_words: Callable[[Words, Place], Words], place: Place) -> NBest:
    place = place.within(f"utterance {show(nbest.utterance)}")
    return replace(
        nbest,
        hypotheses=tuple(
            replace(
                each, words=convert_words(each.words, place.within(f"hypothesis {show(each.key)}"))
            )
            for each in nbest.hypotheses
        ),
    )
