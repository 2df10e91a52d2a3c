"""A lack of memory is one line and status 2, whoever ran into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tiny import write_arpa

from rescorer.command import user_errors


@pytest.mark.parametrize(
    "run_out",
    [
        lambda: np.empty(10**15),
        lambda: torch.empty(10**16),
        lambda: bytearray(10**17),
        lambda: [0] * 10**17,
    ],
    ids=["numpy", "torch", "bytes", "list"],
)
def test_one_line_and_status_2(run_out: Any) -> None:
    @click.command()
    @user_errors
    def command() -> None:
        run_out()

    result = CliRunner().invoke(command)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: not enough memory") and "; remedy: " in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_other_errors_are_not_hidden() -> None:
    @click.command()
    @user_errors
    def command() -> None:
        raise RuntimeError("a fault of ours")

    result = CliRunner().invoke(command)
    assert result.exit_code == 1 and str(result.exception) == "a fault of ours"


def test_a_real_command(tmp_path: Path) -> None:
    """A long text, in a process that may take 8 MiB more than it has."""
    write_arpa(tmp_path / "ngram.arpa")
    (tmp_path / "text.txt").write_text("the cat sat on a mat \n" * 60_000)
    code = (
        "import resource, sys, torch, kenlm, rescorer.rescoring.perplexity, "
        "rescorer.models.loading\n"
        "import rescorer.training.corpus\n"
        "from rescorer.cli.lightrnn import lightrnn\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * 4096 + (8 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size, size))\n"
        "lightrnn(['perplexity', 'text.txt', '--ngram', 'ngram.arpa'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert result.stderr.startswith("error: not enough memory") and result.stderr.count("\n") == 1
