"""Candidates: names that sound like what was recognised enter lattices as alternative paths.

Spans of one to four words on the best paths of the first pass are looked up among the expected
names. A name that sounds like a span becomes a path beside it. The path keeps the span's raw
scores, and every arc of the lattice gets three more:

    sound      log P(what was written | the name was said), less that of what was written; ≤ 0
    replaced   1 for each span that was replaced
    bias       the weight of each expected name, whether it was recognised or is a candidate

Shapes: A arcs, C candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from rescorer.errors import InputError
from rescorer.pronunciation.confusions import Confusions
from rescorer.pronunciation.sounds_like import SoundSettings, SoundsLike, WordPhones
from rescorer.recognition.lattice import SILENCE, Lattice, Symbols
from rescorer.recognition.nbest import BIAS, REPLACED, SOUND
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.lattice import first_pass_weights
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.settings import check, setting

CANDIDATE = "candidate"  # arc field: place among the candidates of the lattice, −1 for none
# Scales of the added scores in the first pass: a candidate never wins there.
FIRST_PASS_SCALES = {SOUND: 1.0, REPLACED: -5.0, BIAS: 0.0}


@dataclass(frozen=True)
class CandidateSettings:
    """Which candidates enter."""

    sound: SoundSettings = setting(SoundSettings(), "How alike names must sound.")
    span_words: int = setting(
        4, "Words that a name may replace at most.", minimum=1, maximum=10, group=""
    )
    paths: int = setting(
        10, "Best paths of the first pass whose words are looked up.", minimum=1, group=""
    )
    most_candidates: int = setting(
        40, "Candidates of an utterance at most, those that sound most alike.", minimum=1, group=""
    )

    def __post_init__(self) -> None:
        check(self)


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

    Indexes of names are built once; those of an utterance when its lattice comes.
    """

    def __init__(
        self,
        names: ExpectedNames,
        phones: WordPhones,
        confusions: Confusions,
        settings: CandidateSettings | None = None,
    ) -> None:
        self._names, self._phones, self._confusions = names, phones, confusions
        self._settings = settings or CandidateSettings()
        self._everywhere = self._index(names.everywhere) if names.everywhere else None
        self._symbols: dict[Symbols, tuple[Symbols, Mapping[str, int]]] = {}

    def _index(self, names: Sequence[Name]) -> tuple[Sequence[Name], SoundsLike]:
        self._phones.learn(word for name in names if not name.pronunciations for word in name.words)
        found = SoundsLike(
            [name.words for name in names],
            [name.pronunciations for name in names],
            self._phones,
            self._confusions,
            self._settings.sound,
        )
        return names, found

    def add(self, lattices: Iterable[Lattice]) -> Iterator[Lattice]:
        """The lattices with candidates, and with the three raw scores.

        Raises:
            InputError: a lattice has one of these scores already.
        """
        for lattice in lattices:
            _check_scores(lattice)
            yield self._added(lattice)

    def _added(self, lattice: Lattice) -> Lattice:
        symbols, labels = self._symbols_with_names(lattice.symbols)
        lattice = replace(lattice, symbols=symbols)
        of_utterance = (self._names.by_utterance or {}).get(lattice.utterance, ())
        indexes = [self._everywhere] if self._everywhere else []
        if of_utterance:
            indexes.append(self._index(of_utterance))
        spans = _spans(lattice, self._settings)
        candidates = [each for index in indexes for each in _candidates(spans, *index)]
        weights = {
            name.words[0]: name.weight
            for name in (*self._names.everywhere, *of_utterance)
            if len(name.words) == 1
        }
        kept = _most_alike(candidates, self._settings.most_candidates)
        return _with_candidates(lattice, kept, weights, labels)

    def _symbols_with_names(self, symbols: Symbols) -> tuple[Symbols, Mapping[str, int]]:
        """The symbols with the words of all names, and the label of each word."""
        if symbols not in self._symbols:
            known = {word: label for label, word in enumerate(symbols.words) if word}
            words = {word for name in self._names.all() for word in name.words}
            new = sorted(words - known.keys())
            extended = Symbols((*symbols.labels, *new), (*symbols.words, *new))
            known |= {word: len(symbols.labels) + place for place, word in enumerate(new)}
            self._symbols[symbols] = extended, known
        return self._symbols[symbols]


def _check_scores(lattice: Lattice) -> None:
    for name in (SOUND, REPLACED, BIAS):
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
    for path in n_best(lattice, totals, settings.paths):
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
    spans: Sequence[_Span], names: Sequence[Name], index: SoundsLike
) -> Iterator[Candidate]:
    words = list(dict.fromkeys(span.words for span in spans))
    places = {each: place for place, each in enumerate(words)}
    found = index.find(words)
    begins = np.searchsorted(found.spans, np.arange(len(words) + 1))
    for span in spans:
        place = places[span.words]
        for match in range(begins[place], begins[place + 1]):
            name = names[found.names[match]]
            if name.words != span.words or len(name.words) > 1:
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

    The path of a name has the arcs of its span, with other labels: so it keeps their scores and
    fields. A name with more words than the span has arcs gets further arcs with scores of 0.
    """
    paths = [_path(lattice, candidate, labels) for candidate in candidates]
    sizes = np.array([len(path.rows) for path in paths], np.int64)
    marked = np.zeros(len(lattice.symbols.words))
    for word, weight in weights.items():
        marked[labels[word]] = weight
    first = lattice.arcs + np.cumsum(sizes) - sizes  # the first arc of each candidate
    rows = np.concatenate([np.arange(lattice.arcs), *(path.rows for path in paths)])
    of_candidate = np.append(
        np.full(lattice.arcs, -1), np.repeat(np.arange(len(candidates)), sizes)
    )
    all_labels = np.concatenate([lattice.labels, *(path.labels for path in paths)])
    scores = {name: np.zeros(len(rows)) for name in (SOUND, REPLACED, BIAS)}
    scores[BIAS][: lattice.arcs] = marked[lattice.labels]
    scores[SOUND][first] = [each.sound for each in candidates]
    scores[REPLACED][first] = [each.replaces for each in candidates]
    scores[BIAS][first] = [each.name.weight for each in candidates]
    return _renumbered(lattice, paths, rows, all_labels, scores, of_candidate)
