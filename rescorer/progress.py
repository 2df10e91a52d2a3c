"""How far a long task has come, for whoever waits: a bar on a terminal, else a plain line now and
then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from tqdm import tqdm

# Takes the name of a stage, and how many of its steps are done of how many.
Progress = Callable[[str, int, int], None]

_SECONDS = 15.0  # between two plain lines


def silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""


class ProgressDisplay:
    """Shows progress and the time left of each stage on stderr; a context, which closes the bar."""

    def __init__(
        self,
        say: Callable[[str], None],
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            say: takes a plain line.
            terminal: whether to draw bars; None: whether stderr is a terminal.
        """
        self._say, self._clock = say, clock
        self._terminal = bool(sys.stderr and sys.stderr.isatty()) if terminal is None else terminal
        self._bar: tqdm[None] | None = None
        self._stage = ""
        self._began = self._spoke = clock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._terminal:
            self._draw(stage, done, total)
        else:
            self._speak(stage, done, total)

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _draw(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage or self._bar is None:
            self._close()
            self._stage = stage
            self._bar = tqdm(total=total, desc=stage, leave=False)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def _speak(self, stage: str, done: int, total: int) -> None:
        now = self._clock()
        if stage != self._stage:
            self._stage, self._began = stage, now
        if done and now - self._spoke >= _SECONDS:
            self._spoke = now
            left = (now - self._began) / done * (total - done)
            self._say(f"{stage}: {done} of {total}, about {left:.0f} s left")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
