"""Executors: work runs in this process or on the workers of a Dask cluster, with the same results
in the same order.

Both cut the work into the same pieces, so that every number comes from tensors of the same shape:
the last digits of float32 depend on the number of histories that a model scores at a time.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

from rescorer.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, Future

    from rescorer.models.language_model import LanguageModel

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# A function of models and a piece of work; it yields the results.
_Task = Callable[[Sequence["LanguageModel"], _Item], Iterable[_Result]]
_Load = Callable[[], Sequence["LanguageModel"]]

_CONNECT = 8  # seconds
_AHEAD = 3  # pieces in work or in the queue, for each worker


class Executor(Protocol):
    """Runs pieces of work."""

    def __call__(
        self, task: _Task[_Item, _Result], models: Sequence[LanguageModel], items: Iterable[_Item]
    ) -> Iterator[Iterable[_Result]]:
        """The results of `task` for the models and each item, in the order of the items."""


def serial_executor(
    task: _Task[_Item, _Result], models: Sequence[LanguageModel], items: Iterable[_Item]
) -> Iterator[Iterable[_Result]]:
    """An Executor that runs everything in this process, lazily."""
    return (task(models, item) for item in items)


class Cluster:
    """A Dask cluster that this process is connected to."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def mapped(
        self, function: Callable[[_Item], _Result], items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """`function` of each item, in order, with a few items in memory for each worker.

        The items of a lost worker go to another one. Function, items and results are pickled.

        Raises:
            InputError: the function raises it, or the cluster fails.
        """
        waiting: deque[Future] = deque()
        for item in items:
            with self._scheduler():
                # The item travels with the task: an item of `scatter` is lost with its worker.
                waiting.append(
                    self._client.submit(_work, pickle.dumps((function, item)), pure=False)
                )
                # The number of workers may change.
                full = len(waiting) >= _AHEAD * max(1, len(self._client.nthreads()))
            if full:
                yield pickle.loads(self._result(waiting.popleft()))
        while waiting:
            yield pickle.loads(self._result(waiting.popleft()))

    def _result(self, future: Future) -> bytes:
        """The pickled result of a piece of work."""
        with self._scheduler():
            return _result(future)

    @contextmanager
    def _scheduler(self) -> Iterator[None]:
        """Raises InputError if the scheduler is lost."""
        from distributed.comm import CommClosedError

        try:
            yield
        except (CommClosedError, CancelledError):
            raise _lost() from None
        except InputError:
            raise
        except Exception:
            if self._client.status == "running":
                raise
            raise _lost() from None

    def holding(self, load: _Load, files: Iterable[Path]) -> Executor:
        """An Executor whose workers load the models: each once, and again if a file has changed.

        Args:
            load: loads the models; can be pickled.
            files: files that it reads.
        """

        def executor(
            task: _Task[_Item, _Result], models: Sequence[LanguageModel], items: Iterable[_Item]
        ) -> Iterator[list[_Result]]:
            states = [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, files)]
            return self.mapped(partial(_with_models, pickle.dumps((load, states)), task), items)

        files = list(files)
        return executor


def _result(future: Future) -> bytes:
    from distributed import KilledWorker

    try:
        return bytes(future.result())
    except KilledWorker as error:
        raise InputError(
            f"{error.allowed_failures + 1} workers were lost over the same piece of work",
            expected="workers that survive it",
            remedy="give them more memory, or lower --memory",
        ) from None
    except ImportError as error:
        raise InputError(
            f"a worker cannot run this: {error}",
            expected="the same packages on all machines",
            remedy="install this release of lightrnn-rescorer there too",
        ) from None


def _lost() -> InputError:
    return InputError(
        "the Dask scheduler was lost", remedy="see its log, start it and run this again"
    )


# ---- on a worker ----

_one_at_a_time = Lock()  # models are not thread-safe
_held: dict[bytes, Sequence[LanguageModel]] = {}


def _work(piece: bytes) -> bytes:
    """Pickle here and not in Dask, whose arrays are read-only."""
    with _one_at_a_time:
        function, item = pickle.loads(piece)
        return pickle.dumps(function(item))


def _with_models(held: bytes, task: _Task[_Item, _Result], item: _Item) -> list[_Result]:
    if held not in _held:
        _held.clear()  # models of an earlier command
        _held[held] = _loaded(held)
    return list(task(_held[held], item))


def _loaded(held: bytes) -> Sequence[LanguageModel]:
    load, _ = pickle.loads(held)
    try:
        models: Sequence[LanguageModel] = load()
    except InputError as error:
        raise InputError(f"on a worker: {error}") from None
    return models


# ---- the connection ----


@contextmanager
def connected(scheduler: str, say: Callable[[str], None]) -> Iterator[Cluster]:
    """The cluster of a Dask scheduler at an address such as tcp://host:8786.

    Raises:
        InputError: no scheduler answers there, or Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            f"--scheduler needs Dask: {error}", remedy="pip install 'lightrnn-rescorer[cluster]'"
        ) from None
    try:
        asyncio.run(asyncio.wait_for(_meet(scheduler), _CONNECT))
        client = Client(scheduler, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler}" + (f": {error}" if str(error) else ""),
            expected="tcp://HOST:PORT, or tls://HOST:PORT with Dask set up for TLS",
            remedy="start one with `dask scheduler`, or check the address",
        ) from None
    with _quiet_logs(), client:
        if not client.nthreads():
            say(f"the scheduler {scheduler} has no worker yet: waiting for one")
        yield Cluster(client)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silence Dask's logs: a failure raises an exception, and Dask would log its traceback, too."""
    logs = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


async def _meet(scheduler: str) -> None:
    """Connect once. A Client without a scheduler waits longer, and warns when it closes."""
    from distributed import Security
    from distributed.comm import connect

    (await connect(scheduler, **Security().get_connection_args("client"))).abort()


@contextmanager
def executor_on(
    scheduler: str | None, load: _Load, files: Iterable[Path], say: Callable[[str], None]
) -> Iterator[Executor]:
    """`serial_executor`, or an executor on the cluster of a scheduler.

    Raises:
        InputError: as `connected`.
    """
    if scheduler is None:
        yield serial_executor
        return
    with connected(scheduler, say) as cluster:
        yield cluster.holding(load, files)
