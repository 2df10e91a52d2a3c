"""Who does the work: this process, or the workers of a Dask cluster. Both give the same results in
the same order.

Work is cut into the same pieces for either, so that every number comes from the same tensors:
models differ in the last digits of float32 where they are asked for more or fewer histories at a
time.
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
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rescorer.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, Future

    from rescorer.models.language_model import LanguageModel

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# what a piece of work gives, one by one
_Task = Callable[[Sequence["LanguageModel"], _Item], Iterable[_Result]]
_Load = Callable[[], Sequence["LanguageModel"]]

_CONNECT = 8  # seconds
_AHEAD = 3  # pieces a worker that are being worked on, or wait


class Executor(Protocol):
    """Hands pieces of work to whoever does them."""

    def __call__(
        self, task: _Task[_Item, _Result], models: Sequence[LanguageModel], items: Iterable[_Item]
    ) -> Iterator[Iterable[_Result]]:
        """What `task` gives for the models and each item, in the order of the items."""


def serial_executor(
    task: _Task[_Item, _Result], models: Sequence[LanguageModel], items: Iterable[_Item]
) -> Iterator[Iterable[_Result]]:
    """A Spread: this process does everything, and nothing before it is asked for."""
    return (task(models, item) for item in items)


class Cluster:
    """A Dask cluster that this process is connected to."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def mapped(
        self, function: Callable[[_Item], _Result], items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """`function` of each item, in order; of the items and results a few a worker are held.

        What was with a worker that is lost goes to another one. Function, items and results are
        pickled.

        Raises:
            InputError: as the function, or the cluster fails.
        """
        waiting: deque[Future] = deque()
        for item in items:
            with self._scheduler():
                # With the task itself, not by `scatter`: what is scattered is lost with the worker
                # that holds it.
                waiting.append(
                    self._client.submit(_work, pickle.dumps((function, item)), pure=False)
                )
                # workers come and go
                full = len(waiting) >= _AHEAD * max(1, len(self._client.nthreads()))
            if full:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _result(self, future: Future) -> Any:
        with self._scheduler():
            found = _result(future)
        return pickle.loads(found)

    @contextmanager
    def _scheduler(self) -> Iterator[None]:
        """Raises InputError where the scheduler goes while it is talked to."""
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
        """A Spread whose workers load the models themselves: each once, and again where a file has
        changed.

        Args:
            load: gives the models; can be pickled.
            files: what it reads.
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
            expected="workers that live",
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

_one_at_a_time = Lock()  # models are no matter for several threads
_held: dict[bytes, Sequence[LanguageModel]] = {}


def _work(piece: bytes) -> bytes:
    """Pickled here and not by Dask, whose arrays can only be read."""
    with _one_at_a_time:
        function, item = pickle.loads(piece)
        return pickle.dumps(function(item))


def _with_models(held: bytes, task: _Task[_Item, _Result], item: _Item) -> list[_Result]:
    if held not in _held:
        _held.clear()  # those of an earlier command
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
        InputError: none answers there, or Dask is not installed.
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
    """What goes wrong comes as an exception, and is said once: Dask would log its tracebacks,
    too.
    """
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
    """Shake hands: a Client that is made where no scheduler is waits longer, and complains when it
    goes.
    """
    from distributed import Security
    from distributed.comm import connect

    (await connect(scheduler, **Security().get_connection_args("client"))).abort()


@contextmanager
def executor_on(
    scheduler: str | None, load: _Load, files: Iterable[Path], say: Callable[[str], None]
) -> Iterator[Executor]:
    """`serial_executor`, or over the cluster of a scheduler. Raises InputError as `connected`
    does.
    """
    if scheduler is None:
        yield serial_executor
        return
    with connected(scheduler, say) as cluster:
        yield cluster.holding(load, files)
