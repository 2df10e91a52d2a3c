"""Arcs of several words made chains of arcs with one word each.

Shapes: A arcs of an FSA, A' arcs of all chains.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rescorer.recognition.formats.k2.attributes import FINAL_LABEL, LABEL
from rescorer.recognition.formats.k2.columns import Ragged, splits_of
from rescorer.recognition.lattice import SILENCE, Column, take_or_zero
from rescorer.recognition.lattice_assembly import Arcs


def words_of_arcs(aux_labels: Column) -> Ragged:
    """The word ids of each arc; 0 is none, and so is the -1 of arcs into the final state."""
    if isinstance(aux_labels, Ragged):
        arc = np.repeat(np.arange(len(aux_labels)), aux_labels.lengths)
        ids = aux_labels.values
    else:
        arc = np.arange(len(aux_labels))
        ids = np.asarray(aux_labels)
    is_word = (ids != SILENCE) & (ids != FINAL_LABEL)
    counts = np.bincount(arc[is_word], minlength=len(aux_labels))
    return Ragged(splits_of(counts), ids[is_word].astype(np.int64))


def added_arcs(words: Ragged, arcs: np.ndarray, final: int) -> np.ndarray:
    """[A] how many arcs are added for each arc: all words but the first need one, and one more
    leads into the final state, because arcs into that state have no words.
    """
    counts = words.lengths
    return np.asarray(np.maximum(counts - 1, 0) + ((arcs[:, 1] == final) & (counts > 0)))


def make_chains(
    arcs: np.ndarray,
    final: int,
    words: Ragged,
    scores: Mapping[str, np.ndarray],
    columns: Mapping[str, Column],
) -> Arcs:
    """The arcs [A'], of one word at most each.

    The states within the chains of a state's arcs come right after it, so that a topological order
    stays one.

    Args:
        arcs: [A, …] source, target, label, …, sorted by source.
        final: the final state.
        words: of A arcs.
        scores, columns: [A] by name; the first arc of a chain keeps them.
    """
    sources, targets, labels = (arcs[:, column].astype(np.int64) for column in range(3))
    added = added_arcs(words, arcs, final)
    states_before = splits_of(added)  # [A + 1] states within the chains of earlier arcs
    arc = np.repeat(np.arange(len(arcs)), added + 1)  # [A'] the arc whose chain it is in
    first_of_chain = np.arange(len(arcs)) + states_before[:-1]
    position = np.arange(len(arc)) - first_of_chain[arc]  # [A'] from 0, in the chain
    is_first, is_last = position == 0, position == added[arc]
    inner_source = sources[arc] + states_before[arc] + position  # of all but the first of a chain

    def renumbered(states: np.ndarray) -> np.ndarray:
        return np.asarray(states + states_before[np.searchsorted(sources, states)])

    label = _labels_in_chains(labels[arc], targets[arc] == final, is_first, is_last)
    rows = np.where(is_first, arc, -1)
    fields = {name: take_or_zero(column, rows) for name, column in columns.items()}
    return Arcs(
        np.where(is_first, renumbered(sources)[arc], inner_source),
        np.where(is_last, renumbered(targets)[arc], inner_source + 1),
        _word_at(words, arc, position),
        {name: take_or_zero(score, rows) for name, score in scores.items()},
        {LABEL: label, **fields},
    )


def _labels_in_chains(
    labels: np.ndarray, enters_final: np.ndarray, is_first: np.ndarray, is_last: np.ndarray
) -> np.ndarray:
    """[A'] int32: k2's own labels. An arc's is on the first of its chain; -1, of the arcs into the
    final state, on the last.

    Args:
        labels, enters_final: [A'] of the arc whose chain it is.
    """
    label = np.where(is_first & ~enters_final, labels, 0)
    label[is_last & enters_final] = FINAL_LABEL
    return label.astype(np.int32)


def _word_at(words: Ragged, arc: np.ndarray, position: np.ndarray) -> np.ndarray:
    """[A'] the word at a position in the words of an arc; none after the last one."""
    has_word = position < words.lengths[arc]
    word = np.full(len(arc), SILENCE, dtype=np.int64)
    word[has_word] = words.values[words.splits[arc[has_word]] + position[has_word]]
    return word
