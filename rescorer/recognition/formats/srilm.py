"""SRILM's n-best lists: a file an utterance, or a folder of them; three forms of a line.

- `NBestList1.0` on the first line, then `(score) words…`: one score in bytelog, `first_pass`.
- `NBestList2.0`, then `(score) word ( st: 0.1 et: 0.3 g: -12 a: -340 ) …`: `acoustic` and
  `first_lm`, the sums of `a` and `g` over the words, in bytelog. Phones and states stand among the
  words: they begin before the word before ends, or end in `-` and a digit, and are passed over as
  SRILM does.
- `acoustic lm words word word …`: log10; the number of words is not read.

A bytelog is 1024/10000.5 nats. Pauses (`-pau-`) and sentence marks are no words. The id of an
utterance is the name of its file without `.gz` and the like. Lists with `acoustic` and `first_lm`
are written in the third form, all others in the first, in either their order.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rescorer.errors import InputError
from rescorer.files import put_lines, whole_path
from rescorer.recognition.formats.beginning import Beginning, files_in
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    check_id,
    empty,
    filled_lines,
    format_score,
    numbered,
    one_score,
    parse_score,
    peek,
    show,
    split_words,
)
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, Hypothesis, NBest

_BYTELOG = 1024 / 10000.5  # nats
_LOG10 = math.log(10)
_NO_WORDS = frozenset({"-pau-", "<s>", "</s>"})
_MAGIC = re.compile(r"NBestList([12])\.0")
_SUFFIX = re.compile(r"(\.(nbest|score|txt))?(\.(gz|xz))?$")
_STATE = re.compile(r".*-[0-9]")
_NUMBER = r"(?:0|-[0-9.]+|[0-9]*\.[0-9]+)(?:[eE][-+]?[0-9]+)?"  # a score: no id, no count
_PLAIN = re.compile(rf"\s*{_NUMBER}\s+{_NUMBER}\s+[0-9]{{1,9}}(?:\s|$)")
_FIELDS_A_TOKEN = 11  # word ( st: 0.1 et: 0.3 g: -12 a: -340 )


def matches(beginning: Beginning) -> bool:
    """Whether a file, or the first of a folder, begins as one of the forms."""
    lines = beginning.lines
    return bool(lines) and (_MAGIC.match(lines[0]) is not None or all(map(_is_plain, lines)))


def _is_plain(line: str) -> bool:
    """Whether a line has two scores, and the number of its words."""
    found = _PLAIN.match(line)
    words = line.split()[3:]
    spoken = [word for word in words if word not in _NO_WORDS]
    return bool(found) and int(line.split()[2]) in (len(words), len(spoken))


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file or a folder, by file name.

    Raises:
        InputError: a line that is not as the module says, with file and line.
    """
    path = source.path
    lists = Lists(path)
    for file in files_in(path) if os.path.isdir(path) else [path]:
        with source.collector:
            hypotheses = list(_hypotheses(file, source))
            if not hypotheses:
                raise empty(file)
            yield lists.add(numbered(_utterance(file), hypotheses), Place(file))
    lists.done()


def _utterance(file: Path) -> str:
    name = _SUFFIX.sub("", file.name)
    return check_id("_".join(name.split()), Place(file))


def _hypotheses(file: Path, source: Source) -> Iterator[Hypothesis]:
    parse: Callable[[list[str], Place], Hypothesis] = _parse_plain
    for number, (place, line) in enumerate(filled_lines(file)):
        with source.collector:
            magic = None if number else _MAGIC.match(line)
            if magic:
                parse = _parse_1 if magic[1] == "1" else _parse_2
            else:
                yield parse(line.split(), place)


def _parse_1(fields: list[str], place: Place) -> Hypothesis:
    return Hypothesis("", _words(fields[1:], place), {FIRST_PASS: _total(fields[0], place)})


def _total(field: str, place: Place) -> float:
    """The score in parentheses that a line begins with."""
    if not (field.startswith("(") and field.endswith(")")):
        raise place.error(f"{show(field)} at its begin", "(score)", "make the file again")
    return parse_score(field[1:-1], place) * _BYTELOG


def _parse_2(fields: list[str], place: Place) -> Hypothesis:
    _total(fields[0], place)
    tokens = fields[1:]
    if len(tokens) % _FIELDS_A_TOKEN:
        raise place.error(
            f"{len(tokens)} fields after the score",
            f"{_FIELDS_A_TOKEN} for each word: word ( st: … et: … g: … a: … )",
            "make the file again",
        )
    words: list[str] = []
    acoustic = lm = 0.0
    end_before = -1.0
    for first in range(0, len(tokens), _FIELDS_A_TOKEN):
        word, _, _, begin, _, end, _, g, _, a, _ = tokens[first : first + _FIELDS_A_TOKEN]
        if parse_score(begin, place) > end_before and not _STATE.fullmatch(word):
            words.append(word)
            lm += parse_score(g, place)
            acoustic += parse_score(a, place)
            end_before = parse_score(end, place)
    scores = {ACOUSTIC: acoustic * _BYTELOG, FIRST_LM: lm * _BYTELOG}
    return Hypothesis("", _words(words, place), scores)


def _parse_plain(fields: list[str], place: Place) -> Hypothesis:
    if len(fields) < 3 or not (fields[2].isascii() and fields[2].isdecimal()):
        raise place.error(
            f"{show(' '.join(fields[:3]))} at its begin",
            "acoustic and language model scores and the number of words",
            "make the file again",
        )
    acoustic, lm = (parse_score(field, place) * _LOG10 for field in fields[:2])
    return Hypothesis("", _words(fields[3:], place), {ACOUSTIC: acoustic, FIRST_LM: lm})


def _words(fields: list[str], place: Place) -> tuple[str, ...]:
    return tuple(word for word in split_words(" ".join(fields), place) if word not in _NO_WORDS)


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write a folder with a file for each list.

    Raises:
        InputError: the lists have no score that the format holds, an utterance is no file name, or
            the folder holds other files than lists of this format or cannot be written.
    """
    first, lists = peek(lists)
    lines = _form_of(first, path)
    with whole_path(path) as folder:
        _check_replaceable(path)
        folder.mkdir()
        for nbest in lists:
            put_lines(folder / _file_name(nbest.utterance, path), lines(nbest))


def _file_name(utterance: str, path: Path) -> str:
    if not _is_file_name(utterance):
        raise Place(path).error(
            f"utterance {show(utterance)} is read as another from a file name",
            "the name of a file without a suffix",
            "rename it, or write the format jsonl",
        )
    return utterance


def _is_file_name(utterance: str) -> bool:
    return (
        "/" not in utterance
        and not utterance.startswith(".")
        and len(utterance.encode()) < 250
        and _SUFFIX.sub("", utterance) == utterance
    )


def _form_of(first: NBest, path: Path) -> Callable[[NBest], Iterator[str]]:
    """What makes the lines of a list; `first` has the scores of all."""
    if {ACOUSTIC, FIRST_LM} <= set(first.score_names):
        return _plain_lines
    name = one_score(first.score_names, "srilm", Place(path))
    return lambda nbest: _lines_1(nbest, name)


def _plain_lines(nbest: NBest) -> Iterator[str]:
    for each in nbest.hypotheses:
        scores = [format_score(each.scores[name] / _LOG10) for name in (ACOUSTIC, FIRST_LM)]
        yield " ".join((*scores, str(len(each.words)), *each.words))


def _lines_1(nbest: NBest, name: str) -> Iterator[str]:
    yield "NBestList1.0"
    for each in nbest.hypotheses:
        yield " ".join((f"({format_score(each.scores[name] / _BYTELOG)})", *each.words))


def _check_replaceable(path: Path) -> None:
    """A folder is replaced as a whole: nothing may be lost that we do not write."""
    if path.is_dir() and any(
        child.is_dir() or not matches(Beginning.of(child)) for child in path.iterdir()
    ):
        raise InputError(
            "the folder holds other things than n-best lists of SRILM",
            expected="a new folder",
            remedy="choose another place",
            file=path,
        )


FORMAT = Format("srilm", matches, read, write)
