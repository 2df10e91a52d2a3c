"""The second pass for icefall's recipes: what the stage runs, and that it runs on saved
lattices.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_model

SCRIPT = Path(__file__).parents[2] / "recipes" / "icefall" / "rescore.sh"
WORDS = ("<eps>", "the", "cat", "dog", "sat", "ran")
# source, target, aux label, score: `the cat sat` or `the dog ran`, and the one way through `the
# dog`.
TWO_WAYS = [
    (0, 1, 1, -1.0),
    (1, 2, 2, -2.0),
    (1, 3, 3, -2.5),
    (2, 4, 4, -1.0),
    (3, 4, 5, -0.5),
    (4, 5, -1, 0.0),
]
ONE_WAY = [(0, 1, 1, -1.0), (1, 2, 3, -1.0), (2, 3, -1, 0.0)]

STUB = """#!{python}
import json, os, pathlib, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
for option, value in zip(sys.argv, sys.argv[1:]):
    if option in ("--output", "--weights", "--wer-output", "--lattice-output"):
        pathlib.Path(value).write_text("written\\n")
"""


def save(path: Path, utterance: str, arcs: Sequence[tuple[int, int, int, float]]) -> None:
    """A lattice as decode.py saves it: an FsaVec of one."""
    numbers = np.array(
        [(source, target, -1 if word == -1 else 1) for source, target, word, _ in arcs], np.int32
    )
    bits = np.array([score for *_, score in arcs], np.float32).view(np.int32)
    states = int(numbers[:, 1].max()) + 1
    head = np.array([1, 0, 0, states, 0, len(arcs)], np.int32)
    flat = np.concatenate([head, np.concatenate([numbers, bits[:, None]], 1).ravel()]).astype(
        np.int32
    )
    path.parent.mkdir(exist_ok=True)
    torch.save(
        {
            "arcs": torch.from_numpy(flat),
            "lm_scores": torch.full((len(arcs),), -0.25),
            "aux_labels": torch.tensor([word for _, _, word, _ in arcs], dtype=torch.int32),
            "utterances": [utterance],
        },
        path,
    )


class Recipe:
    """A folder with saved lattices of a development and a test set."""

    def __init__(self, folder: Path, commands: Path) -> None:
        self.folder, self.out, self.commands = folder, folder / "an output", commands
        self.calls_file = folder / "calls"
        make_model().save(folder / "lightrnn.pt")
        (folder / "words.txt").write_text(
            "".join(f"{word} {id}\n" for id, word in enumerate(WORDS)), encoding="utf-8"
        )
        for part in ("dev", "test"):
            save(folder / part / "a.pt", "one", TWO_WAYS)
            save(folder / part / "b.pt", "two", ONE_WAY)
            (folder / f"{part}.txt").write_text("one the cat sat\ntwo the dog\n", encoding="utf-8")

    def stub(self) -> None:
        (self.folder / "bin").mkdir()
        (self.folder / "bin/rescore").write_text(
            STUB.format(python=sys.executable), encoding="utf-8"
        )
        (self.folder / "bin/rescore").chmod(0o755)

    def run(
        self,
        *options: str,
        symbols: str = "words.txt",
        lattices: str = "test",
        arguments: Sequence[str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        path = [str(self.folder / "bin"), str(self.commands), *os.environ["PATH"].split(":")]
        environment = {**os.environ, "PATH": ":".join(path), "CALLS": str(self.calls_file)}
        given = ("lightrnn.pt", symbols, lattices) if arguments is None else arguments
        return subprocess.run(
            ["bash", str(SCRIPT), *options, "--output", str(self.out), *given],
            cwd=self.folder,
            text=True,
            check=False,
            capture_output=True,
            env=environment,
            timeout=120,
        )

    def calls(self) -> list[list[str]]:
        """How the stub was called since the last question."""
        lines = (
            self.calls_file.read_text(encoding="utf-8").splitlines()
            if self.calls_file.exists()
            else []
        )
        self.calls_file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


@pytest.fixture
def recipe(tmp_path: Path, commands: Path) -> Recipe:
    return Recipe(tmp_path, commands)


@pytest.fixture
def stubbed(recipe: Recipe) -> Recipe:
    recipe.stub()
    return recipe


def option(call: list[str], name: str) -> str | None:
    return call[call.index(name) + 1] if name in call else None


def test_both_stages_on_saved_lattices(recipe: Recipe) -> None:
    result = recipe.run(
        "--dev", "dev", "--dev-ref", "dev.txt", "--ref", "test.txt", "--save-lattices", "true"
    )
    assert result.returncode == 0, result.stderr
    best = (recipe.out / "best.txt").read_text(encoding="utf-8").splitlines()
    assert best in (["one the cat sat", "two the dog"], ["one the dog ran", "two the dog"])
    assert "weights" in json.loads((recipe.out / "weights.json").read_text(encoding="utf-8"))
    assert (recipe.out / "wer.json").exists()
    saved = torch.load(recipe.out / "lattices.pt")
    assert saved["utterances"] == ["one", "two"] and saved["aux_labels"].tolist().count(-1) >= 2
    again = recipe.run(
        "--dev", "dev", "--dev-ref", "dev.txt", "--ref", "test.txt", "--save-lattices", "true"
    )
    assert again.stderr.count("finished before, skipped") == 2


def test_lattices_of_word_pieces(recipe: Recipe) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat", "the dog ran"] * 9),
        model_prefix=str(recipe.folder / "bpe"),
        minloglevel=2,
        hard_vocab_limit=False,
        vocab_size=40,
        unk_id=2,
        bos_id=-1,
        eos_id=-1,
        user_defined_symbols=["<blk>", "<sos/eos>"],
    )
    model = sentencepiece.SentencePieceProcessor(model_file=str(recipe.folder / "bpe.model"))
    ids = model.encode("the cat sat")
    arcs = [(number, number + 1, id, -1.0) for number, id in enumerate(ids)]
    save(recipe.folder / "pieces.pt", "one", [*arcs, (len(ids), len(ids) + 1, -1, 0.0)])
    result = recipe.run("--save-lattices", "true", symbols="bpe.model", lattices="pieces.pt")
    assert result.returncode == 0, result.stderr
    assert (recipe.out / "best.txt").read_text(encoding="utf-8") == "one the cat sat\n"
    saved = torch.load(recipe.out / "lattices.pt")
    assert [id for id in saved["aux_labels"].tolist() if id > 0] == ids


def test_what_the_stages_run(stubbed: Recipe) -> None:
    (stubbed.folder / "4gram.binary").touch()
    given = ("--dev", "dev", "--dev-ref", "dev.txt", "--ngram", "4gram.binary")
    result = stubbed.run(*given, "--device", "cuda:1")
    assert result.returncode == 0, result.stderr
    tune, test = stubbed.calls()
    weights = str(stubbed.out / "weights.json")
    assert tune[0] == "dev" and option(tune, "--tune") == "dev.txt"
    assert test[0] == "test" and "--tune" not in test
    expected = {
        "--format": "k2",
        "--symbols": "words.txt",
        "--lm": "lightrnn.pt",
        "--ngram": "4gram.binary",
        "--weights": weights,
        "--device": "cuda:1",
    }
    for call in (tune, test):
        assert {name: option(call, name) for name in expected} == expected
    assert stubbed.run(*given, "--device", "cpu").returncode == 0 and stubbed.calls() == []
    assert stubbed.run(*given[:4]).returncode == 0 and len(stubbed.calls()) == 2


def test_weights_that_were_tuned_before(stubbed: Recipe) -> None:
    (stubbed.folder / "w.json").touch()
    (stubbed.folder / "bpe.model").touch()
    assert stubbed.run("--weights", "w.json", symbols="bpe.model").returncode == 0
    (call,) = stubbed.calls()
    assert (option(call, "--weights"), option(call, "--bpe-model"), option(call, "--symbols")) == (
        "w.json",
        "bpe.model",
        None,
    )
    assert stubbed.run().returncode == 0
    (call,) = stubbed.calls()
    assert "--weights" not in call and "--lattice-output" not in call


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dev", "dev"], "--dev and --dev-ref go together"),
        (["--dev-ref", "dev.txt"], "--dev and --dev-ref"),
        (["--dev", "dev", "--dev-ref", "dev.txt", "--weights", "words.txt"], "give one of them"),
        (["--save-lattices", "yes"], "expected true or false"),
        (["--symbols", "words.txt"], "no option --symbols"),
        (["--ref", "none.txt"], r"reads none.txt, which is not there"),
    ],
)
def test_what_is_refused(stubbed: Recipe, options: list[str], message: str) -> None:
    result = stubbed.run(*options)
    assert (
        result.returncode == 2 and message in result.stderr and len(result.stderr.splitlines()) == 1
    )
    assert stubbed.calls() == []


def test_usage(stubbed: Recipe) -> None:
    few = stubbed.run(arguments=["lightrnn.pt"])
    assert few.returncode == 2 and "expected LIGHTRNN SYMBOLS LATTICES" in few.stderr
    help = subprocess.run([str(SCRIPT), "--help"], capture_output=True, text=True, check=True)
    text = SCRIPT.read_text(encoding="utf-8")
    names = text.split("options=(")[1].split(")")[0].split()
    assert all(f"--{name.replace('_', '-')} " in help.stdout for name in names)
