"""Scores of sentences in an SQLite file, so that a second run need not compute them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rescorer.errors import InputError
from rescorer.models.pretrained.settings import PretrainedSettings

Sentence = tuple[str, ...]

_VERSION = 1  # of the computation: another one gives other scores
_TABLE = """
    CREATE TABLE IF NOT EXISTS scores (
        model TEXT, sentence TEXT, log_prob REAL NOT NULL, PRIMARY KEY (model, sentence)
    ) WITHOUT ROWID
"""
_PARTS = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")  # of a model's folder
_BLOCK = 1 << 20


class ScoreCache:
    """The scores of one model. Each batch is stored at once, so that a run that is stopped keeps
    what it has scored.
    """

    def __init__(self, path: Path | None, model: str) -> None:
        """
        Args:
            path: the file, which several models may share; None: memory.
            model: tells this model and its settings from others.
        """
        self._file, self._model = path, model
        with self._readable():
            self._scores = sqlite3.connect(path or ":memory:")
            self._scores.execute(_TABLE)

    def known(self, sentences: Iterable[Sentence]) -> dict[Sentence, float]:
        """The scores of those of the sentences that have one."""
        found = {}
        with self._readable():
            for sentence in sentences:
                row = self._scores.execute(
                    "SELECT log_prob FROM scores WHERE model = ? AND sentence = ?",
                    (self._model, " ".join(sentence)),
                ).fetchone()
                if row:
                    found[sentence] = float(row[0])
        return found

    def add(self, scores: Iterable[tuple[Sequence[str], float]]) -> None:
        """Store scores, all of them or none."""
        rows = [(self._model, " ".join(sentence), score) for sentence, score in scores]
        with self._readable(), self._scores:
            self._scores.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Raises InputError if the file cannot be used."""
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise InputError(
                f"cannot be used as a cache of scores: {error}",
                remedy="give another --score-cache, or delete the file",
                file=self._file or "",
            ) from None


def model_digest(folder: Path, settings: PretrainedSettings) -> str:
    """Tells models and what they read apart: a digest of the folder's files and of the settings."""
    read = {**asdict(settings), "hf_batch_tokens": None, "version": _VERSION}
    digest = hashlib.sha256(json.dumps(read, sort_keys=True).encode())
    for path in sorted(path for part in _PARTS for path in folder.glob(part)):
        digest.update(path.name.encode())
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
