"""Runs damaged inputs in forked workers, judges what becomes of each, and keeps findings as files.

Input n of a target is a function of the seed, the target's name and n alone. A worker that a signal
ends (a crash, or the limit on time) costs one input: the next worker goes on behind it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import json
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.mutations import Case, damaged_case
from fuzz.target import CommandError, Target
from rescorer.errors import InputError

SECONDS = 10  # of the processor for one input
_WAIT = 60  # seconds by the clock: an input that waits for ever takes no time of the processor
_MEMORY = 1 << 30  # bytes that a worker may take beside what it begins with
_INPUTS_A_WORKER = 2_000  # what leaks goes with it
_LONGEST = 1_500  # characters of a message
_QUICK = Path("/dev/shm")  # where a file that is written over waits for no disk
_KEPT = 3  # findings of one kind that are kept as files
_STATE = struct.Struct("<qqq")  # the input at hand; how many were read, and how many refused


@dataclass(frozen=True)
class Finding:
    """One input of which something else came than a result or one line.

    Attributes:
        kind: "traceback", "signal", "time", "message" or "output".
        where: what tells it from others: the error and the line of code, or the signal.
        input: its number n.
        detail: the traceback or the message.
    """

    target: str
    kind: str
    where: str
    input: int
    detail: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.target, self.kind, self.where


@dataclass
class Outcome:
    """What became of a target's inputs."""

    target: str
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return self.read + self.refused + len(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "target": self.target,
            "inputs": self.inputs,
            "read": self.read,
            "refused": self.refused,
            "findings": len(self.findings),
            "seconds": round(self.seconds, 2),
        }


def run_target(target: Target, inputs: int, seed: int, kept: Path | None) -> Outcome:
    """Give a target so many inputs; findings become files in the folder `kept`."""
    check_whole(target)
    outcome = Outcome(target.name)
    begin, before = 0, time.process_time() + _of_children()
    kinds: Counter[tuple[str, str, str]] = Counter()
    with tempfile.TemporaryDirectory(
        prefix="fuzz.", dir=_QUICK if _QUICK.is_dir() else None
    ) as place:
        while begin < inputs:
            end = min(inputs, begin + _INPUTS_A_WORKER)
            reached, found, read, refused = _in_worker(target, begin, end, seed, Path(place))
            outcome.read, outcome.refused = outcome.read + read, outcome.refused + refused
            outcome.findings += found
            for finding in found:
                kinds[finding.key] += 1
                if kept is not None and kinds[finding.key] <= _KEPT:
                    _keep(finding, target, seed, kept)
            begin = reached
    outcome.seconds = time.process_time() + _of_children() - before
    return outcome


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check_whole(target: Target) -> None:
    """Raises ValueError where the target does not read its own whole inputs: damage to them would
    tell nothing.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz.") as place:
        for number, case in enumerate(target.cases):
            write_case(case, Path(place) / target.file)
            if (found := judgement(target, Path(place) / target.file, refusals=True)) != "read":
                raise ValueError(f"whole input {number} of {target.name}: {found}")


def damaged_input(target: Target, seed: int, number: int) -> Case:
    """Input n."""
    chance = random.Random(f"{seed} {target.name} {number}")
    others = [content for case in target.cases for content in case.values()]
    return damaged_case(chance.choice(list(target.cases)), chance, others)


def write_case(case: Case, path: Path) -> None:
    """Put it at a path, in place of what is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)  # some file systems wait for the disk where a file is written over
    if set(case) == {""}:
        path.write_bytes(case[""])
        return
    path.mkdir()
    for name, content in case.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


# ---- the worker ----


def _in_worker(
    target: Target, begin: int, end: int, seed: int, place: Path
) -> tuple[int, list[Finding], int, int]:
    """Inputs begin … end - 1, or until a signal: how far it came, findings, how many were read and
    refused.
    """
    state = mmap.mmap(-1, _STATE.size)
    state[:] = _STATE.pack(begin, 0, 0)
    log = place / "findings"
    log.write_bytes(b"")
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # of a fork beside threads, which only wait
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        status = 1
        try:
            _work(target, range(begin, end), seed, place, state, log)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    number, read, refused = _STATE.unpack(state[:])
    found = [Finding(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]
    if os.WIFSIGNALED(status):
        return number + 1, [*found, _of_signal(target, os.WTERMSIG(status), number)], read, refused
    if status:
        said = (place / "output").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the worker itself failed at input {number} of {target.name}: {said}")
    return end, found, read, refused


def _of_signal(target: Target, number: int, at: int) -> Finding:
    name = signal.Signals(number).name
    if number in (signal.SIGPROF, signal.SIGALRM):
        return Finding(
            target.name,
            "time",
            name,
            at,
            f"not done in {SECONDS} s of the processor, or {_WAIT} s at all",
        )
    return Finding(target.name, "signal", name, at, f"ended by {name}")


def _work(
    target: Target, numbers: range, seed: int, place: Path, state: mmap.mmap, log: Path
) -> None:
    faulthandler.disable()  # a signal is told by the parent
    output = _limit(place)
    path = place / target.file
    read = refused = 0
    with open(log, "a", encoding="utf-8") as findings:
        for number in numbers:
            state[:] = _STATE.pack(number, read, refused)
            write_case(damaged_input(target, seed, number), path)
            found = timed_judgement(target, path)
            if os.fstat(output).st_size:
                said = os.pread(output, 2000, 0).decode("utf-8", "replace").strip()
                if not isinstance(found, tuple) and said not in ("", target.remark):
                    found = "output", "", said
                os.ftruncate(output, 0)
                os.lseek(output, 0, os.SEEK_SET)
            if isinstance(found, tuple):
                kind, where, detail = found
                finding = {
                    "target": target.name,
                    "kind": kind,
                    "where": where,
                    "input": number,
                    "detail": detail,
                }
                findings.write(json.dumps(finding) + "\n")
                findings.flush()
            elif found == "refused":
                refused += 1
            else:
                read += 1
        state[:] = _STATE.pack(numbers.stop, read, refused)


def _limit(place: Path) -> int:
    """Bound the memory; what is written to the terminal's streams goes to a file, whose number is
    returned.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + _MEMORY, resource.RLIM_INFINITY)
    )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.open(place / "output", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return output


def timed_judgement(target: Target, path: Path) -> Any:
    """As `judgement`; the system ends this process where it takes too long."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(_WAIT)
    try:
        return judgement(target, path)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)


def judgement(target: Target, path: Path, *, refusals: bool = False) -> tuple[str, str, str] | str:
    """ "read" or "refused", or (kind, where, detail) of a finding, of which refusals may be one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target.read(path)
    except (InputError, CommandError) as error:
        fault = message_fault(str(error))
        return ("message", fault, str(error)[:2000]) if fault or refusals else "refused"
    except BaseException as error:
        return "traceback", _where(error), "".join(traceback.format_exception(error))[-4000:]
    return "read"


def message_fault(message: str) -> str:
    """What keeps a message from being one line for a terminal; nothing where it is one."""
    if len(message.splitlines()) != 1:
        return "not one line"
    hidden = {unicodedata.category(character) for character in message} & {"Cc", "Cs", "Zl", "Zp"}
    if hidden or any(
        character in message
        for character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    ):
        return "control characters"
    if len(message) > _LONGEST:
        return "too long"
    return "" if "remedy: " in message else "no remedy"


def _where(error: BaseException) -> str:
    """The error, and the last place in this project's code that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        frame
        for frame in frames
        if "/rescorer/" in frame.filename or "/lexicon_tools/" in frame.filename
    ]
    last = (ours or frames)[-1]
    text = str(error)[:60] if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__} {Path(last.filename).name}:{last.name} {text}".strip()


# ---- findings as files ----


def _keep(finding: Finding, target: Target, seed: int, kept: Path) -> None:
    digest = hashlib.sha256(repr(finding.key).encode()).hexdigest()[:8]
    folder = kept / f"{target.name}-{finding.kind}-{digest}-{finding.input}"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_case(damaged_input(target, seed, finding.input), folder / target.file)
    about = {
        "target": target.name,
        "seed": seed,
        "input": finding.input,
        "kind": finding.kind,
        "where": finding.where,
        "detail": finding.detail,
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def replay(folder: Path, targets: Sequence[Target]) -> str:
    """Give a kept finding's input to its reader again, in this process; a traceback is raised."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    (target,) = (each for each in targets if each.name == about["target"])
    with tempfile.TemporaryDirectory(prefix="fuzz.") as place:
        path = Path(place) / target.file
        source = folder / target.file
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)
        try:
            target.read(path)
        except (InputError, CommandError) as error:
            return (
                f"refused{f' ({fault})' if (fault := message_fault(str(error))) else ''}: {error}"
            )
    return "read"
