"""New words in an ARPA file, as shares of its `<unk>`.

Each new word gets a share of the probability of `<unk>`: of its unigram, and of each longer n-gram
that ends with it. So the probabilities after any history sum to 1 as before, and no back-off weight
changes. A new word itself has the back-off weight 1: what follows it is scored with the history
after it. An n-gram in which `<unk>` is part of the history stays as it is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines

UNKNOWN_WORDS = ("<unk>", "<UNK>", "[unk]", "[UNK]")  # as KenLM, SRILM, Kaldi and Vosk write it
_SECTION = re.compile(r"\\([0-9]+)-grams:")
_COUNT = re.compile(r"ngram ([0-9]+)=([0-9]+)")
_FIELD = re.compile(r"[ \t]+")  # other white space, such as U+00A0, is part of a word
_NO_PROBABILITY = -90.0  # log10; programs write -99 or -100 for log 0


@dataclass(frozen=True)
class AddedWords:
    """New words of an ARPA file.

    Attributes:
        count: how many words the file lacked.
        mean: their mean unigram probability; 0 without any.
        least: the least unigram probability of the words that were there.
    """

    count: int
    mean: float
    least: float


class _Line(NamedTuple):
    """A line of an ARPA file; `order` is 0 and `fields` is empty where it is no n-gram.

    Attributes:
        fields: log10 probability, `order` words, perhaps a log10 back-off weight.
    """

    number: int
    text: str
    order: int
    fields: list[str]

    @property
    def words(self) -> list[str]:
        return self.fields[1 : 1 + self.order]


@dataclass
class _Survey:
    """What an ARPA file holds of some words and of `<unk>`.

    Attributes:
        unknown: the name of `<unk>` there; empty without one.
        log10_unknown: the log10 probability of that unigram.
        log10_least: the least log10 probability of the other unigrams.
        known: those of the words that are there.
        ends: number of n-grams by their last word and their order, for the names of `<unk>`.
        orders: the order of the model.
    """

    unknown: str = ""
    log10_unknown: float = 0.0
    log10_least: float = 0.0
    known: set[str] = field(default_factory=set)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    orders: int = 0


def unigrams(path: str | Path) -> Iterator[str]:
    """The words of an ARPA file, plain, .gz or .xz.

    Raises:
        InputError: it cannot be read, or a line is no n-gram.
    """
    for line in _read(path, _is_unigram_section):
        if line.order == 1:
            yield line.words[0]


def add_to_arpa(
    path: str | Path, words: Mapping[str, float], output: str | Path, share: float
) -> AddedWords:
    """Write an ARPA file with more words.

    Args:
        path: plain, .gz or .xz.
        words: with their weights: they divide the share in that ratio. Words that the file has stay
            as they are.
        share: of the probability of `<unk>`, above 0 and below 1; `<unk>` keeps the rest.

    Raises:
        InputError: the file cannot be read, has no `<unk>`, or gives it no probability.
    """
    survey = _survey(path, words)
    added = {word: weight for word, weight in words.items() if word not in survey.known}
    if added:
        _check_unknown(survey, path)
    total = math.fsum(added.values())
    logs = {word: math.log10(share * weight / total) for word, weight in added.items()}
    write_lines(output, _with_words(path, survey, logs, math.log10(1 - share)))
    mean = share * 10**survey.log10_unknown / len(added) if added else 0.0
    return AddedWords(len(added), mean, 10**survey.log10_least)


def _survey(path: str | Path, words: Mapping[str, float]) -> _Survey:
    survey = _Survey()
    found: dict[str, float] = {}
    for line in _read(path, _is_ngram_of_unknown):
        survey.orders = max(survey.orders, line.order)
        if line.order == 1:
            [word], log10 = line.words, float(line.fields[0])
            if word in words:
                survey.known.add(word)
            if word in UNKNOWN_WORDS:
                found[word] = log10
            elif log10 > _NO_PROBABILITY:
                survey.log10_least = min(survey.log10_least, log10)
        if line.order and line.words[-1] in UNKNOWN_WORDS:
            survey.ends[line.words[-1], line.order] += 1
    if found:
        survey.unknown = min(found, key=UNKNOWN_WORDS.index)
        survey.log10_unknown = found[survey.unknown]
    return survey


def _check_unknown(survey: _Survey, path: str | Path) -> None:
    if not survey.unknown or survey.log10_unknown < _NO_PROBABILITY:
        fault = "gives <unk> no probability" if survey.unknown else "has no <unk>"
        raise InputError(
            fault,
            expected="a model with an open vocabulary, whose <unk> the new words share",
            remedy="make it with KenLM's lmplz --limit_vocab_file, or with SRILM's -unk",
            file=path,
        )


def _with_words(
    path: str | Path, survey: _Survey, logs: Mapping[str, float], rest: float
) -> Iterator[str]:
    """The lines with more words.

    Args:
        logs: log10 share of each new word.
        rest: log10 share that `<unk>` keeps.
    """
    for line in _read(path, _is_ngram_of_unknown):
        if count := _COUNT.fullmatch(line.text.strip()):
            order, ends = int(count[1]), survey.ends[survey.unknown, int(count[1])]
            yield f"ngram {order}={int(count[2]) + ends * len(logs)}"
        elif not (logs and line.order and line.words[-1] == survey.unknown):
            yield line.text
        else:
            yield from _shared(line, logs, rest, line.order < survey.orders)


def _shared(line: _Line, logs: Mapping[str, float], rest: float, has_longer: bool) -> Iterator[str]:
    """An n-gram that ends with `<unk>`, and the same with each new word in its place."""
    score, *others = line.fields
    log10 = float(score)
    history, backoff = line.words[:-1], others[line.order :]
    yield "\t".join((f"{log10 + rest:.7g}", " ".join(line.words), *backoff))
    end = ("0",) if has_longer else ()
    for word, log10_share in logs.items():
        yield "\t".join((f"{log10 + log10_share:.7g}", " ".join((*history, word)), *end))


# ---- reading ----


def _is_unigram_section(order: int, text: str) -> bool:
    return order == 1


def _is_ngram_of_unknown(order: int, text: str) -> bool:
    return order == 1 or any(word in text for word in UNKNOWN_WORDS)


def _read(path: str | Path, is_split: Callable[[int, str], bool]) -> Iterator[_Line]:
    """The lines of an ARPA file.

    Args:
        is_split: takes the order of a section and a line of it: whether the line is split into
            fields. Others come with the order 0.

    Raises:
        InputError: no ARPA file, or a line that is split is no n-gram.
    """
    order, is_arpa = 0, False
    for number, text in read_lines(path):
        if text.startswith("\\"):
            section = _SECTION.fullmatch(text.strip())
            order, is_arpa = int(section[1]) if section else 0, True
        elif order and text.strip() and is_split(order, text):
            yield _ngram(number, text, order, path)
            continue
        yield _Line(number, text, 0, [])
    if not is_arpa:
        raise InputError(
            "no ARPA file",
            expected="\\data\\ and \\1-grams:",
            remedy="give an ARPA file, such as lmplz writes",
            file=path,
        )


def _ngram(number: int, text: str, order: int, path: str | Path) -> _Line:
    fields = _FIELD.split(text.strip(" \t"))
    try:
        float(fields[0])
    except ValueError:
        fields = []
    if len(fields) not in (1 + order, 2 + order):
        raise InputError(
            f"no {order}-gram: {text.strip()[:80]!r}",
            expected="a log10 probability, the words, perhaps a back-off weight",
            remedy="make the model again",
            file=path,
            line=number,
        )
    return _Line(number, text, order, fields)
