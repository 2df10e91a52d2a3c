"""ESPnet2's decode folders: `output.J/{1..n}best_recog` with a `text` and a `score` each.

`asr_inference.py` leaves a folder a job below `logdir`; a line of `text` is `utterance words…`, one
of `score` the printed tensor, `utterance tensor(-12.3)`: the weighted sum of the decoder's, CTC's
and the language model's log-probabilities and of the length bonus. n is the place in the list, and
the key. Where no folder has a `score`, each hypothesis scores `rank`: minus its place, from 0.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.files import open_binary, put_lines, whole_path
from rescorer.recognition.formats import one_best
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import (
    Lists,
    Place,
    check_id,
    filled_lines,
    format_score,
    one_score,
    ranked,
    show,
)
from rescorer.recognition.formats.printed_tensor import parse_printed
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_TEXT, _SCORE = "text", "score"
_FOLDER = re.compile(r"([0-9]{1,6})best_recog")
# Where the folders lie below the one that is given.
_PLACES = ("*best_recog", "output.*/*best_recog", "logdir/output.*/*best_recog")
_WRITTEN = frozenset({_TEXT, _SCORE})


class _Hypotheses(NamedTuple):
    """One job's hypotheses of one rank: the words and scores of utterances.

    Attributes:
        scores: None where there are none.
    """

    texts: Mapping[str, one_best.Line]
    scores: Mapping[str, float] | None


def matches(beginning: Beginning) -> bool:
    """Whether it is a folder with folders of hypotheses below."""
    return beginning.is_folder and bool(_folders(beginning.path))


def _folders(path: Path) -> list[Path]:
    """The folders of hypotheses: the jobs by number, in each those of the best first."""
    for pattern in _PLACES if os.path.isdir(path) else ():
        found = [each for each in path.glob(pattern) if _FOLDER.fullmatch(each.name)]
        if found:
            return sorted(found, key=lambda each: (_job(each.parent), _rank(each)))
    return []


def _job(folder: Path) -> tuple[int, str]:
    number = folder.name.removeprefix("output.")
    return (int(number) if number.isdecimal() and len(number) < 10 else 0, folder.name)


def _rank(folder: Path) -> int:
    found = _FOLDER.fullmatch(folder.name)
    assert found
    return int(found[1])


def read(source: Source) -> Iterator[NBest]:
    """The lists of all jobs, each in the order of its best hypotheses.

    Raises:
        InputError: there are no such folders, texts and scores have other ids, a rank is missing,
            or a line is not as the module says, with file and line.
    """
    folders = _folders(source.path)
    if not folders:
        if not os.path.isdir(source.path):
            open_binary(source.path).close()  # raises where there is no file either
        raise InputError(
            "no folder 1best_recog here or in output.* below",
            expected="a decode folder of ESPnet2",
            remedy="give the folder that holds logdir; mlm-scoring's JSON is --format mlm-scoring",
            file=source.path,
        )
    lists = Lists(source.path)
    for job in dict.fromkeys(folder.parent for folder in folders):
        for nbest, place in _lists([each for each in folders if each.parent == job], source):
            with source.collector:
                yield lists.add(nbest, place)
    lists.done()


def _lists(folders: Sequence[Path], source: Source) -> list[tuple[NBest, Place]]:
    """The lists of one job, from its folders of hypotheses."""
    by_rank = {_rank(folder): _read_folder(folder, source) for folder in folders}
    first = by_rank.get(1)
    if first is None:
        raise InputError(
            "there is no 1best_recog",
            expected="the best hypotheses",
            remedy="decode again",
            file=folders[0].parent,
        )
    hypotheses: dict[str, list[Hypothesis]] = {}
    for rank, found in by_rank.items():
        for utterance, line in found.texts.items():
            known = hypotheses.setdefault(utterance, [])
            if len(known) != rank - 1:
                raise line.place.error(
                    f"{show(utterance)} has no hypothesis {len(known) + 1}",
                    "hypotheses 1 to n of each utterance",
                    "copy all folders of the job, or decode again",
                )
            scores = {} if found.scores is None else {FIRST_PASS: found.scores[utterance]}
            known.append(Hypothesis(str(rank), line.words, scores))
    return [_list(name, found, first) for name, found in hypotheses.items()]


def _list(
    utterance: str, hypotheses: Sequence[Hypothesis], first: _Hypotheses
) -> tuple[NBest, Place]:
    nbest = NBest(utterance, tuple(hypotheses))
    return (ranked(nbest) if first.scores is None else nbest), first.texts[utterance].place


def _read_folder(folder: Path, source: Source) -> _Hypotheses:
    """The hypotheses of one folder. Raises InputError where texts and scores have other ids."""
    texts: dict[str, one_best.Line] = {}
    for line in one_best.lines(folder / _TEXT):
        if line.utterance in texts:
            raise line.place.error(
                f"utterance {show(line.utterance)} is there twice", "unique ids", "take one out"
            )
        texts[line.utterance] = line
    if not (folder / _SCORE).exists():
        return _Hypotheses(texts, None)
    return _Hypotheses(texts, _read_scores(folder / _SCORE, texts))


def _read_scores(file: Path, texts: Mapping[str, one_best.Line]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for place, line in filled_lines(file):
        utterance, text = [*line.split(maxsplit=1), ""][:2]
        if utterance not in texts:
            raise place.error(
                f"{show(utterance)} has no text in {file.with_name(_TEXT)}",
                "the same ids in both files",
                "decode again, or take the line out",
            )
        if utterance in scores:
            raise place.error(
                f"utterance {show(utterance)} is there twice", "unique ids", "take one out"
            )
        scores[check_id(utterance, place)] = parse_printed(text.strip(), place)
    for utterance, found in texts.items():
        if utterance not in scores:
            raise found.place.error(
                f"{show(utterance)} has no score in {file}",
                "the same ids in both files",
                "decode again, or take the line out",
            )
    return scores


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists as one job writes them, hypothesis 1 the best; one score a hypothesis.

    Raises:
        InputError: they have no such score, or the folder holds other things or cannot be written.
    """
    lists = list(lists)  # each rank has files of its own
    name = one_score(lists[0].score_names, "espnet", Place(path))
    with whole_path(path) as folder:
        _check_replaceable(path)
        folder.mkdir()
        for rank in range(max(len(nbest.hypotheses) for nbest in lists)):
            rows = [
                (nbest.utterance, nbest.hypotheses[rank])
                for nbest in lists
                if rank < len(nbest.hypotheses)
            ]
            place = folder / f"{rank + 1}best_recog"
            place.mkdir()
            put_lines(place / _TEXT, (" ".join((key, *h.words)) for key, h in rows))
            put_lines(
                place / _SCORE,
                (f"{key} tensor({format_score(h.scores[name])})" for key, h in rows),
            )


def _check_replaceable(path: Path) -> None:
    """A folder is replaced as a whole: nothing may be lost that we do not write."""
    for child in path.iterdir() if path.is_dir() else ():
        inside = {each.name for each in child.iterdir()} if child.is_dir() else {child.name}
        if not _FOLDER.fullmatch(child.name) or inside - _WRITTEN:
            raise InputError(
                f"the folder holds {show(child.name)} with other files than text and score",
                expected="a new folder",
                remedy="choose another place",
                file=path,
            )


FORMAT = Format("espnet", matches, read, write)
