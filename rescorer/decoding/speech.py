"""Where in long audio somebody speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from rescorer.decoding.audio import SAMPLE_RATE

# From samples [S] to the (first, last + 1) sample of every stretch of speech, in order. Speech that
# may go on behind the last sample reaches to it.
Detector = Callable[[np.ndarray], list[tuple[int, int]]]


class Segment(NamedTuple):
    """A stretch of speech.

    Attributes:
        begin: seconds from the beginning of the file.
        samples: [S].
    """

    begin: float
    samples: np.ndarray

    @property
    def end(self) -> float:
        """Seconds from the beginning of the file."""
        return self.begin + len(self.samples) / SAMPLE_RATE


def segments(blocks: Iterable[np.ndarray], detect: Detector) -> Iterator[Segment]:
    """The stretches of speech of a file.

    One that reaches the end of a block may go on in the next block, so it is looked for again
    there. All others are whole, however long the silence behind them is.
    """
    offset, held = 0, np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        spans = detect(held)
        goes_on = bool(spans) and spans[-1][1] >= len(held)
        begin = spans[-1][0] if goes_on else len(held)
        yield from _cut(held, spans[:-1] if goes_on else spans, offset)
        held, offset = held[begin:], offset + begin
    yield from _cut(held, detect(held), offset)


def _cut(samples: np.ndarray, spans: Iterable[tuple[int, int]], offset: int) -> Iterator[Segment]:
    for begin, end in spans:
        yield Segment((offset + begin) / SAMPLE_RATE, samples[begin:end])


def segment_id(utterance: str, begin: float, end: float) -> str:
    """The id of a stretch of a file: begin and end in hundredths of a second, as Kaldi writes it.

    Ids sort by time within 27 hours.
    """
    return f"{utterance}-{round(100 * begin):07}-{round(100 * end):07}"
