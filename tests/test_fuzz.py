"""Damaged inputs: a result or one line, whatever the reader. `make fuzz` gives them twenty times as
many.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz import engine, mutations
from fuzz.engine import Finding, damaged_input, message_fault, replay, run_target
from fuzz.target import Target

from rescorer.errors import InputError

INPUTS = 10_000
TESTS = Path(__file__).parent


@pytest.mark.slow
def test_every_reader(tmp_path: Path) -> None:
    """In a process of its own: it forks, and this one may have threads."""
    outcomes = tmp_path / "outcomes.json"
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "fuzz",
            "--inputs",
            str(INPUTS),
            "--findings",
            tmp_path / "found",
            "--json",
            outcomes,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
    )
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    found = json.loads(outcomes.read_text())
    assert sum(each["inputs"] for each in found) >= 0.99 * INPUTS
    # The damage is neither too small to be seen nor so large that nothing is ever read.
    lists = [each for each in found if each["target"].startswith("nbest")]
    assert len(lists) >= 5 and all(0.02 < each["read"] / each["inputs"] < 0.9 for each in lists)


def _target(read: Callable[[Path], object]) -> Target:
    return Target(
        "test", [{"": b"some text 12\n"}], lambda path: None if _is_whole(path) else read(path)
    )


def _is_whole(path: Path) -> bool:
    return path.read_bytes() == b"some text 12\n"


def _raise(error: BaseException) -> None:
    raise error


def _say(message: str) -> None:
    """Past what InputError itself does to a message."""
    error = InputError("")
    error.args = (message,)
    raise error


def _work_for_ever(path: Path) -> None:
    while True:
        pass


def _print(path: Path) -> None:
    os.write(2, b"a banner")


@pytest.mark.parametrize(
    ("read", "kind", "where"),
    [
        (lambda path: _raise(ValueError("x")), "traceback", "ValueError"),
        (lambda path: os.kill(os.getpid(), signal.SIGSEGV), "signal", "SIGSEGV"),
        (lambda path: time.sleep(60), "time", "SIGALRM"),
        (_work_for_ever, "time", "SIGPROF"),
        (lambda path: bytearray(3 << 30), "traceback", "MemoryError"),
        (lambda path: _say("a\x1b[2J; remedy: b"), "message", "control characters"),
        (lambda path: _raise(InputError("a")), "message", "no remedy"),
        (_print, "output", ""),
    ],
)
def test_findings_are_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[Path], object],
    kind: str,
    where: str,
) -> None:
    monkeypatch.setattr(engine, "SECONDS", 0.1)
    monkeypatch.setattr(engine, "_WAIT", 3)
    outcome = run_target(_target(read), 2, 1, tmp_path)
    assert [finding.kind for finding in outcome.findings] == [kind] * 2
    assert all(finding.where.startswith(where) for finding in outcome.findings)
    (about, _) = sorted(tmp_path.glob("*/about.json"))
    kept = json.loads(about.read_text())
    assert (about.parent / "in").read_bytes() == damaged_input(_target(read), 1, kept["input"])[""]


def test_a_finding_is_replayed(tmp_path: Path) -> None:
    target = _target(lambda path: _raise(ValueError("again")))
    outcome = run_target(target, 1, 1, tmp_path)
    assert [type(finding) for finding in outcome.findings] == [Finding]
    (folder,) = tmp_path.iterdir()
    with pytest.raises(ValueError, match="again"):
        replay(folder, [target])


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("a; remedy: b", ""),
        ("a\u2028b; remedy: c", "not one line"),
        ("a\x00; remedy: b", "control characters"),
        ("a\u202eb; remedy: c", "control characters"),
        ("a" * 5000 + "; remedy: b", "too long"),
        ("a", "no remedy"),
    ],
)
def test_what_a_message_may_be(message: str, fault: str) -> None:
    assert message_fault(message) == fault


@pytest.mark.parametrize("name", mutations.DAMAGES)
def test_each_damage_changes_something(name: str) -> None:
    whole = b"one 12 two\nthree 3.5 four\nfive\n"
    damage, _ = mutations.DAMAGES[name]
    changed = 0
    for seed in range(20):
        data = bytearray(whole)
        damage(data, random.Random(seed), [b"another file\n"])
        changed += data != whole
    assert changed >= 8


def test_the_same_seed_gives_the_same_input() -> None:
    target = Target("test", [{"a": b'{"x": [1, 2.5], "y": "z"}', "b": b"1 2 3\n"}], _is_whole)
    inputs = [damaged_input(target, 1, number) for number in range(200)]
    assert inputs == [damaged_input(target, 1, number) for number in range(200)]
    assert inputs != [damaged_input(target, 2, number) for number in range(200)]
