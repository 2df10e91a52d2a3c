"""Work in several processes, with bounded memory, that signals end; light, for every process
imports it.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import TypeVar

from rescorer.errors import InputError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 4  # items a process that are being worked on, or wait
_TORCHRUN = "TORCHELASTIC_RUN_ID"  # in the environment of its processes
_CLEANING = 5.0  # seconds within which a second signal is passed over

_interrupted = -math.inf  # when the last signal came


def mapped(
    function: Callable[[_Item], _Result], items: Iterable[_Item], processes: int
) -> Iterator[_Result]:
    """`function` of each item, in order; of the items and results a few a process are held.

    Raises:
        InputError: as `workers`.
    """
    if processes == 1:
        yield from map(function, items)
        return
    with workers(processes) as executor:
        yield from in_order(executor, function, items, _AHEAD * processes)


@contextmanager
def workers(
    processes: int, begin: Callable[[], object] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Processes that finish what they are at when the caller leaves, for whatever reason; `begin`
    is called in each.

    Spawned, not forked: a fork of a process with torch's or BLAS's threads can hang.
    multiprocessing.Pool kills its processes instead, and waits for ever where one was just writing
    its result; nor does it notice one that died.

    Raises:
        InputError: a process was killed, such as for want of memory.
    """
    with _no_interrupt():
        resource_tracker.ensure_running()  # its start would let the signal through again
    executor = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), begin)
    try:
        yield executor
    except BrokenProcessPool:
        raise InputError(
            "one of the processes was killed",
            expected="all to go on to the end",
            remedy="if memory ran out, take fewer --processes, then run it again",
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def in_order(
    executor: ProcessPoolExecutor,
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    ahead: int,
) -> Iterator[_Result]:
    """`function` of each item; so many items are being worked on or wait, where Executor.map would
    read them all.
    """
    waiting: deque[Future[_Result]] = deque()
    for item in items:
        with _no_interrupt():
            waiting.append(executor.submit(function, item))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes that are started here never get SIGINT or SIGHUP.

    The parent gets them and ends the processes, which would otherwise write tracebacks. They do get
    SIGTERM, by which a broken pool is ended.
    """
    # A new process inherits the mask of blocked signals.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does, unless they are ignored (nohup).

    Processes of torchrun end at once, because a wait for other processes would delay the signal.
    """
    handled = [number for number in (signal.SIGTERM, signal.SIGHUP) if _is_default(number)]
    for number in handled:
        signal.signal(number, _interrupt_once)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


def _is_default(number: int) -> bool:
    is_main = threading.current_thread() is threading.main_thread()  # no other one may set handlers
    return is_main and _TORCHRUN not in os.environ and signal.getsignal(number) is signal.SIG_DFL


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    """A closed terminal is told twice, by the system and by the shell: the second one is not to
    break the cleaning.
    """
    global _interrupted
    before, _interrupted = _interrupted, time.monotonic()
    if _interrupted - before > _CLEANING:
        raise KeyboardInterrupt
