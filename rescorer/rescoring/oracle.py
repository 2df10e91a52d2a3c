"""The oracle of a lattice: its path with the fewest word errors.

Shapes: A arcs, S states, J words of the reference.
"""

from __future__ import annotations

import numpy as np

from rescorer.recognition.lattice import SILENCE, Lattice, Symbols
from rescorer.recognition.normalisers import AS_WRITTEN, Normaliser
from rescorer.reports.error_rate import Words
from rescorer.rescoring.lattice_paths import NO_WORD, words_on_arcs
from rescorer.rescoring.trellis import Trellis


def in_style(lattice: Lattice, normaliser: Normaliser) -> Lattice:
    """The lattice with its words in one style, each by itself, and without scores.

    A word that becomes several gets as many arcs in a row; one that becomes none is silent. Where a
    normaliser joins words, such as `twenty one`, they stay apart, so the oracle may have more
    errors than one of the lattice's sentences.
    """
    if normaliser is AS_WRITTEN or not lattice.states:
        return lattice
    labels: dict[str, int] = {"": SILENCE}
    used = np.unique(lattice.labels).tolist()
    words = {label: _in_style(lattice.symbols.words[label], normaliser) for label in used}
    numbers = {
        label: [labels.setdefault(word, len(labels)) for word in each]
        for label, each in words.items()
    }
    parts = [numbers[label] for label in lattice.labels.tolist()]
    lengths = np.array([len(each) for each in parts])
    owners = np.repeat(np.arange(lattice.arcs), lengths)  # the arc that each new arc is a part of
    ends = np.cumsum(lengths) - 1  # the last part of each arc
    inner = np.delete(np.arange(len(owners)), ends)  # parts that lead to a new state
    # New states come right after the state where their arc begins: the order stays topological.
    places = np.append(np.arange(lattice.states), lattice.sources[owners[inner]] + 0.5)
    state = np.argsort(np.argsort(places, kind="stable"), kind="stable")
    sources, targets = state[lattice.sources[owners]], state[lattice.targets[owners]]
    targets[inner] = sources[inner + 1] = state[lattice.states :]
    order = np.argsort(sources, kind="stable")
    return Lattice(
        lattice.utterance,
        Symbols(tuple(labels), tuple(labels)),
        len(state),
        sources[order],
        targets[order],
        np.concatenate(parts)[order],
        {},
    )


def _in_style(word: str, normaliser: Normaliser) -> tuple[str, ...]:
    """At least one word; an empty one is silent."""
    return (normaliser((word,)) if word else ()) or ("",)


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
