"""The gain of expected names on one-best outputs, and the part of each component in it.

    python -m benchmarks.names FOLDER --ngram NGRAM [--row NAME...] [--record]

FOLDER holds librispeech-test-clean.{b1,b2}.jsonl (one-best outputs without scores, with
references), librispeech-test-clean.lists.tsv.xz (`utterance<TAB>rare words of the
reference<TAB>expected words`) and librispeech-words.txt.xz (words with counts, most frequent
first): the protocol of Le et al. (2021). The utterances are split into two halves. Weights and
confusions are fitted on one half and measured on the other, both ways. B-WER is the error rate of
the rare words of each reference, U-WER that of all others. NGRAM is a KenLM model, such as that of
recipes/english.

Rows are measured one by one and added to benchmarks/results/names.json. Times are of one core, for
all utterances, without loading and tuning.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.results import FOLDER as RESULTS
from benchmarks.results import record
from lexicon_tools.confusions import english_pronounce, learn_from_lists
from rescorer.models.expected_words import ExpectedWords
from rescorer.models.loading import load
from rescorer.models.ngram import Ngram
from rescorer.models.open_vocabulary import open_vocabulary
from rescorer.pronunciation.confusions import Confusions, class_confusions
from rescorer.pronunciation.confusions_file import default_confusions
from rescorer.pronunciation.g2p import english_g2p
from rescorer.pronunciation.phones import ARPABET
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.pronunciation.sounds_like import WordPhones
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import SPELLING, NBest
from rescorer.reports.error_rate import Words, error_rate, error_rates_by_lists
from rescorer.rescoring.candidates import CandidateSearch
from rescorer.rescoring.lattice import default_weights, rescore_lattices
from rescorer.rescoring.lattice_tuning import tune_lattices
from rescorer.rescoring.list_lattices import list_lattices
from rescorer.rescoring.names import ExpectedNames, Name
from rescorer.rescoring.oracle import oracle_words

COMMON = 5000  # words that are more frequent are not rare
SEED = 0
MEASURES = [
    "rescorer/pronunciation",
    "rescorer/models/expected_words.py",
    "rescorer/rescoring/candidate_paths.py",
    "rescorer/rescoring/candidates.py",
    "rescorer/rescoring/default_weights.py",
    "rescorer/rescoring/expansion.py",
    "rescorer/rescoring/lattice_tuning.py",
    "rescorer/rescoring/tuning_loss.py",
    "rescorer/rescoring/word_probabilities.py",
]
COLUMNS = {
    "row": "names",
    "recogniser": "recogniser",
    "expected": "names an utterance",
    "wer": "WER",
    "wer_interval": "95 %",
    "u_wer": "U-WER",
    "u_interval": "95 %",
    "b_wer": "B-WER",
    "b_interval": "95 %",
    "oracle": "oracle WER",
    "seconds": "seconds",
}
INTERVALS = {"wer": "wer_interval", "u_wer": "u_interval", "b_wer": "b_interval"}


@dataclass(frozen=True)
class Row:
    """One condition.

    Attributes:
        expected: names of an utterance; "half": the rare words of all references of a half; "all":
            all rare words.
        models: "both", "lightrnn" or "ngram".
        confusions: "learnt" on the other half, "package", or "classes" of phones.
        tuned: whether weights are tuned on the other half; otherwise they are the default ones.
        lexicon: whether CMUdict is used; otherwise spellings alone give pronunciations.
        spelling: whether the raw score `spelling` is used.
    """

    recogniser: str = "b1"
    expected: int | str = 100
    models: str = "both"
    confusions: str = "learnt"
    tuned: bool = True
    lexicon: bool = True
    spelling: bool = True


ROWS: Mapping[str, Row] = {
    "first pass": Row(expected=0),
    "first pass, b2": Row(recogniser="b2", expected=0),
    "lists of 100": Row(),
    "lists of 100, b2": Row(recogniser="b2"),
    "lists of 500": Row(expected=500),
    "lists of 1000": Row(expected=1000),
    "rare words of the half": Row(expected="half"),
    "all rare words": Row(expected="all"),
    "default weights": Row(confusions="package", tuned=False),
    "all rare words, default weights": Row(expected="all", confusions="package", tuned=False),
    "default weights, b2": Row(recogniser="b2", confusions="package", tuned=False),
    "confusions of the package": Row(confusions="package"),
    "confusions by classes of phones": Row(confusions="classes"),
    "without the lexicon": Row(lexicon=False),
    "without LightRNN": Row(models="ngram"),
    "without KenLM": Row(models="lightrnn"),
    "without spelling": Row(spelling=False),
}


@dataclass(frozen=True)
class Protocol:
    """The test set.

    Attributes:
        lists: of each recogniser.
        rare: the rare words of each utterance's reference, which serve only for counting.
        expected: the list of each utterance.
        rare_words: all rare words.
    """

    lists: Mapping[str, Sequence[NBest]]
    rare: Mapping[str, Sequence[str]]
    expected: Mapping[str, Sequence[str]]
    rare_words: Sequence[str]

    @classmethod
    def read(cls, folder: Path) -> Protocol:
        stem = "librispeech-test-clean"
        with lzma.open(folder / f"{stem}.lists.tsv.xz", "rt", encoding="utf-8") as file:
            fields = [line.rstrip("\n").split("\t") for line in file]
        with lzma.open(folder / "librispeech-words.txt.xz", "rt", encoding="utf-8") as file:
            words = [line.split()[0] for line in file]
        return cls(
            {name: read_nbest(folder / f"{stem}.{name}.jsonl").lists for name in ("b1", "b2")},
            {utterance: rare.split() for utterance, rare, _ in fields},
            {utterance: expected.split() for utterance, _, expected in fields},
            words[COMMON:],
        )

    def halves(self) -> tuple[frozenset[str], frozenset[str]]:
        utterances = sorted(self.rare)
        random.Random(SEED).shuffle(utterances)
        return frozenset(utterances[::2]), frozenset(utterances[1::2])

    def names(self, row: Row, half: frozenset[str]) -> ExpectedNames:
        """The names that are expected in the utterances of a half."""
        if row.expected == "all":
            return ExpectedNames(_names(self.rare_words))
        if row.expected == "half":
            return ExpectedNames(_names(sorted({w for each in half for w in self.rare[each]})))
        assert isinstance(row.expected, int)
        draw = random.Random(SEED)
        by_utterance = {}
        for utterance in sorted(half):
            words = list(self.expected[utterance])
            more = max(0, row.expected - len(words))
            by_utterance[utterance] = _names([*words, *draw.sample(self.rare_words, more)])
        return ExpectedNames((), by_utterance)


def _names(words: Sequence[str]) -> tuple[Name, ...]:
    return tuple(Name((word,)) for word in dict.fromkeys(words))


class Bench:
    """Measures rows. Models and pronunciations are loaded once."""

    def __init__(self, protocol: Protocol, ngram: Path) -> None:
        self.protocol = protocol
        both = open_vocabulary([load(), Ngram.load(ngram)])
        self._models = {"both": both, "lightrnn": both[:1], "ngram": both[1:]}
        g2p = english_g2p()
        self._pronouncers = {True: Pronouncer.english(), False: Pronouncer((), g2p)}
        self._phones = {own: WordPhones(each, 3) for own, each in self._pronouncers.items()}

    def measure(self, row: Row) -> dict[str, object]:
        """The figures of a row, over both halves."""
        found: dict[str, Words] = {}
        nearest: dict[str, Words] = {}
        seconds = 0.0
        halves = self.protocol.halves()
        for fitted, measured in (halves, halves[::-1]):
            best, oracle, cost = self._measure_half(row, fitted, measured)
            found |= best
            nearest |= oracle
            seconds += cost
        return self._figures(row, found, nearest, seconds)

    def _measure_half(
        self, row: Row, fitted: frozenset[str], measured: frozenset[str]
    ) -> tuple[dict[str, Words], dict[str, Words], float]:
        lists = self.protocol.lists[row.recogniser]
        if row.expected == 0:
            first: dict[str, Words] = {
                n.utterance: n.hypotheses[0].words for n in lists if n.utterance in measured
            }
            return first, first, 0.0
        confusions = self._confusions(row, [n for n in lists if n.utterance in fitted])
        dev = self._lattices(row, fitted, confusions)
        names = self.protocol.names(row, measured)
        models = [
            ExpectedWords(model, names.number_in_utterance) for model in self._models[row.models]
        ]
        references = {n.utterance: n.reference or () for n in lists}
        weights = (
            tune_lattices(dev, references, models).weights
            if row.tuned
            else default_weights(dev, models)[0]
        )
        print(weights.weights, file=sys.stderr, flush=True)
        begin = time.process_time()
        test = self._lattices(row, measured, confusions)
        rescored = rescore_lattices(test, models, weights)
        best: dict[str, Words] = {each.lattice.utterance: each.best() for each in rescored}
        seconds = time.process_time() - begin
        oracle: dict[str, Words] = {
            lattice.utterance: oracle_words(lattice, references[lattice.utterance])
            for lattice in test
        }
        return best, oracle, seconds

    def _confusions(self, row: Row, fitted: Sequence[NBest]) -> Confusions:
        if row.confusions == "classes":
            return class_confusions(ARPABET)
        if row.confusions == "package":
            return default_confusions()
        references = {n.utterance: n.reference or () for n in fitted}
        pronounce = english_pronounce(self._pronouncers[row.lexicon])
        return learn_from_lists(fitted, references, ARPABET, pronounce)

    def _lattices(self, row: Row, half: frozenset[str], confusions: Confusions) -> list[Lattice]:
        lists = [n for n in self.protocol.lists[row.recogniser] if n.utterance in half]
        search = CandidateSearch(
            self.protocol.names(row, half),
            self._phones[row.lexicon],
            confusions,
            models=self._models[row.models],
        )
        lattices = search.add(list_lattices(lists))
        return list(lattices if row.spelling else map(_without_spelling, lattices))

    def _figures(
        self,
        row: Row,
        found: Mapping[str, Words],
        nearest: Mapping[str, Words],
        seconds: float,
    ) -> dict[str, object]:
        lists = self.protocol.lists[row.recogniser]
        references = [n.reference or () for n in lists]
        best = [found[n.utterance] for n in lists]
        rate = error_rate(references, best)
        rare = [frozenset(self.protocol.rare[n.utterance]) for n in lists]
        listed, other = error_rates_by_lists(references, best, rare)
        oracle = error_rate(references, [nearest[n.utterance] for n in lists])
        figures: dict[str, object] = {"recogniser": row.recogniser, "expected": row.expected}
        for name, each in (("wer", rate), ("u_wer", other), ("b_wer", listed)):
            interval = [round(each.low, 2), round(each.high, 2)]
            figures |= {name: round(each.percent, 2), INTERVALS[name]: interval}
        return figures | {"oracle": round(oracle.percent, 2), "seconds": round(seconds, 1)}


def _without_spelling(lattice: Lattice) -> Lattice:
    zeros = np.zeros(lattice.arcs)
    return replace(lattice, scores={**lattice.scores, SPELLING: zeros})


def recorded() -> dict[str, dict[str, object]]:
    """The rows that are recorded already, by name."""
    path = RESULTS / "names.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    return {row["row"]: row for row in rows}


def in_order(rows: Mapping[str, dict[str, object]]) -> Iterator[dict[str, object]]:
    yield from (rows[name] for name in ROWS if name in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ngram", type=Path, required=True)
    parser.add_argument("--row", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    bench = Bench(Protocol.read(arguments.folder), arguments.ngram)
    for name in arguments.row:
        row = {"row": name, **bench.measure(ROWS[name])}
        print(json.dumps(row), flush=True)
        if arguments.record:
            write({**recorded(), name: row}, arguments)


def write(rows: Mapping[str, dict[str, object]], arguments: argparse.Namespace) -> None:
    names = ["python", "-m", "benchmarks.names", arguments.folder.name]
    names += ["--ngram", arguments.ngram.name, "--record"]
    record(
        "names",
        "Expected names that no hypothesis holds",
        "How many errors disappear if names may replace words that sound like them?",
        shlex.join(names),
        machine("cpu", "torch"),
        MEASURES,
        {"common words": COMMON, "seed of the halves": SEED, "model": "lightrnn-english"},
        COLUMNS,
        list(in_order(rows)),
        (
            "LibriSpeech test-clean, 2,620 utterances, 52,576 words; one-best outputs without "
            "scores.",
            "Fitted on one half and measured on the other, both ways; the default weights are "
            "round numbers near those that tuning found here.",
        ),
    )


if __name__ == "__main__":
    main()
