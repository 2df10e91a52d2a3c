"""Compressed input that becomes very long."""

from __future__ import annotations

import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import rescorer.packed
from rescorer.errors import InputError
from rescorer.files import open_binary, read_lines
from rescorer.recognition.formats import read_lattices, read_nbest
from rescorer.recognition.references import read_references

ZEROS = b"0" * 60 + b"\n"
_LINES = 18_000
READERS: list[Callable[[Path], object]] = [
    lambda path: list(read_lines(path)),
    read_nbest,
    read_references,
    lambda path: list(read_lattices(path)),
    lambda path: open_binary(path).read(),
]


def _xz(content: bytes) -> bytes:
    return lzma.compress(content, preset=0)


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte is long here."""
    monkeypatch.setattr(rescorer.packed, "_ALWAYS", 1 << 20)
    monkeypatch.delenv(rescorer.packed.RATIO_VARIABLE, raising=False)


def _bomb(tmp_path: Path, pack: Callable[[bytes], bytes], begin: bytes) -> Path:
    path = tmp_path / "bomb"
    path.write_bytes(pack(begin + ZEROS * _LINES))
    assert path.stat().st_size < 10_000
    return path


@pytest.mark.parametrize("pack", [gzip.compress, _xz])
@pytest.mark.parametrize(
    "begin", [b"u-1 -1 word\n", b"utt \n0 1 1 1,2,\n", b'{"id": "u", "ref": "', b"\0\xb2\xfd"]
)
@pytest.mark.parametrize("reader", range(len(READERS)))
def test_what_becomes_too_long_is_told(
    tmp_path: Path, pack: Callable[[bytes], bytes], begin: bytes, reader: int
) -> None:
    path = _bomb(tmp_path, pack, begin)
    with pytest.raises(InputError) as caught:
        READERS[reader](path)
    message = str(caught.value)
    assert (
        message.startswith(f"{path}") and "remedy: " in message and len(message.splitlines()) == 1
    )


@pytest.mark.parametrize("pack", [gzip.compress, _xz])
def test_the_limit_is_one_of_the_environment(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _bomb(tmp_path, pack, b"")
    with pytest.raises(
        InputError,
        match=r"bomb: becomes longer than 1 MiB when it is unpacked; expected text.*remedy: "
        r"unpack it.* RESCORER_UNPACK_RATIO=2000 in the environment",
    ):
        list(read_lines(path))
    monkeypatch.setenv("RESCORER_UNPACK_RATIO", "100000")
    assert sum(1 for _ in read_lines(path)) == _LINES
    for value in ("x", "0", "nan", "inf", "-3"):
        monkeypatch.setenv("RESCORER_UNPACK_RATIO", value)
        with pytest.raises(InputError, match=r"RESCORER_UNPACK_RATIO=.*remedy: correct it"):
            list(read_lines(path))


def test_text_that_packs_well_is_read(tmp_path: Path) -> None:
    draw = random.Random(0)
    lines = [
        f"utt-{number} {' '.join(draw.choices(['the', 'cat', 'sat'], k=100))}"
        for number in range(3000)
    ]
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 1))
    assert [line for _, line in read_lines(path)] == lines
    with open_binary(path) as file:
        assert file.seek(0, 2) == sum(map(len, lines)) + 2999 and file.seek(4) == 4
        assert file.read(2) == b"0 "
