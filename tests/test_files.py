"""Files: plain and compressed, whole or not at all."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.files import read_lines, whole_path, write_lines


@pytest.mark.parametrize("name", ["plain.txt", "packed.gz", "packed.xz"])
def test_lines_come_back_as_written(tmp_path: Path, name: str) -> None:
    lines = ["first", "", "dritte Zeile: äöü €", " blanks kept "]
    write_lines(tmp_path / name, lines)
    assert list(read_lines(tmp_path / name)) == list(enumerate(lines, start=1))


def test_the_suffix_chooses_what_is_written(tmp_path: Path) -> None:
    for name in ("a.gz", "a.xz", "a.txt"):
        write_lines(tmp_path / name, ["x"])
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"x\n"
    assert lzma.decompress((tmp_path / "a.xz").read_bytes()) == b"x\n"
    assert (tmp_path / "a.txt").read_bytes() == b"x\n"


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compression_is_found_from_the_content(tmp_path: Path, compress: object) -> None:
    assert callable(compress)
    path = tmp_path / "no-suffix"
    path.write_bytes(compress(b"one\r\ntwo"))
    assert list(read_lines(path)) == [(1, "one"), (2, "two")]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "marked"
    path.write_bytes(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    assert [line for _, line in read_lines(path)] == ["one", "\ufefftwo"]


def test_a_line_ends_at_a_newline_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "separators"
    path.write_text("a\x0bb\x1cc\u2028d\x85e\n", encoding="utf-8")
    assert [line for _, line in read_lines(path)] == ["a\x0bb\x1cc\u2028d\x85e"]


@pytest.mark.parametrize(
    ("content", "place", "found"),
    [
        (b"good\nbad \xff\n", ":2:", "0xff is not UTF-8"),
        (gzip.compress(b"a line\n" * 1000)[:-12], ":", "cannot be read on"),
        (lzma.compress(b"a line\n" * 1000)[:-12], ":", "cannot be read on"),
        (gzip.compress(b"a line\n")[:10] + b"\xff\xff\xff", ":1:", "cannot be read on"),
        (gzip.compress(b"a line\n") + b"what is this", ":", "cannot be read on"),
    ],
)
def test_a_damaged_file_is_told_with_its_line(tmp_path: Path, content: bytes, place: str, found: str) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_lines(path))
    message = str(caught.value)
    assert f"{path}{place}" in message and found in message and "remedy: " in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read: .*remedy: "):
        list(read_lines(tmp_path / name))


def _broken() -> Iterator[str]:
    yield "one"
    raise KeyboardInterrupt


def test_a_write_that_is_broken_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write_lines(path, ["old"])
    with pytest.raises(KeyboardInterrupt):
        write_lines(path, _broken())
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for name in ("old", "new"):
        with whole_path(path) as work:
            work.mkdir()
            (work / name).write_text(name)
    assert [child.name for child in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("")
    with pytest.raises(InputError, match=r"cannot be written: .*remedy: "):
        write_lines(tmp_path / "out", ["x"])
    assert (tmp_path / "out" / "kept").exists()


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_lines(tmp_path / "a" / "b" / "out", ["x"])
    assert (tmp_path / "a" / "b" / "out").read_text() == "x\n"
