"""Where a hypothesis differs from its reference: runs of wrong words, and the words between them.

Words are aligned by kaldialign with the fewest errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rescorer.reports.alignment import GAP, align

Words = tuple[str, ...]


def aligned_regions(
    reference: Sequence[str], hypothesis: Sequence[str]
) -> Iterator[tuple[Words, Words]]:
    """Yield the words of the reference and those of the hypothesis, region by region, in order.

    A right word is a region of its own. Wrong words that follow one another make one region; one of
    its sides may have no words.
    """
    for right, run in groupby(align(reference, hypothesis), lambda pair: pair[0] == pair[1]):
        pairs = list(run)
        if right:
            yield from (((word,), (word,)) for word, _ in pairs)
        else:
            yield (
                tuple(spoken for spoken, _ in pairs if spoken != GAP),
                tuple(written for _, written in pairs if written != GAP),
            )
