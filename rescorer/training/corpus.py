"""Text as word ids in a memory-mapped file: a corpus may be larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines, whole_path
from rescorer.models.language_model import SENTENCE_END
from rescorer.models.vocabulary import Vocabulary

_LINES_AT_ONCE = 20_000
_IDS_AT_ONCE = 1 << 24
ID_TYPE = np.dtype("<u4")


def read_sentences(paths: Iterable[str | Path]) -> Iterator[list[str]]:
    """Yield the words of each line that is not empty, of UTF-8 texts, plain or compressed.

    The texts may be pipes: each is read once, and nothing is kept.
    """
    for path in paths:
        for _, line in read_lines(path, once=True):
            if words := line.split():
                yield words


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as ids [N]. `</s>` follows each sentence."""

    ids: np.ndarray

    @classmethod
    def encode(
        cls, paths: Iterable[str | Path], vocabulary: Vocabulary, path: str | Path
    ) -> Corpus:
        """Write the ids of the texts, one sentence a line, to a file and map it.

        Raises:
            InputError: a text cannot be read, or the texts have no word.
        """
        paths = list(paths)
        sentences = read_sentences(paths)
        with whole_path(path) as work:
            with open(work, "wb") as file:
                while lines := list(islice(sentences, _LINES_AT_ONCE)):
                    words = list(chain.from_iterable((*line, SENTENCE_END) for line in lines))
                    file.write(vocabulary.encode(words).astype(ID_TYPE).tobytes())
                size = file.tell()
            if not size:
                raise InputError(
                    "no word in the text",
                    expected="a sentence a line",
                    remedy="check the file",
                    file=", ".join(map(str, paths)),
                )
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> Corpus:
        """Map a file that `encode` has written.

        Raises:
            InputError: it is missing, empty, or cut short.
        """
        try:
            return cls(np.memmap(path, dtype=ID_TYPE, mode="r"))
        except (OSError, ValueError) as error:
            found = f"cannot be read as word ids: {error}"
            raise InputError(found, remedy="encode the text again", file=path) from None

    def __len__(self) -> int:
        return len(self.ids)

    def digest(self) -> str:
        """SHA-256 of the ids. It identifies a text of a vocabulary."""
        digest = hashlib.sha256()
        for start in range(0, len(self.ids), _IDS_AT_ONCE):
            chunk = self.ids[start : start + _IDS_AT_ONCE]
            digest.update(np.ascontiguousarray(chunk, dtype=ID_TYPE).tobytes())
        return digest.hexdigest()

    def batchify(self, count: int) -> np.ndarray:
        """[U, N // U] streams of equal length, as a view without a copy.

        Up to U - 1 ids at the end are in no stream: use this for training, not for perplexity.
        """
        length = len(self.ids) // count
        return self.ids[: count * length].reshape(count, length)
