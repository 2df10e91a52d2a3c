"""The FSAs of a dictionary, as `Fsa.as_dict()` makes it.

Tensors are NumPy arrays here, ragged ones `Ragged`. Shapes: A arcs, U utterances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rescorer.recognition.formats.k2.attributes import (
    LM_SCORES,
    REMAKE_FILE,
    RESERVED,
    UTTERANCES,
    WORDS,
)
from rescorer.recognition.formats.k2.columns import Ragged, Rows, row_count
from rescorer.recognition.formats.parsing import Place, check_id, show
from rescorer.recognition.lattice import Column


@dataclass(frozen=True, eq=False)
class Fsas:
    """What a dictionary holds.

    Attributes:
        arcs: [A, 4] int32: source, target, label, bits of the float32 score; states count from 0 in
            each FSA.
        states: [U] how many states each has.
        firsts: [U + 1] the first arc of each, and A.
        columns: the tensor attributes, a row for each arc.
        header: what is no tensor.
        single: an Fsa, no FsaVec.
    """

    arcs: np.ndarray
    states: np.ndarray
    firsts: np.ndarray
    columns: Mapping[str, Column]
    header: Mapping[str, object]
    single: bool


def parse_fsas(content: Mapping[str, object], place: Place) -> Fsas:
    """The FSAs of a dictionary. Raises InputError for tensors that k2 does not make, or that have
    no row for each arc.
    """
    split = _split(content.get("arcs"), place)
    columns: dict[str, Column] = {}
    header: dict[str, object] = {}
    for name, value in content.items():
        if name in RESERVED:
            raise place.error(f"an attribute {show(name)}", "other names", "rename it")
        if isinstance(value, np.ndarray):
            columns[name] = value if value.ndim == 1 else Rows(value)
        elif isinstance(value, Ragged):
            columns[name] = value
        else:
            header[name] = value
    del columns["arcs"]
    header.pop("labels_version", None)  # k2's own, and true only for the FSA that it was taken from
    header.pop(UTTERANCES, None)
    _check_rows(columns, len(split.arcs), place)
    _check_known(columns, place)
    return Fsas(split.arcs, split.states, split.firsts, columns, header, split.single)


def _check_rows(columns: Mapping[str, Column], arcs: int, place: Place) -> None:
    """Raises InputError for an attribute that has not a row for each arc."""
    for name, column in columns.items():
        rows = row_count(column)
        if rows != arcs:
            raise place.error(
                f"attribute {show(name)} has {rows} rows", f"{arcs}, one an arc", REMAKE_FILE
            )


def _check_known(columns: Mapping[str, Column], place: Place) -> None:
    """Raises InputError where `aux_labels` or `lm_scores` cannot be used."""
    words = columns.get(WORDS)
    ids = words.values if isinstance(words, Ragged) else words
    if words is not None and not (isinstance(ids, np.ndarray) and ids.dtype.kind == "i"):
        raise place.error("aux_labels are not word ids", "integers, or lists of them", REMAKE_FILE)
    lm_scores = columns.get(LM_SCORES)
    if lm_scores is not None and not is_float_column(lm_scores):
        raise place.error("lm_scores are not a number for each arc", "floats", REMAKE_FILE)


def is_float_column(column: Column | None) -> bool:
    """Whether a column has one float for each arc."""
    return isinstance(column, np.ndarray) and column.dtype.kind == "f"


class _Split(NamedTuple):
    """The tensor `arcs`, taken apart: see `Fsas`."""

    arcs: np.ndarray
    states: np.ndarray
    firsts: np.ndarray
    single: bool


def _split(tensor: object, place: Place) -> _Split:
    """Takes apart the tensor that k2 makes of an Fsa or of an FsaVec. Raises InputError for any
    other.
    """
    if not (isinstance(tensor, np.ndarray) and tensor.dtype == np.int32):
        raise place.error(
            "no arcs",
            "a dictionary of Fsa.as_dict(), with an int32 tensor `arcs`",
            "save fsa.as_dict() with torch.save",
        )
    if tensor.ndim == 2 and tensor.shape[1] == 4:
        return _split_fsa(tensor, place)
    split = _split_fsa_vec(tensor)
    if split is None:
        raise place.error(
            "arcs that are neither an Fsa's nor an FsaVec's",
            "the tensor that Fsa.as_dict() makes",
            REMAKE_FILE,
        )
    return split


def _split_fsa(arcs: np.ndarray, place: Place) -> _Split:
    """The one FSA of arcs [A, 4]. Raises InputError where arcs are missing."""
    # Unlike an FsaVec's, an Fsa's tensor does not tell how many arcs there are.
    stored = _stored_bytes(arcs)
    if arcs.nbytes < stored:
        raise place.error(
            f"arcs of {arcs.nbytes} bytes, where the file has {stored} for them",
            "all of them",
            "save it again from a clone of the tensor, or make the lattice again",
        )
    states = int(arcs[:, :2].max(initial=-1)) + 1
    return _Split(arcs, np.array([states]), np.array([0, len(arcs)]), single=True)


def _split_fsa_vec(tensor: np.ndarray) -> _Split | None:
    """The FSAs of one row of numbers: U, 0, first states [U + 1], first arcs [U + 1], arcs [A · 4].
    None for a tensor that is no such row.
    """
    if tensor.ndim != 1 or len(tensor) < 4:
        return None
    count = int(tensor[0])
    begin_of_arcs = 4 + 2 * count
    if not 0 <= count <= len(tensor) or begin_of_arcs > len(tensor):
        return None
    if (len(tensor) - begin_of_arcs) % 4:
        return None
    arcs = tensor[begin_of_arcs:].reshape(-1, 4)
    splits = tensor[2:begin_of_arcs].reshape(2, -1).astype(np.int64)
    begin_at_0 = not splits[:, 0].any()
    ascend = bool((np.diff(splits) >= 0).all())
    if not (begin_at_0 and ascend and splits[1, -1] == len(arcs)):
        return None
    return _Split(arcs, np.diff(splits[0]), splits[1], single=False)


def _stored_bytes(tensor: np.ndarray) -> int:
    """The bytes of a file that a tensor is a part of, or is all of; its own where it is of no
    file.
    """
    base: object = tensor
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return len(base) if isinstance(base, (bytes, bytearray)) else tensor.nbytes


def make_ids(stem: str, count: int, single: bool, place: Place) -> list[str]:
    """[U] ids made of a file's name: "stem" for a single FSA, else "stem-1", "stem-2", …; numbers
    without a stem. Raises InputError where the name cannot be part of an id.
    """
    if single and stem:
        ids = [stem]
    else:
        ids = [f"{stem}-{number}" if stem else str(number) for number in range(1, count + 1)]
    return [check_id(utterance, place) for utterance in ids]


def check_ids(given: object, count: int, place: Place) -> list[str]:
    """The ids of U utterances that a dictionary gives. Raises InputError unless they are U
    different ids.
    """
    if not (
        isinstance(given, list)
        and len(given) == count
        and all(isinstance(each, str) for each in given)
    ):
        raise place.error(
            f"{len(given)} utterance ids"
            if isinstance(given, list)
            else f"utterances are {show(given)}",
            f"{count} texts, one an FSA",
            "set the attribute `utterances` again, or delete it",
        )
    seen: set[str] = set()
    for utterance in given:
        if check_id(utterance, place) in seen:
            raise place.error(
                f"utterance {show(utterance)} is there twice", "unique ids", "rename it"
            )
        seen.add(utterance)
    return list(given)
