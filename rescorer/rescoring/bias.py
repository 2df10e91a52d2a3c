"""Contextual biasing: expected words, such as the names of an address book, get a bonus.

The raw score `bias` counts the expected words of an arc. Its scale, tuned with the
others, is the bonus of one word in nats of the total.

Shapes: A arcs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import BIAS


def biased_lattices(lattices: Iterable[Lattice], words: Collection[str]) -> Iterator[Lattice]:
    """The lattices with the raw score `bias`: 1 on arcs [A] whose word is among `words`, else 0.

    Its scale in the recogniser's own total is 0. Time O(A) a lattice, and O(words) a symbol table.

    Raises:
        InputError: a lattice already has such a score, or `words` is a string.
    """
    wanted, symbols, marked = _wanted(words), None, np.zeros(0)
    for lattice in lattices:
        if BIAS in lattice.scores:
            raise _taken(lattice.utterance)
        if lattice.symbols is not symbols:
            symbols = lattice.symbols
            marked = np.fromiter(
                (word in wanted for word in symbols.words), np.float64, len(symbols.words)
            )
        scored = lattice.with_scores({BIAS: marked[lattice.labels]})
        yield replace(scored, own_scales={**lattice.own_scales, BIAS: 0.0})


def _wanted(words: Collection[str]) -> frozenset[str]:
    if isinstance(words, str):  # which would be taken as a collection of letters
        raise InputError(
            f"expected words given as one text, {words!r}",
            expected="a set or a list of words",
            remedy="give {'york', …}, or the words read from a file",
        )
    return frozenset(words)


def _taken(utterance: str) -> InputError:
    return InputError(
        f"utterance {utterance!r} has a score {BIAS!r} already",
        expected="the recogniser's own scores",
        remedy="leave the expected words out, or give lattices without that score",
    )
