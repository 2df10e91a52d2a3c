"""The progress of a long task: a bar on a terminal, otherwise a plain line now and then.

What works reports steps to a `Progress`, and does not know who shows them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from tqdm import tqdm

# Takes the name of a stage, and how many of its steps are done of how many.
Progress = Callable[[str, int, int], None]

# The least gap between two plain lines: a log file gets at most 20 lines a stage.
_SECONDS, _SHARE = 5.0, 0.05


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
        # Of this stage: when it began and when its last line was shown, and the steps done then.
        self._began = self._spoke = clock()
        self._first = self._shown = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._terminal:
            self._draw(stage, done, total)
        else:
            self._speak(stage, done, total)

    def say(self, line: str) -> None:
        """Show a line about something else; a bar moves below it."""
        with tqdm.external_write_mode(file=sys.stderr):
            self._say(line)

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
            self._bar = tqdm(
                total=total, initial=done, desc=stage, unit="", unit_scale=True, leave=False
            )
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def _speak(self, stage: str, done: int, total: int) -> None:
        now = self._clock()
        if stage != self._stage:
            self._stage = stage
            self._began = self._spoke = now
            self._first = self._shown = done
        is_due = now - self._spoke >= _SECONDS and done - self._shown >= _SHARE * total
        if is_due and done > self._first:
            self._spoke, self._shown = now, done
            left = (now - self._began) / (done - self._first) * (total - done)
            time_left = tqdm.format_interval(left)
            self._say(f"{stage}: {100 * done // total} %, {time_left} left")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
