"""Data-parallel training: two processes end where one ends, and one that dies costs nothing but
time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from conftest import make_vocabulary
from killed_training import assert_same, die_after, result_of
from quick_processes import forkserver_context
from tiny_training import SETTINGS as LONGER
from tiny_training import make_trainer, rows_of

from rescorer.cli.lightrnn import lightrnn
from rescorer.errors import InputError
from rescorer.models.torch_file import read_torch
from rescorer.training.data_parallel import ProcessGroup, data_parallel
from rescorer.training.settings import TrainingSettings

SETTINGS = replace(  # 40 steps
    LONGER, epochs=2, bptt=14, lr=0.004, reallocate_after=(1,), checkpoint_seconds=0
)
PAPER = {"two_step": True, "residual_dim": 0, "cell_bias": False, "tied": False, "num_layers": 1}


@pytest.fixture
def make_folder(sentences: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Folders with the same text."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("run")
        (folder / "sentences.txt").write_bytes(sentences.read_bytes())
        make_trainer(folder)  # encodes the text
        return folder

    return make


# ---- processes as torchrun starts them, without its long start ----


def start(rank: int, count: int, port: int, work: Callable[..., None], *arguments: Any) -> None:
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(count),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        TORCHELASTIC_RUN_ID="test",
    )
    torch.set_num_threads(1)
    with data_parallel("cpu") as processes:
        work(processes, *arguments)


def statuses(count: int, work: Callable[..., None], *arguments: Any) -> list[int | None]:
    """Exit statuses of so many processes that do this work together."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    context = forkserver_context()
    started = [
        context.Process(target=start, args=(rank, count, port, work, *arguments))
        for rank in range(count)
    ]
    for process in started:
        process.start()
    deadline = time.monotonic() + 300
    for process in started:
        process.join(deadline - time.monotonic())
        if process.exitcode is None:
            process.kill()
    return [process.exitcode for process in started]


def train(
    processes: ProcessGroup,
    folder: Path,
    settings: TrainingSettings,
    network: dict[str, Any],
    dies: int,
    after: int,
) -> None:
    trainer = make_trainer(folder, settings, processes=processes, **network)
    if processes.rank == dies:
        trainer.train_step = die_after(after, trainer.train_step)  # type: ignore[method-assign]
    trainer.run()


def trained(
    folder: Path,
    count: int,
    settings: TrainingSettings = SETTINGS,
    *,
    dies: int = -1,
    after: int = 0,
    **network: Any,
) -> None:
    """Train with so many processes, of which one may be killed after some steps."""
    found = statuses(count, train, folder, settings, {"dropout": 0.0, **network}, dies, after)
    if dies < 0:
        assert found == [0] * count
    else:
        assert found[dies] == -signal.SIGKILL and 0 not in found and None not in found


# ---- where they end ----


def assert_close(folder: Path, other: Path) -> None:
    """The same parameters, last and best, of two runs to 1e-5, the same table, and states and
    figures like them.
    """
    mine, theirs = (read_torch(each / "work" / "checkpoint.pt") for each in (folder, other))
    kept, best = (read_torch(each / "lightrnn.pt") for each in (folder, other))
    for one, same in ((mine["model"], theirs["model"]), (kept, best)):
        assert one["parameters"].keys() == same["parameters"].keys()
        for name, value in one["parameters"].items():
            torch.testing.assert_close(value, same["parameters"][name], rtol=0, atol=1e-5, msg=name)
        assert torch.equal(one["cells"], same["cells"])
    for part, same in zip(mine["state"], theirs["state"], strict=True):  # of 280 words, summed up
        torch.testing.assert_close(part, same, rtol=0, atol=1e-4)
    for row, same in zip(rows_of(folder), rows_of(other), strict=True):
        for column in ("interval", "step", "tokens", "lr", "event"):
            assert row[column] == same[column]
        for column in ("train_perplexity", "valid_perplexity"):
            assert float(row[column]) == pytest.approx(float(same[column]), abs=2e-3, nan_ok=True)


@pytest.mark.parametrize("network", [{}, PAPER], ids=["ours", "paper"])
def test_two_end_where_one_ends(make_folder: Callable[[], Path], network: dict[str, Any]) -> None:
    one, two = make_folder(), make_folder()
    settings = replace(SETTINGS, clip=0.1)  # of the averaged gradient: each share's norm is another
    make_trainer(one, settings, **{"dropout": 0.0, **network}).run()
    trained(two, 2, settings, **network)
    assert_close(two, one)


def test_another_number_goes_on(make_folder: Callable[[], Path]) -> None:
    uncut, cut = make_folder(), make_folder()
    make_trainer(uncut, SETTINGS, dropout=0.0).run()
    trained(cut, 2, dies=1, after=13)
    trained(cut, 1, dies=0, after=3)
    trained(cut, 4, dies=0, after=10)
    trained(cut, 2)
    assert_close(cut, uncut)


def test_dropout_goes_on_as_it_was(make_folder: Callable[[], Path]) -> None:
    """Each process draws numbers of its own, and draws them again after a death."""
    uncut, cut = make_folder(), make_folder()
    trained(uncut, 2, dropout=0.2)
    trained(cut, 2, dropout=0.2, dies=0, after=15)
    trained(cut, 2, dropout=0.2)
    result = result_of(uncut)
    assert_same(result_of(cut), result)
    assert not torch.equal(*result["random"])


# ---- shares ----


def test_shares() -> None:
    assert [list(range(8))[ProcessGroup(rank, 4).share(8)] for rank in range(4)] == [
        [0, 1],
        [2, 3],
        [4, 5],
        [6, 7],
    ]
    with pytest.raises(
        InputError, match=r"8 streams for 3 processes; .*remedy: make --batch-size a multiple of 3"
    ):
        ProcessGroup(1, 3).share(8)


def fail(processes: ProcessGroup, path: Path) -> None:
    assert processes.run_on_first(lambda: processes.rank) == 0
    assert [
        processes.broadcast_flag(said) for said in (processes.rank == 0, processes.rank == 1)
    ] == [True, False]
    assert processes.joined(torch.tensor([[processes.rank, 7]]), 1).tolist() == [[0, 7, 1, 7]]
    path.with_suffix(f".{processes.rank}").touch()

    def complain() -> None:
        raise InputError("bad")

    processes.run_on_first(complain)


def test_an_error_of_the_first_ends_all(tmp_path: Path) -> None:
    """Only the first one lets it through: the others leave with the status that the commands give
    it.
    """
    assert statuses(2, fail, tmp_path / "reached") == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reached.0", "reached.1"]


# ---- torchrun itself ----

DYING = """
import os
from killed_training import die_after
from rescorer.cli.lightrnn import lightrnn
from rescorer.training.loop import Trainer
if os.environ["RANK"] == "1":
    Trainer.train_step = die_after(50, Trainer.train_step)
lightrnn()
"""


@pytest.mark.slow
def test_torchrun_killed_then_one_process(make_folder: Callable[[], Path]) -> None:
    uncut, cut = make_folder(), make_folder()
    options = [
        "--hidden-dim",
        12,
        "--epochs",
        3,
        "--batch-size",
        8,
        "--bptt",
        10,
        "--intervals",
        4,
        "--threads",
        1,
        "--reallocate-after",
        1,
        "--lr",
        0.004,
    ]

    def arguments(folder: Path) -> list[str]:
        make_vocabulary().save(folder / "vocabulary.tsv")
        names = [
            folder / "train.txt",
            "--valid",
            folder / "valid.txt",
            "--vocabulary",
            folder / "vocabulary.tsv",
            "--output",
            folder / "lightrnn.pt",
            "--work",
            folder / "work",
        ]
        return ["train", *map(str, names + options)]

    script = cut / "dying.py"
    script.write_text(DYING)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
        ),
    }
    died = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc_per_node",
            "2",
            script,
            *arguments(cut),
        ],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert died.returncode != 0
    # said by one of them, and then one died
    assert died.stderr.count("interval 2/4: training") == 1, died.stderr
    assert "interval 3/4" not in died.stderr and len(rows_of(cut)) == 3

    for folder in (cut, uncut):
        result = CliRunner().invoke(lightrnn, arguments(folder))
        assert result.exit_code == 0, result.output
        assert ("going on from step 42 of 84" in result.output) == (folder == cut)
    assert_close(cut, uncut)
