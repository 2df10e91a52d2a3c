"""Which format of n-best lists a file or folder has, by how it begins."""

from __future__ import annotations

import codecs
import lzma
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.recognition.formats import json_stream, kaldi_nbest
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format
from rescorer.recognition.formats.parsing import Place, empty

_BINARY_HEAD = 1024  # bytes
_WHISPER = ("segments", "[]", "avg_logprob")


def find_format(path: Path, formats: Mapping[str, Format], names: str) -> Format:
    """The only format that fits.

    Args:
        names: of all formats, for errors.

    Raises:
        InputError: the path cannot be read, no format fits, or several do.
    """
    if not os.path.isdir(path) and kaldi_nbest.folder_of(path) is None and _is_binary(path):
        raise InputError(
            "binary, and no lattices",
            expected=f"one of {names}",
            file=path,
            remedy="check the path",
        )
    beginning = Beginning.of(path)
    found = _matching(beginning, formats)
    if len(found) > 1:
        raise _ambiguous(path, found)
    if found:
        return found[0]
    if beginning.is_folder:
        return formats[kaldi_nbest.FORMAT.name]  # its reader says what is missing
    raise _unknown(beginning, names)


def matching_formats(path: Path, formats: Mapping[str, Format]) -> list[Format]:
    """The formats that fit. Raises InputError where the path cannot be read."""
    return _matching(Beginning.of(path), formats)


def _matching(beginning: Beginning, formats: Mapping[str, Format]) -> list[Format]:
    # Kaldi's folder is known by its members, each of which may look like a file of another format.
    found = [format for format in formats.values() if format.matches(beginning)]
    return [kaldi_nbest.FORMAT] if kaldi_nbest.FORMAT in found else found


def _ambiguous(path: Path, found: list[Format]) -> InputError:
    names = [format.name for format in found]
    return Place(path, 1).error(
        f"the content could be {' or '.join(names)}",
        "one format",
        f"name it: {' or '.join(f'--format {name}' for name in names)}",
    )


def _unknown(beginning: Beginning, names: str) -> InputError:
    path = beginning.path
    if not beginning.text:
        return empty(path)
    if _WHISPER in beginning.members:
        return Place(path).error(
            "Whisper's JSON: one hypothesis for each segment, and avg_logprob, a mean over tokens",
            "n-best lists with sums of log-probabilities",
            "see the recognisers' table in docs/reference/formats.md for n-best lists of Whisper",
        )
    if beginning.is_json:
        _check_json(beginning)
        return Place(path, 1).error(
            "JSON of no known format", f"one of {names}", "name the format, or convert the file"
        )
    return Place(path, 1).error(
        "the format is not known by its content",
        f"one of {names}",
        "name the format, or convert the file, such as to lines `utt-1 -12.3 the words`; lines "
        "`utt words` of one hypothesis each are --format one-best",
    )


def _check_json(beginning: Beginning) -> None:
    """Raises InputError where it does not parse."""
    if _is_lines(beginning):
        js.load(beginning.lines[0], Place(beginning.path, 1))
        return
    for _ in json_stream.documents(beginning.path):
        pass


def _is_lines(beginning: Beginning) -> bool:
    """Whether the JSON looks like a value a line."""
    return all(line.lstrip().startswith("{") for line in beginning.lines)


def _is_binary(path: Path) -> bool:
    """Whether it begins with a NUL and what is no UTF-8. What cannot be read is told by whoever
    reads on.
    """
    with open_binary(path) as file:
        try:
            beginning = file.read(_BINARY_HEAD)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return b"\0" in beginning
    return False
