"""WeNet's `decoder_main --output_nbest`: `wav utterance`, then lines `candidate score words…`.

The score is a log-probability. WeNet leaves empty hypotheses out: an utterance without candidates
has one hypothesis without words. The format holds one score a hypothesis: see `one_score`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rescorer.files import write_lines
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    check_id,
    filled_lines,
    format_score,
    numbered,
    one_score,
    parse_score,
    peek,
    show,
    split_words,
)
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_WAV, _CANDIDATE = "wav", "candidate"
_SILENT = Hypothesis("1", (), {FIRST_PASS: 0.0})  # the only one of its list


def matches(beginning: Beginning) -> bool:
    """Whether the file begins with `wav utterance`, and a candidate or the next one follows."""
    fields = [line.split(maxsplit=2) for line in beginning.lines[:2]]
    return (
        not beginning.is_folder
        and bool(fields)
        and fields[0][0] == _WAV
        and len(fields[0]) == 2
        and fields[-1][0] in (_WAV, _CANDIDATE)
    )


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in its order.

    Raises:
        InputError: a candidate of no utterance, or a line that is not as the module says, with the
            line.
    """
    lists = Lists(source.path)
    silent = 0
    for place, utterance, hypotheses in _blocks(source):
        silent += not hypotheses
        with source.collector:
            yield lists.add(numbered(utterance, hypotheses or [_SILENT]), place)
    if silent:
        source.remark(f"{silent} utterances without candidates: nothing was recognised there")
    lists.done()


def _blocks(source: Source) -> Iterator[tuple[Place, str, list[Hypothesis]]]:
    """Each utterance with its candidates."""
    block: tuple[Place, str, list[Hypothesis]] | None = None
    for place, line in filled_lines(source.path):
        with source.collector:
            kind, rest = [*line.split(maxsplit=1), ""][:2]
            if kind == _WAV:
                if block:
                    yield block
                block = place, check_id(rest.strip(), place), []
            elif block is None or kind != _CANDIDATE:
                raise place.error(
                    f"{show(kind)} {'before any wav line' if kind == _CANDIDATE else ''}".strip(),
                    "`wav utterance`, then `candidate score words…`",
                    "correct the line, or decode again",
                )
            else:
                block[2].append(_hypothesis(rest, place))
    if block:
        yield block


def _hypothesis(text: str, place: Place) -> Hypothesis:
    score, words = [*text.split(maxsplit=1), "", ""][:2]
    if not score:
        raise place.error("no score", "candidate score words…", "decode again")
    return Hypothesis("", split_words(words, place), {FIRST_PASS: parse_score(score, place)})


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists, with one of their scores. Raises InputError where they have none, or the
    file cannot be written.
    """
    first, lists = peek(lists)
    write_lines(path, _lines(lists, one_score(first.score_names, "wenet", Place(path))))


def _lines(lists: Iterable[NBest], score: str) -> Iterator[str]:
    for nbest in lists:
        yield f"{_WAV} {nbest.utterance}"
        for each in nbest.hypotheses:
            yield " ".join((_CANDIDATE, format_score(each.scores[score]), *each.words))


FORMAT = Format("wenet", matches, read, write)
