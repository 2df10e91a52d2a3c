"""What all commands share: no output replaces an input, messages are one line, signals end like
Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from conftest import make_model

from lexicon_tools.cli import lexicon
from rescorer.cli.lightrnn import lightrnn
from rescorer.cli.rescore import rescore
from rescorer.command import InputPath, OutputPath

_FREE = {"--work"}  # a folder, of which some files are read and some written


def commands() -> Iterator[click.Command]:
    yield rescore
    for group in (lightrnn, lexicon):
        yield from group.commands.values()


def error_of(command: click.Command, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, SystemExit) and result.exit_code == 2, (
        result.exception,
        result.stderr,
    )
    *_, line = result.stderr.splitlines()  # after remarks
    assert line.startswith("error: ") and "; remedy: " in line
    return str(line)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- inputs stay ----


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: str(command.name))
def test_every_path_of_a_command_is_known_as_an_input_or_an_output(command: click.Command) -> None:
    for param in command.params:
        types = param.type.types if isinstance(param.type, click.Tuple) else [param.type]
        if not _FREE & set(param.opts):
            assert all(
                isinstance(kind, (InputPath, OutputPath))
                for kind in types
                if isinstance(kind, click.Path)
            ), f"{command.name} {param.opts}"


@pytest.mark.parametrize(
    ("command", "arguments", "output"),
    [
        (rescore, ["one", "--lm", "m.pt", "-o", "m.pt"], "--output would replace what --lm names"),
        (
            rescore,
            ["one", "--nbest-output", "one"],
            "--nbest-output would replace what INPUT names",
        ),
        (
            rescore,
            ["one", "--ref", "two", "--wer-output", "two"],
            "--wer-output would replace what --ref names",
        ),
        (
            rescore,
            ["one", "--names", "two", "--oov-report", "two"],
            "--oov-report would replace what --names names",
        ),
        (
            rescore,
            ["one", "--tune", "two", "--weights", "two"],
            "--weights would replace what --tune names",
        ),
        (
            rescore,
            ["folder/a", "--nbest-output", "folder"],
            "--nbest-output would replace what INPUT names",
        ),
        (
            rescore,
            ["one", "-o", "new", "--wer-output", "./new", "--ref", "two"],
            "--wer-output would replace what --output names",
        ),
        (
            lightrnn,
            ["train", "one", "--valid", "two", "--vocabulary", "m.pt", "-o", "one"],
            "what TEXTS names",
        ),
        (
            lightrnn,
            ["train", "one", "--valid", "two", "--vocabulary", "m.pt", "-o", "two"],
            "what --valid names",
        ),
        (lightrnn, ["table", "m.pt", "--html", "m.pt"], "--html would replace what MODEL names"),
        (
            lightrnn,
            ["table", "m.pt", "--list", "l=one", "--html", "one"],
            "one: is an input, and the output would replace",
        ),
        (lightrnn, ["reallocate", "m.pt", "one", "-o", "one"], "what TEXTS names"),
        (lightrnn, ["spell", "m.pt", "-o", "m.pt"], "what MODEL names"),
        (lightrnn, ["export", "m.pt", "-o", "m.pt"], "what MODEL names"),
        (lexicon, ["add-words", "m.pt", "one", "--text", "two", "-o", "two"], "what --text names"),
        (lexicon, ["remove-words", "m.pt", "one", "-o", "one"], "what WORDS names"),
        (lexicon, ["count", "one", "two", "-o", "two"], "what TEXTS names"),
        (lexicon, ["gazetteer", "one", "-o", "new", "--report", "one"], "what LISTS names"),
        (lexicon, ["vocabulary", "--list", "one", "3", "-o", "one"], "what --list names"),
        (
            lexicon,
            ["vocabulary", "--list", "one.lists.tsv", "3", "-o", "one.tsv"],
            "one.lists.tsv: is an input, and the",
        ),
        (lexicon, ["vocabulary", "--counts", "one", "-o", "one"], "what --counts names"),
        (lexicon, ["words-txt", "--vocabulary", "one", "-o", "one"], "what --vocabulary names"),
        (lexicon, ["normalise", "one", "-o", "one"], "what TEXTS names"),
        (lexicon, ["pieces", "one", "--bpe-model", "two", "-o", "two"], "what --bpe-model names"),
        (lexicon, ["count", "one", "-o", "link"], "link: --output would replace what TEXTS names"),
        (lexicon, ["count", "link", "-o", "one"], "one: --output would replace what TEXTS names"),
        (
            lexicon,
            ["count", "one", "-o", "folder/../one"],
            "--output would replace what TEXTS names",
        ),
    ],
)
def test_an_output_that_is_an_input_is_refused(
    command: click.Command, arguments: list[str], output: str
) -> None:
    make_model().save("m.pt")
    for name in ("one", "two", "one.lists.tsv"):
        Path(name).write_text("cat\ndog\n")
    Path("link").symlink_to("one")
    Path("folder").mkdir()
    Path("folder", "a").write_text("u-1 0.5 cat\n")
    before = contents()
    assert output in error_of(command, *arguments)
    assert contents() == before


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_a_member_of_a_folder_that_is_read_stays() -> None:
    make_model().save("m.pt")
    Path("lists").mkdir()
    Path("lists/words_text").write_text("u-1 cat\nu-2 dog\n")
    line = error_of(rescore, "lists", "--lm", "m.pt", "-o", "lists/words_text")
    assert "lists/words_text: is an input, and the output would replace it; " in line
    assert Path("lists/words_text").read_text() == "u-1 cat\nu-2 dog\n"
    assert CliRunner().invoke(rescore, ["lists", "--lm", "m.pt", "-o", "lists/best"]).exit_code == 0


def test_devices_are_outputs_any_number_of_times() -> None:
    Path("names").write_text("anna\n")
    result = CliRunner().invoke(
        lexicon, ["gazetteer", "names", "-o", os.devnull, "--report", os.devnull]
    )
    assert result.exit_code == 0, result.stderr


# ---- messages are one line ----

ODD = "\x1b[31m\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00\x07\u202e"


@pytest.mark.parametrize(
    ("name", "text", "arguments"),
    [
        (
            f"odd{ODD[:-4]}",
            "cat\n",
            ["vocabulary", "--counts", f"odd{ODD[:-4]}", "-o", "words.tsv"],
        ),
        ("names.tsv", f"na{ODD}me\ncat\n", ["gazetteer", "names.tsv", "-o", "words.tsv"]),
        ("words.tsv", f"#case\t{ODD}\n", ["oov", "words.tsv", "--vocabulary", "words.tsv"]),
        ("counts", f"{ODD}\n" * 3, ["vocabulary", "--counts", "counts", "-o", "words.tsv"]),
        ("long", "x" * 100_000 + "\t\n", ["vocabulary", "--counts", "long", "-o", "words.tsv"]),
        (
            "names.tsv",
            "name\n" * 1 + "\t".join("columns") * 9000,
            ["gazetteer", "names.tsv", "-o", "words.tsv"],
        ),
    ],
)
def test_errors_are_one_printable_line(name: str, text: str, arguments: list[str]) -> None:
    Path(name).write_text(text, encoding="utf-8")
    result = CliRunner().invoke(lexicon, arguments)
    printable(result.stderr)


def test_a_name_that_is_no_utf_8_is_told_in_one_printable_line() -> None:
    Path(os.fsdecode(b"na\xffme\x1b")).write_text("cat\n")
    line = error_of(
        lexicon, "vocabulary", "--counts", os.fsdecode(b"na\xffme\x1b"), "-o", "words.tsv"
    )
    assert line.startswith("error: na\\udcffme\\x1b:1: 'cat'; ")


def test_remarks_are_one_printable_line() -> None:
    """What a command says of its outputs, whose names are any; spellings of Persian stay as they
    are.
    """
    Path("names").write_text("anna\n")
    name = f"می\u200cروم{ODD[:-4]}"
    result = CliRunner().invoke(lexicon, ["gazetteer", "names", "-o", name])
    assert result.exit_code == 0 and Path(name).exists()
    printable(result.stderr.replace("\u200c", ""))
    assert "می\u200cروم\\x1b[31m\\x0b" in result.stderr


def printable(stderr: str) -> None:
    assert stderr.endswith("\n") and all(line.isprintable() for line in stderr[:-1].split("\n")), (
        ascii(stderr)
    )
    assert max(map(len, stderr.split("\n"))) < 3001


# ---- signals ----

_WRITE = """
import sys
sys.argv[1:] = ["normalise", "text", "-o", "out"]
from lexicon_tools.cli import lexicon
lexicon()
"""


def running(setup: str = "") -> subprocess.Popen[str]:
    """A command that writes its output, from a pipe that does not end."""
    Path("out").write_text("old")
    os.mkfifo("text")
    process = subprocess.Popen(
        [sys.executable, "-c", setup + _WRITE],
        text=True,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parent.parent)},
    )
    return process


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_like_ctrl_c(number: signal.Signals) -> None:
    with running() as process, open("text", "w") as text:
        text.write("One. Two.\n" * 50)
        text.flush()
        wait_for(lambda: len(os.listdir()) == 3)  # with the hidden folder of the output
        process.send_signal(number)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert stderr.splitlines() == [
        "error: interrupted, every output file is whole or as it was; remedy: run it again"
    ]
    assert Path("out").read_text() == "old" and sorted(os.listdir()) == ["out", "text"]


def test_nohup_is_kept() -> None:
    with running("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n") as process:
        with open("text", "w") as text:
            wait_for(lambda: len(os.listdir()) == 3)
            process.send_signal(signal.SIGHUP)
            text.write("One.\n")
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr, Path("out").read_text()) == (0, "", "one\n")


def test_signals_go_as_before_after_a_command() -> None:
    error_of(lexicon, "count", "nothing", "-o", "out")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_what_a_killed_command_left_is_swept_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as process, open("text", "w"):
        wait_for(lambda: len(os.listdir()) == 3)
        process.kill()
    assert len(os.listdir()) == 3
    Path("names").write_text("anna\n")
    assert CliRunner().invoke(lexicon, ["normalise", "names", "-o", "out"]).exit_code == 0
    assert sorted(os.listdir()) == ["names", "out", "text"]
