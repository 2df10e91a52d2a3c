"""The sets of real lists on which untuned weights are measured, and variants of each.

Each set is also cut in halves and to its 5 best hypotheses, stripped of its scores, and given
scores in other units: a mean a word, a confidence of 0 to 1, times 20, times 0.05.

Shapes: H hypotheses of a set.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rescorer.models.language_model import LanguageModel
from rescorer.recognition.formats import read_lattices, read_nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK, Hypothesis, NBest
from rescorer.recognition.references import read_references
from rescorer.reports.error_rate import ErrorRate, error_rate
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.lattice import first_pass_weights, paths_list
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.nbest import hypothesis_errors, score_lists
from rescorer.rescoring.weights import ScoredLists, Weights

ROOT = Path(__file__).parents[1]
BEST = 5


@dataclass(frozen=True, eq=False)
class Set:
    """Lists with references, and their scores.

    Attributes:
        wrong: [H] word errors of each hypothesis.
    """

    name: str
    lists: tuple[NBest, ...]
    scored: ScoredLists
    wrong: np.ndarray

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        return {nbest.utterance: nbest.reference or () for nbest in self.lists}

    def rate(self, chosen: np.ndarray) -> ErrorRate:
        flat = [hypothesis.words for nbest in self.lists for hypothesis in nbest.hypotheses]
        return error_rate(list(self.references.values()), [flat[index] for index in chosen])


def pick(
    whole: Set,
    name: str,
    rows: np.ndarray,
    scores: np.ndarray | None = None,
    score: str = FIRST_PASS,
) -> Set:
    """The set of these hypotheses only; with `scores` [H] in place of their own."""
    scored = whole.scored
    owners = scored.owners[rows]
    places = rows - scored.begins[owners]
    kept, begins = np.unique(owners, return_index=True)
    names = scored.score_names if scores is None else (score,)
    raw = (scored.raw if scores is None else scores[:, None])[rows]

    def hypothesis(row: int) -> Hypothesis:
        old: Hypothesis = whole.lists[owners[row]].hypotheses[places[row]]
        return replace(old, scores=dict(zip(names, raw[row].tolist(), strict=True)))

    cuts = [*begins.tolist(), len(rows)]
    lists = tuple(
        NBest(
            whole.lists[owner].utterance,
            tuple(hypothesis(k) for k in range(*cuts[place : place + 2])),
            whole.lists[owner].reference,
        )
        for place, owner in enumerate(kept)
    )
    paths = replace(scored.paths, paths=scored.paths.paths[rows])
    picked = ScoredLists(names, scored.model_names, raw, scored.lengths[rows], begins, paths)
    return Set(f"{whole.name}{name}", lists, picked, whole.wrong[rows])


def variants(whole: Set) -> Iterator[Set]:
    """The set, parts of it, and its scores in other units."""
    scored = whole.scored
    rows = np.arange(len(whole.wrong))
    places = rows - scored.begins[scored.owners]
    few = rows[places < BEST]
    yield whole
    for half in (0, 1):
        yield pick(whole, f", half {half + 1}", rows[scored.owners % 2 == half])
    if scored.score_names == (RANK,) or scored.raw.size == len(whole.lists):
        return
    totals = scored.totals(Weights.default(scored.score_names, ()))
    means = totals / (scored.lengths + 1)
    yield pick(whole, ", 5 best", few)
    yield pick(whole, ", ranks", rows, -places.astype(float), RANK)
    yield pick(whole, ", 5 best, ranks", few, -places.astype(float), RANK)
    for half in (0, 1):
        yield pick(
            whole,
            f", 5 best, ranks, half {half + 1}",
            few[scored.owners[few] % 2 == half],
            -places.astype(float),
            RANK,
        )
    yield pick(whole, ", mean a word, old order", rows, means)
    for chosen, name in ((rows, ""), (few, ", 5 best")):
        ordered = chosen[np.lexsort((-means[chosen], scored.owners[chosen]))]
        yield pick(whole, f"{name}, mean a word", ordered, means)
        yield pick(whole, f"{name}, confidence", ordered, np.exp(means))
    for factor in (20.0, 0.05):
        yield pick(whole, f", times {factor:g}", rows, factor * totals)


def base_lists(data: Path) -> dict[str, Callable[[], Sequence[NBest]]]:
    """Functions that read the sets, by name."""
    kaldi, sphinx = data / "lattices/kathleen-kaldi", data / "lattices/kathleen-sphinx"
    readers: dict[str, Callable[[], Sequence[NBest]]] = {}
    for part in ("dev", "test"):
        said = read_references(data / f"lattices/kathleen-refs.{part}.txt")
        readers |= {
            f"kathleen-{part}": partial(lists_at, data / f"nbest/kathleen-{part}.jsonl"),
            f"mini-{part}": partial(lists_at, ROOT / f"recipes/mini/data/{part}.jsonl"),
            f"kaldi-archive-{part}": partial(lists_at, kaldi / "archives.1", said),
            f"kaldi-lattice-100-{part}": partial(best_paths, kaldi / "pruned.1.gz", said),
            f"sphinx-lattice-100-{part}": partial(best_paths, sphinx, said),
        }
    b1, b2 = (data / f"names/librispeech-test-clean.{name}.jsonl" for name in ("b1", "b2"))
    readers |= {
        "librispeech-b1": partial(lists_at, b1),
        "librispeech-b2": partial(lists_at, b2),
        "librispeech-b1-b2": partial(two_best, b1, b2),
        "librispeech-b2-b1": partial(two_best, b2, b1),
    }
    return readers


def lists_at(path: Path, said: Mapping[str, tuple[str, ...]] | None = None) -> Sequence[NBest]:
    """The lists of a file, with its own references or the given ones."""
    lists = read_nbest(path).lists
    return lists if said is None else with_references(lists, said)


def with_references(lists: Sequence[NBest], said: Mapping[str, tuple[str, ...]]) -> list[NBest]:
    return [
        replace(nbest, reference=said[nbest.utterance])
        for nbest in lists
        if nbest.utterance in said
    ]


def best_paths(path: Path, said: Mapping[str, tuple[str, ...]]) -> list[NBest]:
    """The 100 best word sequences of each lattice."""
    lists = []
    for lattice in read_lattices(path, symbols_of(path)):
        if lattice.utterance in said:
            totals = known_totals([lattice], first_pass_weights(lattice))
            lists.append(paths_list(lattice, n_best(lattice, totals, 100)))
    return with_references(lists, said)


def symbols_of(path: Path) -> Path | None:
    words = path.parent / "words.txt"
    return words if words.exists() and path.is_file() else None


def two_best(first: Path, second: Path) -> list[NBest]:
    """The outputs of two systems for the same speech, as lists without scores."""
    others = {nbest.utterance: nbest.hypotheses[0].words for nbest in read_nbest(second).lists}
    lists = []
    for nbest in read_nbest(first).lists:
        sentences = dict.fromkeys([nbest.hypotheses[0].words, others[nbest.utterance]])
        lists.append(
            replace(
                nbest,
                hypotheses=tuple(
                    Hypothesis(str(place + 1), words, {RANK: float(-place)})
                    for place, words in enumerate(sentences)
                ),
            )
        )
    return lists


def scored_set(
    name: str,
    read: Callable[[], Sequence[NBest]],
    models: Sequence[LanguageModel],
    cache: Path | None,
) -> Set:
    """A set with scores of the models, which runs with the same cache share."""
    path = cache / f"{models[0].name}.{name}.pickle" if cache else None
    if path and path.exists():
        kept: Set = pickle.loads(path.read_bytes())
        return kept
    lists = tuple(read())
    references = {nbest.utterance: nbest.reference or () for nbest in lists}
    made = Set(name, lists, score_lists(lists, models), hypothesis_errors(lists, references))
    if path:
        path.write_bytes(pickle.dumps(made))
    return made
