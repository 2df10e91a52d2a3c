"""What expected names cost, by their number.

    python -m benchmarks.names_size LISTS WORDS... [--names 1000 10000 …] [--utterances 200]

Names are the words of lists (.xz or plain), in random order; all of them are expected in every
utterance of the n-best lists LISTS. They are rescored with the package's LightRNN and its default
weights. Each row is measured in a process of its own. Times are of the processor.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Sequence
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.files import read_lines
from rescorer.models.expected_words import ExpectedWords
from rescorer.models.loading import load
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.candidate_paths import CANDIDATE
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.lattice import default_weights, rescore_lattices
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.names import ExpectedNames, Name

COLUMNS = (
    Column("names", "names", ",d"),
    Column("prepare", "pronounce and index, s", ".1f"),
    Column("search", "find candidates, ms an utterance", ".1f"),
    Column("candidates", "candidates an utterance", ".1f"),
    Column("rescore", "rescore, ms an utterance", ".1f"),
    Column("memory", "memory beyond the model, MB", ",.0f"),
)


def read_words(paths: Sequence[Path], seed: int) -> list[str]:
    """The distinct single words in the first columns of the lists, in random order."""
    columns = (line.split("\t")[0].strip() for path in paths for _, line in read_lines(path))
    found = {name.lower() for name in columns if name.isascii() and name.isalpha()}
    words = sorted(found)
    random.Random(seed).shuffle(words)
    return words


def row(lists: Path, words: Sequence[str], utterances: int) -> dict[str, float]:
    """The figures for one number of names."""
    model = load()
    nbest = list(islice(read_nbest(lists).lists, utterances))
    before, began = _peak(), time.process_time()
    names = ExpectedNames(tuple(Name((word,)) for word in words))
    search = CandidateSearch.english(names, models=[model])
    prepared = time.process_time()
    lattices = list(search.add(list_lattices(nbest)))
    searched = time.process_time()
    models = [ExpectedWords(model, names.number_in_utterance)]
    weights = default_weights(lattices, models)[0]
    best = [each.best() for each in rescore_lattices(lattices, models, weights)]
    ended = time.process_time()
    return {
        "names": len(words),
        "prepare": prepared - began,
        "search": 1000 * (searched - prepared) / len(best),
        "candidates": sum(int(np.count_nonzero(_candidates(each))) for each in lattices)
        / len(best),
        "rescore": 1000 * (ended - searched) / len(best),
        "memory": _peak() - before,
    }


def _candidates(lattice: Lattice) -> np.ndarray:
    """bool[A] the first arcs of candidates."""
    return np.asarray(lattice.arc_fields[CANDIDATE]) >= 0


def _peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("lists", type=Path)
    parser.add_argument("words", type=Path, nargs="+")
    parser.add_argument("--names", type=int, nargs="+", default=[10**n for n in range(2, 7)])
    parser.add_argument("--utterances", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    measured = Measurement(
        __file__,
        arguments,
        "The cost of expected names",
        "What do expected names cost, by their number?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    words = read_words(arguments.words, arguments.seed)
    for number in arguments.names:
        with get_context("spawn").Pool(1) as pool:
            job = arguments.lists, words[:number], arguments.utterances
            measured.add(**pool.apply(row, job))
    measured.note(f"{arguments.utterances} one-best utterances; all names in each of them.")
    measured.note("Beyond 50,000 names, only those within a narrower bound become candidates.")
    measured.finish()


if __name__ == "__main__":
    main()
