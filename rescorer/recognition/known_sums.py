"""Scores of a Kaldi n-best folder that say nothing new: sums of other scores there, and what a
rescoring left.

Kaldi's own scripts and ours write them beside the scores that they are made of. As scores of their
own they would count the same thing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rescorer.errors import InputError
from rescorer.recognition.formats.parsing import peek
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, TOTAL, Hypothesis, NBest

_WITH_LM = "withlm"  # nolm + lmonly
_STAGE = frozenset({"nn", "rnn"})  # the new model's costs in Kaldi's and our stages
_INTERPOLATED = "interp."  # then the weight: nolm + w · nn + (1 - w) · lmonly
_OURS = frozenset({TOTAL, "lm"})  # of --nbest-output
_KALDIS = frozenset({ACOUSTIC, GRAPH, FIRST_LM})
# Costs are written with six digits, and those of the language model alone are differences of such.
_ABSOLUTE, _RELATIVE = 0.02, 1e-3


def without_known_sums(lists: Iterable[NBest], folder: Path, remarks: list[str]) -> Iterator[NBest]:
    """The lists without such scores.

    Args:
        remarks: gets what to tell of them: a line of what was left out, one of what is no Kaldi's.

    Raises:
        InputError: `lmwt.withlm` is there beside `lmwt.nolm` and `lmwt.lmonly` and is not their
            sum.
    """
    first, lists = peek(lists)
    names = first.score_names
    left_out = [name for name in names if _is_known(name, frozenset(names))]
    kept = [name for name in names if name not in left_out]
    remarks += _remarks(left_out, kept, folder)
    for nbest in lists:
        if _WITH_LM in left_out:
            _check_sum(nbest, folder)
        yield _only(kept, nbest) if left_out else nbest


def _remarks(left_out: Sequence[str], kept: Sequence[str], folder: Path) -> Iterator[str]:
    if left_out:
        files = ", ".join(f"lmwt.{name}" for name in left_out)
        yield (
            f"{folder}: left out as sums of other scores or outputs of a rescoring: {files}; a "
            f"file that is to count is to have another name, such as lmwt.my_{left_out[0]}"
        )
    if more := [name for name in kept if name not in _KALDIS and name != "rank"]:
        yield f"{folder}: also taken as scores: {', '.join(f'lmwt.{name}' for name in more)}"


def _is_known(name: str, names: frozenset[str]) -> bool:
    """Whether a score is made of others that are there, so that it can be left out."""
    graph = names & {GRAPH, FIRST_LM, _WITH_LM}
    if name == _WITH_LM:
        return {GRAPH, FIRST_LM} <= names
    if name in _STAGE or name.startswith(_INTERPOLATED):
        return bool(graph)
    return name in _OURS and TOTAL in names and bool(names & {*_KALDIS, _WITH_LM})


def _check_sum(nbest: NBest, folder: Path) -> None:
    for hypothesis in nbest.hypotheses:
        scores = hypothesis.scores
        whole, parts = scores[_WITH_LM], scores[GRAPH] + scores[FIRST_LM]
        if abs(whole - parts) > _ABSOLUTE + _RELATIVE * (abs(whole) + abs(scores[GRAPH])):
            raise InputError(
                f"{nbest.utterance}-{hypothesis.key} has {-whole:g}, and {-parts:g} in "
                "lmwt.nolm and lmwt.lmonly",
                expected="their sum",
                file=folder / f"lmwt.{_WITH_LM}",
                remedy="make the files again, or rename this one if it is a score of its own",
            )


def _only(names: Sequence[str], nbest: NBest) -> NBest:
    return replace(
        nbest,
        hypotheses=tuple(
            Hypothesis(each.key, each.words, {name: each.scores[name] for name in names})
            for each in nbest.hypotheses
        ),
    )
