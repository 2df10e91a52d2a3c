"""Candidates: the paths of a lattice with names, against all that replacements can make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from conftest import make_model
from tiny_lattices import all_paths, make_lattice, random_lattice, words_of

from rescorer.errors import InputError
from rescorer.models.expected_words import marked, unmarked
from rescorer.pronunciation.confusions import EditRates, uniform_confusions
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.pair_costs import ExcessTables
from rescorer.pronunciation.phones import PhoneSet
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.pronunciation.sounds_like import SoundsLike, WordPhones
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import BIAS, REPLACED, SOUND, SPELLING
from rescorer.rescoring.candidate_paths import CANDIDATE, without_candidates, words_without_number
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.lattice import first_pass_weights
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.rescored_lattice import best_words
from rescorer.rescoring.settings import CandidateSettings

PHONES = PhoneSet("ABCDEFG")
SAID = {
    "mary": "ABC",
    "merry": "ADC",
    "ann": "EF",
    "anne": "EF",
    "maryann": "ABCEF",
    "maryanne": "ABCEF",
    "an": "E",
    "f": "F",
    "bob": "GDG",
    "bop": "GDB",
}
RATES = EditRates(substituted=0.2, deleted=0.05, inserted=0.02, merged=0.02, split=0.02)
CONFUSIONS = uniform_confusions(PHONES, RATES)
NEAR = {"sound_bound": 4, "sound_bound_per_phone": 0}  # one confusion
SCORES = (SOUND, SPELLING, REPLACED, BIAS)


class Silent:
    """In place of the grapheme-to-phoneme model: it can say nothing."""

    phones = PHONES

    def pronounce(self, words: Sequence[str], n: int) -> list[tuple[Pronunciation, ...]]:
        return [() for _ in words]


def word_phones(**more: str) -> WordPhones:
    said = {**SAID, **more}
    rows = [(word, Pronunciation(tuple(phones), 1.0)) for word, phones in said.items()]
    return WordPhones(Pronouncer([Lexicon(rows, PHONES)], Silent()), 3)  # type: ignore[arg-type]


def search(
    names: Sequence[Name], of: Mapping[str, tuple[Name, ...]] | None = None, **settings: float
) -> CandidateSearch:
    return CandidateSearch(
        ExpectedNames(tuple(names), of),
        word_phones(),
        CONFUSIONS,
        CandidateSettings(**{"candidate_paths": 1000, "most_candidates": 1000, **settings}),
    )


def added(
    lattice: Lattice,
    *names: str | Name,
    of: dict[str, tuple[Name, ...]] | None = None,
    **settings: float,
) -> Lattice:
    every = [Name(tuple(each.split())) if isinstance(each, str) else each for each in names]
    (found,) = search(every, of, **settings).add([lattice])
    assert (found.sources < found.targets).all() and (np.diff(found.sources) >= 0).all()
    if found.arcs:
        assert {*found.sources, found.states - 1} == {0, *found.targets} == {*range(found.states)}
    return found


def sentence(text: str, score: float = -1.0) -> Lattice:
    words = text.split()
    arcs = [(place, place + 1, word) for place, word in enumerate(words)]
    return make_lattice(arcs, [len(words)], [score] * (len(words) + 1))


@dataclass(frozen=True)
class Way:
    """A path: words as models see them, the old scores, and the four of names."""

    words: tuple[str, ...]
    score: float
    names: tuple[float, ...]

    @classmethod
    def of(cls, lattice: Lattice, path: Sequence[int]) -> Way:
        words = (lattice.symbols.model_words[label] for label in lattice.labels[list(path)])
        return cls(
            tuple(filter(None, words)),
            round(float(lattice.scores["score"][list(path)].sum()), 6),
            tuple(round(float(lattice.scores[name][list(path)].sum()), 5) + 0.0 for name in SCORES),
        )


def ways_of(lattice: Lattice) -> Counter[Way]:
    return Counter(Way.of(lattice, path) for path in all_paths(lattice))


def edits(one: str, two: str) -> int:
    """Levenshtein distance, cell by cell."""
    row = list(range(len(two) + 1))
    for i, letter in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, other in enumerate(two, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (letter != other))
    return row[-1]


def expected_ways(lattice: Lattice, names: Sequence[Name]) -> Counter[Way]:
    """Every path of the old lattice, with any spans of it replaced that do not overlap.

    A span is known by its states and words: two alignments of it are one candidate each if their
    states differ.
    """
    phones, defaults = word_phones(), CandidateSettings()
    tables = ExcessTables(CONFUSIONS.costs())
    index = SoundsLike([name.words for name in names], [()] * len(names), phones, tables)
    singles = {name.words[0]: name.weight for name in names if len(name.words) == 1}
    paths = all_paths(lattice)
    spans: dict[tuple[int, int, tuple[str, ...]], list[tuple[int, ...]]] = {}
    for path in paths:
        for begin in range(len(path)):
            for end in range(begin, len(path)):
                arcs = path[begin : end + 1]
                words = [lattice.symbols.words[lattice.labels[arc]] for arc in arcs]
                if words[0] and words[-1] and sum(map(bool, words)) <= 4:
                    key = (
                        int(lattice.sources[arcs[0]]),
                        int(lattice.targets[arcs[-1]]),
                        tuple(filter(None, words)),
                    )
                    spans.setdefault(key, []).append(tuple(arcs))
    # All edges: old arcs, then replacements; (target, words, score, names).
    edges: dict[int, list[tuple[int, tuple[str, ...], float, np.ndarray]]] = {}
    for arc in range(lattice.arcs):
        word = lattice.symbols.words[lattice.labels[arc]]
        bias = singles.get(word, 0.0)
        edges.setdefault(int(lattice.sources[arc]), []).append(
            (
                int(lattice.targets[arc]),
                ((marked(word) if word in singles else word),) if word else (),
                float(lattice.scores["score"][arc]),
                np.array([0, 0, 0, bias]),
            )
        )
    for (source, target, written), alignments in spans.items():
        found = index.find([written], defaults.sound_bound, defaults.sound_bound_per_phone)
        score = max(sum(lattice.scores["score"][list(arcs)]) for arcs in alignments)
        for place, sound in zip(found.names.tolist(), found.sound, strict=True):
            name = names[place]
            same = name.words == written
            if same and len(written) == 1:
                continue
            one, two = "".join(written), "".join(name.words)
            spelling = -edits(one, two) / max(len(one), len(two))
            edges.setdefault(source, []).append(
                (
                    target,
                    tuple(map(marked, name.words)),
                    score,
                    np.array([sound, spelling, not same, name.weight]),
                )
            )
    ways: Counter[Way] = Counter()

    def follow(state: int, words: tuple[str, ...], score: float, of_names: np.ndarray) -> None:
        if state == lattice.states - 1:
            rounded = tuple(round(float(each), 5) + 0.0 for each in of_names)
            ways[Way(words, round(score, 6), rounded)] += 1
            return
        for target, more, add, add_names in edges.get(state, ()):
            follow(target, words + more, score + add, of_names + add_names)

    if lattice.states:
        follow(0, (), 0.0, np.zeros(4))
    return ways


NAMES = (
    Name(("mary",), 2.0),
    Name(("mary", "ann")),
    Name(("maryanne",), 0.5),
    Name(("bob",)),
    Name(("ann",), 3.0),
)


@pytest.mark.parametrize("seed", range(12))
def test_paths_are_the_old_ones_and_replaced_ones(seed: int) -> None:
    draw = np.random.default_rng(seed)
    lattice = random_lattice(draw, 6, 10, ("merry", "ann", "an", "f", "bop", "mary", "the"))
    found = added(lattice, *NAMES)
    expected = expected_ways(lattice, NAMES)
    assert _close(ways_of(found)) == _close(expected)


def _close(ways: Counter[Way]) -> list[tuple[tuple[str, ...], float, tuple[float, ...], int]]:
    """Rounded so that the last digit of float32 does not matter."""
    rounded: Counter[tuple[tuple[str, ...], float, tuple[float, ...]]] = Counter()
    for way, times in ways.items():
        names = tuple(round(each, 3) + 0.0 for each in way.names)
        rounded[way.words, round(way.score, 4), names] += times
    return sorted((*key, times) for key, times in rounded.items())


@pytest.mark.parametrize("seed", range(12))
def test_old_paths_keep_their_scores_and_fields(seed: int) -> None:
    draw = np.random.default_rng(100 + seed)
    lattice = random_lattice(draw, 7, 12, ("merry", "ann", "an", "bop"))
    lattice = replace(
        lattice,
        arc_fields={"number": np.arange(1, lattice.arcs + 1)},  # 0: an arc of zeros
        state_fields={"time": np.arange(lattice.states) / 8},
        header={"lmname": "trigram"},
    )
    found = added(lattice, *NAMES)
    assert found.header["lmname"] == "trigram" and found.utterance == lattice.utterance

    def described(one: Lattice, path: Sequence[int]) -> tuple[object, ...]:
        states = [0, *one.targets[list(path)].tolist()]
        return (
            words_of(one, path),
            tuple(one.scores["score"][list(path)]),
            tuple(np.asarray(one.arc_fields["number"])[list(path)]),
            tuple(np.asarray(one.state_fields["time"])[states]),
        )

    old = {described(lattice, path) for path in all_paths(lattice)}
    plain = {
        described(found, path)
        for path in all_paths(found)
        if (np.asarray(found.arc_fields[CANDIDATE])[path] < 0).all()
    }
    assert plain == old
    # Paths with candidates go through the times and arcs of old paths.
    times = {each[3] for each in old}
    for path in all_paths(found):
        _, scores, numbers, at = described(found, path)
        assert tuple(sorted(at)) == at and set(at) <= set().union(*times)
        with_zero = np.append(0.0, lattice.scores["score"])
        assert sum(scores) == pytest.approx(float(with_zero[list(numbers)].sum()))


def test_a_name_of_more_words_than_arcs() -> None:
    """Its further arcs have scores of 0 and the time of the span's end."""
    lattice = sentence("the maryann f")
    lattice = replace(lattice, state_fields={"time": np.array([0.0, 0.1, 0.5, 0.6, 0.6])})
    found = added(lattice, "mary ann", sound_bound=0, sound_bound_per_phone=0)
    (path,) = [path for path in all_paths(found) if found.scores[REPLACED][path].any()]
    assert words_of(found, path) == ("the", "mary", "ann", "f")
    assert found.scores["score"][path].tolist() == [-1, -1, 0, -1, -1]
    times = np.asarray(found.state_fields["time"])[found.targets[path]]
    assert times.tolist() == [0.1, 0.5, 0.5, 0.6, 0.6]


def test_a_name_of_fewer_words_than_arcs() -> None:
    """What is left of the span is silent, and keeps its scores."""
    lattice = sentence("mary an f")
    found = added(lattice, "maryanne", sound_bound=0, sound_bound_per_phone=0)
    (path,) = [path for path in all_paths(found) if found.scores[REPLACED][path].any()]
    assert words_of(found, path) == ("maryanne",)
    assert found.scores["score"][path].tolist() == [-1] * 4
    assert found.scores[SOUND][path].sum() == 0
    assert found.scores[SPELLING][path].sum() == pytest.approx(-2 / 8)


def test_a_phrase_that_was_recognised_gets_its_bias_once() -> None:
    found = added(sentence("mary ann f"), Name(("mary", "ann"), 2.5))
    ways = {way.names: way.words for way in ways_of(found)}
    phrase = (marked("mary"), marked("ann"), "f")
    assert ways[0, 0, 0, 2.5] == phrase and ways[0, 0, 0, 0] == ("mary", "ann", "f")
    said_once = [way.names for way in ways_of(found) if way.words == phrase]
    assert max(bias for *_, bias in said_once) == 2.5
    (candidate,) = [
        each
        for each in found.header[CANDIDATE]
        if not each.replaces  # type: ignore[attr-defined]
    ]
    assert candidate.written == ("mary", "ann")


def test_a_word_that_was_recognised_gets_its_bias_without_a_candidate() -> None:
    found = added(sentence("bob f"), Name(("bob",), 4.0), sound_bound=0, sound_bound_per_phone=0)
    assert ways_of(found) == {Way((marked("bob"), "f"), -3.0, (0, 0, 0, 4.0)): 1}
    assert found.header[CANDIDATE] == ()


def test_several_candidates_combine() -> None:
    found = added(sentence("merry f bop"), "mary", "bob")
    texts = {tuple(map(unmarked, way.words)) for way in ways_of(found)}
    assert {("mary", "f", "bob"), ("mary", "f", "bop"), ("merry", "f", "bob")} <= texts
    both = next(
        way
        for way in ways_of(found)
        if marked("bob") == way.words[-1] and marked("mary") in way.words
    )
    assert both.names[2:] == (2, 2)


@pytest.mark.parametrize("penalty", [0.0, 30.0, -30.0])
def test_the_recognisers_own_first_pass_never_has_a_candidate(penalty: float) -> None:
    """Names of fewer or more words than what they replace would gain from its word penalty."""
    for text in ("mary an f the", "maryann the", "merry bop"):
        lattice = replace(sentence(text, 0.0), own_word_penalty=penalty, own_scales={"score": 1.0})
        found = added(lattice, *NAMES)
        assert len(found.header[CANDIDATE]) > 0  # type: ignore[arg-type]
        assert best_words(found, first_pass_weights(found)) == tuple(text.split())


def test_only_the_names_of_an_utterance_enter() -> None:
    first, second = (replace(sentence("merry bop"), utterance=each) for each in ("one", "two"))
    names = {"one": (Name(("mary",), 7.0),), "three": (Name(("f",)),)}
    finder = search([Name(("bob",))], names, **NEAR)
    one, two = finder.add([first, second])
    assert {way.words[0] for way in ways_of(one)} == {"merry", marked("mary")}
    assert {way.words[0] for way in ways_of(two)} == {"merry"}
    assert {way.words[1] for way in ways_of(two)} == {"bop", marked("bob")}
    assert one.scores[BIAS].max() == 7.0


def test_a_name_in_both_lists_is_one_candidate() -> None:
    (found,) = search([Name(("bob",))], {"tiny": (Name(("bob",), 5.0),)}).add([sentence("bop")])
    assert len(all_paths(found)) == 2 and found.scores[BIAS].max() == 5.0


def test_bounds_and_the_number_of_candidates() -> None:
    lattice = sentence("merry bop")
    assert len(all_paths(added(lattice, *NAMES, sound_bound=0, sound_bound_per_phone=0))) == 1
    found = added(lattice, "mary", "bob", most_candidates=1)
    assert len(found.header[CANDIDATE]) == 1  # type: ignore[arg-type]
    long = added(
        sentence("mary an f"), "maryanne", span_words=2, sound_bound=0, sound_bound_per_phone=0
    )
    assert len(all_paths(long)) == 1


def test_recognised_names_take_no_places_of_candidates() -> None:
    found = added(sentence("mary bop"), "mary", "bob", most_candidates=1)
    (candidate,) = found.header[CANDIDATE]  # type: ignore[misc]
    assert candidate.written == ("bop",) and candidate.name.words == ("bob",)


def test_unknown_words_have_a_bound_of_their_own() -> None:
    """The model knows `cat`, the list `mary`; `merry` alone is unknown."""
    names = [Name((word,)) for word in ("mary", "bob")]
    settings = CandidateSettings(
        sound_bound=0.0, sound_bound_per_phone=0.0, unknown_bound_per_phone=100.0
    )
    phones = word_phones(cat=SAID["bop"])
    finder = CandidateSearch(
        ExpectedNames(tuple(names)), phones, CONFUSIONS, settings, [make_model()]
    )
    (found,) = finder.add([sentence("merry cat mary")])
    written = {candidate.written for candidate in found.header[CANDIDATE]}  # type: ignore[attr-defined]
    assert written and all("merry" in words for words in written)


def test_only_the_best_paths_are_looked_up() -> None:
    lattice = make_lattice([(0, 1, "bop"), (0, 1, "merry")], [1], [-1.0, -2.0, 0.0])
    assert len(all_paths(added(lattice, "mary", "bob", candidate_paths=1, **NEAR))) == 3
    assert len(all_paths(added(lattice, "mary", "bob", candidate_paths=2, **NEAR))) == 4


def test_lattices_without_a_path_or_without_words() -> None:
    empty = make_lattice([], [])
    assert not empty.arcs
    found = added(empty, "bob")
    assert not found.arcs and set(found.scores) == {"score", *SCORES}
    silent = make_lattice([(0, 1, "")], [1])
    assert len(all_paths(added(silent, "bob"))) == 1


def test_a_score_of_that_name_is_refused() -> None:
    lattice = sentence("bop").with_scores({BIAS: np.zeros(2)})
    with pytest.raises(InputError, match=r"'tiny' has a score 'bias' already.*leave --names out"):
        added(lattice, "bob")


def test_lattices_as_their_format_can_hold_them() -> None:
    """A recognised name has the file's own label again; a candidate is an arc like all others."""
    lattice = sentence("the bop mary")
    found = added(lattice, "mary", "bob")
    plain = without_candidates(found)
    assert CANDIDATE not in plain.header and CANDIDATE not in plain.arc_fields
    assert plain.symbols.model_words == plain.symbols.words
    recognised = [label for label in plain.labels if plain.symbols.words[label] == "mary"]
    assert set(recognised) == {lattice.symbols.words.index("mary")}
    assert words_without_number(found) == ["bob"]
    assert words_without_number(added(lattice, "mary")) == []
    paths = {words_of(plain, path) for path in all_paths(plain)}
    assert paths == {words_of(found, path) for path in all_paths(found)}


def test_lattices_of_one_file_share_their_symbols() -> None:
    one = sentence("bop")
    two = replace(one, utterance="two")
    first, second = search([Name(("bob",))]).add([one, two])
    assert first.symbols is second.symbols
