"""Word error rates and times of rescored lattices, beside those of their n-best lists.

    python -m benchmarks.lattice_wer LATTICES --dev REFERENCES --test REFERENCES \\
      --lm lightrnn.pt --ngram ngram.binary [--symbols words.txt] [--orders 3,4,5] \\
      [--max-histories 16] [--threads 1]

Lattices are rescored with histories of N - 1 words. The systems are KenLM alone, the LightRNN alone
and their mixtures. Each has weights tuned on the lattices (N = 4) and on the 100-best lists of the
utterances in --dev, and is measured on those of --test. The lists hold the best word sequences of
the lattices by the scores of the first pass. Times are those of the test set, after reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.language_model import LanguageModel
from rescorer.models.loading import load
from rescorer.recognition.formats import read_lattices
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import NBest
from rescorer.recognition.references import read_references
from rescorer.reports.error_rate import Words, error_rate
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import (
    best_words,
    first_pass_weights,
    paths_list,
    rescore_lattices,
)
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.lattice_tuning import tune_lattices
from rescorer.rescoring.nbest import rerank, score_lists, tune_lists
from rescorer.rescoring.oracle import oracle_words
from rescorer.rescoring.rescored_lattice import RescoredLattice
from rescorer.rescoring.weights import TunedWeights, Weights

_TUNED_ORDER = 4
COLUMNS = (
    Column("system", "system"),
    Column("wer", "WER, %", ".2f"),
    Column("low", "95 % interval, low", ".2f"),
    Column("high", "high", ".2f"),
    Column("errors", "errors", ",d"),
    Column("seconds", "seconds", ".1f"),
)


def lists_of(lattices: Sequence[Lattice], models: Sequence[LanguageModel], n: int) -> list[NBest]:
    """The n best word sequences of each lattice by the scores of the first pass."""
    weights = first_pass_weights(lattices[0])
    return [
        paths_list(lattice, n_best(lattice, known_totals([lattice], weights), n))
        for lattice in lattices
    ]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def reranked(lists: list[NBest], models: list[LanguageModel], weights: Weights) -> list[NBest]:
    return rerank(lists, score_lists(lists, models), weights)


def rescored_lattices(
    lattices: list[Lattice],
    models: list[LanguageModel],
    tuned: TunedWeights,
    settings: ExpansionSettings,
) -> list[RescoredLattice]:
    return list(rescore_lattices(lattices, models, tuned, settings))


class Table:
    """Error rates against the references, one row a system."""

    def __init__(self, measured: Measurement, references: Mapping[str, Words]) -> None:
        self.measured, self.references = measured, references

    def show(self, name: str, heard: dict[str, Words], seconds: float | None = None) -> None:
        rate = error_rate([self.references[utterance] for utterance in heard], list(heard.values()))
        self.measured.add(
            system=name,
            wer=rate.percent,
            low=rate.low,
            high=rate.high,
            errors=rate.errors,
            seconds=seconds,
        )

    def measure_lists(
        self,
        name: str,
        dev: list[NBest],
        test: list[NBest],
        models: list[LanguageModel],
        kind: str,
        longer: list[NBest],
    ) -> None:
        weights = tune_lists(dev, self.references, score_lists(dev, models), kind=kind).weights
        for size, lists in ((100, test), (1000, longer)):
            ranked, seconds = timed(partial(reranked, lists, models, weights))
            self.show(
                f"{name}, {size}-best",
                {each.utterance: each.hypotheses[0].words for each in ranked},
                seconds,
            )

    def measure_lattices(
        self,
        name: str,
        dev: list[Lattice],
        test: list[Lattice],
        models: list[LanguageModel],
        kind: str,
        orders: Sequence[int],
        most: int,
    ) -> None:
        settings = ExpansionSettings(_TUNED_ORDER, max_histories=most)
        tuned = tune_lattices(dev, self.references, models, settings, kind=kind).weights
        for order in orders:
            settings = ExpansionSettings(order, max_histories=most)
            rescored, seconds = timed(partial(rescored_lattices, test, models, tuned, settings))
            self.show(
                f"{name}, lattices, N = {order}",
                {each.lattice.utterance: each.best() for each in rescored},
                seconds,
            )
            least_risk = {
                each.lattice.utterance: each.minimum_bayes_risk().words for each in rescored
            }
            self.show(f"{name}, lattices, N = {order}, minimum Bayes risk", least_risk)
        self.measured.note(f"{name}: {tuned.weights}")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("lattices", type=Path)
    for name in ("dev", "test", "lm", "ngram"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--symbols", type=Path)
    parser.add_argument(
        "--orders", type=lambda text: [int(order) for order in text.split(",")], default=[3, 4, 5]
    )
    parser.add_argument("--max-histories", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    every = {
        lattice.utterance: lattice
        for lattice in read_lattices(arguments.lattices, arguments.symbols)
    }
    references = [read_references(path) for path in (arguments.dev, arguments.test)]
    dev, test = ([every[utterance] for utterance in part] for part in references)
    said = {**references[0], **references[1]}
    ngram, lightrnn = load(arguments.ngram), load(arguments.lm, arguments.device)
    systems: list[tuple[str, list[LanguageModel], str]] = [
        ("KenLM", [ngram], "linear"),
        ("LightRNN", [lightrnn], "linear"),
        ("linear mixture", [lightrnn, ngram], "linear"),
        ("log-linear mixture", [lightrnn, ngram], "log-linear"),
    ]
    measured = Measurement(
        __file__,
        arguments,
        "Lattices beside their n-best lists",
        "What do lattices give that lists do not, and how does the WER depend on the order N?",
        COLUMNS,
        machine(arguments.device, "torch"),
    )
    table = Table(measured, said)
    first_pass = first_pass_weights(test[0])
    table.show("first pass", {each.utterance: best_words(each, first_pass) for each in test})
    dev_lists, test_lists = (lists_of(part, [ngram], 100) for part in (dev, test))
    longer, seconds = timed(lambda: lists_of(test, [ngram], 1000))
    for name, models, kind in systems:
        table.measure_lists(name, dev_lists, test_lists, models, kind, longer)
        table.measure_lattices(
            name, dev, test, models, kind, arguments.orders, arguments.max_histories
        )
    table.show(
        "oracle", {each.utterance: oracle_words(each, said[each.utterance]) for each in test}
    )
    measured.note(
        f"{len(test)} lattices, {sum(map(len, references[1].values())):,} words, "
        f"{sum(each.arcs for each in test):,} arcs; the 1000-best lists took {seconds:.1f} s to "
        f"find and hold {sum(len(each.hypotheses) for each in longer):,} sentences."
    )
    measured.finish()


if __name__ == "__main__":
    main()
