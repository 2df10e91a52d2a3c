"""References of n-best lists, of any format that holds both; lists without one are passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats import FORMATS, read_nbest
from rescorer.recognition.formats.parsing import Place
from rescorer.recognition.references.reference_format import Reference, ReferenceFormat


def reference_format(name: str) -> ReferenceFormat:
    """The references of the n-best format of this name."""
    return ReferenceFormat(name, _reader(name), FORMATS[name].matches)


def _reader(name: str) -> Callable[[Path], Iterator[Reference]]:
    def read(path: Path) -> Iterator[Reference]:
        found = [
            Reference(Place(path), nbest.utterance, nbest.reference)
            for nbest in read_nbest(path, name).lists
            if nbest.reference is not None
        ]
        if not found:
            raise InputError(
                "these lists hold no references",
                expected="n-best lists with references",
                remedy="give the references in a file of their own",
                file=path,
            )
        yield from found

    return read
