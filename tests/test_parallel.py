"""Several processes: their results in order, bounded input, and signals, as a terminal sends them,
in real ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.parallel import mapped

# Where tests run in the background, a shell has Ctrl-C ignored in all that it starts.
COMMAND = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from lexicon_tools.cli import lexicon; lexicon()",
]


@pytest.mark.parametrize("processes", [1, 2])
def test_in_order_and_not_far_ahead(processes: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(-30, 30):
            taken.append(item)
            yield item

    results = mapped(abs, items(), processes)
    assert next(results) == 30 and len(taken) <= 8
    assert list(results) == [abs(item) for item in range(-29, 30)]


def test_signals_go_as_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    results = mapped(abs, [1, 2], 2)
    next(results)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    results.close()  # type: ignore[attr-defined]


def test_a_process_that_is_killed() -> None:
    with pytest.raises(
        InputError, match=r"^one of the processes was killed; .*; remedy: .* --processes"
    ):
        list(mapped(os._exit, [1] * 20, 2))


def test_left_while_large_results_wait() -> None:
    """More than a pipe holds, while the processes are at work on the next ones."""
    for pause in np.arange(10) * 0.003:
        results = mapped(bytes, [1 << 22] * 40, 2)
        assert len(next(results)) == 1 << 22
        time.sleep(pause)
        results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("command", "delay", "number"),
    [
        *(
            (command, delay, signal.SIGINT)
            for command in ("normalise", "count")
            for delay in (0, 0.8)
        ),
        *(("normalise", delay, signal.SIGHUP) for delay in (0, 0.8)),
        ("count", 0.8, signal.SIGTERM),
    ],
)
def test_signals_to_all_processes(
    tmp_path: Path, command: str, delay: float, number: signal.Signals
) -> None:
    """While the processes start, and when they work."""
    (tmp_path / "text").write_text(
        "The King's horse won 12 races in 1908, and then it ran away.\n" * 50_000
    )
    (tmp_path / "out").write_text("old")
    process = subprocess.Popen(
        [*COMMAND, command, *["text"] * 50, "--output", "out", "--processes", "2"],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(Path.cwd()),
        },
    )
    deadline = time.monotonic() + 60
    # until it has a folder of its own
    while len(list(tmp_path.iterdir())) == 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(delay)
    os.killpg(process.pid, number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2 and stdout == ""
    assert stderr.splitlines() == [
        "error: interrupted, every output file is whole or as it was; remedy: run it again"
    ]
    assert (tmp_path / "out").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "text"]
