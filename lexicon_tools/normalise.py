"""Files of running text → sentences as a speaker would say them, for training language models of
speech.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.parallel import mapped
from rescorer.recognition.spoken_words import normalise

_CHUNK = 2000  # lines handed to a process at a time


def normalise_files(inputs: Sequence[str | Path], output: str | Path, processes: int = 1) -> None:
    """Write the sentences of text files (plain, .gz or .xz), in order, one a line (gzip where
    `output` ends in .gz).

    Memory is bounded: at most 4 chunks of 2,000 lines for each process are held at a time.

    Raises:
        InputError: no input, a file that cannot be read, or an output that cannot be written.
    """
    if not inputs:
        raise InputError("no text file given", remedy="name at least one text file to normalise")
    if processes < 1:
        raise InputError(
            f"{processes} processes", expected="at least 1", remedy="give --processes 1 or more"
        )
    lines = (line for path in inputs for _, line in read_lines(path, once=True))
    write_lines(output, chain.from_iterable(mapped(_sentence_lines, _chunks(lines), processes)))


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(lines, _CHUNK)):
        yield chunk


def _sentence_lines(lines: Iterable[str]) -> list[str]:
    return [" ".join(sentence) for line in lines for sentence in normalise(line)]
