"""Kaldi's n-best folder: `words_text` and one file of costs a score, each with a line `utt-N …` a
hypothesis.

As the scripts around `lattice-to-nbest` and `nbest-to-linear` lay it out: `acwt` holds acoustic
costs, unscaled; `lmwt.nolm` the graph costs less the language model (transitions, pronunciations,
silences); `lmwt.lmonly` those of the language model alone; any other `lmwt.NAME` the costs NAME.
Costs are negated natural logs and are negated here, so that all scores inside are
log-probabilities. Files are joined by key, never by the order of lines; N is the place in the
recogniser's own order, and the key. Each file may be compressed, with .gz or .xz at its name or
without. References are not part of the format.

All files are written in one order of lines, for Kaldi's scripts paste them line by line: by number,
or as an input has them. Where hypotheses come in another order than their numbers, it is written as
their ranks, from 1: `rank.rescored`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

from rescorer.errors import InputError
from rescorer.files import open_lines, whole_path
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.key_order import HELD, is_grouped, is_numbered, lists_in_turn
from rescorer.recognition.formats.parsing import (
    Place,
    by_number,
    check_numbers,
    check_score_name,
    empty,
    filled_lines,
    format_score,
    group,
    parse_score,
    peek,
    ranked,
    show,
    split_numbered,
    split_words,
)
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, Hypothesis, NBest

WORDS = "words_text"
ALIGNMENTS = "ali"
RANKS = "rank.rescored"  # no score: never read
_FILES = {ACOUSTIC: "acwt", GRAPH: "lmwt.nolm", FIRST_LM: "lmwt.lmonly"}
_SCORES = {file: score for score, file in _FILES.items()}
_OTHER = "lmwt."


def matches(beginning: Beginning) -> bool:
    """Whether it is a folder with the words of n-best lists, or a file of one."""
    if beginning.is_folder:
        return _has_words(beginning.path)
    return folder_of(beginning.path) is not None


def _has_words(path: Path) -> bool:
    return os.path.isdir(path) and WORDS in _members(path)


def read(source: Source) -> Iterator[NBest]:
    """The lists of a folder, in the order of first appearance in its `words_text`.

    Scores are those that have a file; where there is none, each hypothesis scores `rank`: minus its
    place, from 0.

    Raises:
        InputError: no such folder, a key without words, a key without a score, or a line that is
            not as the module says, with file and line.
    """
    path = source.path
    members = _folder(path)
    words, files = members[WORDS], _score_files(members)
    if is_grouped([words, *files.values()]):
        lists = lists_in_turn(_side_by_side(words, files), path)
    else:
        source.remark(HELD)
        lists = group(_joined(words, files), path)
    return lists if files else map(ranked, lists)


def _side_by_side(words: Path, files: Mapping[str, Path]) -> Iterator[tuple[str, Hypothesis]]:
    """The hypotheses of files in the same order, line by line."""
    columns = [filled_lines(file) for file in files.values()]
    for (place, line), *rows in zip(filled_lines(words), *columns, strict=True):
        text = _text(line, place)
        costs = (_cost(row, where)[1] for where, row in rows)
        scores = {score: 0.0 - cost for score, cost in zip(files, costs, strict=True)}
        yield text.utterance, Hypothesis(text.n, text.words, scores)


def _joined(file: Path, files: Mapping[str, Path]) -> Iterator[tuple[str, Hypothesis]]:
    """The hypotheses of files in any order, by their keys."""
    words = _read_words(file)
    costs = {score: _read_costs(each, words) for score, each in files.items()}
    for key, text in words.items():
        yield text.utterance, Hypothesis(text.n, text.words, _scores(costs, key))


def _scores(costs: Mapping[str, Mapping[str, float]], key: str) -> dict[str, float]:
    """The scores of a hypothesis from the costs by score and key."""
    return {score: 0.0 - cost[key] for score, cost in costs.items()}


def _folder(path: Path) -> dict[str, Path]:
    if (file := folder_of(path)) is not None:
        raise InputError(
            "is one file of a Kaldi n-best folder",
            expected="the folder",
            remedy=f"give {file}",
            file=path,
        )
    members = _members(path)
    if WORDS not in members:
        # Of a decode directory of Kaldi's: a folder of lists, or else its first archive of
        # lattices.
        inside = [child.parent for child in sorted(path.glob(f"*/{WORDS}*"))] or sorted(
            path.glob("lat.*")
        )
        raise InputError(
            f"the folder has no {WORDS}",
            expected=f"n-best lists: {WORDS} of Kaldi, 1best_recog of ESPnet2, files of SRILM, or "
            "JSON results",
            file=path,
            remedy=f"give {inside[0]}" if inside else "give the folder that holds them",
        )
    return members


def folder_of(path: Path) -> Path | None:
    """The n-best folder that the file `path` is a part of, if it is one."""
    is_part = os.path.isfile(path) and _is_part(_bare(path.name))
    return path.parent if is_part and _has_words(path.parent) else None


def _members(folder: Path) -> dict[str, Path]:
    """The n-best files of a folder by their names without .gz or .xz."""
    members: dict[str, Path] = {}
    try:
        files = sorted(
            file for file in folder.iterdir() if _is_part(_bare(file.name)) and file.is_file()
        )
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            expected="a Kaldi n-best folder",
            remedy="check the path",
            file=folder,
        ) from None
    for file in files:
        if (name := _bare(file.name)) in members:
            raise InputError(
                f"{members[name].name} and {file.name} are one file",
                expected="one of them",
                remedy="take one away",
                file=folder,
            )
        members[name] = file
    return members


def _bare(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".xz")


def _is_part(name: str) -> bool:
    return name == WORDS or _score_of(name) is not None


def _score_of(name: str) -> str | None:
    """The score that a file holds, by its name; None for a file of something else."""
    other = name.removeprefix(_OTHER) if name.startswith(_OTHER) else None
    return _SCORES.get(name, other)


def _score_files(members: dict[str, Path]) -> dict[str, Path]:
    """The file of each score, those that Kaldi writes first."""
    files: dict[str, Path] = {}
    for name in [
        *(name for name in _SCORES if name in members),
        *(name for name in members if name not in _SCORES),
    ]:
        if (score := _score_of(name)) is not None:
            place = Place(members[name])
            if check_score_name(score, place) in files:
                raise place.error(
                    f"holds {score} as {files[score].name} does",
                    "one file a score",
                    "take one away",
                )
            files[score] = members[name]
    return files


class _Text(NamedTuple):
    """One line of `words_text`."""

    place: Place
    utterance: str
    n: str
    words: tuple[str, ...]


def _text(line: str, place: Place) -> _Text:
    key, text = [*line.split(maxsplit=1), ""][:2]
    return _Text(place, *split_numbered(key, place), split_words(text, place))


def _cost(line: str, place: Place) -> tuple[str, float]:
    """The key and the cost of a line."""
    fields = line.split()
    if len(fields) != 2:
        raise place.error(
            f"{len(fields)} fields", "utt-N cost", "correct the line, or make the file again"
        )
    return fields[0], parse_score(fields[1], place)


def _read_words(file: Path) -> dict[str, _Text]:
    """The lines of `words_text` by key."""
    words: dict[str, _Text] = {}
    for place, line in filled_lines(file):
        key = line.split(maxsplit=1)[0]
        if key in words:
            first = words[key].place.line
            raise place.error(
                f"key {show(key)} is there twice", f"once, on line {first}", "take one out"
            )
        words[key] = _text(line, place)
    if not words:
        raise empty(file)
    return words


def _read_costs(file: Path, words: Mapping[str, _Text]) -> dict[str, float]:
    """The costs of a file by key, with exactly the keys that have words."""
    costs: dict[str, float] = {}
    for place, line in filled_lines(file):
        key, cost = _cost(line, place)
        if key not in words:
            raise place.error(
                f"key {show(key)} has no words", f"the keys of {WORDS}", "make both files again"
            )
        if key in costs:
            raise place.error(f"key {show(key)} is there twice", "unique keys", "take one out")
        costs[key] = cost
    if (missing := next((key for key in words if key not in costs), None)) is not None:
        raise words[missing].place.error(
            f"key {show(missing)} has no cost in {file.name}",
            "one for each key",
            "make both files again",
        )
    return costs


def line_order(folders: Sequence[Path]) -> dict[str, int] | None:
    """The keys of folders, one after the other, in the order of the lines of `words_text`, each
    with its place; None if they stand by number, one list after the other.
    """
    files = [_folder(folder)[WORDS] for folder in folders]
    if all(is_grouped([file]) and is_numbered(file) for file in files):
        return None
    keys = (line.split(maxsplit=1)[0] for file in files for _, line in filled_lines(file))
    return {key: place for place, key in enumerate(keys)}


def write(
    path: Path,
    lists: Iterable[NBest],
    order: Mapping[str, int] | None = None,
    alignments: Mapping[str, str] | None = None,
    *,
    is_ranked: bool = False,
) -> None:
    """Write the folder, whole or not at all; one that is there is replaced if it holds n-best files
    only.

    Args:
        order: the place of each key among the lines; by number, one list after the other, without
            it, and then lists are written as they come.
        alignments: by key `utt-N`, transition ids with spaces between: Kaldi's `ali.gz`.
        is_ranked: whether these are re-ranked lists, whose ranks are written even where they are
            the numbers.

    Raises:
        InputError: a hypothesis key is no number, a score's name means another score in this
            format, the folder holds other things, or it cannot be written.
    """
    first, lists = peek(check_numbers(lists, Place(path)))
    files = {score: _file_of(score, path) for score in first.score_names}
    rows: Iterable[_Row] = _rows(lists)
    if order is not None:
        rows = sorted(rows, key=lambda row: order[row.key])
    with whole_path(path) as folder:
        _check_replaceable(path)
        folder.mkdir()
        is_reordered = _write_rows(folder, rows, files, alignments)
        if not (is_ranked or is_reordered):
            (folder / RANKS).unlink()


class _Row(NamedTuple):
    """A hypothesis with its key `utt-N`.

    Attributes:
        place: among the hypotheses of its list by number, from 1.
        rank: in its list, from 1.
    """

    key: str
    hypothesis: Hypothesis
    place: int
    rank: int


def _rows(lists: Iterable[NBest]) -> Iterator[_Row]:
    """The hypotheses of the lists, in each by number."""
    for nbest in lists:
        ranks = {each.key: rank for rank, each in enumerate(nbest.hypotheses, start=1)}
        for place, each in enumerate(by_number(nbest.hypotheses), start=1):
            yield _Row(f"{nbest.utterance}-{each.key}", each, place, ranks[each.key])


def _write_rows(
    folder: Path,
    rows: Iterable[_Row],
    files: Mapping[str, str],
    alignments: Mapping[str, str] | None,
) -> bool:
    """Write all files side by side. Returns whether a list has another order than its numbers."""
    is_reordered = False
    with ExitStack() as opened:

        def column(name: str) -> IO[str]:
            return opened.enter_context(open_lines(folder / name, Path(name).suffix))

        words, ranks = column(WORDS), column(RANKS)
        costs = {score: column(file) for score, file in files.items()}
        ids = None if alignments is None else column(f"{ALIGNMENTS}.gz")
        for key, hypothesis, place, rank in rows:
            words.write(" ".join((key, *hypothesis.words)) + "\n")
            ranks.write(f"{key} {rank}\n")
            for score, file in costs.items():
                # Not -score: the cost of 0 is 0, not -0.
                file.write(f"{key} {format_score(0.0 - hypothesis.scores[score])}\n")
            if ids is not None and alignments is not None:
                ids.write(f"{key} {alignments[key]}".rstrip() + "\n")
            is_reordered |= place != rank
    return is_reordered


def _file_of(score: str, path: Path) -> str:
    file = _FILES.get(score, _OTHER + score)
    if _score_of(_bare(file)) != score:
        raise Place(path).error(
            f"a score named {show(score)} would be read as {_score_of(_bare(file))}",
            "another name",
            "rename the score, or write the format jsonl",
        )
    return file


def _check_replaceable(path: Path) -> None:
    """A folder is replaced as a whole: nothing may be lost that we do not write."""
    for child in path.iterdir() if path.is_dir() else ():
        name = _bare(child.name)
        if child.is_dir() or not (_is_part(name) or name == ALIGNMENTS or child.name == RANKS):
            raise InputError(
                f"the folder holds {show(child.name)}, which is no part of an n-best list",
                expected="a new folder, or one with n-best files only",
                remedy="choose another place",
                file=path,
            )


FORMAT = Format("kaldi", matches, read, write)
