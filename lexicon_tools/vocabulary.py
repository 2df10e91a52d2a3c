"""The vocabulary that a file holds, whatever the file."""

from __future__ import annotations

import lzma
import zlib
from pathlib import Path

from rescorer.files import open_binary
from rescorer.models.vocabulary import Vocabulary

_TORCH_MAGIC = b"PK"  # torch files are zip archives


def load_vocabulary(path: str | Path) -> Vocabulary:
    """The vocabulary of a words.tsv or of a lightrnn.pt; which it is is found from its content.

    Raises:
        InputError: it is neither, or damaged.
    """
    with open_binary(path) as file:
        try:
            is_torch = file.read(2) == _TORCH_MAGIC
        # damaged compression, of which the reader below tells
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            is_torch = False
    if not is_torch:
        return Vocabulary.load(path)
    from rescorer.models.lightrnn import LightRNN

    return LightRNN.load(path).vocabulary
