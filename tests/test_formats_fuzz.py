"""Damaged files: an InputError of one line or lists that can be written again, and nothing else."""

from __future__ import annotations

import gzip
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.recognition.formats import FORMATS, NBestFile, read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest
from rescorer.recognition.references import read_references

ROUNDS = 800  # for each format
LISTS = [
    NBest(f"utt-{i}", tuple(Hypothesis(str(n), ("good", "dây")[: n % 3], {FIRST_PASS: -n / 7}) for n in (1, 2, 3, 4)))
    for i in range(3)
]
TOKENS = [
    b"nan", b"-inf", b"1e999", b"1_0", b"9" * 30, b"-", b"--1", b"\0", b"\n", b"\n\n", b"\r", b"\t", b" ", b"\x1c",
    b"\xff", b"\xef\xbb\xbf", "\u2028".encode(), "\u0663".encode(), b"\x1f\x8b", b'"', b"\\", b"\\ud800", b"\\u0000",
    b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"{}", b"[]", b'"id"', b'"scores": {"lm": 1}, ',
    b'"key": "7", ', b'"ref": "x", ', b"[" * 3000, b'{"a":' * 3000,
]


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def _delete(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 1, 2, 5, 40))]


def _duplicate(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    data[start:start] = data[start : start + chance.choice((1, 3, 20, 80))]


def _repeat_line(data: bytearray, chance: random.Random) -> None:
    lines = data.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    data[:] = b"".join(lines)


def _insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.choice(TOKENS)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _pack_badly(data: bytearray, chance: random.Random) -> None:
    packed = gzip.compress(bytes(data), 1)
    data[:] = packed[: chance.randrange(len(packed))]


DAMAGES: list[Callable[[bytearray, random.Random], None]] = [
    _flip, _delete, _duplicate, _repeat_line, _insert, _insert, _insert, _cut, _pack_badly,
]
WEIGHTS = [4, 4, 4, 4, 4, 4, 4, 1, 1]


def _damaged(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for damage in chance.choices(DAMAGES, WEIGHTS, k=chance.choice((1, 1, 2, 3))):
        if data:
            damage(data, chance)
    return bytes(data)


def _write_anew(path: Path, content: bytes) -> None:
    # Some file systems wait for the disk where a file is written over: thousands of times, that is most of the test.
    _remove(path)
    path.write_bytes(content)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _read_or_refused(path: Path, name: str | None) -> NBestFile | None:
    try:
        return read_nbest(path, name)
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and "remedy: " in str(error)
        return None


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    chance = random.Random(f"damage {name}")
    path, out = tmp_path / "in", tmp_path / "out"
    write_nbest(path, LISTS, name)
    whole = {file: file.read_bytes() for file in (sorted(path.iterdir()) if path.is_dir() else [path])}
    read = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(ROUNDS):
            file = chance.choice(list(whole))
            _write_anew(file, _damaged(whole[file], chance))
            _read_or_refused(path, None)
            if (file_read := _read_or_refused(path, name)) is not None:
                read += 1
                _remove(out)
                write_nbest(out, file_read.lists, name)
                assert read_nbest(out, name).lists == file_read.lists
            _write_anew(file, whole[file])
    # The damage is neither too small to be seen nor so large that nothing is ever read.
    assert ROUNDS / 50 < read < ROUNDS * 0.9


@pytest.mark.parametrize("content", [b"utt-1 good day\nutt-2\n", b'{"id": "a", "ref": "x y"}\n{"id": "b", "ref": ""}'])
def test_damaged_references_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    chance = random.Random("references")
    path = tmp_path / "in"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(ROUNDS):
            _write_anew(path, _damaged(content, chance))
            try:
                references = read_references(path)
            except InputError as error:
                assert len(str(error).splitlines()) == 1 and "remedy: " in str(error)
            else:
                assert references and all(references)
