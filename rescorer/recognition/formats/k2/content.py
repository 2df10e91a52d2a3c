"""From lattices to k2's dictionary. Tensors are NumPy arrays here, ragged ones `Ragged`.

Shapes: A arcs, U utterances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rescorer.recognition.formats.k2.attributes import (
    FINAL_LABEL,
    LABEL,
    LM_SCORES,
    RESERVED,
    SCORE_NAMES,
    UTTERANCES,
    WORDS,
)
from rescorer.recognition.formats.k2.columns import Ragged, Rows, concatenate
from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.lattice import Column, Lattice
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, GRAPH, PRONUNCIATION

_OF_LM = (FIRST_LM, GRAPH, PRONUNCIATION)  # what `lm_scores` holds
_OF_RECOGNISER = (ACOUSTIC, *_OF_LM)
_TAKEN = RESERVED | {"arcs", WORDS, LM_SCORES, UTTERANCES, SCORE_NAMES}


def make_content(lattices: Sequence[Lattice], place: Place) -> dict[str, object]:
    """The dictionary of an FsaVec of the lattices, and the ids of their utterances.

    Raises:
        InputError: no lattices, or lattices that do not fit together.
    """
    if not lattices:
        raise place.error("no lattices", "at least one", "give some")
    _check_alike(lattices, place)
    attributes = _attributes(lattices, place)
    header = _header(lattices) if attributes else {}
    words = np.concatenate([lattice.labels for lattice in lattices])
    labels = np.asarray(attributes.pop(LABEL, words))
    total, lm_scores = _two_scores(lattices, place)
    is_end = np.concatenate([lattice.ends for lattice in lattices])
    added = [name for name in lattices[0].score_names if name not in _in_total(lattices[0])]
    _check_names(added, {*attributes, *header}, place)
    content: dict[str, object] = {
        "arcs": _fsa_vec(lattices, np.where(is_end, FINAL_LABEL, np.maximum(labels, 0)), total),
        WORDS: np.where(is_end, FINAL_LABEL, words).astype(np.int32),
    }
    if lm_scores is not None:
        content[LM_SCORES] = lm_scores
    for name in added:
        content[name] = np.concatenate([lattice.scores[name] for lattice in lattices])
    content.update({**attributes, **header})
    content[UTTERANCES] = [lattice.utterance for lattice in lattices]
    if added:
        content[SCORE_NAMES] = added
    return content


def _check_alike(lattices: Sequence[Lattice], place: Place) -> None:
    """Raises InputError for a lattice with other symbols or scores than the first."""
    first = lattices[0]
    for lattice in lattices:
        here = place.within(f"utterance {show(lattice.utterance)}")
        if lattice.symbols is not first.symbols and lattice.symbols.labels != first.symbols.labels:
            raise here.error(
                "other words than in the first lattice", "one table of words", "keep them apart"
            )
        if set(lattice.score_names) != set(first.score_names):
            raise here.error(
                f"scores {_show_names(lattice.scores)}",
                f"{_show_names(first.scores)} as in the first lattice",
                "give every lattice the same scores, or keep them apart",
            )


def _show_names(names: Iterable[str]) -> str:
    return ", ".join(map(show, sorted(names))) or "none"


def _check_names(scores: Iterable[str], attributes: set[str], place: Place) -> None:
    """Raises InputError for a score with the name of an attribute."""
    if clash := (_TAKEN | attributes) & {*scores}:
        raise place.error(
            f"a score {show(min(clash))} beside an attribute of this name",
            "other names",
            "rename it",
        )


def _attributes(lattices: Sequence[Lattice], place: Place) -> dict[str, np.ndarray | Ragged]:
    """The tensor attributes and labels of lattices from k2; nothing for others."""
    if not all(LABEL in lattice.arc_fields for lattice in lattices):
        return {}
    names = dict.fromkeys(name for lattice in lattices for name in lattice.arc_fields)
    return {
        name: _join(name, [lattice.arc_fields.get(name) for lattice in lattices], place)
        for name in names
    }


def _header(lattices: Sequence[Lattice]) -> dict[str, object]:
    """One header for all lattices: where they disagree, that of the first."""
    header: dict[str, object] = {}
    for lattice in reversed(lattices):
        header.update(lattice.header)
    return header


def _join(name: str, parts: Sequence[Column | None], place: Place) -> np.ndarray | Ragged:
    """One attribute of all lattices. Raises InputError where it is not of the same kind in all."""
    if len({_kind(part) for part in parts}) > 1:
        raise place.error(
            f"not all lattices have the same kind of attribute {show(name)}",
            "the same attributes",
            "keep them apart, or delete the attribute",
        )
    if isinstance(parts[0], Ragged):
        return concatenate([part for part in parts if isinstance(part, Ragged)])
    arrays = [part.array if isinstance(part, Rows) else part for part in parts]
    return np.concatenate([array for array in arrays if isinstance(array, np.ndarray)])


def _kind(column: Column | None) -> tuple[object, ...]:
    """What two columns must share to be joined."""
    row_shape = column.array.shape[1:] if isinstance(column, Rows) else None
    return type(column), getattr(column, "dtype", None), row_shape


def _in_total(lattice: Lattice) -> tuple[str, ...]:
    """The scores that k2's `scores` is the sum of."""
    return _OF_RECOGNISER if ACOUSTIC in lattice.scores else (FIRST_PASS,)


def _two_scores(lattices: Sequence[Lattice], place: Place) -> tuple[np.ndarray, np.ndarray | None]:
    """(total [A], the part of the language model [A] or None) of all lattices, in float32."""
    totals, lm_parts = [], []
    for lattice in lattices:
        if not {ACOUSTIC, FIRST_PASS} & set(lattice.scores):
            raise place.error(
                f"the lattices have the scores {_show_names(lattice.scores)}",
                f"{ACOUSTIC} or {FIRST_PASS}",
                "give them one of these",
            )
        scaled = {
            name: lattice.own_scales.get(name, 1.0) * score
            for name, score in lattice.scores.items()
        }
        in_total = [scaled[name] for name in _in_total(lattice) if name in scaled]
        totals.append(np.sum(in_total, axis=0))
        if ACOUSTIC in scaled and (of_lm := [scaled[name] for name in _OF_LM if name in scaled]):
            lm_parts.append(np.sum(of_lm, axis=0))
    return _to_float32(totals, place), _to_float32(lm_parts, place) if lm_parts else None


def _to_float32(scores: Sequence[np.ndarray], place: Place) -> np.ndarray:
    """The scores of all lattices, [A]. Raises InputError for one that float32 cannot hold."""
    with np.errstate(over="ignore"):
        single = np.concatenate(scores).astype(np.float32)
    if not np.isfinite(single).all():
        raise place.error(
            "a score that is too great for float32", "at most 3e38", "take its arc out"
        )
    return single


def _fsa_vec(lattices: Sequence[Lattice], labels: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The tensor `arcs` of an FsaVec, one row of numbers: U, 0, first states [U + 1], first arcs
    [U + 1], arcs [A · 4].
    """
    arcs = np.stack(
        [
            np.concatenate([lattice.sources for lattice in lattices]),
            np.concatenate([lattice.targets for lattice in lattices]),
            labels,
            total.view(np.int32),
        ],
        axis=1,
    )
    sizes = [(lattice.states, lattice.arcs) for lattice in lattices]
    splits = np.cumsum([(0, 0), *sizes], axis=0).T  # [2, U + 1]
    row = np.concatenate([[len(lattices), 0], splits.ravel(), arcs.ravel()])
    return row.astype(np.int32)
