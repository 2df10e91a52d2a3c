"""Commands that are killed: `python -m torture` in this folder, or `make torture`.

SIGKILL comes at a random moment. A training that goes on ends with the same bytes as one that was
never killed. An output is whole, the old one or the new one, or it was never there. Children are
forked, so that a kill costs no start of Python. Ends with status 1 where something else is found.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conftest import WORDS, make_model, make_vocabulary
from tiny import KNOWN, draw_sentences, nbest
from tiny_lattices import random_lattice

from lexicon_tools.cli import lexicon
from rescorer.cli.lightrnn import lightrnn
from rescorer.cli.rescore import rescore
from rescorer.models.torch_file import read_torch
from rescorer.recognition.formats import LATTICE_FORMATS, write_nbest
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM

_MOST_RUNS = 40  # of one training until it comes to its end


@dataclass
class Outcome:
    """What became of a scenario.

    Attributes:
        kills: how many came before the end of a command.
        states: how often outputs were found new, old or absent.
        findings: what is neither.
        left: files and folders of temporary work that lay beside the outputs at last.
    """

    scenario: str
    kills: int = 0
    states: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    left: int = 0


@dataclass(frozen=True)
class Scenario:
    """A command, in a folder of its own.

    Attributes:
        name: of it.
        prepare: makes the inputs in the folder at hand.
        arguments: the command's.
        outputs: files and folders that it writes.
        resumes: a run goes on where the one before was killed, and must end with the same bytes.
    """

    name: str
    prepare: Callable[[], None]
    command: Any
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    resumes: bool = False


# ---- what is killed ----


def _text(sentences: int) -> None:
    Path("text").write_text(
        "\n".join(map(" ".join, draw_sentences(sentences, 1, KNOWN, 12))) + "\n"
    )


def _prepare_training() -> None:
    _text(600)
    Path("valid").write_text("\n".join(map(" ".join, draw_sentences(50, 2, KNOWN, 12))) + "\n")
    make_vocabulary().save("words.tsv")


def _prepare_lists() -> None:
    make_model(width=128).save("lm.pt")
    draw = np.random.default_rng(1)
    sentences = draw_sentences(800, 3)
    lists = [
        nbest(
            f"u{n}", *((" ".join(words), draw.normal()) for words in sentences[8 * n : 8 * n + 8])
        )
        for n in range(100)
    ]
    write_nbest("lists.jsonl", lists, "jsonl")
    Path("ref").write_text("".join(f"u{number} the cat sat\n" for number in range(100)))


def _prepare_lattices() -> None:
    make_model(width=128).save("lm.pt")
    draw = np.random.default_rng(3)
    symbols = Symbols(("<eps>", *WORDS))
    lattices = []
    for number in range(40):
        made = random_lattice(draw, 9, 20, KNOWN)
        labels = [
            WORDS.index(label) + 1 if label else 0
            for label in (made.symbols.labels[at] for at in made.labels)
        ]
        lattices.append(
            Lattice(
                f"u{number:02}",
                symbols,
                made.states,
                made.sources,
                made.targets,
                np.array(labels),
                {name: draw.normal(size=made.arcs).round(3) for name in (ACOUSTIC, FIRST_LM)},
            )
        )
    LATTICE_FORMATS["htk"].write(Path("lats"), [each for each in lattices if each.arcs])


SCENARIOS = (
    Scenario(
        "train",
        _prepare_training,
        lightrnn,
        (
            "train",
            "text",
            "--valid",
            "valid",
            "--vocabulary",
            "words.tsv",
            "--output",
            "m.pt",
            "--hidden-dim",
            "16",
            "--residual-dim",
            "4",
            "--epochs",
            "4",
            "--intervals",
            "12",
            "--reallocate-after",
            "5",
            "--threads",
            "1",
        ),
        ("m.pt",),
        resumes=True,
    ),
    Scenario(
        "rescore lists",
        _prepare_lists,
        rescore,
        (
            "lists.jsonl",
            "--lm",
            "lm.pt",
            "--ref",
            "ref",
            "--output",
            "best",
            "--nbest-output",
            "n.jsonl",
            "--wer-output",
            "wer.json",
            "--oov-report",
            "oov.tsv",
        ),
        ("best", "n.jsonl", "wer.json", "oov.tsv"),
    ),
    Scenario(
        "rescore lattices into a folder",
        _prepare_lattices,
        rescore,
        (
            "lats",
            "--lm",
            "lm.pt",
            "--output",
            "best",
            "--lattice-output",
            "out",
            "--confidence-output",
            "sure.jsonl",
        ),
        ("best", "out", "sure.jsonl"),
    ),
    Scenario(
        "lexicon count",
        lambda: _text(20_000),
        lexicon,
        ("count", "text", "--output", "counts"),
        ("counts",),
    ),
)


# ---- killing ----


def torture(scenario: Scenario, kills: int, chance: random.Random) -> Outcome:
    """Kill a command again and again, in a folder of its own."""
    outcome = Outcome(scenario.name)
    with tempfile.TemporaryDirectory(prefix="torture.") as folder, _folder_at_hand(folder):
        scenario.prepare()
        inputs = set(os.listdir())
        lasted = _run(scenario, None)[1]
        whole = _contents(scenario)
        if missing := [name for name, content in whole.items() if content is None]:
            raise RuntimeError(
                f"{scenario.name} leaves no {', '.join(missing)} where nothing kills it"
            )
        _clear(inputs)
        if scenario.resumes:
            _kill_and_go_on(scenario, kills, chance, lasted, whole, inputs, outcome)
        else:
            _kill_alone(scenario, kills, chance, lasted, whole, inputs, outcome)
        outcome.left = sum(name.startswith(".") for name in os.listdir())
    return outcome


@contextlib.contextmanager
def _folder_at_hand(folder: str) -> Iterator[None]:
    """As contextlib.chdir of Python 3.11."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _kill_alone(
    scenario: Scenario,
    kills: int,
    chance: random.Random,
    lasted: float,
    whole: dict[str, Any],
    inputs: set[str],
    outcome: Outcome,
) -> None:
    """Each run over nothing, over what the run before left, or over older outputs."""
    while outcome.kills < kills:
        before = _contents(scenario)
        if chance.random() < 0.5:
            _clear(inputs)
            before = _make_older(scenario, whole) if chance.random() < 0.5 else _contents(scenario)
        outcome.kills += _run(scenario, chance.uniform(0, 1.2 * lasted))[0]
        for name, content in _contents(scenario).items():
            state = (
                "new" if content == whole[name] else "old" if content == before[name] else "torn"
            )
            if content is None:
                state = "absent" if before[name] is None else "lost"
            outcome.states[state] = outcome.states.get(state, 0) + 1
            if state in ("torn", "lost"):
                outcome.findings.append(f"{name} is {state} after kill {outcome.kills}")
    _run(scenario, None)
    if _contents(scenario) != whole:
        outcome.findings.append("the last run, which nothing killed, wrote something else")


def _make_older(scenario: Scenario, whole: dict[str, Any]) -> dict[str, Any]:
    """Outputs of an older run: files and folders of other content."""
    for name in scenario.outputs:
        if isinstance(whole[name], dict):
            Path(name).mkdir()
            for member in whole[name]:
                Path(name, member).write_text("VERSION=1.0\n")
        else:
            Path(name).write_text("older\n")
    return _contents(scenario)


def _kill_and_go_on(
    scenario: Scenario,
    kills: int,
    chance: random.Random,
    lasted: float,
    whole: dict[str, Any],
    inputs: set[str],
    outcome: Outcome,
) -> None:
    while outcome.kills < kills:
        _clear(inputs)
        for run in range(_MOST_RUNS):
            killed, _ = _run(scenario, chance.uniform(0, lasted) if run < _MOST_RUNS - 1 else None)
            outcome.kills += killed
            if not killed:
                break
        state = "new" if _contents(scenario) == whole else "other"
        outcome.states[state] = outcome.states.get(state, 0) + 1
        if state != "new":
            outcome.findings.append(f"other bytes after {outcome.kills} kills")


def _contents(scenario: Scenario) -> dict[str, Any]:
    """What the outputs hold; of a model its numbers, as its provenance holds times."""
    return {name: _content(Path(name)) for name in scenario.outputs}


def _content(path: Path) -> Any:
    if path.is_dir():
        return {file.name: file.read_bytes() for file in sorted(path.iterdir())}
    if not path.exists():
        return None
    if path.suffix == ".pt":
        found = read_torch(path)
        return {
            name: value.numpy().tobytes() for name, value in sorted(found["parameters"].items())
        }, found["cells"].tolist()
    return path.read_bytes()


def _clear(inputs: set[str]) -> None:
    for name in set(os.listdir()) - inputs:
        shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)


def _run(scenario: Scenario, killed_after: float | None) -> tuple[bool, float]:
    """Whether it was killed, and how many seconds it took. Raises RuntimeError where it fails by
    itself.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    begin = time.monotonic()
    child = os.fork()
    if not child:
        _be_command(scenario)
    with _killed(child, killed_after):
        status = os.waitpid(child, 0)[1]
    took = time.monotonic() - begin
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True, took
    if status:
        raise RuntimeError(
            f"{scenario.name} ended with {status}: {Path('said.log').read_text()[-2000:]}"
        )
    return False, took


def _be_command(scenario: Scenario) -> None:
    status = 1
    try:
        log = os.open("said.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        scenario.command.main(list(scenario.arguments), standalone_mode=False)
        status = 0
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        os._exit(status)


@contextlib.contextmanager
def _killed(child: int, after: float | None) -> Iterator[None]:
    """A further process kills the child in time; it dies itself when the child is gone."""
    if after is None:
        yield
        return
    killer = os.fork()
    if not killer:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(killer, signal.SIGKILL)
        os.waitpid(killer, 0)


def all_outcomes(scenarios: Sequence[Scenario], kills: int, seed: int) -> Iterator[Outcome]:
    """Each scenario with so many kills."""
    torch.set_num_threads(1)
    for scenario in scenarios:
        yield torture(scenario, kills, random.Random(f"{seed} {scenario.name}"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="commands whose names hold this")
    given = parser.parse_args()
    found = 0
    for outcome in all_outcomes(
        [each for each in SCENARIOS if given.only in each.name], given.kills, given.seed
    ):
        print(
            f"{outcome.scenario}: {outcome.kills} kills, outputs {json.dumps(outcome.states)}, "
            f"{outcome.left} leftovers, {len(outcome.findings)} findings",
            flush=True,
        )
        for finding in outcome.findings[:10]:
            print(f"    {finding}", flush=True)
        found += len(outcome.findings)
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
