"""From k2's dictionary to lattices. Tensors are NumPy arrays here, ragged ones `Ragged`.

Shapes: A arcs, U utterances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.formats import words_txt
from rescorer.recognition.formats.k2.attributes import (
    FINAL_LABEL,
    LM_SCORES,
    REMAKE_FILE,
    SCORE_NAMES,
    UTTERANCES,
    WORDS,
)
from rescorer.recognition.formats.k2.chains import added_arcs, make_chains, words_of_arcs
from rescorer.recognition.formats.k2.fsas import (
    Fsas,
    check_ids,
    is_float_column,
    make_ids,
    parse_fsas,
)
from rescorer.recognition.formats.parsing import ErrorCollector, Place, show
from rescorer.recognition.lattice import Column, Lattice, Symbols
from rescorer.recognition.lattice_assembly import LatticeError, assemble
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS


def make_lattices(
    content: Mapping[str, object],
    symbols: Symbols | None,
    stem: str,
    place: Place,
    collector: ErrorCollector,
) -> Iterator[Lattice]:
    """The lattices of a dictionary. What concerns all of them is checked at once, what concerns one
    as it comes.

    Args:
        stem: what ids are made of where the dictionary has none; "" for numbers.

    Raises:
        InputError: no symbols, no FSAs, or what is wrong with them.
    """
    if symbols is None:
        raise place.error("the words are numbers", "a table of them", "give --symbols words.txt")
    fsas = parse_fsas(content, place)
    count = len(fsas.states)
    if not count:
        raise place.error("no FSAs", "at least one", REMAKE_FILE)
    given = content.get(UTTERANCES)
    if given is None:
        utterances = make_ids(stem, count, fsas.single, place)
    else:
        utterances = check_ids(given, count, place)
    return _each(fsas, utterances, symbols, place, collector)


def _each(
    fsas: Fsas,
    utterances: Sequence[str],
    symbols: Symbols,
    place: Place,
    collector: ErrorCollector,
) -> Iterator[Lattice]:
    known_ids = words_txt.present(symbols)
    for number, utterance in enumerate(utterances):
        here = place.within(f"utterance {show(utterance)}")
        try:
            yield _lattice(fsas, number, utterance, symbols, known_ids, here)
        except InputError as error:
            collector.add(error)


def _lattice(
    fsas: Fsas, number: int, utterance: str, symbols: Symbols, known_ids: np.ndarray, place: Place
) -> Lattice:
    """One lattice; known_ids: [labels] bool, which ids are of words."""
    rows = np.arange(fsas.firsts[number], fsas.firsts[number + 1])
    arcs = fsas.arcs[rows]
    columns = {name: column.take(rows) for name, column in fsas.columns.items()}
    header = dict(fsas.header)
    final = int(fsas.states[number]) - 1
    _check_arcs(arcs, final, place)
    words = words_of_arcs(columns.pop(WORDS, arcs[:, 2]))
    _check_words(words.values, known_ids, place)
    scores = _recogniser_scores(arcs, columns.pop(LM_SCORES, None))
    own_scales = dict.fromkeys(scores, 1.0)
    for name in _score_names(header.pop(SCORE_NAMES, []), columns, place):
        scores.setdefault(name, np.asarray(columns.pop(name), np.float64))
    try:
        return assemble(
            utterance,
            symbols,
            0,
            make_chains(arcs, final, words, scores, columns),
            states=max(0, final + int(added_arcs(words, arcs, final).sum())),
            header=header,
            own_scales=own_scales,
        )
    except LatticeError as error:
        raise place.error(error.found, error.expected, error.remedy) from None


def _recogniser_scores(arcs: np.ndarray, lm_scores: Column | None) -> dict[str, np.ndarray]:
    """[A] by name, from k2's `scores` and `lm_scores`."""
    with np.errstate(invalid="ignore"):  # what is not finite is an error in `assemble`
        total = np.ascontiguousarray(arcs[:, 3]).view(np.float32).astype(np.float64)
        if lm_scores is None:
            return {FIRST_PASS: total}
        first_lm = np.asarray(lm_scores, np.float64)
        return {ACOUSTIC: total - first_lm, FIRST_LM: first_lm}


def _check_arcs(arcs: np.ndarray, final: int, place: Place) -> None:
    """Raises InputError where k2 would find the FSA invalid."""
    sources, targets, labels = arcs[:, 0], arcs[:, 1], arcs[:, 2]

    def refuse(bad: np.ndarray, expected: str) -> None:
        if bad.any():
            source, target, label = arcs[np.flatnonzero(bad)[0], :3].tolist()
            raise place.error(
                f"an arc from state {source} to {target} with label {label}", expected, REMAKE_FILE
            )

    is_outside = (np.minimum(sources, targets) < 0) | (np.maximum(sources, targets) > final)
    refuse(is_outside, f"states from 0 to {final}")
    enters_final, has_final_label = targets == final, labels == FINAL_LABEL
    refuse(
        (labels < FINAL_LABEL) | (enters_final != has_final_label),
        f"label -1 into the final state {final} and only there",
    )
    refuse(np.diff(sources, prepend=0) < 0, "arcs sorted by their source")


def _check_words(ids: np.ndarray, known_ids: np.ndarray, place: Place) -> None:
    """Raises InputError for a word id that is not in the table of words."""
    greatest = len(known_ids) - 1
    is_unknown = (ids < 0) | (ids > greatest) | ~known_ids[np.clip(ids, 0, greatest)]
    if is_unknown.any():
        raise place.error(
            f"word id {ids[is_unknown][0]}",
            f"ids of the table of words, up to {greatest}",
            "give --symbols with the words.txt that the lattice was made with",
        )


def _score_names(given: object, columns: Mapping[str, Column], place: Place) -> list[str]:
    """Which attributes are scores that were added to what k2 has. Raises InputError for one that
    is not a float for each arc.
    """
    if not (isinstance(given, list) and all(isinstance(name, str) for name in given)):
        raise place.error(
            f"{SCORE_NAMES} are {show(given)}", "a list of texts", "delete the attribute"
        )
    for name in given:
        if not is_float_column(columns.get(name)) or given.count(name) > 1:
            raise place.error(
                f"{SCORE_NAMES} has {show(name)}",
                "attributes that are a float for each arc, each once",
                f"take it out of {SCORE_NAMES}",
            )
    return given
