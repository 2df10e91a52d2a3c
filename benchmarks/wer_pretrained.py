"""Word error rate of n-best lists with a LightRNN, with a pretrained model, and with both.

    python -m benchmarks.wer_pretrained DEV TEST --pretrained DIR [--lm lightrnn.pt]
        [--hypotheses 8] [--every 1] [--score-cache FILE]

Weights are tuned on DEV and measured on TEST. Speed is measured on the first lists of TEST without
the cache, both models in turn in one process. Without --lm: the model of the package.
"""

from __future__ import annotations

import resource
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.loading import english_model, load
from rescorer.models.open_vocabulary import open_vocabulary
from rescorer.models.pretrained.model import PretrainedModel
from rescorer.models.sentence_model import SentenceModel
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.nbest import NBest
from rescorer.reports.error_rate import ErrorRate
from rescorer.reports.report import FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW, Report
from rescorer.rescoring import nbest
from rescorer.rescoring.weights import ScoredLists

COLUMNS = (
    Column("system", "system"),
    Column("wer", "WER, %", ".2f"),
    Column("interval", "95 % interval", ".2f"),
    Column("errors", "errors", ",d"),
    Column("change", "change of errors, %", "+.1f"),
    Column("speed", "words a processor second", ",.0f"),
    Column("parameters", "parameters, M", ".1f"),
    Column("file", "file, MB", ",.1f"),
    Column("memory", "peak memory, MB", ",d"),
)


@dataclass(frozen=True, eq=False)
class System:
    """Models that score lists together, and what they take.

    Attributes:
        costs: values of the columns of speed and size.
    """

    name: str
    models: Sequence[LanguageModel]
    sentence_models: Sequence[SentenceModel]
    costs: dict[str, float]

    def score(self, lists: Sequence[NBest]) -> ScoredLists:
        return nbest.score_lists(lists, self.models, sentence_models=self.sentence_models)

    def report(self, dev: Sequence[NBest], test: Sequence[NBest]) -> Report:
        """Tune on `dev` and measure on `test`."""
        tuned = nbest.tune_lists(dev, _references(dev), self.score(dev))
        scored = self.score(test)
        return nbest.report(test, _references(test), scored, tuned, tuned.weights)


def cut_lists(path: Path, arguments: Namespace) -> list[NBest]:
    """Every `every`th list, `parts` of such shares, with its first hypotheses."""
    lists = read_nbest(path).lists
    chosen = [each for n, each in enumerate(lists) if n % arguments.every < arguments.shares]
    return [replace(each, hypotheses=each.hypotheses[: arguments.hypotheses]) for each in chosen]


def _references(lists: Sequence[NBest]) -> dict[str, tuple[str, ...]]:
    return {each.utterance: each.reference or () for each in lists}


def costs(
    parameters: int, size: int, system: System, timed: Sequence[NBest], repeats: int = 2
) -> dict[str, float]:
    """Words a second of the lists, the least time of some; size and memory in MB."""
    words = sum(len(each.words) for nbest in timed for each in nbest.hypotheses)
    seconds = []
    for _ in range(repeats):
        began = time.process_time()  # of one thread: other work on the machine does not count
        system.score(timed)
        seconds.append(time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "speed": words / min(seconds),
        "parameters": parameters / 1e6,
        "file": size / 1e6,
        "memory": peak,
    }


def systems(arguments: Namespace, timed: Sequence[NBest]) -> list[System]:
    """The LightRNN, the pretrained model and both; the LightRNN is measured before the other is
    loaded, so that the peak of its memory is its own.
    """
    lm = load(arguments.lm)
    assert isinstance(lm, LightRNN)
    alone = System("LightRNN", open_vocabulary([lm]), (), {})
    size = (arguments.lm or english_model()).stat().st_size
    of_lm = costs(sum(each.numel() for each in lm.parameters()), size, alone, timed)

    folder = arguments.pretrained
    uncached = PretrainedModel.load(folder)
    network = uncached.scorer.network
    # A model that remembers would be timed once only: one repeat.
    of_hf = costs(
        sum(each.numel() for each in network.parameters()),
        sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        System("", (), [uncached], {}),
        timed,
        repeats=1,
    )
    hf = PretrainedModel.load(folder, cache=arguments.score_cache)
    return [
        replace(alone, costs=of_lm),
        System(arguments.name, (), [hf], of_hf),
        System("both", alone.models, [hf], {}),
    ]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("dev", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--name", default="pretrained", help="of the pretrained model")
    parser.add_argument("--lm", type=Path)
    parser.add_argument("--hypotheses", type=int, default=8, help="of each list")
    parser.add_argument("--every", type=int, default=1, help="cut the lists into so many shares")
    parser.add_argument("--shares", type=int, default=1, help="and take so many of these")
    parser.add_argument("--timed-lists", type=int, default=10)
    parser.add_argument("--score-cache", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dev, test = (cut_lists(path, arguments) for path in (arguments.dev, arguments.test))
    measured = Measurement(
        __file__,
        arguments,
        "A pretrained model beside the LightRNN",
        "What does a pretrained causal language model gain on n-best lists, and how much of it "
        "does the LightRNN keep at which speed?",
        COLUMNS,
        machine("cpu", "torch", "transformers"),
    )
    reports: list[Report] = []
    for system in systems(arguments, test[: arguments.timed_lists]):
        found = system.report(dev, test)
        if not reports:
            _add_rows(measured, found, [FIRST_PASS_ROW, found.peer])
        reports.append(found)
        _add_row(measured, found, RESCORED_ROW, system.name, **system.costs)
    _add_rows(measured, reports[0], [ORACLE_ROW])
    gains = [each.rows[each.peer].errors - each.rows[RESCORED_ROW].errors for each in reports]
    measured.note(
        f"{len(dev):,} lists to tune, {len(test):,} to measure, "
        f"{reports[0].rows[ORACLE_ROW].words:,} words. Of the errors that {arguments.name} "
        f"removes ({gains[1]:,}), the LightRNN removes {gains[0]:,}, both together {gains[2]:,}."
    )
    measured.note(
        "Speed: words of the hypotheses of the first lists in a second of processor time, beside "
        "other work; the LightRNN shares prefixes, the pretrained model reads each sentence whole. "
        "Memory is that of the process."
    )
    measured.finish()


def _add_rows(measured: Measurement, report: Report, rows: Sequence[str]) -> None:
    for row in rows:
        _add_row(measured, report, row, row)


def _add_row(measured: Measurement, report: Report, row: str, name: str, **more: float) -> None:
    rate: ErrorRate = report.rows[row]
    peer = report.rows[report.peer].errors
    measured.add(
        system=name,
        wer=rate.percent,
        interval=[rate.low, rate.high],
        errors=rate.errors,
        change=100 * (rate.errors - peer) / max(1, peer),
        **more,
    )


if __name__ == "__main__":
    main()
