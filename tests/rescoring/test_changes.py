"""What names replaced: the best path beside the best one without the name, by enumeration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_model
from tiny import KNOWN
from tiny_lattices import all_paths, random_lattice, words_of

from rescorer.models.expected_words import ExpectedWords
from rescorer.pronunciation.confusions import EditRates, uniform_confusions
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.phones import PhoneSet
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.pronunciation.sounds_like import WordPhones
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.candidate_paths import CANDIDATE
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.changes import changes_of, write_changes
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.nbest import LM_SCORE
from rescorer.rescoring.rescored_lattice import RescoredLattice
from rescorer.rescoring.weights import TunedWeights, Weights

PHONES = PhoneSet("ABCDE")
RATES = EditRates(substituted=0.2, deleted=0.05, inserted=0.02, merged=0.02, split=0.02)
NAMES = (Name(("kat",), 2.0, "person"), Name(("dog", "matt"), 1.0), Name(("sat",), 0.5))
SCALES = {"score": 1.0, "sound": 0.3, "spelling": 0.7, "replaced": -0.1, "bias": 1.5}
WEIGHTS = Weights(SCALES, lm_scale=0.4, word_penalty=0.3, mixture={"lightrnn": 1.0})
EXACT = ExpansionSettings(order=0, beam=math.inf, max_histories=0)


class _Silent:
    """In place of the grapheme-to-phoneme model: it can say nothing."""

    phones = PHONES

    def pronounce(self, words: list[str], n: int) -> list[tuple[Pronunciation, ...]]:
        return [() for _ in words]


def search() -> CandidateSearch:
    """Each word is said as two phones that its first letter chooses."""
    words = {*KNOWN, "kat", "matt"}
    rows = [
        (word, Pronunciation((PHONES.symbols[ord(word[0]) % 5], "A"), 1.0))
        for word in sorted(words)
    ]
    pronouncer = Pronouncer([Lexicon(rows, PHONES)], _Silent())  # type: ignore[arg-type]
    return CandidateSearch(
        ExpectedNames(NAMES), WordPhones(pronouncer, 3), uniform_confusions(PHONES, RATES)
    )


def lattices() -> Iterator[Lattice]:
    draw = np.random.default_rng(5)
    for _ in range(15):
        lattice = random_lattice(draw, 5, 9, KNOWN)
        if lattice.arcs:
            yield lattice


@pytest.fixture(scope="module")
def results() -> list[RescoredLattice]:
    model = ExpectedWords(make_model(), 3)
    weights = TunedWeights(WEIGHTS, WEIGHTS)
    return list(rescore_lattices(search().add(lattices()), model, weights, EXACT))


def test_changes_by_enumeration(results: list[RescoredLattice]) -> None:
    number = 0
    for result in results:
        lattice, paths = result.lattice, all_paths(result.lattice)
        places = np.asarray(lattice.arc_fields[CANDIDATE])
        totals = [result.totals[path].sum() for path in paths]
        best = paths[int(np.argmax(totals))]
        taken = [int(place) for place in places[best] if place >= 0]
        candidates = [lattice.header[CANDIDATE][place] for place in taken]  # type: ignore[index]
        changes = list(changes_of(result, LM_SCORE))
        assert [change.candidate for change in changes] == [
            each for each in candidates if each.replaces
        ]
        for change in changes:
            place = taken[candidates.index(change.candidate)]
            without = max(
                total
                for total, path in zip(totals, paths, strict=True)
                if place not in places[path]
            )
            assert change.total == pytest.approx(max(totals) - without, abs=1e-6)
            assert change.total >= 0
            assert set(change.parts) == {*SCALES, "lm", "word_penalty"}
            assert sum(change.parts.values()) == pytest.approx(change.total, abs=1e-4)
            assert change.candidate.name.words[0] in words_of(lattice, best)
        number += len(changes)
    assert number >= 5


def test_parts_are_those_of_two_paths(results: list[RescoredLattice]) -> None:
    """The bias of a single name beside what was written is its weight."""
    for result in results:
        for change in changes_of(result, LM_SCORE):
            candidates = result.lattice.header[CANDIDATE]
            places = np.asarray(result.lattice.arc_fields[CANDIDATE])
            other = [
                path
                for path in all_paths(result.lattice)
                if candidates.index(change.candidate) not in places[path]
            ]
            best = max(other, key=lambda path: result.totals[path].sum())
            mine = max(all_paths(result.lattice), key=lambda path: result.totals[path].sum())
            for name, scale in SCALES.items():
                scores = result.lattice.scores[name]
                difference = scale * (scores[mine].sum() - scores[best].sum())
                assert change.parts[name] == pytest.approx(difference, abs=1e-5)


def test_a_name_without_an_alternative_is_a_change(results: list[RescoredLattice]) -> None:
    """What was written has more words, and the first pass's word penalty pruned it: nothing is left
    to compare with.
    """
    model = ExpectedWords(make_model(), 3)
    great = Weights({**SCALES, "bias": 60.0}, 0.4, mixture={"lightrnn": 1.0})
    first_pass = replace(great, word_penalty=50.0)
    narrow = ExpansionSettings(beam=0.1)
    found = list(
        rescore_lattices(search().add(lattices()), model, TunedWeights(great, first_pass), narrow)
    )
    changes = [change for result in found for change in changes_of(result, LM_SCORE)]
    assert len(changes) > 5
    alone = [change for change in changes if math.isnan(change.total)]
    assert alone and all(not change.parts for change in alone)
    assert all(change.total > 0 for change in changes if change not in alone)
    assert alone[0].fields(["bias"])[4:] == ["", ""]


def test_lattices_without_names_have_no_changes() -> None:
    weights = Weights({"score": 1.0}, 0.4, mixture={"lightrnn": 1.0})
    (result, *_) = rescore_lattices(lattices(), make_model(), TunedWeights(weights, weights))
    assert list(changes_of(result, LM_SCORE)) == []


def test_the_table(results: list[RescoredLattice], tmp_path: Path) -> None:
    changes = [change for result in results for change in changes_of(result, LM_SCORE)]
    write_changes(tmp_path / "changes.tsv", changes)
    header, *rows = (
        line.split("\t") for line in (tmp_path / "changes.tsv").read_text().splitlines()
    )
    names = [*SCALES, "lm", "word_penalty"]
    assert header == ["utterance", "written", "became", "class", "total", *names]
    assert len(rows) == len(changes)
    for row, change in zip(rows, changes, strict=True):
        candidate = change.candidate
        assert row[:4] == [
            "tiny",
            " ".join(candidate.written),
            " ".join(candidate.name.words),
            candidate.name.kind,
        ]
        numbers = [change.total, *(change.parts[name] for name in names)]
        assert [float(each) for each in row[4:]] == pytest.approx(numbers, abs=6e-4)


def test_a_table_without_changes(tmp_path: Path) -> None:
    write_changes(tmp_path / "none.tsv", [])
    assert (tmp_path / "none.tsv").read_text() == "utterance\twritten\tbecame\tclass\ttotal\n"
