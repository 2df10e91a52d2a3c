"""N-best lists as lattices, so that what is added to a list does not multiply its hypotheses.

Shapes: A arcs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.lattice_assembly import Arcs, assemble
from rescorer.recognition.nbest import NBest

_START = 0


def list_lattices(lists: Iterable[NBest]) -> Iterator[Lattice]:
    """Each list as a lattice with one path for each hypothesis. All share one table of symbols.

    The lists are iterated twice: for the table, and as the lattices are taken.

    Hypotheses share the arcs of the words with which they begin. Their scores stand on the arcs
    into the end. Time and memory are O(words of all hypotheses).
    """
    words = {word for nbest in lists for each in nbest.hypotheses for word in each.words}
    symbols = Symbols(("", *sorted(words)), ("", *sorted(words)))
    labels = {word: label for label, word in enumerate(symbols.words)}
    return (_lattice(nbest, symbols, labels) for nbest in lists)


def _lattice(nbest: NBest, symbols: Symbols, labels: dict[str, int]) -> Lattice:
    tree: dict[tuple[int, int], int] = {}  # (state, label) → the state after the word
    ends = []
    for hypothesis in nbest.hypotheses:
        state = _START
        for word in hypothesis.words:
            state = tree.setdefault((state, labels[word]), len(tree) + 1)
        ends.append(state)
    end = len(tree) + 1
    words = np.array([(*key, target) for key, target in tree.items()], np.int64).reshape(-1, 3)
    hypotheses = len(nbest.hypotheses)
    arcs = Arcs(
        sources=np.append(words[:, 0], ends),
        targets=np.append(words[:, 2], np.full(hypotheses, end)),
        labels=np.append(words[:, 1], np.zeros(hypotheses, np.int64)),
        scores={
            name: np.append(np.zeros(len(tree)), [each.scores[name] for each in nbest.hypotheses])
            for name in nbest.score_names
        },
    )
    return assemble(nbest.utterance, symbols, _START, arcs, states=end)
