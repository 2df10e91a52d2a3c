"""Word error rates of lattices rescored with histories of N - 1 words, beside their n-best lists, and the time of each.

    python benchmarks/lattice_wer.py LATTICES --dev REFERENCES --test REFERENCES --lm lightrnn.pt --ngram ngram.binary
                                     [--symbols words.txt] [--orders 3,4,5] [--max-histories 16] [--threads 1]

KenLM alone, the LightRNN alone and their mixtures, each with weights of its own: tuned on the lattices (N = 4) and on
the 100-best lists of the utterances in --dev, measured on those of --test. The lists hold the best word sequences of
the lattices by the first pass's scores. Times are of the test set, after reading.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from machine import machine

from rescorer.models.language_model import LanguageModel
from rescorer.models.loading import load
from rescorer.recognition.formats import read_lattices
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.nbest import NBest
from rescorer.recognition.references import read_references
from rescorer.rescoring.error_rate import Words, error_rate
from rescorer.rescoring.expansion import ExpansionSettings, known_totals
from rescorer.rescoring.lattice import best_words, first_pass_weights, paths_list, rescore_lattices, tune_lattices
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.nbest import rerank, score_lists, tune_lists
from rescorer.rescoring.oracle import oracle_words

_TUNED_ORDER = 4


def lists_of(lattices: Sequence[Lattice], models: Sequence[LanguageModel], n: int) -> list[NBest]:
    """The n best word sequences of each lattice by the first pass's scores."""
    weights = first_pass_weights(lattices[0])
    return [paths_list(lattice, n_best(lattice, known_totals([lattice], weights), n)) for lattice in lattices]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def show(name: str, references: dict[str, Words], heard: dict[str, Words], seconds: float | None = None) -> None:
    rate = error_rate([references[utterance] for utterance in heard], list(heard.values()))
    took = f"{seconds:8.1f}" if seconds is not None else " " * 8
    print(f"{name:<44} {rate.percent:6.2f}  [{rate.low:5.2f}, {rate.high:5.2f}]  {rate.errors:5} {took}", flush=True)


def measure_lists(name: str, dev: list[NBest], test: list[NBest], references: dict[str, Words],
                  models: list[LanguageModel], kind: str, longer: list[NBest]) -> None:
    weights = tune_lists(dev, references, score_lists(dev, models), kind=kind).weights
    for size, lists in ((100, test), (1000, longer)):
        ranked, seconds = timed(lambda lists=lists: rerank(lists, score_lists(lists, models), weights))
        show(f"{name}, {size}-best", references, {each.utterance: each.hypotheses[0].words for each in ranked}, seconds)


def measure_lattices(name: str, dev: list[Lattice], test: list[Lattice], references: dict[str, Words],
                     models: list[LanguageModel], kind: str, orders: Sequence[int], most: int) -> None:
    tuned = tune_lattices(dev, references, models, ExpansionSettings(_TUNED_ORDER, max_histories=most), kind=kind)
    print(f"({name}: {tuned.weights})")
    for order in orders:
        settings = ExpansionSettings(order, max_histories=most)
        rescored, seconds = timed(lambda s=settings: list(rescore_lattices(test, models, tuned, s)))
        heard = {each.lattice.utterance: each.best() for each in rescored}
        show(f"{name}, lattices, N = {order}", references, heard, seconds)
        safest = {each.lattice.utterance: each.minimum_bayes_risk().words for each in rescored}
        show(f"{name}, lattices, N = {order}, Bayes risk", references, safest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lattices", type=Path)
    for name in ("dev", "test", "lm", "ngram"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--symbols", type=Path)
    parser.add_argument("--orders", type=lambda text: [int(order) for order in text.split(",")], default=[3, 4, 5])
    parser.add_argument("--max-histories", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    every = {lattice.utterance: lattice for lattice in read_lattices(arguments.lattices, arguments.symbols)}
    references = [read_references(path) for path in (arguments.dev, arguments.test)]
    dev, test = ([every[utterance] for utterance in part] for part in references)
    said = {**references[0], **references[1]}
    ngram, lightrnn = load(arguments.ngram), load(arguments.lm, arguments.device)
    systems: list[tuple[str, list[LanguageModel], str]] = [
        ("KenLM", [ngram], "linear"), ("LightRNN", [lightrnn], "linear"),
        ("linear mixture", [lightrnn, ngram], "linear"), ("log-linear mixture", [lightrnn, ngram], "log-linear"),
    ]
    print(machine(arguments.device, "torch"))
    print(f"{len(test)} lattices, {sum(each.arcs for each in test)} arcs; {arguments.max_histories} histories a state")
    print(f"{f'{sum(map(len, references[1].values()))} words':<44} {'WER':>6}   95 % interval   errors  seconds")
    first_pass = first_pass_weights(test[0])
    show("first pass", said, {each.utterance: best_words(each, first_pass) for each in test})
    (dev_lists, test_lists), _ = timed(lambda: [lists_of(part, [ngram], 100) for part in (dev, test)])
    longer, seconds = timed(lambda: lists_of(test, [ngram], 1000))
    print(f"(the 1000-best lists of the test set took {seconds:.1f} s to find, and hold "
          f"{sum(len(each.hypotheses) for each in longer)} sentences)")
    for name, models, kind in systems:
        measure_lists(name, dev_lists, test_lists, said, models, kind, longer)
        measure_lattices(name, dev, test, said, models, kind, arguments.orders, arguments.max_histories)
    show("oracle", said, {each.utterance: oracle_words(each, said[each.utterance]) for each in test})


if __name__ == "__main__":
    main()
