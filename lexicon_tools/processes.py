"""Work in several processes, with bounded memory, that Ctrl-C ends; light, for every process imports it."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TypeVar

from rescorer.errors import InputError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a process that are being worked on, or wait


def mapped(function: Callable[[_Item], _Result], items: Iterable[_Item], processes: int) -> Iterator[_Result]:
    """`function` of each item, in order; of the items and results a few a process are held.

    Raises:
        InputError: a process was killed, such as for want of memory.
    """
    if processes == 1:
        yield from map(function, items)
        return
    with _executor(processes) as executor:
        # Executor.map would read the whole input ahead.
        waiting: deque[Future[_Result]] = deque()
        for item in items:
            with _no_interrupt():
                waiting.append(executor.submit(function, item))
            if len(waiting) == _AHEAD * processes:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


@contextmanager
def _executor(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that finish what they are at when the caller leaves, for whatever reason.

    multiprocessing.Pool kills them instead, and waits for ever where one was just writing its result; nor does it
    notice one that died.
    """
    resource_tracker.ensure_running()  # its start would let the signal through again
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    try:
        yield executor
    except BrokenProcessPool:
        raise InputError("one of the processes was killed", expected="all to go on to the end",
                         remedy="if memory ran out, take fewer --processes, then run it again") from None
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes started here never see Ctrl-C, from their first moment on: it is the parent's, which ends them.

    One that died of it would write its traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
