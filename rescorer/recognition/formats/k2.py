"""k2 lattices: an `Fsa` or `FsaVec` in memory, or a `.pt` file of `Fsa.as_dict()`, as icefall keeps
them.

Scores are natural logs, in k2 as here. k2 has two: `scores` holds everything the recogniser knew,
and its search is for their greatest sum; `lm_scores` is the part of its language model. Where there
are both, `first_lm` is `lm_scores` and `acoustic` the rest; `first_pass` is `scores` otherwise.
`aux_labels` are the words, or `labels` where there are none. Other attributes are kept as they are:
tensors for the arcs, `labels` as "label" among them, and in the header what is no tensor.

An arc of k words becomes a chain of k arcs, of which the first keeps the scores and the attributes;
the others have 0 and nothing ragged. In the file of a lattice of several words an arc, states are
therefore numbered anew.

Files are read without k2 (see k2_file.py), and what they hold is checked: k2 ends the process on
what it finds impossible.

Shapes: A arcs, U utterances.
"""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary, whole_path
from rescorer.recognition.formats import words_txt
from rescorer.recognition.formats.k2_file import AGAIN, Ragged, check_plain, load, too_deep
from rescorer.recognition.formats.parsing import ErrorCollector, Place, check_id, show
from rescorer.recognition.lattice import (
    SILENCE,
    Arcs,
    Column,
    Lattice,
    LatticeError,
    Symbols,
    assemble,
)
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, GRAPH, PRONUNCIATION
from rescorer.recognition.word_pieces import read_pieces

LABEL = "label"  # k2's `labels` among the fields of arcs
_FINAL = -1  # the label of the arcs into the final state, and of no others
_MEMORY = Place(Path("k2.Fsa"))  # where errors stand that are in no file
# attributes of ours: ids, and which attributes are scores
_UTTERANCES, _SCORE_NAMES = "utterances", "score_names"
_OF_LM = (FIRST_LM, GRAPH, PRONUNCIATION)  # what `lm_scores` holds
_OF_RECOGNISER = (ACOUSTIC, *_OF_LM)
_KNOWN = ("aux_labels", "lm_scores")  # the tensors that have a meaning here
_RESERVED = {
    "arcs",
    "scores",
    "labels",
    LABEL,
    "properties",
    "_tensor_attr",
    "_non_tensor_attr",
    "_cache",
    "_properties",
}


@dataclass(frozen=True, eq=False)
class Rows:
    """A row of numbers for each arc: [A, …]."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def take(self, indices: np.ndarray) -> Rows:
        """The column of these arcs; -1 is an arc with zeros."""
        return Rows(_rows(self.array, indices))


def to_lattices(
    fsas: Any, symbols: Symbols | None, utterances: Sequence[str] | None = None
) -> list[Lattice]:
    """The lattices of k2, on any device.

    Args:
        fsas: an Fsa, or an FsaVec of U.
        symbols: what the word ids mean, from words.txt: the index is the id.
        utterances: [U] their ids; else those of the attribute `utterances`, else "1", "2", …

    Raises:
        InputError: no symbols, a word id that is not among them, a cycle, a score that is not
            finite, ids that repeat or are too few or too many.
    """
    content = {name: _as_numpy(name, value) for name, value in fsas.to("cpu").as_dict().items()}
    if utterances is not None:
        content[_UTTERANCES] = list(utterances)
    return list(_lattices(content, symbols, "", _MEMORY, ErrorCollector()))


def to_fsas(lattices: Sequence[Lattice], device: Any = "cpu") -> Any:
    """A k2.FsaVec of the lattices, in their order: valid, and sorted topologically and by source.

    `scores` is the sum of the recogniser's own scores, at its own scales, `lm_scores` the part of
    its language model; pronunciation and graph scores count as such. Scores that were added since
    become float64 attributes of their names. Labels of lattices that are not from k2 are the words,
    and their other fields are left out; those from k2 get their attributes back. Going there and
    back again gives the same lattices.

    Raises:
        InputError: k2 cannot be imported; no lattices, or lattices of different symbols, scores or
            attributes.
    """
    k2 = _k2()
    return k2.Fsa.from_dict(_as_torch(_content(lattices, _MEMORY))).to(device)


def matches(path: Path) -> bool:
    """Whether the file is torch's and holds a dictionary of which `arcs` is the first key, as in
    `Fsa.as_dict()`; or the first `.pt` file of a folder."""
    if path.is_dir():
        return any(matches(file) for file in _files(path)[:1])
    with open_binary(path) as file:
        try:
            head = file.read(4096)
        # a damaged archive of another format
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return False
    # Nothing is unpickled for this: a text of four letters is spelled in one of these ways, and in
    # no JSON.
    return (
        head.startswith(b"PK\x03\x04")
        and b"/data.pkl" in head
        and any(mark in head for mark in (b"X\x04\x00\x00\x00arcs", b"\x8c\x04arcs"))
    )


def read(path: Path, words: Path | None, collector: ErrorCollector) -> Iterator[Lattice]:
    """The lattices of a `.pt` file of `Fsa.as_dict()`, or of all in a folder by name; neither k2
    nor torch is needed.

    Utterances are called as the list of texts `utterances` in the file says; without it by the
    file's name, with -1, -2, … where the file holds an FsaVec.

    Args:
        words: as in `read_symbols`.
        collector: takes the errors that concern one utterance.

    Raises:
        InputError: no such file, one that is damaged, holds code, or no FSAs; no words.txt, or a
            bad one.
    """
    symbols = None if words is None else read_symbols(words)
    if path.is_dir():
        return _read_all(path, symbols, collector)
    return _lattices(load(path), symbols, path.stem, Place(path), collector)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt"))


def _read_all(
    folder: Path, symbols: Symbols | None, collector: ErrorCollector
) -> Iterator[Lattice]:
    """The lattices of a folder's files: of one file at a time in memory."""
    seen: set[str] = set()
    for path in _files(folder):
        for lattice in _lattices(load(path), symbols, path.stem, Place(path), collector):
            if lattice.utterance in seen:
                raise Place(path).error(
                    f"utterance {show(lattice.utterance)} is in an earlier file too",
                    "unique ids",
                    "set the attribute `utterances` before as_dict(), or move the file away",
                )
            seen.add(lattice.utterance)
            yield lattice


def read_symbols(path: str | Path) -> Symbols:
    """What the ids of a lattice mean: words.txt or tokens.txt, lines of `word id`, or
    sentencepiece's `.model`.

    Raises:
        InputError: no such file, or a bad one; sentencepiece cannot be imported.
    """
    path = Path(path)
    return read_pieces(path) if path.suffix == ".model" else words_txt.read(path)


def write(path: Path, lattices: Iterable[Lattice]) -> None:
    """Write `to_fsas(lattices).as_dict()` and the ids of the utterances, whole or not at all.

    k2 is needed only where attributes are ragged.

    Raises:
        InputError: as in `to_fsas`; attributes that are neither tensors nor plain values; ids that
            repeat; the file cannot be written.
    """
    import torch

    place = Place(path)
    content = _content(list(lattices), place)
    _ids(content[_UTTERANCES], len(content[_UTTERANCES]), "", place)
    check_plain(content, place)
    buffer = io.BytesIO()  # written by Python: on a full disk torch's own writer hides the cause
    torch.save(_as_torch(content), buffer)
    with whole_path(path) as work:
        work.write_bytes(buffer.getbuffer())


def _k2() -> Any:
    try:
        import k2
    except ImportError as error:  # k2 raises it for a torch that it was not built for, too
        raise InputError(
            f"k2 cannot be imported: {str(error).strip().partition(chr(10))[0]}",
            remedy="on Python 3.10, pip install torch==1.13.1 'numpy<2', then "
            "tools/install_k2.sh python3.10 of the repository (pip "
            "alone may take k2's build for Python 3.9)",
        ) from None
    return k2


# --- from k2's dictionary to lattices; tensors are NumPy arrays here, ragged ones `Ragged` ---


@dataclass(frozen=True, eq=False)
class _Fsas:
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
    header: Mapping[str, Any]
    single: bool


def _lattices(
    content: Mapping[str, Any],
    symbols: Symbols | None,
    stem: str,
    place: Place,
    collector: ErrorCollector,
) -> Iterator[Lattice]:
    """The lattices of a dictionary. What concerns all of them is checked at once, what concerns one
    as it comes.
    """
    if symbols is None:
        raise place.error("the words are numbers", "a table of them", "give --symbols words.txt")
    fsas = _parse(content, place)
    if not len(fsas.states):
        raise place.error("no FSAs", "at least one", AGAIN)
    utterances = _ids(content.get(_UTTERANCES), len(fsas.states), stem, place, fsas.single)
    return _each(fsas, utterances, symbols, place, collector)


def _each(
    fsas: _Fsas,
    utterances: Sequence[str],
    symbols: Symbols,
    place: Place,
    collector: ErrorCollector,
) -> Iterator[Lattice]:
    known = words_txt.present(symbols)
    for number, utterance in enumerate(utterances):
        try:
            yield _lattice(
                fsas,
                number,
                utterance,
                symbols,
                known,
                place.within(f"utterance {show(utterance)}"),
            )
        except InputError as error:
            collector.add(error)


def _parse(content: Mapping[str, Any], place: Place) -> _Fsas:
    arcs, states, firsts = _split(content.get("arcs"), place)
    columns: dict[str, Column] = {}
    header = {}
    for name, value in content.items():
        if name in _RESERVED - {"arcs"}:
            raise place.error(f"an attribute {show(name)}", "other names", "rename it")
        if isinstance(value, np.ndarray) and value.ndim != 1:
            value = Rows(value)
        if isinstance(value, (np.ndarray, Rows, Ragged)):
            columns[name] = value
        else:
            header[name] = value
    del columns["arcs"]
    header.pop("labels_version", None)  # k2's own, and true only for the FSA that it was taken from
    header.pop(_UTTERANCES, None)
    for name, column in columns.items():
        if _length(column) != len(arcs):
            raise place.error(
                f"attribute {show(name)} has {_length(column)} rows",
                f"{len(arcs)}, one an arc",
                AGAIN,
            )
    _check_known(columns, place)
    return _Fsas(arcs, states, firsts, columns, header, single=np.ndim(content["arcs"]) == 2)


def _length(column: Column) -> int:
    return 0 if isinstance(column, Rows) and column.array.ndim == 0 else len(column)


def _check_known(columns: Mapping[str, Column], place: Place) -> None:
    """Raises InputError where `aux_labels` or `lm_scores` are of no use."""
    words, lm_scores = (
        columns.get(name, np.zeros(0, kind)) for name, kind in zip(_KNOWN, "if", strict=True)
    )
    values = words.values if isinstance(words, Ragged) else words
    if not (isinstance(values, np.ndarray) and values.dtype.kind == "i"):
        raise place.error("aux_labels are not word ids", "integers, or lists of them", AGAIN)
    if not (isinstance(lm_scores, np.ndarray) and lm_scores.dtype.kind == "f"):
        raise place.error("lm_scores are not a number for each arc", "floats", AGAIN)


def _split(content: Any, place: Place) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(arcs [A, 4], states [U], first arcs [U + 1]) of the tensor that k2 makes of an Fsa or
    FsaVec.
    """
    if not (isinstance(content, np.ndarray) and content.dtype == np.int32):
        raise place.error(
            "no arcs",
            "a dictionary of Fsa.as_dict(), with an int32 tensor `arcs`",
            "save fsa.as_dict() with torch.save",
        )
    if content.ndim == 2 and content.shape[1] == 4:
        # Unlike an FsaVec's, an Fsa's tensor does not tell how many arcs there are.
        if content.nbytes < _stored_bytes(content):
            raise place.error(
                f"arcs of {content.nbytes} bytes, where the file has {_stored_bytes(content)} "
                "for them",
                "all of them",
                "save it again from a clone of the tensor, or make the lattice again",
            )
        states = int(content[:, :2].max(initial=-1)) + 1
        return content, np.array([states]), np.array([0, len(content)])
    # An FsaVec is one row of numbers: U, 0, first states [U + 1], first arcs [U + 1], arcs [A · 4].
    count = int(content[0]) if content.ndim == 1 and len(content) >= 4 else -1
    body = 4 + 2 * count
    if 0 <= count <= len(content) and body <= len(content) and (len(content) - body) % 4 == 0:
        arcs = content[body:].reshape(-1, 4)
        splits = content[2:body].reshape(2, -1).astype(np.int64)
        if not splits[:, 0].any() and (np.diff(splits) >= 0).all() and splits[1, -1] == len(arcs):
            return arcs, np.diff(splits[0]), splits[1]
    raise place.error(
        "arcs that are neither an Fsa's nor an FsaVec's",
        "the tensor that Fsa.as_dict() makes",
        AGAIN,
    )


def _stored_bytes(tensor: np.ndarray) -> int:
    """The bytes of a file that a tensor is a part of, or is all of; its own where it is of no
    file.
    """
    base: Any = tensor
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return len(base) if isinstance(base, (bytes, bytearray)) else tensor.nbytes


def _ids(given: Any, count: int, stem: str, place: Place, single: bool = False) -> list[str]:
    """[U] the ids: as given, else made of the stem."""
    if given is None:
        made = (
            [stem]
            if single and stem
            else [f"{stem}-{number}" if stem else str(number) for number in range(1, count + 1)]
        )
        return [check_id(utterance, place) for utterance in made]
    if not (
        isinstance(given, list)
        and len(given) == count
        and all(isinstance(each, str) for each in given)
    ):
        found = (
            f"{len(given)} utterance ids"
            if isinstance(given, list)
            else f"utterances are {show(given)}"
        )
        raise place.error(
            found,
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


def _lattice(
    fsas: _Fsas, number: int, utterance: str, symbols: Symbols, known: np.ndarray, place: Place
) -> Lattice:
    """One lattice; known: [labels] bool, which ids are of words."""
    rows = np.arange(fsas.firsts[number], fsas.firsts[number + 1])
    arcs = fsas.arcs[rows]
    columns = {name: column.take(rows) for name, column in fsas.columns.items()}
    final = int(fsas.states[number]) - 1
    _check_arcs(arcs, final, place)
    words = _words(columns.pop("aux_labels", arcs[:, 2]))
    _check_words(words.values, known, place)
    with np.errstate(invalid="ignore"):  # what is not finite is an error below
        total = np.ascontiguousarray(arcs[:, 3]).view(np.float32).astype(np.float64)
        scores = {FIRST_PASS: total}
        if "lm_scores" in columns:
            lm_scores = columns.pop("lm_scores").astype(np.float64)
            scores = {ACOUSTIC: total - lm_scores, FIRST_LM: lm_scores}
    own_scales = dict.fromkeys(scores, 1.0)
    header = dict(fsas.header)
    for name in _score_names(header.pop(_SCORE_NAMES, []), columns, place):
        scores.setdefault(name, columns.pop(name).astype(np.float64))
    try:
        return assemble(
            utterance,
            symbols,
            0,
            _chains(arcs, final, words, scores, columns),
            states=max(0, final + int(_extra(words, arcs, final).sum())),
            header=header,
            own_scales=own_scales,
        )
    except LatticeError as error:
        raise place.error(error.found, error.expected, error.remedy) from None


def _check_arcs(arcs: np.ndarray, final: int, place: Place) -> None:
    """Raises InputError where k2 would find the FSA invalid."""
    sources, targets, labels = arcs[:, 0], arcs[:, 1], arcs[:, 2]
    ends = targets == final

    def refuse(bad: np.ndarray, expected: str) -> None:
        if bad.any():
            source, target, label = arcs[np.flatnonzero(bad)[0], :3].tolist()
            raise place.error(
                f"an arc from state {source} to {target} with label {label}", expected, AGAIN
            )

    outside = (np.minimum(sources, targets) < 0) | (np.maximum(sources, targets) > final)
    refuse(outside, f"states from 0 to {final}")
    refuse(
        (labels < _FINAL) | (ends != (labels == _FINAL)),
        f"label -1 into the final state {final} and only there",
    )
    refuse(np.diff(sources, prepend=0) < 0, "arcs sorted by their source")


def _words(aux_labels: Column) -> Ragged:
    """The word ids of each arc; 0 is none, and so is the -1 of arcs into the final state."""
    if isinstance(aux_labels, Ragged):
        arc, values = (
            np.repeat(np.arange(len(aux_labels)), np.diff(aux_labels.splits)),
            aux_labels.values,
        )
    else:
        arc, values = np.arange(len(aux_labels)), np.asarray(aux_labels)
    said = (values != SILENCE) & (values != _FINAL)
    counts = np.bincount(arc[said], minlength=len(aux_labels))
    return Ragged(np.concatenate([[0], np.cumsum(counts)]), values[said].astype(np.int64))


def _check_words(ids: np.ndarray, known: np.ndarray, place: Place) -> None:
    bad = ids[(ids < 0) | (ids >= len(known)) | ~known[np.clip(ids, 0, len(known) - 1)]]
    if len(bad):
        raise place.error(
            f"word id {bad[0]}",
            f"ids of the table of words, up to {len(known) - 1}",
            "give --symbols with the words.txt that the lattice was made with",
        )


def _score_names(given: Any, columns: Mapping[str, Column], place: Place) -> list[str]:
    """Which attributes are scores that were added to what k2 has."""
    if not (isinstance(given, list) and all(isinstance(name, str) for name in given)):
        raise place.error(
            f"{_SCORE_NAMES} are {show(given)}", "a list of texts", "delete the attribute"
        )
    for name in given:
        column = columns.get(name)
        if (
            not (isinstance(column, np.ndarray) and column.dtype.kind == "f")
            or given.count(name) > 1
        ):
            raise place.error(
                f"{_SCORE_NAMES} has {show(name)}",
                "attributes that are a float for each arc, each once",
                f"take it out of {_SCORE_NAMES}",
            )
    return given


def _extra(words: Ragged, arcs: np.ndarray, final: int) -> np.ndarray:
    """[A] how many arcs more each arc becomes: one a word, and one more into the final state, where
    words cannot be.
    """
    counts = np.diff(words.splits)
    return np.asarray(np.maximum(counts - 1, 0) + ((arcs[:, 1] == final) & (counts > 0)))


def _chains(
    arcs: np.ndarray,
    final: int,
    words: Ragged,
    scores: Mapping[str, np.ndarray],
    columns: Mapping[str, Column],
) -> Arcs:
    """The arcs, of one word at most each: A' of them.

    The states within the chains of a state's arcs come right after it, so that a topological order
    stays one.
    """
    sources, targets, labels = (arcs[:, column].astype(np.int64) for column in range(3))
    extra = _extra(words, arcs, final)
    # [A + 1] states within the chains of earlier arcs
    before = np.concatenate([[0], np.cumsum(extra)])

    def renumbered(states: np.ndarray) -> np.ndarray:
        return np.asarray(states + before[np.searchsorted(sources, states)])

    arc = np.repeat(np.arange(len(arcs)), extra + 1)  # [A'] which arc each is a piece of
    # [A'] its place in the chain
    piece = np.arange(len(arc)) - (np.arange(len(arcs)) + before[:-1])[arc]
    first, last = piece == 0, piece == extra[arc]
    within = sources[arc] + before[arc] + piece  # the state before each piece but the first
    said = piece < np.diff(words.splits)[arc]
    word = np.full(len(arc), SILENCE, dtype=np.int64)
    word[said] = words.values[words.splits[arc[said]] + piece[said]]
    ends = targets[arc] == final
    label = np.where(first & ~ends, labels[arc], 0)
    label[last & ends] = _FINAL
    rows = np.where(first, arc, -1)
    fields = {name: _rows(column, rows) for name, column in columns.items()}
    return Arcs(
        np.where(first, renumbered(sources)[arc], within),
        np.where(last, renumbered(targets)[arc], within + 1),
        word,
        {name: _rows(score, rows) for name, score in scores.items()},
        {LABEL: label.astype(np.int32), **fields},
    )


def _rows(column: Any, rows: np.ndarray) -> Any:
    """Rows of a column; -1 is one of zeros, or of nothing."""
    if not isinstance(column, np.ndarray):
        return column.take(rows)
    return np.concatenate([column, np.zeros((1, *column.shape[1:]), column.dtype)])[rows]


# --- from lattices to k2's dictionary ---


def _content(lattices: Sequence[Lattice], place: Place) -> dict[str, Any]:
    """The dictionary of an FsaVec of the lattices, tensors as NumPy arrays, and the ids."""
    if not lattices:
        raise place.error("no lattices", "at least one", "give some")
    _check_alike(lattices, place)
    attributes, header = _attributes(lattices, place)
    total, lm_scores = zip(*(_two_scores(lattice, place) for lattice in lattices), strict=True)
    ends = np.concatenate([lattice.ends for lattice in lattices])
    words = np.concatenate([lattice.labels for lattice in lattices])
    labels = attributes.pop(LABEL, words)
    added = [name for name in lattices[0].score_names if name not in _written(lattices[0])]
    if clash := (
        attributes.keys() | header.keys() | _RESERVED | {*_KNOWN, _UTTERANCES, _SCORE_NAMES}
    ) & {*added}:
        raise place.error(
            f"a score {show(min(clash))} beside an attribute of this name",
            "other names",
            "rename it",
        )
    sizes = np.array([(lattice.states, lattice.arcs) for lattice in lattices])
    arcs = np.stack(
        [
            np.concatenate([lattice.sources for lattice in lattices]),
            np.concatenate([lattice.targets for lattice in lattices]),
            np.where(ends, _FINAL, np.maximum(labels, 0)),
            _single(total, place).view(np.int32),
        ],
        axis=1,
    )  # [A, 4]
    splits = np.cumsum([(0, 0), *sizes], axis=0).T  # [2, U + 1]
    return {
        "arcs": np.concatenate([[len(lattices), 0], splits.ravel(), arcs.ravel()]).astype(np.int32),
        "aux_labels": np.where(ends, _FINAL, words).astype(np.int32),
        **({} if lm_scores[0] is None else {"lm_scores": _single(lm_scores, place)}),
        **{name: np.concatenate([lattice.scores[name] for lattice in lattices]) for name in added},
        **attributes,
        **header,
        _UTTERANCES: [lattice.utterance for lattice in lattices],
        **({_SCORE_NAMES: added} if added else {}),
    }


def _check_alike(lattices: Sequence[Lattice], place: Place) -> None:
    first = lattices[0]
    for lattice in lattices:
        here = place.within(f"utterance {show(lattice.utterance)}")
        if lattice.symbols is not first.symbols and lattice.symbols.labels != first.symbols.labels:
            raise here.error(
                "other words than in the first lattice", "one table of words", "keep them apart"
            )
        if set(lattice.score_names) != set(first.score_names):
            raise here.error(
                f"scores {_names(lattice.scores)}",
                f"{_names(first.scores)} as in the first lattice",
                "give every lattice the same scores, or keep them apart",
            )


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(show, sorted(names))) or "none"


def _attributes(lattices: Sequence[Lattice], place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """(tensor attributes and labels, others) of lattices from k2; nothing of lattices that are
    not.
    """
    if not all(LABEL in lattice.arc_fields for lattice in lattices):
        return {}, {}
    fields = {
        name: [lattice.arc_fields.get(name) for lattice in lattices]
        for lattice in lattices
        for name in lattice.arc_fields
    }
    columns = {name: _joined(name, parts, place) for name, parts in fields.items()}
    header: dict[str, Any] = {}
    # one header for all: of what they disagree on, the first lattice's
    for lattice in reversed(lattices):
        header.update(lattice.header)
    return columns, header


def _joined(name: str, parts: Sequence[Any], place: Place) -> Any:
    kinds = {
        (
            type(part),
            getattr(part, "dtype", None),
            part.array.shape[1:] if isinstance(part, Rows) else None,
        )
        for part in parts
    }
    if len(kinds) > 1:
        raise place.error(
            f"not all lattices have the same kind of attribute {show(name)}",
            "the same attributes",
            "keep them apart, or delete the attribute",
        )
    if isinstance(parts[0], Rows):
        return np.concatenate([part.array for part in parts])
    if not isinstance(parts[0], Ragged):
        return np.concatenate(parts)
    lengths = np.concatenate([np.diff(part.splits) for part in parts])
    return Ragged(
        np.concatenate([[0], np.cumsum(lengths)]), np.concatenate([part.values for part in parts])
    )


def _written(lattice: Lattice) -> tuple[str, ...]:
    """The scores that are in `scores`."""
    return _OF_RECOGNISER if ACOUSTIC in lattice.scores else (FIRST_PASS,)


def _two_scores(lattice: Lattice, place: Place) -> tuple[np.ndarray, np.ndarray | None]:
    """(total [A], the part of the language model [A] or None)."""
    if not {ACOUSTIC, FIRST_PASS} & set(lattice.scores):
        raise place.error(
            f"the lattices have the scores {_names(lattice.scores)}",
            f"{ACOUSTIC} or {FIRST_PASS}",
            "give them one of these",
        )
    scaled = {
        name: lattice.own_scales.get(name, 1.0) * score for name, score in lattice.scores.items()
    }
    of_lm = [scaled[name] for name in _OF_LM if name in scaled and ACOUSTIC in scaled]
    total = np.sum([scaled[name] for name in _written(lattice) if name in scaled], axis=0)
    return total, np.sum(of_lm, axis=0) if of_lm else None


def _single(scores: Sequence[np.ndarray], place: Place) -> np.ndarray:
    """The scores of all lattices in float32, [A]."""
    with np.errstate(over="ignore"):
        single = np.concatenate(scores).astype(np.float32)
    if not np.isfinite(single).all():
        raise place.error(
            "a score that is too great for float32", "at most 3e38", "take its arc out"
        )
    return single


# --- tensors ---


def _as_numpy(name: str, value: Any) -> Any:
    """What `as_dict` has under a name, on the CPU: a tensor as NumPy array, a ragged one as Ragged,
    others as is.
    """
    import torch

    k2 = _k2()
    if isinstance(value, k2.RaggedTensor):
        if value.num_axes != 2:
            raise too_deep(name, _MEMORY)
        return Ragged(
            value.shape.row_splits(1).numpy().astype(np.int64), value.values.detach().numpy()
        )
    if isinstance(value, torch.Tensor):
        if value.dtype == torch.bfloat16:
            raise _MEMORY.error(
                f"attribute {show(name)} is bfloat16", "float32", "convert it with .float()"
            )
        return value.detach().numpy()
    return value


def _as_torch(content: Mapping[str, Any]) -> dict[str, Any]:
    """The same with tensors."""
    import torch

    def tensor(value: Any) -> Any:
        if isinstance(value, Ragged):
            k2 = _k2()
            splits = torch.from_numpy(value.splits.astype(np.int32))
            shape = k2.ragged.create_ragged_shape2(splits, None, len(value.values))
            return k2.RaggedTensor(shape, torch.from_numpy(value.values.copy()))
        return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value

    return {name: tensor(value) for name, value in content.items()}
