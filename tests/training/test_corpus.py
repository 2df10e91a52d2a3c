"""Corpus: text to ids in a mapped file, and streams over it."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from conftest import make_vocabulary

from rescorer.errors import InputError
from rescorer.training import corpus as module
from rescorer.training.corpus import Corpus, read_sentences

# ids of conftest's vocabulary: </s> 0, <unk> 1, the 2, cat 3, dog 4, sat 5
TEXT = "the cat sat\n\n  the\tzebra   \n   \r\ndog\r\n</s> <s> <unk>"
IDS = [2, 3, 5, 0, 2, 1, 0, 4, 0, 0, 0, 1, 0]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    return path


def test_sentences(text: Path) -> None:
    assert list(read_sentences([text, str(text)])) == 2 * [
        ["the", "cat", "sat"],
        ["the", "zebra"],
        ["dog"],
        ["</s>", "<s>", "<unk>"],
    ]


@pytest.mark.parametrize("at_once", [1, 2, 3, 20_000])
def test_encode(tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(module, "_LINES_AT_ONCE", at_once)
    corpus = Corpus.encode([text], make_vocabulary(), tmp_path / "text.ids")
    assert corpus.ids.tolist() == IDS
    assert len(corpus) == len(IDS)
    assert Corpus.open(tmp_path / "text.ids").ids.tolist() == IDS


def test_vocabulary_decides_the_case(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("THE Cat\n")
    assert Corpus.encode([path], make_vocabulary(case="lower"), tmp_path / "a").ids.tolist() == [
        2,
        3,
        0,
    ]
    assert Corpus.encode([path], make_vocabulary(case="as-is"), tmp_path / "b").ids.tolist() == [
        1,
        1,
        0,
    ]


def test_many_files_compressed_or_not(tmp_path: Path, text: Path) -> None:
    (tmp_path / "text.gz").write_bytes(gzip.compress(TEXT.encode()))
    (tmp_path / "text.xz").write_bytes(lzma.compress(TEXT.encode()))
    paths = iter([text, tmp_path / "text.gz", tmp_path / "text.xz"])
    assert Corpus.encode(paths, make_vocabulary(), tmp_path / "ids").ids.tolist() == 3 * IDS


def test_mapped_not_read(tmp_path: Path, text: Path) -> None:
    corpus = Corpus.encode([text], make_vocabulary(), tmp_path / "ids")
    assert isinstance(corpus.ids, np.memmap)
    assert corpus.ids.itemsize == 4
    with pytest.raises(ValueError, match="read-only"):
        corpus.ids[0] = 1


def test_streams_are_a_view(tmp_path: Path, text: Path) -> None:
    corpus = Corpus.encode([text], make_vocabulary(), tmp_path / "ids")
    batch_size = corpus.batchify(3)
    assert batch_size.tolist() == [IDS[:4], IDS[4:8], IDS[8:12]]
    assert np.shares_memory(batch_size, corpus.ids)
    assert corpus.batchify(1).tolist() == [IDS]
    assert corpus.batchify(14).shape == (14, 0)


@pytest.mark.parametrize("content", ["", "\n\n  \n"])
def test_text_without_a_word(tmp_path: Path, content: str) -> None:
    path = tmp_path / "empty.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=r"empty.txt: no word in the text.*remedy"):
        Corpus.encode([path], make_vocabulary(), tmp_path / "ids")
    assert sorted(tmp_path.iterdir()) == [path]


def test_text_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"the cat\nthe caf\xe9\n")
    with pytest.raises(InputError, match=r"text.txt:2: "):
        Corpus.encode([path], make_vocabulary(), tmp_path / "ids")
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"", b"12345"])
def test_files_of_no_ids(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ids").write_bytes(content)
    with pytest.raises(InputError, match=r"ids: cannot be read as word ids.*remedy"):
        Corpus.open(tmp_path / "ids")
