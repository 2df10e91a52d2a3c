"""The page of `rescore --report`: seconds to write it and its size; in Chromium the seconds until
it can be used, and the milliseconds of an order, of filters and of the hypotheses of an utterance.

    OMP_NUM_THREADS=1 python -m benchmarks.report_page [--utterances 20000] [--record]

The lists are those of recipes/mini (Whisper tiny.en), each several times in random order, with
random scores beside the recogniser's, so that some results differ from the first pass.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.browser import CHROMIUM, READY, Browser, running
from benchmarks.machine import machine
from benchmarks.results import record
from benchmarks.sources import ROOT
from rescorer.recognition.formats import read_nbest
from rescorer.recognition.nbest import FIRST_PASS, NBest
from rescorer.reports.html import HYPOTHESES, write_html
from rescorer.reports.report import FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW, Report
from rescorer.reports.run_details import RunDetails

REPEATS = 3
COLUMNS = {
    "utterances": "utterances",
    "hypotheses": "hypotheses",
    "write": "write, CPU s",
    "size": "size, MiB",
    "load": "load, CPU s",
    "order": "order, CPU ms",
    "text": "filter by text, CPU ms",
    "kind": "filter by error kind, CPU ms",
    "pair": "filter by confusion, CPU ms",
    "list": "hypotheses of an utterance, CPU ms",
    "memory": "memory of the page's objects, MiB",
}
_SET = "byId('%s').value = '%s'; byId('%s').dispatchEvent(new Event('input'))"
_LIST = "(await hypothesesOf(%d)).length; hypothesesTable(await hypothesesOf(%d))"
_PAIR = "pair = report.confusions[%d].slice(0, 2); showUtterances()"


def make_lists(count: int) -> list[NBest]:
    """So many lists, whose hypotheses have the scores that rescoring adds, best total first."""
    draw = np.random.default_rng(0)
    parts = (read_nbest(ROOT / f"recipes/mini/data/{part}.jsonl").lists for part in ("dev", "test"))
    known = [each for lists in parts for each in lists]
    made = []
    for number in range(count):
        nbest = known[int(draw.integers(len(known)))]
        hypotheses = []
        for each in nbest.hypotheses:
            lm = float(draw.normal(-60, 4))
            total = each.scores[FIRST_PASS] + 0.3 * lm
            hypotheses.append(each.with_scores({"lightrnn": lm, "lm": lm, "total": total}))
        hypotheses.sort(key=lambda each: -each.scores["total"])
        made.append(NBest(f"{nbest.utterance}-{number}", tuple(hypotheses), nbest.reference))
    return made


def make_report(lists: Sequence[NBest]) -> Report:
    """The first pass is the hypothesis with the key 1."""
    references: Mapping[str, tuple[str, ...]] = {
        each.utterance: each.reference or () for each in lists
    }
    first = [min(each.hypotheses, key=lambda one: int(one.key)).words for each in lists]
    result = [each.hypotheses[0].words for each in lists]
    rows = {FIRST_PASS_ROW: first, ORACLE_ROW: result, RESCORED_ROW: result}
    return Report.of(references, rows, FIRST_PASS_ROW, RESCORED_ROW)


def opened(browser: Browser, path: Path) -> float:
    """The processor seconds until the page can be used, the least of several runs."""
    runs = []
    for _ in range(REPEATS):
        began = browser.processor_seconds()
        browser.open(path.as_uri())
        browser.value(READY)
        runs.append(browser.processor_seconds() - began)
    return round(min(runs), 2)


def timed(browser: Browser, *actions: str) -> int:
    """The processor milliseconds of an action and the layout after it: the mean over all actions,
    each done several times.
    """
    began = browser.processor_seconds()
    for action in actions * REPEATS:
        browser.value(f"(async () => {{ {action}; document.body.offsetHeight; }})()")
    return round(1000 * (browser.processor_seconds() - began) / (REPEATS * len(actions)))


def choose(name: str, *values: str) -> list[str]:
    return [_SET % (name, value, name) for value in values]


def measure(count: int, folder: Path) -> dict[str, object]:
    """One row."""
    lists = make_lists(count)
    report = make_report(lists)
    path = folder / f"{count}.html"
    began = time.process_time()
    write_html(path, report, RunDetails(f"{count} utterances", lists))
    written = time.process_time() - began
    with running(folder / "profile") as browser:
        browser.resize(1280)
        places = range(0, count, count // 4)
        row: dict[str, object] = {
            "utterances": count,
            "hypotheses": sum(min(len(each.hypotheses), HYPOTHESES) for each in lists),
            "write": round(written, 2),
            "size": round(path.stat().st_size / (1 << 20), 2),
            "load": opened(browser, path),
            "list": timed(browser, *[_LIST % (place, place) for place in places]),
            "order": timed(browser, *choose("order", "gain", "errors", "input", "harm")),
            "text": timed(browser, *choose("text", "israel", "the son of", "zzz", "")),
            "kind": timed(browser, *choose("kind", "S", "D", "I", "")),
            "pair": timed(browser, *[_PAIR % place for place in range(4)]),
        }
        heap = browser.heap_bytes()
        assert not browser.faults, browser.faults
    return {**row, "memory": round(heap / (1 << 20), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, nargs="+", default=[20_000])
    parser.add_argument("--record", action="store_true", help="write benchmarks/results")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        parser.error("there is no Chromium: apt-get install chromium")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in arguments.utterances:
            rows.append(measure(count, Path(name)))
            print(json.dumps(rows[-1]), flush=True)
    if not arguments.record:
        return
    path = record(
        name="report_page",
        title="The page of the report",
        question="How quick is the page of the report with many utterances?",
        command="OMP_NUM_THREADS=1 python -m benchmarks.report_page --record",
        machine=machine("cpu", "kaldialign"),
        measures=[
            "rescorer/reports/html.py",
            "rescorer/reports/page.py",
            "rescorer/reports/pages/page.js",
            "rescorer/reports/pages/report.js",
        ],
        settings={"lists": "recipes/mini", "hypotheses_of_a_list": HYPOTHESES, "width": 1280},
        columns=COLUMNS,
        rows=rows,
        notes=[
            "Load: from the address to the first 50 utterances, the least of "
            f"{REPEATS} runs. Orders and filters: until the page is laid out again, the mean of 4 "
            "values. CPU times are of all processes of the browser, because other jobs shared the "
            "two cores: about what a reader waits for where nothing else runs.",
        ],
    )
    print(path)


if __name__ == "__main__":
    main()
