"""Candidates: names that sound like what was recognised enter lattices as alternative paths.

Spans of one to four words on the best paths of the first pass are looked up among the expected
names. A name that sounds like a span becomes a path beside it. The path keeps the span's raw
scores, and every arc of the lattice gets four more:

    sound      log P(what was written | the name was said), less that of what was written; ≤ 0
    spelling   −(edits from the letters of what was written to those of the name) / (letters of the
               longer one), for each span that was replaced
    replaced   1 for each span that was replaced
    bias       the weight of each expected name, whether it was recognised or is a candidate

Names are compared without case. An input in upper or in lower case gets names in that case; if it
has both cases, candidates are spelled as the names are given.

Shapes: A arcs, C candidates.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rescorer.errors import InputError
from rescorer.models.expected_words import marked
from rescorer.pronunciation.confusions import Confusions
from rescorer.pronunciation.confusions_file import default_confusions
from rescorer.pronunciation.lexicon import Lexicon
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.pronunciation.sounds_like import SoundsLike, WordPhones
from rescorer.recognition.lattice import SILENCE, Lattice, Symbols, take_or_zero
from rescorer.recognition.nbest import BIAS, REPLACED, SOUND, SPELLING
from rescorer.reports.error_rate import errors
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.lattice import first_pass_weights
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.letter_case import spelling_of, without_case
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.settings import CandidateSettings as CandidateSettings

# Arc field: on the first arc of a candidate its place among the candidates, which the header has
# under the same name; −1 on all other arcs.
CANDIDATE = "candidate"
# Scales of the added scores in the first pass: a candidate never wins there.
FIRST_PASS_SCALES = {SOUND: 1.0, SPELLING: 0.0, REPLACED: -5.0, BIAS: 0.0}
_MOST_WORDS = 20  # by which a name and a span differ at most


@dataclass(frozen=True)
class _Span:
    """Arcs of the lattice in a row, with the words on them."""

    arcs: tuple[int, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A name beside a span of arcs.

    Attributes:
        arcs: of the lattice that is replaced, in a row.
        written: the words on them.
        name: what may have been said.
        sound: the raw score `sound`.
    """

    arcs: tuple[int, ...]
    written: tuple[str, ...]
    name: Name
    sound: float

    @property
    def replaces(self) -> bool:
        """False if the name is what was written."""
        return self.name.words != self.written


class CandidateSearch:
    """Adds candidates to lattices.

    Indexes of names are built once; those of an utterance when its lattice comes. The words of the
    first lattice's symbols show the case of the input.
    """

    def __init__(
        self,
        names: ExpectedNames,
        phones: WordPhones,
        confusions: Confusions,
        settings: CandidateSettings | None = None,
    ) -> None:
        self.phones = phones
        self._names, self._confusions = names, confusions
        self._settings = settings or CandidateSettings()
        self._everywhere = self._index(names.everywhere) if names.everywhere else None
        self._weights: dict[str, float] = {}
        # Those of the last lattice: a file's lattices share a table, or have one each.
        self._symbols: tuple[Symbols, tuple[Symbols, Mapping[str, int]]] | None = None

    @classmethod
    def english(
        cls,
        names: ExpectedNames,
        lexicon: Lexicon | None = None,
        confusions: Confusions | None = None,
        settings: CandidateSettings | None = None,
    ) -> CandidateSearch:
        """With the English pronunciations of the package.

        Args:
            lexicon: of the user's own, asked first.
            confusions: None: those of the package.
        """
        settings = settings or CandidateSettings()
        phones = WordPhones(Pronouncer.english(lexicon), settings.pronunciations)
        return cls(names, phones, confusions or default_confusions(), settings)

    def _index(self, names: Sequence[Name]) -> SoundsLike:
        self.phones.learn(word for name in names if not name.pronunciations for word in name.words)
        return SoundsLike(
            [name.words for name in names],
            [name.pronunciations for name in names],
            self.phones,
            self._confusions,
        )

    def add(self, lattices: Iterable[Lattice]) -> Iterator[Lattice]:
        """The lattices with candidates, and with the four raw scores.

        Raises:
            InputError: a lattice has one of these scores already.
        """
        for lattice in lattices:
            _check_scores(lattice)
            if self._symbols is None:
                self._names = self._names.spelled(spelling_of(lattice.symbols.words))
                self._weights = _weights(self._names.everywhere)
            yield self._added(lattice)

    def _added(self, lattice: Lattice) -> Lattice:
        symbols, labels = self._symbols_with_names(lattice.symbols)
        lattice = replace(lattice, symbols=symbols)
        of_utterance = (self._names.by_utterance or {}).get(lattice.utterance, ())
        everywhere = self._names.everywhere
        indexes = [(everywhere, self._everywhere)] if self._everywhere else []
        if of_utterance:
            indexes.append((of_utterance, self._index(of_utterance)))
        spans = _spans(lattice, self._settings)
        candidates = [
            each for index in indexes for each in _candidates(spans, *index, self._settings)
        ]
        weights = ChainMap(_weights(of_utterance), self._weights)
        kept = _most_alike(candidates, self._settings.most_candidates)
        return _with_candidates(lattice, kept, weights, labels)

    def _symbols_with_names(self, symbols: Symbols) -> tuple[Symbols, Mapping[str, int]]:
        """The symbols with a label for each expected word, and that label by word.

        An expected word has one for each spelling of it.
        """
        if self._symbols is None or self._symbols[0] is not symbols:
            given = {word for name in self._names.all() for word in name.words}
            expected = set(without_case(given))
            spelled = {word for word in symbols.words if word.lower() in expected}
            words = tuple(sorted(given | spelled))
            extended = Symbols(
                (*symbols.labels, *words),
                (*symbols.words, *words),
                (*symbols.model_words, *map(marked, words)),
            )
            labels = {word: len(symbols.labels) + place for place, word in enumerate(words)}
            self._symbols = symbols, (extended, labels)
        return self._symbols[1]


def without_candidates(lattice: Lattice) -> Lattice:
    """The lattice as its format can hold it: candidates are arcs like all others.

    Words that the lattice's own symbols have get the labels of those again.
    """
    symbols, labels = _own_symbols(lattice.symbols)
    return replace(
        lattice,
        symbols=symbols,
        labels=labels[lattice.labels],
        arc_fields={k: v for k, v in lattice.arc_fields.items() if k != CANDIDATE},
        header={k: v for k, v in lattice.header.items() if k != CANDIDATE},
    )


@lru_cache(maxsize=4)
def _own_symbols(symbols: Symbols) -> tuple[Symbols, np.ndarray]:
    """The symbols without marks of expected words, and the label there of each label."""
    first: dict[str, int] = {}
    labels = np.arange(len(symbols.labels))
    for label, word in enumerate(symbols.words):
        if word:
            labels[label] = first.setdefault(word, label)
    return Symbols(symbols.labels, symbols.words), labels


def words_without_number(lattice: Lattice) -> list[str]:
    """The words of a lattice with candidates that its own table of symbols lacks."""
    symbols = lattice.symbols
    own = {
        word
        for word, scored in zip(symbols.words, symbols.model_words, strict=True)
        if word == scored
    }
    used = {symbols.words[label] for label in np.unique(lattice.labels).tolist()}
    return sorted(used - own)


def _weights(names: Iterable[Name]) -> dict[str, float]:
    """The weight of each name of a single word, without case."""
    return {name.words[0].lower(): name.weight for name in names if len(name.words) == 1}


def _check_scores(lattice: Lattice) -> None:
    for name in FIRST_PASS_SCALES:
        if name in lattice.scores:
            raise InputError(
                f"utterance {lattice.utterance!r} has a score {name!r} already",
                expected="the recogniser's own scores",
                remedy="leave --names out, or give lists or lattices without that score",
            )


def _spans(lattice: Lattice, settings: CandidateSettings) -> list[_Span]:
    """Spans of words on the best paths, each pair of states and words once."""
    if not lattice.arcs:
        return []
    totals = known_totals([lattice], first_pass_weights(lattice))
    found: dict[tuple[int, int, tuple[str, ...]], _Span] = {}
    for path in n_best(lattice, totals, settings.candidate_paths):
        words = [lattice.symbols.words[label] for label in lattice.labels[path]]
        spoken = [place for place, word in enumerate(words) if word]
        for begin in range(len(spoken)):
            for end in range(begin, min(begin + settings.span_words, len(spoken))):
                first, last = spoken[begin], spoken[end]
                arcs = path[first : last + 1]
                said = tuple(filter(None, words[first : last + 1]))
                key = int(lattice.sources[arcs[0]]), int(lattice.targets[arcs[-1]]), said
                found.setdefault(key, _Span(tuple(arcs.tolist()), said))
    return list(found.values())


def _candidates(
    spans: Sequence[_Span], names: Sequence[Name], index: SoundsLike, settings: CandidateSettings
) -> Iterator[Candidate]:
    words = list(dict.fromkeys(span.words for span in spans))
    places = {each: place for place, each in enumerate(words)}
    found = index.find(words, settings.sound_bound, settings.sound_bound_per_phone)
    begins = np.searchsorted(found.spans, np.arange(len(words) + 1))
    for span in spans:
        place = places[span.words]
        for match in range(begins[place], begins[place + 1]):
            name = names[found.names[match]]
            if without_case(name.words) == without_case(span.words):
                if len(name.words) == 1:
                    continue  # its arc gets the bonus itself
                name = replace(name, words=span.words)
            yield Candidate(span.arcs, span.words, name, float(found.sound[match]))


def _most_alike(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """The candidates that cost least for each letter of what was written; each only once."""

    def cost(candidate: Candidate) -> float:
        return -candidate.sound / sum(map(len, candidate.written))

    distinct = {
        (each.arcs[0], each.arcs[-1], each.written, each.name.words): each
        for each in sorted(candidates, key=lambda each: each.sound)
    }
    return sorted(distinct.values(), key=cost)[:most]


def _with_candidates(
    lattice: Lattice,
    candidates: Sequence[Candidate],
    weights: Mapping[str, float],
    labels: Mapping[str, int],
) -> Lattice:
    """The lattice with a path for each candidate.

    The path of a name has the arcs of its span with other labels, so it keeps their scores and
    fields. A name with more words than the span has arcs gets further arcs with scores of 0.
    """
    paths = [_Path.of(lattice, each, labels) for each in candidates]
    first = lattice.arcs + np.cumsum([0, *(len(path.rows) for path in paths)])[:-1]
    beside = _beside(lattice, paths)
    scores = {name: np.zeros(beside.arcs) for name in FIRST_PASS_SCALES}
    expected = _expected_arcs(lattice, weights)
    scores[BIAS][expected] = [weights[_word(lattice, arc).lower()] for arc in expected]
    beside.labels[expected] = [labels[_word(lattice, arc)] for arc in expected]
    scores[SOUND][first] = [each.sound for each in candidates]
    scores[SPELLING][first] = [-_letter_distance(each) for each in candidates]
    scores[REPLACED][first] = [each.replaces for each in candidates]
    scores[BIAS][first] = [each.name.weight for each in candidates]
    place = np.full(beside.arcs, -1)
    place[first] = np.arange(len(candidates))
    scored = beside.with_scores(scores)
    marked = replace(
        scored,
        arc_fields={**scored.arc_fields, CANDIDATE: place},
        own_scales={**lattice.own_scales, **_first_pass_scales(lattice)},
        header={**lattice.header, CANDIDATE: tuple(candidates)},
    )
    return _in_order(marked, lattice.states, paths)


def _first_pass_scales(lattice: Lattice) -> dict[str, float]:
    """A replacement costs more than the recogniser's word penalty can give back."""
    penalties = _MOST_WORDS * abs(lattice.own_word_penalty)
    return {**FIRST_PASS_SCALES, REPLACED: FIRST_PASS_SCALES[REPLACED] - penalties}


def _expected_arcs(lattice: Lattice, words: Collection[str]) -> list[int]:
    """The arcs whose word is among these, which are in lower case."""
    used = np.unique(lattice.labels)
    wanted = [label for label in used.tolist() if lattice.symbols.words[label].lower() in words]
    found: list[int] = np.flatnonzero(np.isin(lattice.labels, wanted)).tolist()
    return found


def _word(lattice: Lattice, arc: int) -> str:
    return lattice.symbols.words[int(lattice.labels[arc])]


def _letter_distance(candidate: Candidate) -> float:
    """Edits between the letters of what was written and of the name, a letter of the longer."""
    written, name = "".join(candidate.written), "".join(candidate.name.words)
    return errors(name, written) / max(len(written), len(name))


@dataclass(frozen=True)
class _Path:
    """The arcs of a candidate.

    Attributes:
        rows: the arc of the lattice that each repeats; -1 for an arc of zeros.
        labels: of each arc: the words of the name, then silence.
        states: the states of the lattice whose fields the states between the arcs repeat.
        source, target: states of the lattice.
    """

    rows: tuple[int, ...]
    labels: tuple[int, ...]
    states: tuple[int, ...]
    source: int
    target: int

    @classmethod
    def of(cls, lattice: Lattice, candidate: Candidate, labels: Mapping[str, int]) -> _Path:
        arcs, words = candidate.arcs, candidate.name.words
        length = max(len(arcs), len(words))
        targets = lattice.targets[list(arcs)].tolist()
        return cls(
            rows=arcs + (-1,) * (length - len(arcs)),
            labels=(*(labels[word] for word in words), *[SILENCE] * (length - len(words))),
            states=tuple([*targets, *[targets[-1]] * (length - len(arcs))][: length - 1]),
            source=int(lattice.sources[arcs[0]]),
            target=targets[-1],
        )


def _beside(lattice: Lattice, paths: Sequence[_Path]) -> Lattice:
    """The lattice with the paths beside it: new states and arcs come last, so that the states are
    not in topological order.
    """
    sources: list[int] = []
    targets: list[int] = []
    states: list[int] = []
    for path in paths:
        between = [lattice.states + len(states) + k for k in range(len(path.states))]
        sources += [path.source, *between]
        targets += [*between, path.target]
        states += path.states
    rows = np.array([row for path in paths for row in path.rows], np.int64)
    rows = np.append(np.arange(lattice.arcs), rows)
    origin = np.append(np.arange(lattice.states), np.array(states, np.int64))
    new_labels = np.array([label for path in paths for label in path.labels], np.int64)
    return replace(
        lattice,
        states=lattice.states + len(states),
        sources=np.append(lattice.sources, np.array(sources, np.int64)),
        targets=np.append(lattice.targets, np.array(targets, np.int64)),
        labels=np.append(lattice.labels, new_labels),
        scores={name: take_or_zero(score, rows) for name, score in lattice.scores.items()},
        arc_fields={name: take_or_zero(each, rows) for name, each in lattice.arc_fields.items()},
        state_fields={name: each.take(origin) for name, each in lattice.state_fields.items()},
    )


def _in_order(lattice: Lattice, old_states: int, paths: Sequence[_Path]) -> Lattice:
    """The lattice of `_beside` with its states in topological order: those of a path come right
    after the state where it begins.
    """
    if not lattice.arcs:
        return lattice
    after = [path.source + 0.5 for path in paths for _ in path.states]
    order = np.argsort(np.append(np.arange(old_states), after), kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    arcs = np.argsort(number[lattice.sources], kind="stable")
    sources, targets = number[lattice.sources[arcs]], number[lattice.targets[arcs]]
    return lattice.take(arcs, sources, targets, order)
