"""The examples of a Markdown page: its shell commands and Python blocks, and small files under the
names that they use.
"""

from __future__ import annotations

import gzip
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from click.testing import CliRunner
from conftest import make_vocabulary
from tiny import KNOWN, nbest, write_arpa
from tiny_lattices import random_lattice

from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.word_table import WordTable
from rescorer.recognition.formats import write_lattices, write_nbest
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, NBest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(os.environ.get("KENLM_BIN", ROOT / "build/kenlm/bin"))


def _installed_commands() -> dict[str, click.Command]:
    """The commands that pyproject.toml installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    targets = {name: target.split(":") for name, target in project["scripts"].items()}
    return {
        name: getattr(importlib.import_module(module), command)
        for name, (module, command) in targets.items()
    }


COMMANDS = _installed_commands()

# A fenced block, with the comment `<!-- not run: REASON -->` before it if it is not run, or
# `<!-- needs: MODULE -->` if it is run only where that module is installed.
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n+)?"
    r"(?:^<!-- needs: (?P<needs>\w+) -->\n+)?"
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PIP_ARGUMENTS = {"install", ".", ".[onnx]", "--no-deps", "numpy", "onnxruntime"}


class Block(NamedTuple):
    """A fenced block of a page.

    Attributes:
        reason: why it is not run; empty if it is.
        needs: the module without which it is not run.
    """

    language: str
    code: str
    reason: str
    needs: str = ""


def known_options() -> Iterator[str]:
    """The options of all commands and of their members."""
    for command in COMMANDS.values():
        members = command.commands.values() if isinstance(command, click.Group) else ()
        for each in (command, *members):
            for parameter in each.params:
                yield from (*parameter.opts, *parameter.secondary_opts)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["code"], found["reason"] or "", found["needs"] or "")
        for found in _BLOCK.finditer(text)
    ]


def commands(code: str) -> list[list[str]]:
    """The commands of a shell block, each as its words, with `*` expanded."""
    lines = code.replace("\\\n", " ").splitlines()
    split = [shlex.split(line, comments=True) for line in lines]
    return [[name for word in words for name in _expand(word)] for words in split if words]


def _expand(word: str) -> list[str]:
    return sorted(glob(word)) or [word] if "*" in word else [word]


def run_command(words: list[str]) -> None:
    """Run one command of a page; AssertionError or CalledProcessError if it fails."""
    name, *arguments = words
    if name in COMMANDS:
        _run_ours(name, arguments)
    elif name == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif name == "pip":
        assert set(arguments) <= _PIP_ARGUMENTS
        assert "\nonnx = [" in (ROOT / "pyproject.toml").read_text()
    elif name == "python":
        script = [sys.executable, ROOT / arguments[0], *arguments[1:]]
        subprocess.run(script, check=True, capture_output=True)
    else:
        assert name in ("lmplz", "build_binary"), f"the test does not know how to run {name}"
        if (PROGRAMS / name).exists():
            subprocess.run([PROGRAMS / name, *arguments], check=True, capture_output=True)


def _run_ours(name: str, arguments: list[str]) -> None:
    keys = "the cat\tm\n" if "--keys" in arguments else None
    result = CliRunner().invoke(COMMANDS[name], arguments, input=keys)
    assert result.exit_code == 0, (name, arguments, result.output, result.exception)
    outputs = [arguments[place + 1] for place, option in enumerate(arguments) if "output" in option]
    assert all(Path(output).exists() for output in outputs)


def run_python(code: str, page: Path) -> None:
    """Run one Python block of a page."""
    exec(compile(code, page.name, "exec"), {})


def make_files(sentences: Path) -> None:
    """Make everything that the pages name, in the working folder."""
    _make_texts(sentences)
    _make_models()
    _make_lists()
    _make_lattices()
    mini = Path("recipes/mini")
    mini.mkdir(parents=True, exist_ok=True)
    (mini / "data").symlink_to(ROOT / "recipes/mini/data")


def _make_texts(sentences: Path) -> None:
    lines = sentences.read_text().splitlines(keepends=True)
    parts = {
        "train.txt": lines[80:],
        "raw.txt": lines[80:],
        "valid.txt": lines[40:80],
        "test.txt": lines[:40],
        "sentences.txt": lines[:5],
        "names.txt": ["cat\n", "dog\n"],
        "contacts.txt": ["cat\n", "dog\n"],
        "places.tsv": ["place\tpopulation\n", "rome\t10\n", "york\t5\n"],
        "surnames.tsv": ["surname\tcount\n", "smith\t10\n", "jones\t5\n"],
        "new.txt": ["horse\n"],
        "examples.txt": ["the horse sat on a mat\n"],
        "lexicon.txt": ["!SIL SIL\n", "for F AO1 R\n", "his HH IH1 S\n"],
    }
    for name, part in parts.items():
        Path(name).write_text("".join(part))


def _make_models() -> None:
    vocabulary = make_vocabulary()
    settings = LightRNNSettings(hidden_dim=8, residual_dim=4)
    LightRNN(settings, vocabulary, WordTable.shaped(len(vocabulary))).save("lightrnn.pt")
    write_arpa(Path("ngram.binary"))
    Path("lm.arpa.gz").write_bytes(gzip.compress(Path("ngram.binary").read_bytes()))


def _texts() -> list[str]:
    return [" ".join(KNOWN[number : number + 4]) for number in range(4)]


def _make_lists() -> None:
    held, kaldi = [], []
    for number, text in enumerate(_texts()):
        hypotheses = nbest("", (text, -1.0), ("the cat", -2.0)).hypotheses
        held.append(NBest(f"u-{number}", hypotheses, tuple(text.split())))
        costs = {ACOUSTIC: -9.0, GRAPH: -1.0, FIRST_LM: -2.0}
        kaldi.append(NBest(f"u-{number}", nbest("", (text, costs)).hypotheses))
    write_nbest("nbest.txt", held, "text")
    write_nbest("nbest.jsonl", held, "jsonl")
    for part in ("dev", "test"):
        write_nbest(f"{part}.jsonl", held, "jsonl")
        write_nbest(f"{part}.json", held, "hyporadise")
        write_nbest(f"{part}.nbest", held, "text")
        write_nbest(f"exp/{part}_nbest", kaldi, "kaldi")
    references = [f"u-{number} {text}\n" for number, text in enumerate(_texts())]
    for part in ("dev", "test"):
        Path("data", part).mkdir(parents=True)
        Path("data", part, "text").write_text("".join(references))


def _make_lattices() -> None:
    lattices = [_kaldi_lattice(number) for number in range(len(_texts()))]
    for part in ("dev", "test"):
        Path(part).mkdir()
        write_lattices(f"{part}/lat.1.gz", lattices, "kaldi-lattice")
    words = ["<eps>", *sorted(KNOWN)]
    Path("words.txt").write_text("".join(f"{word} {id}\n" for id, word in enumerate(words)))


def _kaldi_lattice(number: int) -> Lattice:
    """A random lattice with the words of words.txt and Kaldi's scores."""
    lattice = random_lattice(np.random.default_rng(number), 6, 14, KNOWN, silent=0)
    symbols = Symbols(("", *sorted(KNOWN)))
    words = [lattice.symbols.labels[label] for label in lattice.labels]
    labels = np.array([symbols.labels.index(word) for word in words])
    scores = {ACOUSTIC: 10 * lattice.scores["score"], GRAPH: -lattice.scores["score"]}
    return replace(lattice, utterance=f"u-{number}", symbols=symbols, labels=labels, scores=scores)
