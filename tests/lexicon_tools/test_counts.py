"""Counting words and choosing a vocabulary."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from lexicon_tools import counts as module
from lexicon_tools import word_blocks
from lexicon_tools.counts import all_counts, count_files, read_counts
from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.word_counts import count_words

DATA = os.environ.get("RESCORER_DATA")


def brute_force(texts: list[str]) -> list[str]:
    """The lines of counts as the definition has them."""
    lines = [line for text in texts for line in text.split("\n") if line.split()]
    counts = Counter(word for line in lines for word in line.split())
    counts["</s>"] = len(lines)
    return [
        f"{word}\t{count}"
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def written(path: Path) -> list[str]:
    return [line for _, line in read_lines(path)]


# Words that engines are known to change: null, numbers, unjoined marks, white space of Unicode
# between words.
HARD = (
    "nan None NULL 1 1.0 true é e\u0301 ﬁ 𝒳 \x00 a\x00b \ufeff ' \" \\ \u2028 \x85 \x1c \xa0 , ; "
    "<unk> İ ς Σ"
)


@pytest.mark.parametrize("processes", [1, 2])
def test_files_counted_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    draw = random.Random(1)
    drawn = [
        " ".join(f"w{int(draw.paretovariate(0.5)) % 5000}" for _ in range(draw.randrange(9)))
        for _ in range(3000)
    ]
    texts = ["\n".join(drawn), f"{HARD}\n\n  \n{HARD} {HARD}\n", "the end"]
    monkeypatch.setattr(word_blocks, "_BLOCK", 5000)
    monkeypatch.setattr(module, "_HELD", 500)  # the database takes the words many times
    monkeypatch.setattr(module, "_ROWS", 100)
    paths = [tmp_path / "a.txt", tmp_path / "b.gz", tmp_path / "c.xz"]
    for path, text, pack in zip(paths, texts, (bytes, gzip.compress, lzma.compress), strict=True):
        path.write_bytes(pack(text.encode()))
    count_files(paths, tmp_path / "counts.tsv", processes=processes, memory=64)
    assert written(tmp_path / "counts.tsv") == brute_force(texts)
    assert read_counts(tmp_path / "counts.tsv") == count_words(paths)
    assert read_counts(tmp_path / "counts.tsv", case="lower") == count_words(paths, case="lower")


@pytest.mark.slow
def test_more_words_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """400,000 distinct words of 195 bytes, twice, in 64 MiB."""
    monkeypatch.setattr(module, "_HELD", 20_000)
    monkeypatch.setattr(word_blocks, "_BLOCK", 1 << 20)
    words = [f"{number:x}".rjust(100, "ä") for number in range(400_000)]
    (tmp_path / "text").write_text("\n".join([*words, *words]) + "\n", encoding="utf-8")
    count_files([tmp_path / "text"], tmp_path / "counts.tsv", memory=64)
    assert written(tmp_path / "counts.tsv") == [
        "</s>\t800000",
        *(f"{word}\t2" for word in sorted(words)),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\n \n", "no word in the texts"),
        (b"", "no word"),
        (b"a\nb </s>\n", "holds the word </s>"),
        (b"a <s>\n", "holds the word <s>"),
        (b"good\nbad \xff\n", "text:2: .*UTF-8"),
        ("Köln".encode("utf-16"), "text:1: byte 0xff is not UTF-8"),
    ],
)
def test_files_that_cannot_be_counted(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "text").write_bytes(content)
    for processes in (1, 2):
        with pytest.raises(InputError, match=expected):
            count_files([tmp_path / "text"], tmp_path / "counts.tsv", processes=processes)
        assert not (tmp_path / "counts.tsv").exists()


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "text").write_text(" ".join(f"word{number}" for number in range(200_000)))
    with pytest.raises(InputError, match=r"words cannot be grouped.*remedy: raise --memory"):
        count_files([tmp_path / "text"], tmp_path / "counts.tsv", memory=1)
    assert not (tmp_path / "counts.tsv").exists()


def test_ctrl_c_while_the_database_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which tells of it in words of its own."""

    def work(_: object, database: duckdb.DuckDBPyConnection) -> None:
        database.execute(
            "SELECT count(*) FROM range(10000000) a, range(100000) b WHERE a.range * b.range % 7 "
            "= 3"
        )

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(module, "_hand_over", work)
    (tmp_path / "text").write_text("a b\n")
    # in the background a shell lets it be ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            count_files([tmp_path / "text"], tmp_path / "out")
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("a", "'a'"),
        ("a\tmany", "many"),
        ("a\t-1", "-1"),
        ("a\t1.5", "1.5"),
        ("a b\t1", "'a b"),
        ("\t1", "1"),
        ("", "''"),
        ("<s>\t1", "<s>"),
        ("a\t1\t2", "2"),
        ("a\x1cb\t1", "x1c"),
        ("a\t" + "9" * 19, "99"),
    ],
)
def test_bad_counts(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "counts.tsv").write_text(f"good\t1\n{line}\n")
    with pytest.raises(
        InputError, match=r"counts\.tsv:2: .*remedy: make it with `lexicon count`"
    ) as error:
        read_counts(tmp_path / "counts.tsv")
    assert fault in str(error.value) and "\n" not in str(error.value)


def test_marks_of_another_case(tmp_path: Path) -> None:
    for word in ("<S>", "</S>"):
        (tmp_path / "counts.tsv").write_text(f"{word}\t1\n")
        assert read_counts(tmp_path / "counts.tsv") == {word: 1}
        with pytest.raises(InputError, match=rf"counts\.tsv:1: '{word}"):
            read_counts(tmp_path / "counts.tsv", case="lower")


def test_no_counts(tmp_path: Path) -> None:
    (tmp_path / "counts.tsv").write_text("")
    with pytest.raises(InputError, match="no word"):
        read_counts(tmp_path / "counts.tsv")


def test_texts_and_counts_together(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("The cat\nthe dog\n")
    (tmp_path / "two").write_text("the end\n")
    count_files([tmp_path / "two"], tmp_path / "two.tsv")
    for case in ("as-is", "lower"):
        assert all_counts([tmp_path / "one"], [tmp_path / "two.tsv"], case=case) == count_words(
            [tmp_path / "one", tmp_path / "two"], case=case
        )


@pytest.mark.skipif(not DATA, reason="RESCORER_DATA does not name the folder of real data")
def test_real_text(tmp_path: Path) -> None:
    path = Path(str(DATA)) / "text/wikitext-2/valid.txt.xz"
    count_files([path], tmp_path / "counts.tsv", memory=64)
    assert read_counts(tmp_path / "counts.tsv") == count_words([path])
