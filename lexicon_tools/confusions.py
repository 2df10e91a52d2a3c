"""Learn confusions of phones from the lists of a recogniser and what was said.

The evidence is where hypotheses differ from their references: each run of wrong words once an
utterance, in whatever hypotheses it is. Words that the best hypotheses have right are beside them.
Their weight is such that phones of wrong words are as rare as among the best hypotheses: all
hypotheses say which phones are confused, the best ones say how often.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lexicon_tools.confusion_settings import ConfusionSettings
from rescorer.errors import InputError
from rescorer.pronunciation.confusion_learning import Evidence, Observation, learn_confusions
from rescorer.pronunciation.confusions import Confusions, class_confusions
from rescorer.pronunciation.confusions_file import default_confusions
from rescorer.pronunciation.lexicon import Pronunciation
from rescorer.pronunciation.lexicon_formats import read_lexicon
from rescorer.pronunciation.phones import ARPABET, PhoneSet, without_position, without_stress
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.recognition.nbest import NBest
from rescorer.reports.error_regions import Words, aligned_regions

Region = tuple[Words, Words]  # what was said, what was written
Pronounce = Callable[[Sequence[str]], Sequence[tuple[Pronunciation, ...]]]

_WORD_PRONUNCIATIONS = 4
_RUN_PRONUNCIATIONS = 8


def english_pronounce(pronouncer: Pronouncer) -> Pronounce:
    """The most probable pronunciations of each word by a pronouncer."""
    return lambda words: pronouncer.pronounce(words, _WORD_PRONUNCIATIONS)


def read_pronunciations(lexicon: str | Path | None) -> tuple[PhoneSet, Pronounce]:
    """The phone set, and what pronounces words.

    Without a lexicon, and with one in ARPAbet, which is asked first: CMUdict, then the English
    grapheme-to-phoneme model. With a lexicon of another phone set: that lexicon alone.

    Raises:
        InputError: the lexicon cannot be read.
    """
    if lexicon is None:
        return ARPABET, english_pronounce(Pronouncer.english())
    own = read_lexicon(lexicon)
    bases = {without_stress(without_position(phone)) for phone in own.phones.symbols}
    if len(bases & set(ARPABET.symbols)) > len(bases) / 2:
        own = read_lexicon(lexicon, ARPABET)
        return ARPABET, english_pronounce(Pronouncer.english(own))
    return own.phones, lambda words: [own.get(word, ())[:_WORD_PRONUNCIATIONS] for word in words]


def learn_from_lists(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    phones: PhoneSet,
    pronounce: Pronounce,
    settings: ConfusionSettings | None = None,
) -> Confusions:
    """The confusions that lists and their references show.

    Args:
        references: of each utterance of the lists.

    Raises:
        InputError: no word of the lists has a pronunciation.
    """
    settings = settings or ConfusionSettings()
    evidence = Evidence.of(observations(lists, references, pronounce, settings.hypotheses), phones)
    if not evidence.spoken_phones:
        raise InputError(
            "no run of words with pronunciations in lists and references",
            expected="words that the lexicon has",
            remedy="give the lexicon of the recogniser, or words in its spelling",
        )
    prior = default_confusions if settings.prior == "package" else class_confusions
    learnt = learn_confusions(
        evidence, prior(phones), strength=settings.strength, iterations=settings.iterations
    )
    words = sum(len(references[nbest.utterance]) for nbest in lists)
    return replace(learnt, learnt={"utterances": len(lists), "words": words, **learnt.learnt})


def observations(
    lists: Sequence[NBest], references: Mapping[str, Words], pronounce: Pronounce, hypotheses: int
) -> list[Observation]:
    """What was said and written, run by run.

    Runs that have a word without pronunciation are left out, and so are runs of which one side is
    more than twice as long as the other: there words were dropped, not misheard.

    Args:
        hypotheses: of each list that are read; 0: all.
    """
    best, wrong = Counter[Region](), Counter[Region]()
    for nbest in lists:
        reference = references[nbest.utterance]
        first, *others = nbest.hypotheses[: hypotheses or None]
        regions = list(aligned_regions(reference, first.words))
        best.update(regions)
        found = set(filter(_is_wrong, regions))
        for other in others:
            found |= set(filter(_is_wrong, aligned_regions(reference, other.words)))
        wrong.update(found)
    spoken_words = _pronounced([*best, *wrong], pronounce)
    of_best = list(_observed(best, spoken_words))
    misheard = [seen for _, seen in _observed(wrong, spoken_words)]
    right = [seen for region, seen in of_best if not _is_wrong(region)]
    misheard_in_best = [seen for region, seen in of_best if _is_wrong(region)]
    weight = _phones(misheard) / max(1.0, _phones(misheard_in_best))
    return misheard + [
        Observation(seen.spoken, seen.written, seen.weight * max(1.0, weight)) for seen in right
    ]


def _is_wrong(region: Region) -> bool:
    spoken, written = region
    return spoken != written


def _phones(seen: Iterable[Observation]) -> float:
    """How many phones were spoken, by the most probable pronunciations."""
    return sum(each.weight * len(each.spoken[0].phones) for each in seen)


def _pronounced(
    regions: Iterable[Region], pronounce: Pronounce
) -> Mapping[str, tuple[Pronunciation, ...]]:
    """The pronunciations of all words."""
    words = sorted({word for region in regions for side in region for word in side})
    return dict(zip(words, pronounce(words), strict=True))


def _observed(
    regions: Counter[Region], known: Mapping[str, tuple[Pronunciation, ...]]
) -> Iterator[tuple[Region, Observation]]:
    for region, count in regions.items():
        spoken, written = (_joined([known[word] for word in side]) for side in region)
        if spoken and written:
            lengths = sorted((len(spoken[0].phones), len(written[0].phones)))
            if lengths[1] <= 2 * lengths[0]:
                yield region, Observation(spoken, written, count)


def _joined(words: Sequence[tuple[Pronunciation, ...]]) -> list[Pronunciation]:
    """The most probable ways to say words one after the other; [] if one of them has none."""
    ways: dict[tuple[str, ...], float] = {(): 1.0}
    for pronunciations in words:
        longer: dict[tuple[str, ...], float] = defaultdict(float)
        for phones, probability in ways.items():
            for said in pronunciations:
                longer[phones + said.phones] += probability * said.probability
        likeliest = sorted(longer.items(), key=lambda way: -way[1])
        ways = dict(likeliest[:_RUN_PRONUNCIATIONS])
    return [Pronunciation(phones, probability) for phones, probability in ways.items() if phones]
