"""Where a hypothesis differs from its reference: runs of wrong words, and the words between them.

Words are aligned by kaldialign with the fewest errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import kaldialign

Words = tuple[str, ...]

_GAP = ""  # no word is empty


def aligned_regions(
    reference: Sequence[str], hypothesis: Sequence[str]
) -> Iterator[tuple[Words, Words]]:
    """Yield the words of the reference and those of the hypothesis, region by region, in order.

    A right word is a region of its own. Wrong words that follow one another make one region; one of
    its sides may have no words.
    """
    aligned = kaldialign.align(list(reference), list(hypothesis), _GAP)
    for right, run in groupby(aligned, lambda pair: pair[0] == pair[1]):
        pairs = list(run)
        if right:
            yield from (((word,), (word,)) for word, _ in pairs)
        else:
            yield (
                tuple(spoken for spoken, _ in pairs if spoken != _GAP),
                tuple(written for _, written in pairs if written != _GAP),
            )
