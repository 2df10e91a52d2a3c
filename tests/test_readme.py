"""The README's commands in `sh` blocks and its examples work, on small files under the names that
it uses.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import make_vocabulary
from tiny import KNOWN, nbest, write_arpa
from tiny_lattices import random_lattice

from lexicon_tools.cli import lexicon
from rescorer.cli import lightrnn, rescore
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.word_table import WordTable
from rescorer.recognition.formats import FORMATS, LATTICE_FORMATS, write_lattices, write_nbest
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, NBest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = Path(os.environ.get("KENLM_BIN", ROOT / "build/kenlm/bin"))
COMMANDS: dict[str, click.Command] = {"rescore": rescore, "lightrnn": lightrnn, "lexicon": lexicon}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture
def here(
    sentences: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_tuning: None,
    english_model: LightRNN,
) -> Path:
    """A folder with everything that the README names."""
    monkeypatch.chdir(tmp_path)
    lines = sentences.read_text().splitlines(keepends=True)
    for name, part in (
        ("train.txt", lines[80:]),
        ("valid.txt", lines[40:80]),
        ("test.txt", lines[:40]),
    ):
        Path(name).write_text("".join(part))
    make_models()
    make_lists()
    Path("names.txt").write_text("cat\ndog\n")
    Path("new.txt").write_text("horse\n")
    Path("examples.txt").write_text("the horse sat on a mat\n")
    return tmp_path


def make_models() -> None:
    vocabulary = make_vocabulary()
    model = LightRNN(LightRNNSettings(width=8), vocabulary, WordTable.shaped(len(vocabulary)))
    model.save("lightrnn.pt")
    model.save("recipes/mini/out/lightrnn.pt")
    write_arpa(Path("ngram.binary"))


def make_lists() -> None:
    texts = [" ".join(KNOWN[number : number + 4]) for number in range(4)]
    held = [
        NBest(
            f"u-{number}",
            nbest("", (text, -1.0), ("the cat", -2.0)).hypotheses,
            tuple(text.split()),
        )
        for number, text in enumerate(texts)
    ]
    kaldi = [
        NBest(
            f"u-{number}",
            nbest("", (text, {ACOUSTIC: -9.0, GRAPH: -1.0, FIRST_LM: -2.0})).hypotheses,
        )
        for number, text in enumerate(texts)
    ]
    write_nbest("nbest.txt", held, "text")
    for part in ("dev", "test"):
        for name, format in (
            (f"{part}.jsonl", "jsonl"),
            (f"{part}.json", "hyporadise"),
            (f"{part}.nbest", "text"),
        ):
            write_nbest(name, held, format)
        write_nbest(f"exp/{part}_nbest", kaldi, "kaldi")
    lattices = [
        replace(
            random_lattice(np.random.default_rng(number), 6, 14, KNOWN, silent=0),
            utterance=f"u-{number}",
        )
        for number in range(len(texts))
    ]
    for part in ("dev", "test"):
        Path(part).mkdir()
        write_lattices(
            f"{part}/lat.1.gz", (as_kaldi(lattice) for lattice in lattices), "kaldi-lattice"
        )
    Path("words.txt").write_text(
        "".join(f"{word} {number}\n" for number, word in enumerate(["<eps>", *sorted(KNOWN)]))
    )
    Path("data/dev").mkdir(parents=True)
    Path("data/dev/text").write_text(
        "".join(f"u-{number} {text}\n" for number, text in enumerate(texts))
    )
    # Made by an earlier run of the reader's, with the LightRNN alone.
    result = CliRunner().invoke(
        rescore,
        ["dev.jsonl", "--lm", "lightrnn.pt", "--tune", "dev.jsonl", "--weights", "lightrnn.json"],
    )
    assert result.exit_code == 0, result.output


def as_kaldi(lattice: Lattice) -> Lattice:
    """With the words of words.txt, and Kaldi's scores."""
    symbols = Symbols(("", *sorted(KNOWN)))
    labels = np.array(
        [symbols.labels.index(lattice.symbols.labels[label]) for label in lattice.labels]
    )
    scores = {ACOUSTIC: 10 * lattice.scores["score"], GRAPH: -lattice.scores["score"]}
    return replace(lattice, symbols=symbols, labels=labels, scores=scores)


def test_commands(here: Path) -> None:
    seen = set()
    for name, *arguments in commands():
        seen.add(name)
        if name in COMMANDS:
            keys = "the cat\tm\n" if "--keys" in arguments else None
            result = CliRunner().invoke(COMMANDS[name], arguments, input=keys)
            assert result.exit_code == 0, (name, arguments, result.output, result.exception)
            outputs = [
                arguments[place + 1] for place, option in enumerate(arguments) if "output" in option
            ]
            assert all(Path(output).exists() for output in outputs)
        elif name == "make":
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif name == "pip":
            assert set(arguments) <= {
                "install",
                ".",
                ".[onnx]",
                "--no-deps",
                "numpy",
                "onnxruntime",
            }
            assert "\nonnx = [" in (ROOT / "pyproject.toml").read_text()
        elif name == "python":
            subprocess.run(
                [sys.executable, ROOT / arguments[0], *arguments[1:]],
                check=True,
                capture_output=True,
            )
        else:
            assert name in ("lmplz", "build_binary"), f"the test does not know how to run {name}"
            if (PROGRAMS / name).exists():
                subprocess.run([PROGRAMS / name, *arguments], check=True, capture_output=True)
    assert seen >= {*COMMANDS, "make", "pip", "lmplz", "build_binary"}


def test_python(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    logprob, words, lists = capsys.readouterr().out.splitlines()
    assert float(logprob) < 0 and words.count("(") == 5 and "total" in lists


def test_other_blocks_would_go_unseen() -> None:
    assert set(re.findall(r"^```(\S+)$", README, re.MULTILINE)) == {"sh", "python"}


def test_paths_and_links_lead_somewhere() -> None:
    paths = re.findall(r"`((?:recipes|benchmarks|tools)/[^ `]*)", README) + re.findall(
        r"\]\((?!http)([^)]+)\)", README
    )
    assert len(paths) > 5
    missing = [path for path in paths if not (ROOT / path).exists() and "/out" not in path]
    assert not missing


def test_options_and_formats_exist() -> None:
    known = {
        option
        for command in (*COMMANDS.values(), *lightrnn.commands.values(), *lexicon.commands.values())
        for parameter in command.params
        for option in parameter.opts
    } | {"--help", "--stage", "--stop-stage"}
    # torchrun's and Dask's
    known |= {"--nproc_per_node", "--no_python", "--max_restarts", "--protocol"}
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"--[a-z][a-z0-9_-]+", prose)) <= known
    assert set(re.findall(r"^\| `(\w+)` lists", README, re.MULTILINE)) == set(FORMATS)
    assert set(re.findall(r"^\| `([\w-]+)` lattices", README, re.MULTILINE)) == set(LATTICE_FORMATS)


def test_the_example_of_the_package_is_that_of_the_readme() -> None:
    import rescorer

    for name in ("rescorer.load(", "lm.logprob(", "lm.next_words(", "rescorer.rescore("):
        assert name in str(rescorer.__doc__) and name in README
