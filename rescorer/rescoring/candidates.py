"""Candidates: names that sound like what was recognised enter lattices as alternative paths.

Spans of one to four words on the best paths of the first pass are looked up among the expected
names. A name that sounds like a span becomes a path beside it. The path keeps the span's raw
scores, and every arc of the lattice gets four more:

    sound      log P(what was written | the name was said), less that of what was written; ≤ 0
    spelling   −(edits from the letters of what was written to those of the name) / (letters of the
               longer one), for each span that was replaced
    replaced   1 for each span that was replaced
    bias       the weight of each expected name, whether it was recognised or is a candidate

Of very many, those are kept that gain most by sound, weight and frequency, for each letter of what
was written: a long list has many rare words that sound like any span.

Names are compared without case. An input in upper or in lower case gets names in that case; if it
has both cases, candidates are spelled as the names are given.

Shapes: A arcs, C candidates.
"""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice

import numpy as np

from rescorer.errors import InputError
from rescorer.models.expected_words import ExpectedWords, marked
from rescorer.models.language_model import LanguageModel
from rescorer.pronunciation.confusions import Confusions
from rescorer.pronunciation.confusions_file import default_confusions
from rescorer.pronunciation.lexicon import Lexicon
from rescorer.pronunciation.pair_costs import ExcessTables
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.pronunciation.sounds_like import Alikes, SoundsLike, WordPhones
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import BIAS, SOUND
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.candidate_paths import (
    FIRST_PASS_SCALES,
    Candidate,
    ExtendedSymbols,
    expected_on_arcs,
    with_candidates,
)
from rescorer.rescoring.default_weights import name_scales
from rescorer.rescoring.lattice import first_pass_weights
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.letter_case import spelling_of, without_case
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.settings import CandidateSettings as CandidateSettings
from rescorer.rescoring.word_probabilities import WordProbabilities

# Expected names from which on the bound is narrower, and that bound, in nats a phone. It stays wide
# for unknown words, most of which are misrecognised.
_MANY, _OF_MANY = 50_000, 0.8
_GROUP = 128  # lattices whose words are pronounced together


@dataclass(frozen=True)
class _Span:
    """Arcs of the lattice in a row, with the words on them."""

    arcs: tuple[int, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Match:
    """A name that sounds like words that were written.

    Attributes:
        sound: the raw score `sound`.
        gain: by which matches are ranked.
    """

    written: tuple[str, ...]
    name: Name
    sound: float
    gain: float


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
        models: Sequence[LanguageModel] = (),
    ) -> None:
        """
        Args:
            settings: None: those of `default_settings`.
            models: say which words are probable, where there are too many candidates.
        """
        self.phones = phones
        self._names = names
        self._tables = ExcessTables(confusions.costs())
        self._settings = settings or default_settings(names)
        self._everywhere = self._index(names.everywhere) if names.everywhere else None
        expecting = [ExpectedWords(model, names.number_in_utterance) for model in models]
        self._words = WordProbabilities(expecting)
        self._scales = name_scales(names.number_in_utterance)
        self._weights: dict[str, float] = {}
        self._spelled = False  # whether the names are in the case of the input

    @classmethod
    def english(
        cls,
        names: ExpectedNames,
        lexicon: Lexicon | None = None,
        confusions: Confusions | None = None,
        settings: CandidateSettings | None = None,
        models: Sequence[LanguageModel] = (),
    ) -> CandidateSearch:
        """With the English pronunciations of the package.

        Args:
            lexicon: of the user's own, asked first.
            confusions: None: those of the package.
            settings: None: those of `default_settings`.
            models: say which words are probable, where there are too many candidates.
        """
        settings = settings or default_settings(names)
        phones = WordPhones(Pronouncer.english(lexicon), settings.pronunciations)
        return cls(names, phones, confusions or default_confusions(), settings, models)

    def _index(self, names: Sequence[Name]) -> SoundsLike:
        self.phones.learn(_words_to_pronounce(names))
        return SoundsLike(
            [name.words for name in names],
            [name.pronunciations for name in names],
            self.phones,
            self._tables,
        )

    def add(self, lattices: Iterable[Lattice]) -> Iterator[Lattice]:
        """The lattices with candidates, and with the four raw scores.

        Raises:
            InputError: a lattice has one of these scores already.
        """
        coming = iter(lattices)
        while group := list(islice(coming, _GROUP)):
            for lattice in group:
                _check_scores(lattice)
            if not self._spelled:
                self._names = self._names.spelled(spelling_of(group[0].symbols.words))
                self._weights = _weights(self._names.everywhere)
                self._spelled = True
            spans = [_spans(lattice, self._settings) for lattice in group]
            self._learn_words(group, spans)
            weights = list(map(self._weights_in, group))
            candidates = list(map(self._of_lattice, group, spans))
            tables = _symbols_with_names(group, candidates, weights)
            yield from map(with_candidates, group, candidates, weights, tables)

    def _learn_words(self, lattices: Sequence[Lattice], spans: Sequence[Sequence[_Span]]) -> None:
        """Pronounce and score the words of spans and of names together: faster than one by one."""
        names = [name for lattice in lattices for name in self._of_utterance(lattice)]
        written = {word for of_lattice in spans for span in of_lattice for word in span.words}
        self.phones.learn(written | _words_to_pronounce(names))
        self._words.learn(written | {marked(word) for name in names for word in name.words})

    def _of_utterance(self, lattice: Lattice) -> tuple[Name, ...]:
        return (self._names.by_utterance or {}).get(lattice.utterance, ())

    def _weights_in(self, lattice: Lattice) -> Mapping[str, float]:
        return ChainMap(_weights(self._of_utterance(lattice)), self._weights)

    def _of_lattice(self, lattice: Lattice, spans: Sequence[_Span]) -> list[Candidate]:
        """The candidates of the matches that gain most, each in all spans of its words."""
        by_words: dict[tuple[str, ...], list[_Span]] = defaultdict(list)
        for span in spans:
            by_words[span.words].append(span)
        of_utterance = self._of_utterance(lattice)
        everywhere = self._names.everywhere
        indexes = [(everywhere, self._everywhere)] if self._everywhere else []
        if of_utterance:
            indexes.append((of_utterance, self._index(of_utterance)))
        most, written = self._settings.most_candidates, list(by_words)
        matches = [
            match for index in indexes for match in islice(self._matches(written, *index), most)
        ]
        return [
            Candidate(span.arcs, match.written, match.name, match.sound)
            for match in _best(matches, most)
            for span in by_words[match.written]
        ]

    def _matches(
        self, written: Sequence[tuple[str, ...]], names: Sequence[Name], index: SoundsLike
    ) -> Iterator[_Match]:
        """The names of one index, those that gain most first."""
        found = self._alikes(written, index)
        gains = self._gains(found, written, names)
        for match in np.argsort(-gains, kind="stable").tolist():
            words, name = written[found.spans[match]], names[found.names[match]]
            if without_case(name.words) == without_case(words):
                if len(words) == 1:
                    continue  # its arc gets the bonus itself
                name = replace(name, words=words)
            yield _Match(words, name, float(found.sound[match]), float(gains[match]))

    def _alikes(self, written: Sequence[tuple[str, ...]], index: SoundsLike) -> Alikes:
        """The names of one index within the bounds."""
        settings = self._settings
        wide, narrow = settings.unknown_bound_per_phone, settings.sound_bound_per_phone
        if wide is None:
            return index.find(written, settings.sound_bound, narrow)
        is_unknown = self._hold_unknown(written)
        parts = []
        for places, bound in (
            (np.flatnonzero(is_unknown), wide),
            (np.flatnonzero(~is_unknown), narrow),
        ):
            spans = [written[place] for place in places.tolist()]
            found = index.find(spans, settings.sound_bound, bound)
            parts.append(replace(found, spans=places[found.spans]))
        return Alikes.joined(parts)

    def _hold_unknown(self, written: Sequence[tuple[str, ...]]) -> np.ndarray:
        """bool[len(written)] whether neither a model nor the list of names has one of the words."""
        words = sorted({word for span in written for word in span if self._is_not_listed(word)})
        unknown = set(compress(words, ~self._words.knows(words)))
        return np.array([not unknown.isdisjoint(span) for span in written], bool)

    def _is_not_listed(self, word: str) -> bool:
        return word.lower() not in self._weights

    def _gains(
        self, found: Alikes, written: Sequence[tuple[str, ...]], names: Sequence[Name]
    ) -> np.ndarray:
        """[M] what each match gains by sound, weight and frequency, in nats a letter of what was
        written.

        Frequencies count half: in a sentence, words are more probable than by themselves.
        """
        matched, of_name = np.unique(found.names, return_inverse=True)
        expected = [names[place] for place in matched.tolist()]
        of_names = self._words.of([tuple(map(marked, name.words)) for name in expected])
        bias = self._scales[BIAS] * np.array([name.weight for name in expected])
        frequencies = of_names[of_name] - self._words.of(written)[found.spans]
        gains = self._scales[SOUND] * found.sound + bias[of_name] + frequencies / 2
        letters = np.array([sum(map(len, words)) for words in written])
        return np.asarray(gains / letters[found.spans])


def default_settings(names: ExpectedNames) -> CandidateSettings:
    """The default settings; of very many names only those that sound more alike are looked up."""
    settings = CandidateSettings()
    if len(names.everywhere) <= _MANY:
        return settings
    wide = settings.sound_bound_per_phone
    return replace(settings, sound_bound_per_phone=_OF_MANY, unknown_bound_per_phone=wide)


def _words_to_pronounce(names: Iterable[Name]) -> set[str]:
    return {word for name in names if not name.pronunciations for word in name.words}


def _weights(names: Iterable[Name]) -> dict[str, float]:
    """The weight of each name of a single word, without case."""
    return {name.words[0].lower(): name.weight for name in names if len(name.words) == 1}


def _symbols_with_names(
    lattices: Sequence[Lattice],
    candidates: Sequence[Sequence[Candidate]],
    weights: Sequence[Mapping[str, float]],
) -> list[ExtendedSymbols]:
    """For each lattice its symbols with labels for the expected words on its arcs.

    Lattices that share symbols share those with labels for the expected words of all of them. Names
    that are nowhere a candidate get no label, because a list may have a million.
    """
    words: dict[Symbols, set[str]] = defaultdict(set)
    for lattice, of_lattice, known in zip(lattices, candidates, weights, strict=True):
        words[lattice.symbols].update(word for each in of_lattice for word in each.name.words)
        words[lattice.symbols].update(expected_on_arcs(lattice, known))
    extended = {symbols: ExtendedSymbols.of(symbols, added) for symbols, added in words.items()}
    return [extended[lattice.symbols] for lattice in lattices]


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


def _best(matches: Sequence[_Match], most: int) -> list[_Match]:
    """The matches that gain most; of the same words only the one that sounds most alike."""
    ordered = sorted(matches, key=lambda match: match.sound)
    distinct = {(match.written, match.name.words): match for match in ordered}
    return sorted(distinct.values(), key=lambda match: -match.gain)[:most]
