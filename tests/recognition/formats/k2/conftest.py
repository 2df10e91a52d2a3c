"""k2's lattices saved and read, without k2."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from k2_files import WORDS

from rescorer.recognition.formats.k2 import read
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice


@pytest.fixture
def words_txt(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(
        "".join(f"{word} {number}\n" for number, word in enumerate(WORDS)), encoding="utf-8"
    )
    return path


@pytest.fixture
def ragged(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Sequence[float]]], Any]:
    """Makes what torch.save writes as k2 writes its RaggedTensor, without k2."""

    class RaggedTensor:
        __module__ = "_k2.ragged"

        def __getstate__(self) -> Any:
            return self.state

    for name in ("_k2", "_k2.ragged"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    RaggedTensor.__qualname__ = "RaggedTensor"
    sys.modules["_k2.ragged"].RaggedTensor = RaggedTensor  # type: ignore[attr-defined]

    def make(values: Any) -> Any:
        made = RaggedTensor()
        flat = [value for row in values for value in row]
        kind = torch.float32 if any(isinstance(value, float) for value in flat) else torch.int32
        splits = torch.tensor(np.cumsum([0, *map(len, values)]), dtype=torch.int32)
        made.state = (splits, "row_ids1", torch.tensor(flat, dtype=kind))
        return made

    return make


@pytest.fixture
def read_dict(tmp_path: Path, words_txt: Path) -> Callable[..., list[Lattice]]:
    """Saves a dictionary and reads the file."""

    def saved(
        content: Any, name: str = "utt.pt", collector: ErrorCollector | None = None
    ) -> list[Lattice]:
        torch.save(content, tmp_path / name)
        return list(read(tmp_path / name, words_txt, collector or ErrorCollector()))

    return saved
