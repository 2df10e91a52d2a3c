"""Work in several processes, with bounded memory, that Ctrl-C ends; light, for every process imports it."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.pool import AsyncResult, Pool
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a process that are being worked on, or wait


def mapped(function: Callable[[_Item], _Result], items: Iterable[_Item], processes: int) -> Iterator[_Result]:
    """`function` of each item, in order; of the items and results a few a process are held."""
    if processes == 1:
        yield from map(function, items)
        return
    with _pool(processes) as pool:
        # Pool.imap would read the whole input ahead.
        waiting: deque[AsyncResult[_Result]] = deque()
        for item in items:
            waiting.append(pool.apply_async(function, (item,)))
            if len(waiting) == _AHEAD * processes:
                yield waiting.popleft().get()
        yield from (result.get() for result in waiting)


@contextmanager
def _pool(processes: int) -> Iterator[Pool]:
    """Processes that never see Ctrl-C, from their first moment on: it is the parent's, which ends them.

    One that died of it would write its traceback and, holding the queue's lock, keep the pool from ending.
    """
    resource_tracker.ensure_running()  # its start would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pool = multiprocessing.get_context("spawn").Pool(processes)
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    with pool:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield pool
