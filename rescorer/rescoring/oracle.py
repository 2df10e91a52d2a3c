"""The oracle of a lattice: its path with the fewest word errors.

Shapes: A arcs, S states, J words of the reference.
"""

from __future__ import annotations

import numpy as np

from rescorer.recognition.lattice import Lattice
from rescorer.reports.error_rate import Words
from rescorer.rescoring.lattice_paths import NO_WORD, words_on_arcs
from rescorer.rescoring.trellis import Trellis


def oracle_words(lattice: Lattice, reference: Words) -> tuple[str, ...]:
    """The words of the path with the fewest errors, in time O(A · J); none without a path."""
    if not lattice.states:
        return ()
    words, word = words_on_arcs(lattice)
    index = {spelled: number for number, spelled in enumerate(words) if spelled}
    spoken = np.array([index.get(spelled, len(words)) for spelled in reference], dtype=np.int64)
    costs = _costs(lattice, word, spoken)
    return tuple(words[number] for number in _trace(lattice, word, spoken, costs))


def _costs(lattice: Lattice, word: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """[S, J + 1] the fewest errors of a path to each state against the first words of the
    reference.

    Args:
        spoken: [J] words of the reference.
    """
    trellis = Trellis.of([lattice])
    places = np.arange(len(spoken) + 1)
    costs = np.tile(places, (lattice.states, 1))
    for level in trellis.arriving:
        arrived = _over_arcs(costs[lattice.sources[level.arcs]], word[level.arcs], spoken)
        best = np.minimum.reduceat(arrived, level.begins)
        # Deletions, however many in a row, in one pass.
        costs[level.states] = np.minimum.accumulate(best - places, axis=1) + places
    return costs


def _over_arcs(before: np.ndarray, word: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """[arcs, J + 1] the costs after each arc: no word, an insertion, or a match or substitution.

    Args:
        before: [arcs, J + 1] the costs before each arc.
    """
    heard = (word != NO_WORD)[:, None]
    after = before + heard
    matched = before[:, :-1] + (word[:, None] != spoken)
    after[:, 1:] = np.where(heard, np.minimum(after[:, 1:], matched), after[:, 1:])
    return np.asarray(after)


def _trace(lattice: Lattice, word: np.ndarray, spoken: np.ndarray, costs: np.ndarray) -> list[int]:
    """The words of a path with the fewest errors, traced back from the final state."""
    state, place, heard = lattice.states - 1, len(spoken), []
    while state:
        arcs = np.flatnonzero(lattice.targets == state)
        after = _over_arcs(costs[lattice.sources[arcs]], word[arcs], spoken)
        while costs[state, place] < after[:, place].min():
            place -= 1
        arc = arcs[after[:, place].argmin()]
        cost, state = costs[state, place], int(lattice.sources[arc])
        if word[arc] == NO_WORD:
            continue
        heard.append(int(word[arc]))
        if place and costs[state, place - 1] + (word[arc] != spoken[place - 1]) == cost:
            place -= 1
    return heard[::-1]
