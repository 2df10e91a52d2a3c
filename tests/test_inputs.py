"""Pipes: every byte of them is read, once, by whatever command and however often it opens them."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner, Result
from conftest import make_model

from lexicon_tools.cli import lexicon
from rescorer.cli.lightrnn import lightrnn
from rescorer.cli.rescore import rescore
from rescorer.errors import InputError
from rescorer.files import open_binary, read_lines
from rescorer.inputs import command_inputs

SENTENCES = "the cat sat on the mat\n a dog ran\n\nthe log\n" * 5000  # more than a pipe holds
KINDS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, lzma.compress]


@contextmanager
def written(path: str | int, content: bytes, piece: int = 1 << 20) -> Iterator[None]:
    """Within, somebody writes to a pipe, so many bytes at a time."""

    def write() -> None:
        with open(path, "wb", buffering=0) as file:
            for start in range(0, len(content), piece):
                rest = content[start : start + piece]
                while rest:
                    rest = rest[file.write(rest) :]

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    yield
    writer.join(timeout=20)
    assert not writer.is_alive(), "the pipe was not read to its end"


@contextmanager
def piped(content: bytes, way: str, piece: int = 1 << 20) -> Iterator[str]:
    """A name of a pipe with this content: a fifo, a file descriptor as of a shell's <(…), or
    stdin.
    """
    if way == "fifo":
        os.mkfifo("fifo")
        with written("fifo", content, piece):
            yield "fifo"
        os.unlink("fifo")
        return
    reading, writing = os.pipe()
    stdin = os.dup(0)
    if way == "-":
        os.dup2(reading, 0)
    with written(writing, content, piece):
        yield "-" if way == "-" else f"/dev/fd/{reading}"
    os.dup2(stdin, 0)
    os.close(stdin)
    os.close(reading)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(command: Command, *arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result


def bad(command: Command, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, SystemExit) and result.exit_code == 2, result.exception
    (line,) = result.stderr.splitlines()
    return str(line)


@pytest.mark.parametrize("way", ["fifo", "descriptor", "-"])
@pytest.mark.parametrize("compress", KINDS)
def test_a_text_from_a_pipe_is_read_whole(compress: Callable[[bytes], bytes], way: str) -> None:
    Path("text").write_text(SENTENCES)
    run(lexicon, "count", "text", "-o", "expected")
    with piped(compress(SENTENCES.encode()), way) as name:
        run(lexicon, "count", name, "-o", "counts")
    assert Path("counts").read_bytes() == Path("expected").read_bytes()
    assert "</s>\t15000" in Path("counts").read_text().splitlines()


@pytest.mark.parametrize("compress", KINDS)
def test_a_pipe_that_is_written_byte_by_byte(compress: Callable[[bytes], bytes]) -> None:
    with piped(compress(b"a b\na\n"), "descriptor", piece=1) as name:
        run(lexicon, "count", name, "-o", "counts")
    assert Path("counts").read_text() == "</s>\t2\na\t2\nb\t1\n"


def test_perplexity_of_a_pipe() -> None:
    make_model().save("m.pt")
    Path("text").write_text(SENTENCES[:20_000])
    expected = run(lightrnn, "perplexity", "text", "--lm", "m.pt").stdout
    with piped(SENTENCES[:20_000].encode(), "descriptor") as name:
        assert run(lightrnn, "perplexity", name, "--lm", "m.pt").stdout == expected


@pytest.mark.parametrize("way", ["fifo", "descriptor", "-"])
def test_lists_and_references_from_pipes(way: str) -> None:
    """Lists are opened again and again, until their format is found."""
    make_model().save("m.pt")
    hypotheses = [{"text": "the cat sat", "score": -1.0}, {"text": "a cat sat", "score": -2.0}]
    lists = "".join(
        json.dumps({"id": f"u{number}", "nbest": hypotheses}) + "\n" for number in range(200)
    )
    references = "".join(f"u{number} the cat sat\n" for number in range(200))
    Path("lists").write_text(lists)
    Path("references").write_text(references)
    expected = run(rescore, "lists", "--lm", "m.pt", "--ref", "references")
    assert len(expected.stdout.splitlines()) == 200
    with piped(lists.encode(), way) as name, piped(references.encode(), "descriptor") as reference:
        found = run(rescore, name, "--lm", "m.pt", "--ref", reference)
    assert (found.stdout, found.stderr) == (expected.stdout, expected.stderr)
    assert run(lexicon, "oov", "lists", "--vocabulary", "m.pt").stdout
    with piped(lists.encode(), way) as name:
        assert (
            run(lexicon, "oov", name, "--vocabulary", "m.pt").stdout
            == run(lexicon, "oov", "lists", "--vocabulary", "m.pt").stdout
        )


def test_what_cannot_be_read_twice_is_told() -> None:
    with piped(b"a b\n", "descriptor") as name:
        assert "is a pipe, and was read before; " in bad(
            lexicon, "count", name, name, "-o", "counts"
        )
    with piped(b"a b\n", "descriptor") as name:
        line = bad(lightrnn, "perplexity", "text", "--lm", name)
        assert line.startswith(
            f"error: {name}: --lm is a pipe or a device; expected a file; remedy: "
        )
        assert os.read(int(name.rpartition("/")[2]), 10) == b"a b\n"
    assert "/dev/zero: is a device; " in bad(lexicon, "count", "/dev/zero", "-o", "counts")
    assert "/dev/null: no word" in bad(lexicon, "count", "/dev/null", "-o", "counts")
    assert sorted(os.listdir()) == []


def test_pipes_from_python() -> None:
    """Within a context that ends, or not at all: another content may come from the same pipe
    later.
    """
    with piped(b"one\ntwo\n", "descriptor") as name:
        with pytest.raises(
            InputError, match=r"is a pipe, and may have to be read twice; .*; remedy: "
        ):
            next(read_lines(name))
        with command_inputs():
            for _ in range(2):
                assert [line for _, line in read_lines(name)] == ["one", "two"]
            with open_binary(name) as first, open_binary(name) as second:
                assert (
                    first.read(5) == b"one\nt"
                    and second.read(2) == b"on"
                    and first.read() == b"wo\n"
                )
                assert (
                    first.seek(-3, os.SEEK_END) == 5
                    and first.tell() == 5
                    and first.read() == b"wo\n"
                )


def test_nothing_of_a_pipe_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir("temporary")
    monkeypatch.setattr("tempfile.tempdir", "temporary")
    with piped(SENTENCES.encode(), "descriptor") as name, command_inputs():
        assert sum(1 for _ in read_lines(name)) == 20_000
        assert os.listdir("temporary") == []


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "nowhere")
    message = r"cannot be kept among the temporary files: .*; remedy: let TMPDIR"
    with (
        piped(b"one\n", "descriptor") as name,
        command_inputs(),
        pytest.raises(InputError, match=message),
    ):
        next(read_lines(name))
