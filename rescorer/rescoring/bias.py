"""Words that are expected to be said, such as the names of an address book: contextual biasing.

Each such word counts one in the raw score `bias`, of a hypothesis or of an arc, so that its scale,
tuned with the others, is what one of them is worth: nats of the total.

Shapes: A arcs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import BIAS, Hypothesis, NBest


def biased_lists(lists: Iterable[NBest], words: Collection[str]) -> list[NBest]:
    """The lists with the raw score `bias`: how many words of each hypothesis are among `words`.

    Raises:
        InputError: they have such a score already, or `words` is a text.
    """
    wanted = _wanted(words)
    return [
        replace(
            nbest,
            hypotheses=tuple(_biased(hypothesis, wanted, nbest) for hypothesis in nbest.hypotheses),
        )
        for nbest in lists
    ]


def _biased(hypothesis: Hypothesis, words: frozenset[str], nbest: NBest) -> Hypothesis:
    if BIAS in hypothesis.scores:
        raise _taken(nbest.utterance)
    return hypothesis.with_scores({BIAS: float(sum(word in words for word in hypothesis.words))})


def biased_lattices(lattices: Iterable[Lattice], words: Collection[str]) -> Iterator[Lattice]:
    """The lattices with the raw score `bias`: 1 on arcs [A] whose word is among `words`, else 0.

    The recogniser's own scale of it is 0: it knew of no such words. Time O(A) a lattice, and
    O(words) a symbol table.

    Raises:
        InputError: they have such a score already, or `words` is a text.
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
    if isinstance(words, str):  # a collection of its letters, which no hypothesis holds
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
        remedy="leave --bias out, or give lists or lattices without that score",
    )
