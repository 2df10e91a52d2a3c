"""Files: plain and compressed, whole or not at all."""

from __future__ import annotations

import gzip
import lzma
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescorer import work_folders
from rescorer.errors import InputError
from rescorer.files import read_lines, whole_path, write_lines
from rescorer.inputs import command_inputs


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
def test_a_damaged_file_is_told_with_its_line(
    tmp_path: Path, content: bytes, place: str, found: str
) -> None:
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


_KILLED = """
import os, signal, sys
from rescorer import files, work_folders
replace, calls = os.replace, iter(range(9))
def killed(*paths):
    replace(*paths)
    if next(calls) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = killed
if sys.argv[2] == "two steps":
    work_folders._exchanged = lambda *names: False
with files.whole_path("out") as work:
    work.mkdir()
    (work / "new").write_text("")
"""


@pytest.mark.parametrize(
    ("moment", "way", "left"),
    [(0, "one step", "new"), (0, "two steps", "old"), (1, "two steps", "new")],
)
def test_a_kill_while_a_folder_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int, way: str, left: str
) -> None:
    """Where the system cannot exchange two names in one step, the next command brings the old
    folder back.
    """
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/old").touch()
    run = subprocess.run(
        [sys.executable, "-c", _KILLED, str(moment), way],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert run.returncode == (0 if way == "one step" else -signal.SIGKILL)
    if way == "one step":
        assert os.listdir("out") == ["new"]
    monkeypatch.setattr("rescorer.work_folders._swept", set())
    write_lines("other", [])
    assert os.listdir("out") == [left] and sorted(os.listdir()) == ["other", "out"]


def test_a_replaced_file_keeps_its_rights_and_a_new_one_follows_the_mask(tmp_path: Path) -> None:
    path, link, folder, mask = (
        tmp_path / "out",
        tmp_path / "link",
        tmp_path / "folder",
        os.umask(0o027),
    )
    try:
        write_lines(path, ["old"])
        assert rights(path) == 0o640
        path.chmod(0o600)
        link.symlink_to(path)
        write_lines(link, ["new"])
        assert rights(path) == 0o600 and path.read_text() == "new\n" and link.is_symlink()
        for expected in (0o750, 0o640), (0o700, 0o600):
            with whole_path(folder) as work:
                work.mkdir()
                (work / "member").write_text("")
            assert (rights(folder), rights(folder / "member")) == expected
            folder.chmod(0o700)
            (folder / "member").chmod(0o600)
    finally:
        os.umask(mask)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("length", [250, 255])
def test_long_names(tmp_path: Path, length: int) -> None:
    for _ in range(2):
        write_lines(tmp_path / ("n" * length), ["x"])
    assert [path.name for path in tmp_path.iterdir()] == ["n" * length]


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written: File name too long; remedy: "):
        write_lines(tmp_path / ("n" * 256), ["x"])


def test_only_what_is_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of dead processes of this machine, and old ones of another; not what is in use, young
    or foreign.
    """
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True
    )
    here, dead, alive = work_folders._host(), int(ended.stdout), os.getpid()
    kept = [
        f".rescorer-{here}-{alive}-abcdefgh",
        f".rescorer-another-{dead}-abcdefgh",
        f".rescorer-{here}-{dead}-in_use__",
        ".rescorer-notes",
        f".rescorer-{here}-{dead}-longer_than_ours",
    ]
    gone = [f".rescorer-{here}-{dead}-abcdefgh", f".rescorer-another-{dead}-old_____"]
    for name in (*kept, *gone):
        (tmp_path / name / "new").mkdir(parents=True)
    os.utime(tmp_path / gone[1], (0, 0))
    (tmp_path / f".rescorer-{here}-{dead}-fileonly").touch()
    monkeypatch.setattr(work_folders, "_swept", set())
    with work_folders.locked(tmp_path / kept[2] / "lock"):
        write_lines(tmp_path / "out", ["x"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["out", f".rescorer-{here}-{dead}-fileonly", *kept]
    )


def test_temporary_folders_are_swept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        "import os, signal\nfrom rescorer.work_folders import temporary_folder\n"
        "with temporary_folder(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        },
    )
    assert len(list(tmp_path.iterdir())) == 1
    with work_folders.temporary_folder() as folder:
        assert [folder.parent] == list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_what_was_read_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("x\n")
    (tmp_path / "hard").hardlink_to(tmp_path / "in")
    with command_inputs():
        list(read_lines(tmp_path / "in"))
        for name in ("in", "hard"):
            with pytest.raises(
                InputError,
                match=rf"{name}: is an input, and the output would replace it; .* remedy",
            ):
                write_lines(tmp_path / name, ["y"])
    assert (tmp_path / "in").read_text() == "x\n"
    write_lines(tmp_path / "in", ["y"])


def test_a_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("")
    with pytest.raises(InputError, match=r"cannot be written: .*remedy: "):
        write_lines(tmp_path / "out", ["x"])
    assert (tmp_path / "out" / "kept").exists()


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_lines(tmp_path / "a" / "b" / "out", ["x"])
    assert (tmp_path / "a" / "b" / "out").read_text() == "x\n"
