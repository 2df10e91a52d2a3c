"""What the readers and writers of every format share: where something stands, what may stand there,
and the errors.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.recognition.nbest import FIRST_PASS, RANK, TOTAL, Hypothesis, NBest

# White space would split an id where `utt words` is written; control characters are the mark of a
# damaged file; a lone surrogate (JSON can spell one) has no UTF-8 form; a byte order mark is lost
# where it comes first.
_BAD_IN_ID = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_BAD_IN_WORDS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")
# A score name is part of a file name in Kaldi's format.
_SCORE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
# 18 digits: what a 64-bit counter can hold, and never slow to convert.
_NUMBER = r"[0-9]{1,18}"
_NUMBERED = re.compile(rf"(.+)-({_NUMBER})")
_HEAD = 4096  # characters: enough to know a format by


class Place(NamedTuple):
    """Where something stands: for the error that names it."""

    file: Path
    line: int | None = None
    part: str = ""

    def within(self, part: str) -> Place:
        """A part of this place, such as "hypothesis 2"."""
        return self._replace(part=f"{self.part}, {part}" if self.part else part)

    def error(self, found: str, expected: str, remedy: str) -> InputError:
        """The error to raise for what was found here."""
        found = f"{self.part}: {found}" if self.part else found
        return InputError(found, expected=expected, remedy=remedy, file=self.file, line=self.line)


def show(value: object) -> str:
    """Something that a file held, short and on one line; what holds more is only named."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def head(path: Path) -> str:
    """The first lines of a file that are not blank, to know its format by; nothing for a folder or
    a blank file.

    Raises:
        InputError: the file cannot be read, or is not UTF-8 text.
    """
    text = ""
    if not os.path.isdir(path):
        for _, line in read_lines(path):
            if line.strip():
                text += line + "\n"
            if len(text) >= _HEAD:
                break
    return text


def filled_lines(path: Path) -> Iterator[tuple[Place, str]]:
    """The lines of a text file that are not blank, and where they stand. Raises InputError as
    `read_lines` does.
    """
    return (
        (Place(path, number), line)
        for number, line in read_lines(path)
        if line and not line.isspace()
    )


def parse_score(text: str, place: Place) -> float:
    """A finite number written out. Raises InputError for anything else."""
    try:
        # Python reads "1_000" and digits of other scripts; no recogniser writes them.
        value = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        value = None
    if value is None:
        raise place.error(
            f"{show(text)} is not a number", "a score", "correct it, or make the file again"
        )
    return finite(value, text, place)


def format_score(value: float) -> str:
    """A score written so that it is read back as the same number."""
    return repr(float(value))  # a NumPy number writes its type into its own repr


def finite(value: float, found: object, place: Place) -> float:
    """`value`, which was read from `found`. Raises InputError for NaN and infinities: they cannot
    be weighed.
    """
    if not math.isfinite(value):
        raise place.error(
            f"score {show(found)} is not finite",
            "a finite number",
            "take the hypothesis out, or correct its score",
        )
    return value


def split_words(text: str, place: Place) -> tuple[str, ...]:
    """The words of a text, split on white space; may be none. Raises InputError for control
    characters.
    """
    if bad := _BAD_IN_WORDS.search(text):
        raise place.error(
            f"the text holds {bad.group()!r}",
            "words",
            "make the file again, or take the character out",
        )
    return tuple(map(sys.intern, text.split()))  # lists repeat their words


def check_id(text: str, place: Place, what: str = "utterance id") -> str:
    """`text`, which can stand as one field of a line. Raises InputError where it cannot."""
    if not text or _BAD_IN_ID.search(text):
        raise place.error(
            f"{what} {show(text)} is empty, or holds white space or control characters",
            "one printable token",
            "rename it",
        )
    return text


def is_score_name(name: str) -> bool:
    """Whether a score can have this name in any format."""
    return bool(_SCORE_NAME.fullmatch(name))


def check_score_name(name: str, place: Place) -> str:
    """`name`, which can name a score in any format. Raises InputError where it cannot."""
    if not is_score_name(name):
        raise place.error(
            f"score name {show(name)}", "letters, digits and _ . + - only", "rename the score"
        )
    return name


def split_numbered(key: str, place: Place) -> tuple[str, str]:
    """(utterance, N) of `utt-N`, cut at the last hyphen. Raises InputError where N is no number."""
    match = _NUMBERED.fullmatch(key)
    if not match:
        raise place.error(
            f"key {show(key)} has no number at its end",
            "utt-N",
            "number the hypotheses of each utterance from 1",
        )
    return check_id(match[1], place), match[2]


def check_numbers(lists: Iterable[NBest], place: Place) -> Iterator[NBest]:
    """The lists. Raises InputError for a hypothesis key that is no number: formats with `utt-N` or
    `hyp_N` cannot hold it.
    """
    for nbest in lists:
        for hypothesis in nbest.hypotheses:
            if not re.fullmatch(_NUMBER, hypothesis.key):
                raise place.within(f"utterance {show(nbest.utterance)}").error(
                    f"hypothesis key {show(hypothesis.key)}",
                    "a number",
                    "write the format jsonl, which holds any key",
                )
        yield nbest


def group(entries: Iterable[tuple[str, Hypothesis]], path: Path) -> Iterator[NBest]:
    """The lists of (utterance, hypothesis) pairs that come in any order: by first appearance, each
    by ascending N.
    """
    members: dict[str, list[Hypothesis]] = {}
    for utterance, hypothesis in entries:
        members.setdefault(utterance, []).append(hypothesis)
    lists = Lists(path)
    for utterance, hypotheses in members.items():
        yield lists.add(NBest(utterance, tuple(by_number(hypotheses))), Place(path))
    lists.done()


def numbered(
    utterance: str, hypotheses: Iterable[Hypothesis], reference: tuple[str, ...] | None = None
) -> NBest:
    """The list of hypotheses whose keys are their places, from 1."""
    keyed = (replace(each, key=str(n)) for n, each in enumerate(hypotheses, start=1))
    return NBest(utterance, tuple(keyed), reference)


def peek(lists: Iterable[NBest]) -> tuple[NBest, Iterator[NBest]]:
    """The first of checked lists, and all of them."""
    rest = iter(lists)
    first = next(rest)
    return first, chain([first], rest)


def one_score(names: Sequence[str], format: str, place: Place) -> str:
    """The name of the score to write in a format that holds one: `total`, else `first_pass`, else
    `rank`. Raises InputError where the lists have none of them.
    """
    found = next((name for name in (TOTAL, FIRST_PASS, RANK) if name in names), None)
    if found is None:
        raise place.error(
            f"the lists have the scores {', '.join(names) or 'none'}",
            f"{TOTAL} or {FIRST_PASS} for the format {format}",
            "write the format jsonl, which holds all scores",
        )
    return found


def by_number(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Hypotheses by ascending number, which is the recogniser's own order."""
    return sorted(hypotheses, key=lambda hypothesis: int(hypothesis.key))


def ranked(nbest: NBest) -> NBest:
    """A list that came without scores, with `rank`: minus the place of each hypothesis, from 0."""
    scored = (
        hypothesis.with_scores({RANK: float(-place)})
        for place, hypothesis in enumerate(nbest.hypotheses)
    )
    return replace(nbest, hypotheses=tuple(scored))


class ErrorCollector:
    """Takes the errors of single utterances: raises the first, or skips these utterances.

    Attributes:
        skip: whether utterances that cannot be used are skipped.
        errors: of the utterances that were skipped.
    """

    def __init__(self, skip: bool = False) -> None:
        self.skip = skip
        self.errors: list[InputError] = []

    def add(self, error: InputError) -> None:
        """Keep the error of an utterance that is skipped; raise it if none are skipped."""
        if not self.skip:
            raise error
        self.errors.append(error)

    def __enter__(self) -> None:
        """Within, the error of one line or utterance is added."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, InputError):
            return False
        self.add(error)
        return True


class Lists:
    """Checks the lists of one file as they pass; of those that have passed only ids are kept.

    What holds for every file: at least one list, no empty list, ids and keys unique, the same score
    names everywhere.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._utterances: set[str] = set()
        self._names: Mapping[str, float] | None = None

    def add(self, nbest: NBest, place: Place) -> NBest:
        """The list. Raises InputError where it does not fit in with those before."""
        if nbest.utterance in self._utterances:
            raise place.error(
                f"utterance {show(nbest.utterance)} is there twice",
                "unique ids",
                "take one out, or rename it",
            )
        place = place.within(f"utterance {show(nbest.utterance)}")
        if not nbest.hypotheses:
            raise place.error(
                "no hypotheses",
                "at least one",
                "take the utterance out, or give it an empty hypothesis",
            )
        self._check_keys(nbest.hypotheses, place)
        self._check_names(nbest.hypotheses, place)
        self._utterances.add(nbest.utterance)
        return nbest

    def _check_keys(self, hypotheses: Sequence[Hypothesis], place: Place) -> None:
        seen: set[str] = set()
        for hypothesis in hypotheses:
            if hypothesis.key in seen:
                raise place.error(
                    f"hypothesis key {show(hypothesis.key)} is there twice",
                    "unique keys",
                    "take one out, or rename it",
                )
            seen.add(hypothesis.key)

    def _check_names(self, hypotheses: Sequence[Hypothesis], place: Place) -> None:
        if self._names is None:
            self._names = hypotheses[0].scores
        for hypothesis in hypotheses:
            if hypothesis.scores.keys() != self._names.keys():
                raise place.within(f"hypothesis {show(hypothesis.key)}").error(
                    f"scores {_list(hypothesis.scores)}",
                    f"{_list(self._names)} as in the first hypothesis",
                    "give every hypothesis the same scores",
                )

    def done(self) -> None:
        """Raises InputError where no list came."""
        if not self._utterances:
            raise empty(self._path)


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(show, sorted(names))) or "none"


def empty(path: Path) -> InputError:
    """The error for a file with nothing in it."""
    return InputError(
        "the file is empty", expected="at least one utterance", remedy="make it again", file=path
    )


def check_lists(lists: Iterable[NBest], path: Path) -> Iterator[NBest]:
    """`lists`, which are checked as they pass: every format can hold them. Raises InputError with
    the place in `lists` where one cannot, and where there is none.
    """
    checked = Lists(path)
    for nbest in lists:
        place = Place(path)
        check_id(nbest.utterance, place)
        checked.add(nbest, place)
        for name in nbest.score_names:
            check_score_name(name, place)
        for hypothesis in nbest.hypotheses:
            _check_hypothesis(hypothesis, place.within(f"utterance {show(nbest.utterance)}"))
        _check_words(nbest.reference or (), place.within(f"reference of {show(nbest.utterance)}"))
        yield nbest
    checked.done()


def _check_hypothesis(hypothesis: Hypothesis, place: Place) -> None:
    check_id(hypothesis.key, place, "hypothesis key")
    _check_words(hypothesis.words, place)
    for name, value in hypothesis.scores.items():
        if not math.isfinite(value):
            finite(value, value, place.within(f"hypothesis {hypothesis.key}, {name}"))


def _check_words(words: Sequence[str], place: Place) -> None:
    if split_words(" ".join(words), place) != tuple(words):
        raise place.error(
            "a word is empty or holds white space",
            "words",
            "split the words before they are written",
        )
