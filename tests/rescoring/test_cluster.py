"""Work on a cluster: the bytes of one process, whatever becomes of the workers, and one line for
what goes wrong.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import make_model
from distributed import LocalCluster, WorkerPlugin
from distributed.comm import CommClosedError
from quick_processes import forkserver_context
from tiny import KNOWN, draw_sentences, nbest, write_arpa
from tiny_lattices import draw_lattices, make_lattice

from lexicon_tools import word_blocks
from lexicon_tools.cli import lexicon
from rescorer.cli.rescore import rescore
from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.models.loading import load
from rescorer.models.spelling import Spelling
from rescorer.recognition.formats import LATTICE_FORMATS, write_nbest
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.rescoring import cluster as workers
from rescorer.rescoring import lattice
from rescorer.rescoring import prefix_tree as prefix_tree
from rescorer.rescoring.cluster import Cluster, connected, serial_executor

LM = ("--lm", "lightrnn.pt", "--ngram", "ngram.arpa")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes, quick to start; a dead one is restarted."""
    forkserver_context()
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            memory_limit=0,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def scheduler(cluster: LocalCluster) -> str:
    return str(cluster.scheduler_address)


@pytest.fixture
def joined(scheduler: str) -> Iterator[Cluster]:
    with connected(scheduler, print) as joined:
        joined._client.wait_for_workers(2, timeout=60)  # one may have died for the test before
        yield joined


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_tuning: None) -> Path:
    """A folder with models that spell, lists, lattices and references; they are cut into many
    pieces.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prefix_tree, "_TREE_SENTENCES", 25)
    monkeypatch.setattr(lattice, "_BATCH_ARCS", 40)
    model = make_model(hidden_dim=128)
    model.spelling = Spelling({"▁": np.log(0.999)}, 0.0)
    model.save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa")
    draw = np.random.default_rng(1)
    sentences = iter(draw_sentences(100))
    lists = [
        nbest(f"u{n}", *((" ".join(next(sentences)), draw.normal()) for _ in range(10)))
        for n in range(10)
    ]
    write_nbest("lists.jsonl", lists, "jsonl")
    LATTICE_FORMATS["htk"].write(Path("lats"), draw_lattices(10))
    Path("ref").write_text("".join(f"u{number} the cat sat\n" for number in range(10)))
    return tmp_path


def run(command: Any, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def outputs(command: Any, folder: str, *arguments: str) -> dict[str, bytes]:
    """The streams of a command, and every file of its folder."""
    result = run(command, *(argument.replace("OUT", folder) for argument in arguments))
    assert result.exit_code == 0, (result.stderr, result.exception)
    files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {
        "": result.output.encode(),
        **{str(path.relative_to(folder)): path.read_bytes() for path in files},
    }


LISTS = (
    rescore,
    "lists.jsonl",
    *LM,
    "--ref",
    "ref",
    "--nbest-output",
    "OUT/nbest.jsonl",
    "--oov-report",
    "OUT/oov",
    "--wer-output",
    "OUT/wer.json",
)
TUNED = (
    rescore,
    "lists.jsonl",
    *LM,
    "--tune",
    "ref",
    "--weights",
    "OUT/w.json",
    "--output",
    "OUT/best",
)
LATTICES = (
    rescore,
    "lats",
    *LM,
    "--ref",
    "ref",
    "--lattice-output",
    "OUT/lats",
    "--nbest-output",
    "OUT/nbest.jsonl",
    "--nbest",
    "5",
    "--confidence-output",
    "OUT/confidences",
)
EXACT = (rescore, "lats", *LM, "--order", "0", "--mbr", "--output", "OUT/best", "--memory", "1")
TUNED_LATTICES = (
    rescore,
    "lats",
    *LM,
    "--tune",
    "ref",
    "--weights",
    "OUT/w.json",
    "--output",
    "OUT/best",
)
COUNT = (lexicon, "count", "text", "text.more", "--output", "OUT/counts.tsv")


def write_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_blocks, "_BLOCK", 200)
    for seed, name in enumerate(("text", "text.more")):
        Path(name).write_text("\n".join(map(" ".join, draw_sentences(200, seed))))


@pytest.mark.parametrize(
    "command",
    [LISTS, TUNED, LATTICES, EXACT, TUNED_LATTICES, COUNT],
    ids=["lists", "tuned", "lattices", "exact", "tuned-lattices", "count"],
)
def test_the_same_bytes(
    archives: Path, monkeypatch: pytest.MonkeyPatch, scheduler: str, command: Any
) -> None:
    write_texts(monkeypatch)
    alone = outputs(command[0], "one", *command[1:])
    assert len(alone) > 1
    assert outputs(command[0], "many", *command[1:], "--scheduler", scheduler) == alone


class _Death(WorkerPlugin):
    """Kills its process where a piece of work begins, of all workers' pieces the n-th; only
    once.
    """

    def __init__(self, folder: Path, place: int) -> None:
        self._folder, self._place = folder, place

    def transition(self, key: Any, start: str, finish: str, **_: Any) -> None:
        if finish == "executing" and "_work" in str(key):
            Path(self._folder / f"begun {key}").touch()
            if (
                len(list(self._folder.glob("begun*"))) >= self._place
                and not (self._folder / "dead").exists()
            ):
                (self._folder / "dead").write_text(str(key))
                os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("command", [LISTS, LATTICES, COUNT], ids=["lists", "lattices", "count"])
def test_a_worker_that_dies(
    archives: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster: LocalCluster,
    joined: Cluster,
    tmp_path: Path,
    command: Any,
) -> None:
    write_texts(monkeypatch)
    alone = outputs(command[0], "one", *command[1:])
    (tmp_path / "deaths").mkdir()
    pids = set(joined._client.run(os.getpid).values())
    assert len(pids) == 2
    joined._client.register_plugin(_Death(tmp_path / "deaths", place=2), name="death")
    try:
        assert (
            outputs(command[0], "many", *command[1:], "--scheduler", cluster.scheduler_address)
            == alone
        )
    finally:
        joined._client.unregister_worker_plugin("death")
    assert (tmp_path / "deaths/dead").exists()
    joined._client.wait_for_workers(2, timeout=60)
    assert len(pids & set(joined._client.run(os.getpid).values())) == 1


def _load(path: Path, log: Path) -> list[LanguageModel]:
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return [load(path)]


def _names(models: Sequence[LanguageModel], item: int) -> Iterator[tuple[int, int, str]]:
    yield from ((item, os.getpid(), model.name) for model in models)
    time.sleep(0.02)


def test_models_are_loaded_once_a_worker(tmp_path: Path, joined: Cluster) -> None:
    model, log = tmp_path / "lightrnn.pt", tmp_path / "log"
    make_model().save(model)
    for loads in (1, 1, 2):
        if loads == 2:
            os.utime(model, (0, 0))  # as if another model took its place
        executor = joined.holding(partial(_load, model, log), [model])
        found = [each for (each,) in executor(_names, [], range(20))]
        assert [item for item, *_ in found] == list(range(20)) and {name for *_, name in found} == {
            "lightrnn"
        }
        pids = [int(line) for line in log.read_text().splitlines()]
        assert {pid for _, pid, _ in found} <= set(pids) and len(set(pids)) == 2
        assert sorted(pids) == sorted([*set(pids)] * loads)


def test_not_far_ahead(joined: Cluster) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(-30, 30):
            taken.append(item)
            yield item

    results = joined.mapped(abs, items())
    assert next(results) == 30 and len(taken) == 6
    assert list(results) == [abs(item) for item in range(-29, 30)]


def test_the_serial_executor_is_lazy() -> None:
    items = iter(range(3))
    results = serial_executor(lambda models, item: [item], [], items)
    assert next(results) == [0] and list(items) == [1, 2]


def test_no_table_of_words_travels() -> None:
    symbols = Symbols(("", *KNOWN, "strange", *(f"w{number}" for number in range(100_000))))
    (small,) = draw_lattices(1)
    labels = np.array([symbols.labels.index(small.symbols.labels[label]) for label in small.labels])
    large = replace(small, symbols=symbols, labels=labels)
    sent = pickle.dumps(lattice._Batch((large,)))
    assert len(sent) < 10_000
    (arrived,) = pickle.loads(sent).lattices
    assert [arrived.symbols.words[label] for label in arrived.labels] == [
        symbols.words[label] for label in labels
    ]


def one_line(result: Result) -> str:
    assert isinstance(result.exception, SystemExit) and result.exit_code == 2, result.exception
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and result.stderr.endswith(f"{errors[0]}\n") and "remedy: " in errors[0]
    return errors[0]


def test_an_error_of_the_input_is_the_same_line(archives: Path, scheduler: str) -> None:
    def too_large(*more: str) -> str:
        options = ("--order", "0", "--max-histories", "0", "--memory", "1", "--output", "best")
        return one_line(run(rescore, "lats", *LM, *options, *more))

    LATTICE_FORMATS["htk"].write(Path("lats"), [*draw_lattices(2), wide()])
    assert "u2" in too_large() and "raise --memory" in too_large()
    assert too_large("--scheduler", scheduler) == too_large()
    assert not Path("best").exists()


def wide() -> Lattice:
    """A lattice of 3¹² paths."""
    arcs = [(state, state + 1, word) for state in range(12) for word in KNOWN[:3]]
    return replace(
        make_lattice(arcs, [12], name="u2"),
        scores={name: np.zeros(len(arcs) + 1) for name in ("acoustic", "first_lm")},
    )


def _fail(what: str, models: Sequence[LanguageModel], item: int) -> Iterable[int]:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "import":
        raise ModuleNotFoundError("No module named 'elsewhere'")
    return [item]


def _no_models() -> list[LanguageModel]:
    raise InputError("cannot be read", remedy="check the path", file="/only/here.pt")


def test_models_that_a_worker_cannot_load(joined: Cluster) -> None:
    with pytest.raises(
        InputError, match=r"^on a worker: /only/here\.pt: cannot be read; remedy: check the path$"
    ):
        list(joined.holding(_no_models, [])(partial(_fail, ""), [], [1]))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("import", r"a worker cannot run this: No module named 'elsewhere'.*remedy: install"),
        ("kill", r"1 workers were lost over the same piece of work.*remedy: give them more memory"),
    ],
)
def test_workers_that_fail(
    cluster: LocalCluster, joined: Cluster, monkeypatch: pytest.MonkeyPatch, what: str, message: str
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(InputError, match=message):
        list(joined.holding(list, [])(partial(_fail, what), [], [1]))


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "nonsense", "tcp://127.0.0.1:x", "http://127.0.0.1:1"]
)
@pytest.mark.parametrize(
    "command",
    [(rescore, "lists.jsonl", *LM), (lexicon, "count", "ref", "--output", "counts")],
    ids=["rescore", "count"],
)
def test_no_scheduler(
    archives: Path, monkeypatch: pytest.MonkeyPatch, command: Any, address: str
) -> None:
    monkeypatch.setattr(workers, "_CONNECT", 0.5)
    begin = time.monotonic()
    line = one_line(run(*command, "--scheduler", address))
    assert (
        line.startswith(f"error: no Dask scheduler answers at {address}")
        and "tcp://HOST:PORT" in line
    )
    assert time.monotonic() - begin < 5


def test_something_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_CONNECT", 0.5)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(InputError, match="no Dask scheduler"),
        connected(f"tcp://127.0.0.1:{server.getsockname()[1]}", print),
    ):
        pass


def test_without_dask(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    line = one_line(run(rescore, "lists.jsonl", *LM, "--scheduler", "tcp://127.0.0.1:1"))
    assert "remedy: pip install 'lightrnn-rescorer[cluster]'" in line


def test_no_worker_yet() -> None:
    lines: list[str] = []
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        connected(empty.scheduler_address, lines.append),
    ):
        assert lines == [
            f"the scheduler {empty.scheduler_address} has no worker yet: waiting for one"
        ]


@pytest.mark.slow
def test_a_scheduler_that_is_lost(tmp_path: Path) -> None:
    """One line, and nothing of what Dask logs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    (tmp_path / "text").write_text("the cat\n" * 10)
    run_python = partial(
        subprocess.Popen,
        cwd=tmp_path,
        text=True,
        env={
            **os.environ,
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    dask = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        address,
        "--no-dashboard",
    ]
    scheduler = run_python(dask, stderr=subprocess.PIPE)
    count = "from lexicon_tools.cli import lexicon; lexicon()"
    try:
        assert scheduler.stderr and any("Scheduler at" in line for line in scheduler.stderr)
        counting = run_python(
            [
                sys.executable,
                "-c",
                count,
                "count",
                "text",
                "--output",
                "counts",
                "--scheduler",
                address,
            ],
            stderr=subprocess.PIPE,
        )
        assert counting.stderr and "has no worker yet" in counting.stderr.readline()
    finally:
        scheduler.kill()
        scheduler.communicate()
    messages = counting.communicate(timeout=60)[1]
    assert (
        messages
        == "error: the Dask scheduler was lost; remedy: see its log, start it and run this again\n"
    )
    assert counting.returncode == 2 and not (tmp_path / "counts").exists()


@pytest.mark.parametrize(
    ("error", "status", "lost"),
    [
        (CommClosedError("in <TCP>: Stream is closed"), "running", True),
        (CancelledError(), "running", True),
        (RuntimeError("not running"), "closed", True),
        (ZeroDivisionError("of the task"), "running", False),
    ],
)
def test_however_the_scheduler_is_lost(error: Exception, status: str, lost: bool) -> None:
    class Lost:
        def __init__(self) -> None:
            self.status = status

        def submit(self, *_: Any, **__: Any) -> Lost:
            return self

        def nthreads(self) -> dict[str, int]:
            return {}

        def result(self) -> bytes:
            raise error

    with pytest.raises(
        InputError if lost else type(error), match="scheduler was lost" if lost else None
    ):
        list(Cluster(Lost()).mapped(abs, [1]))
