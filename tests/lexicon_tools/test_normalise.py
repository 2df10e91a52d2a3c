"""Files of running text become sentences."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from lexicon_tools import normalise as module
from lexicon_tools.normalise import normalise_files
from rescorer.errors import InputError
from rescorer.recognition.spoken_words import normalise


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("suffix", [".txt", ".gz"])
def test_files_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, suffix: str
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 7)
    paths = [tmp_path / "a.txt", tmp_path / "b.gz", tmp_path / "c.xz"]
    text = "".join(f"Line {number}. And More.\n" for number in range(100))
    content = text.encode()
    for path, packed in zip(
        paths, (content, gzip.compress(content), lzma.compress(content)), strict=True
    ):
        path.write_bytes(packed)
    output = tmp_path / f"out{suffix}"
    normalise_files(paths, output, processes)
    content = output.read_bytes()
    lines = (gzip.decompress(content) if suffix == ".gz" else content).decode().splitlines()
    one_file = [" ".join(each) for raw in text.splitlines() for each in normalise(raw)]
    assert lines == one_file * 3


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text file"):
        normalise_files([], tmp_path / "out.txt")
    with pytest.raises(InputError, match="processes"):
        normalise_files([tmp_path / "in.txt"], tmp_path / "out.txt", 0)
    with pytest.raises(InputError, match=r"in\.txt"):
        normalise_files([tmp_path / "in.txt"], tmp_path / "out.txt")
    assert not list(tmp_path.iterdir())
