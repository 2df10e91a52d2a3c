"""Names in another case than the input."""

import pytest
from tiny import nbest

from rescorer.models.expected_words import marked
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import BIAS, REPLACED
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.rescored_lattice import paths_list
from rescorer.rescoring.weights import Weights

NAMES = (Name(("Mary", "Ann")), Name(("Berlin",), weight=2.0))


def with_candidates(text: str, names: tuple[Name, ...] = NAMES) -> Lattice:
    search = CandidateSearch.english(ExpectedNames(names))
    (lattice,) = search.add(list_lattices([nbest("u", (text, -1.0))]))
    return lattice


def paths(lattice: Lattice) -> dict[str, tuple[float, float]]:
    """The scores `bias` and `replaced` of each path, by its text."""
    totals = known_totals([lattice], Weights(dict.fromkeys(lattice.scores, 0.0)))
    found = paths_list(lattice, n_best(lattice, totals, 1000)).hypotheses
    return {" ".join(each.words): (each.scores[BIAS], each.scores[REPLACED]) for each in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call marry ann", "call mary ann"),
        ("CALL MARRY ANN", "CALL MARY ANN"),
        ("Call marry Ann", "Call Mary Ann"),
    ],
)
def test_candidates_are_spelled_as_the_input(text: str, expected: str) -> None:
    found = paths(with_candidates(text))
    assert found[expected] == (1.0, 1.0)
    assert found[text] == (0.0, 0.0)


@pytest.mark.parametrize("text", ["to berlin", "TO BERLIN", "To berlin", "To BERLIN", "To Berlin"])
def test_a_recognised_name_counts_in_any_case(text: str) -> None:
    """It keeps its spelling, and no candidate differs from it in case alone."""
    lattice = with_candidates(text)
    found = paths(lattice)
    assert found[text] == (2.0, 0.0)
    assert [other.lower() for other in found].count(text.lower()) == 1
    scored = {lattice.symbols.model_words[label] for label in lattice.labels.tolist()}
    assert marked(text.split()[1]) in scored


@pytest.mark.parametrize("text", ["call MARY ann", "CALL MARY ANN"])
def test_a_recognised_phrase_keeps_its_spelling(text: str) -> None:
    found = paths(with_candidates(text, NAMES[:1]))
    assert set(found) == {text}


def test_the_first_lattice_shows_the_case_of_the_input() -> None:
    """All lists share one table of symbols: a list of `I` alone does not show the case."""
    search = CandidateSearch.english(ExpectedNames(NAMES))
    lists = [nbest("u", ("I", -1.0)), nbest("v", ("call marry ann", -1.0))]
    assert "call Mary Ann" in paths(list(search.add(list_lattices(lists)))[1])
