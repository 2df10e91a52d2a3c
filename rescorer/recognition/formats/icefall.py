"""icefall's `recogs-*.txt`: `utterance:<TAB>ref=['HE', 'CAN']`, then `utterance:<TAB>hyp=[…]`.

One hypothesis an utterance, without a score: it scores `rank`, which is 0. Lines of time stamps
are passed over.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from rescorer.errors import InputError
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    check_id,
    filled_lines,
    ranked,
    show,
    split_words,
)
from rescorer.recognition.nbest import Hypothesis, NBest

_LINE = re.compile(
    r"(?P<utterance>\S+):[\t ](?P<kind>ref|hyp|timestamp_ref|timestamp_hyp)=(?P<words>.*)"
)
_STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_STRINGS = re.compile(_STRING)
_LIST = re.compile(rf"\[(?:{_STRING}(?:, {_STRING})*)?\]\s*")


def matches(beginning: Beginning) -> bool:
    """Whether the first line is a reference or a hypothesis of an utterance."""
    lines = beginning.lines
    return not beginning.is_folder and bool(lines) and _LINE.match(lines[0]) is not None


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in its order, of one hypothesis each.

    Raises:
        InputError: a reference without a hypothesis or the reverse, or a line that is not as the
            module says, with the line.
    """
    references: dict[str, tuple[Place, tuple[str, ...]]] = {}
    lists = Lists(source.path)
    for place, utterance, kind, words in _lines(source):
        with source.collector:
            if kind == "hyp":
                reference = references.pop(utterance, (place, None))[1]
                nbest = NBest(utterance, (Hypothesis("1", words),), reference)
                yield lists.add(ranked(nbest), place)
            elif utterance in references:
                raise _without_hypothesis(utterance, references[utterance][0])
            else:
                references[utterance] = place, words
    for utterance, (place, _) in references.items():
        with source.collector:
            raise _without_hypothesis(utterance, place)
    lists.done()


def _without_hypothesis(utterance: str, place: Place) -> InputError:
    return place.error(
        f"{show(utterance)} has no hypothesis",
        "a line `ref=`, then a line `hyp=`",
        "decode again, or take the line out",
    )


def _lines(source: Source) -> Iterator[tuple[Place, str, str, tuple[str, ...]]]:
    """Each reference and hypothesis: its place, utterance, kind and words."""
    for place, line in filled_lines(source.path):
        with source.collector:
            found = _LINE.fullmatch(line)
            if found is None:
                raise place.error(
                    show(line), "utterance:<TAB>ref=['WORD', …] or hyp=", "decode again"
                )
            if not found["kind"].startswith("timestamp"):
                utterance = check_id(found["utterance"], place)
                yield place, utterance, found["kind"], _words(found["words"], place)


def _words(text: str, place: Place) -> tuple[str, ...]:
    """The words of a list as Python prints it, or of one text."""
    if not (_LIST.fullmatch(text) or _STRINGS.fullmatch(text)):
        raise place.error(show(text), "a list of words: ['HE', 'CAN']", "decode again")
    return split_words(" ".join(_unquoted(each, place) for each in _STRINGS.findall(text)), place)


def _unquoted(text: str, place: Place) -> str:
    if "\\" not in text:
        return text[1:-1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return str(ast.literal_eval(text))
    except (ValueError, SyntaxError, Warning):
        raise place.error(show(text), "a word as Python prints it", "decode again") from None


FORMAT = Format("icefall", matches, read)
