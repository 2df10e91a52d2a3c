"""Kaldi's `text`: `utterance words…` a line. An utterance may have no words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescorer.recognition.formats import one_best
from rescorer.recognition.references.reference_format import Reference, ReferenceFormat


def read(path: Path) -> Iterator[Reference]:
    """The references of a file. Raises InputError for a bad line."""
    for line in one_best.lines(path):
        yield Reference(*line)


FORMAT = ReferenceFormat("text", read)
