"""How much of what is said or recognised lies outside a vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_counts import count_words
from rescorer.recognition.formats import holds_nbest, lattice_format, read_nbest

ALL = "all"
NO_LIST = "in no list"


class Rate(NamedTuple):
    """How many words of a list are unknown.

    Attributes:
        name: of the list.
        words: of the text that are in the list, each as often as it is there.
        unknown: of these.
        types: distinct words.
        unknown_types: of these.
    """

    name: str
    words: int
    unknown: int
    types: int
    unknown_types: int

    @property
    def share(self) -> float:
        """Of the words, how many are unknown: 0 to 1."""
        return self.unknown / self.words if self.words else 0.0


def count_source(path: str | Path, vocabulary: Vocabulary) -> dict[str, Counter[str]]:
    """Counts of words, in the vocabulary's case, by what they are: text, or hypotheses and
    references of n-best lists.

    Raises:
        InputError: the file cannot be read, holds lattices, or no word.
    """
    path = Path(path)
    if (found := lattice_format(path)) is not None:
        raise InputError(
            f"holds lattices ({found.name})",
            expected="a text or n-best lists",
            file=path,
            remedy="write lists of them with `rescore --nbest-output`",
        )
    if not holds_nbest(path):
        counts = count_words([path], case=vocabulary.case)
        del counts[SENTENCE_END]
        return {"text": counts}
    lists = read_nbest(path).lists
    spoken = {
        "hypotheses": Counter(
            word for nbest in lists for hypothesis in nbest.hypotheses for word in hypothesis.words
        ),
        "references": Counter(word for nbest in lists for word in nbest.reference or ()),
    }
    if not any(spoken.values()):
        raise InputError(
            "no word in the lists", expected="at least one", remedy="check the file", file=path
        )
    return {name: _normalised(counts, vocabulary) for name, counts in spoken.items() if counts}


def unknown_words(counts: Counter[str], vocabulary: Vocabulary) -> Counter[str]:
    """The words that are outside the vocabulary, most frequent first, equals by code point; `<unk>`
    is one.
    """
    unknown = [
        (word, count) for word, count in counts.items() if word == UNKNOWN or word not in vocabulary
    ]
    return Counter(dict(sorted(unknown, key=lambda item: (-item[1], item[0]))))


def rates(counts: Counter[str], unknown: Counter[str], lists: Mapping[str, set[str]]) -> list[Rate]:
    """The rate of all words, then of each list that has any here, and of the words in none; the
    worst first.
    """
    members = {name: words & counts.keys() for name, words in lists.items()}
    if members:
        members[NO_LIST] = counts.keys() - set().union(*members.values())
    by_list = [_rate(name, words, counts, unknown) for name, words in members.items() if words]
    return [
        _rate(ALL, set(counts), counts, unknown),
        *sorted(by_list, key=lambda rate: (-rate.share, -rate.words, rate.name)),
    ]


def _rate(name: str, words: set[str], counts: Counter[str], unknown: Counter[str]) -> Rate:
    missed = words & unknown.keys()
    total, total_missed = (sum(counts[word] for word in some) for some in (words, missed))
    return Rate(name, total, total_missed, len(words), len(missed))


def _normalised(counts: Counter[str], vocabulary: Vocabulary) -> Counter[str]:
    normalised: Counter[str] = Counter()
    for word, count in counts.items():
        normalised[vocabulary.normalise(word)] += count
    return normalised
