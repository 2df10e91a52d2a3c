import numpy as np

from rescorer.recognition.nbest import Hypothesis, NBest
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.rescored_lattice import paths_list
from rescorer.rescoring.weights import Weights


def nbest(*rows: tuple[str, float], utterance: str = "u") -> NBest:
    return NBest(
        utterance,
        tuple(
            Hypothesis(str(place), tuple(text.split()), {"first_pass": score})
            for place, (text, score) in enumerate(rows, start=1)
        ),
    )


def test_the_paths_are_the_hypotheses_with_their_scores():
    lists = [
        nbest(("he can see", -1.0), ("he can", -2.5), ("he could see", -3.0), ("", -9.0)),
        nbest(("see", -1.0), utterance="v"),
    ]
    lattices = list(list_lattices(lists))
    for given, lattice in zip(lists, lattices, strict=True):
        totals = known_totals([lattice], Weights({"first_pass": 1.0}))
        found = paths_list(lattice, n_best(lattice, totals, 10))
        assert [(each.words, each.scores) for each in found.hypotheses] == [
            (each.words, each.scores) for each in given.hypotheses
        ]
    assert lattices[0].symbols is lattices[1].symbols


def test_hypotheses_share_their_first_words():
    (lattice,) = list_lattices([nbest(("a b c", 0.0), ("a b d", -1.0))])
    assert lattice.arcs == 4 + 2


def test_equal_hypotheses_keep_their_own_scores():
    (lattice,) = list_lattices([nbest(("a", -1.0), ("a", -2.0))])
    assert sorted(lattice.scores["first_pass"][lattice.ends]) == [-2.0, -1.0]
    assert np.count_nonzero(lattice.labels) == 1
