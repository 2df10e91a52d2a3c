"""What was said: references by utterance, in the formats that corpora and tools have them in.

One module a format, and the table of them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rescorer.errors import InputError
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.parsing import Place, empty, show
from rescorer.recognition.references import ctm, jsonl, lhotse, nemo, stm, text, trn
from rescorer.recognition.references.lists import reference_format
from rescorer.recognition.references.reference_format import ReferenceFormat, scored_lines

REFERENCE_FORMATS: Mapping[str, ReferenceFormat] = MappingProxyType(
    {
        format.name: format
        for format in (
            text.FORMAT,
            trn.FORMAT,
            stm.FORMAT,
            ctm.FORMAT,
            jsonl.FORMAT,
            nemo.FORMAT,
            lhotse.FORMAT,
            *map(reference_format, ("icefall", "mlm-scoring", "hyporadise")),
        )
    }
)
_OPTION = "--ref-format"


def read_references(path: str | Path, format: str | None = None) -> dict[str, tuple[str, ...]]:
    """Read references; the format is found from the content unless its name is given.

    A reference may have no words; blank lines are passed over.

    Raises:
        InputError: an empty file, an utterance that is there twice, a bad line, or lines of two
            formats, with the line.
    """
    path = Path(path)
    chosen = _find(path) if format is None else _named(format)
    references: dict[str, tuple[str, ...]] = {}
    for place, utterance, words in chosen.read(path):
        if utterance in references:
            raise place.error(
                f"utterance {show(utterance)} is there twice",
                "unique ids",
                f"take one out; if it is no id, name the format with {_OPTION}",
            )
        references[utterance] = words
    if not references:
        raise empty(path)
    return references


def _named(name: str) -> ReferenceFormat:
    if name not in REFERENCE_FORMATS:
        raise InputError(
            f"unknown format {name!r} of references",
            expected=", ".join(REFERENCE_FORMATS),
            remedy="choose one of these",
        )
    return REFERENCE_FORMATS[name]


def _find(path: Path) -> ReferenceFormat:
    beginning = Beginning.of(path)
    if beginning.is_folder:
        raise InputError(
            "is a folder", expected="a file of references", remedy="give the file", file=path
        )
    found = [
        format
        for format in REFERENCE_FORMATS.values()
        if format.matches and format.matches(beginning)
    ]
    if len(found) > 1:
        raise _ambiguous(Place(path), found)
    if found:
        return found[0]
    if beginning.is_json:
        return REFERENCE_FORMATS["jsonl"]  # its reader tells what is missing
    return _by_lines(path)


def _by_lines(path: Path) -> ReferenceFormat:
    """The format that every line has; `text` where no line has one of the others.

    Raises:
        InputError: the lines can have two formats, or some of them have one and others none.
    """
    lines = list(scored_lines(path))
    formats = [format for format in REFERENCE_FORMATS.values() if format.fits]
    whole = [format for format in formats if lines and not _misfits(format.fits, lines)]
    if not whole:
        for format in formats:
            _refuse_some(format, lines)
        whole = [
            format
            for format in formats
            if format.resembles and not _misfits(format.resembles, lines)
        ]
        whole += [text.FORMAT]
    if len(whole) > 1 and lines:
        raise _ambiguous(lines[0][0], whole)
    return whole[0]


def _misfits(fits: Callable[[str], bool] | None, lines: Sequence[tuple[Place, str]]) -> list[Place]:
    """Where the lines stand that do not fit."""
    return [place for place, line in lines if fits and not fits(line)]


def _refuse_some(format: ReferenceFormat, lines: Sequence[tuple[Place, str]]) -> None:
    """Raises InputError where some of the lines have a format."""
    misfits = _misfits(format.fits, lines)
    if (fitting := len(lines) - len(misfits)) > 0:
        raise misfits[0].error(
            f"the line is no {format.name}, and {fitting} of the {len(lines)} lines are",
            "lines of one format",
            f"correct the line, or name the format: {_OPTION} {format.name} or {_OPTION} text",
        )


def _ambiguous(place: Place, formats: list[ReferenceFormat]) -> InputError:
    names = [format.name for format in formats]
    return place.error(
        f"the references could be {' or '.join(names)}",
        "one format",
        f"name it: {' or '.join(f'{_OPTION} {name}' for name in names)}",
    )
