"""What expected names bring on the lists or lattices of a recogniser.

    python -m benchmarks.expected_names DEV TEST --names NAMES [--dev-ref REF] [--test-ref REF]
        [--lm MODEL…] [--ngram NGRAM] [--confusions FILE] [--record NAME]
        [--option=--beam=12]…

DEV and TEST are what `rescore` reads. Weights are tuned on DEV and measured on TEST, without and
with `--names NAMES`; NAMES also tells the words of B-WER from those of U-WER. References are those
of the lists, or of files. Each --option is passed on to `rescore`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser

COLUMNS = (
    Column("system", "system"),
    Column("wer", "WER, %", ".2f"),
    Column("interval", "95 %", ".2f"),
    Column("b_wer", "names (B-WER), %", ".2f"),
    Column("b_interval", "95 %", ".2f"),
    Column("u_wer", "other words (U-WER), %", ".2f"),
    Column("u_interval", "95 %", ".2f"),
    Column("oracle", "oracle of names, %", ".2f"),
    Column("seconds", "seconds, with loading", ".0f"),
)


def rescore(arguments: argparse.Namespace, *options: str | Path) -> float:
    """Run `rescore`; the seconds of the clock that it took."""
    models = [f"--lm={path}" for path in arguments.lm]
    models += [f"--ngram={arguments.ngram}"] if arguments.ngram else []
    command = ["rescore", *map(str, options), *models, *arguments.options]
    began = time.monotonic()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    print(ended.stderr, file=sys.stderr, flush=True)
    return time.monotonic() - began


def measured(arguments: argparse.Namespace, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The report of TEST with weights of DEV."""
    weights, report = folder / "weights.json", folder / "wer.json"
    dev = [f"--utterances={arguments.dev_ref}"] if arguments.dev_ref else []
    test = [f"--utterances={arguments.test_ref}"] if arguments.test_ref else []
    tune = f"--tune={arguments.dev_ref or arguments.dev}"
    rescore(arguments, arguments.dev, tune, f"--weights={weights}", *dev, *names)
    reference = f"--ref={arguments.test_ref or arguments.test}"
    seconds = rescore(
        arguments,
        arguments.test,
        f"--weights={weights}",
        reference,
        f"--words={arguments.names}",
        f"--wer-output={report}",
        *test,
        *names,
    )
    return {**json.loads(report.read_text(encoding="utf-8")), "seconds": seconds}


def row(system: str, report: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A line of the table.

    Args:
        kind: of the report's rows, such as "rescored".
    """
    listed, others = report["listed"][kind]
    oracle = report["listed"]["oracle"][0]
    return {
        "system": system,
        **_rate("wer", "interval", report["rows"][kind]),
        **_rate("b_wer", "b_interval", listed),
        **_rate("u_wer", "u_interval", others),
        "oracle": _percent(oracle),
        "seconds": report["seconds"] if kind == "rescored" else None,
    }


def _rate(name: str, interval: str, rate: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _percent(rate), interval: [rate["low"], rate["high"]]}


def _percent(rate: Mapping[str, Any]) -> float:
    return float(100 * rate["errors"] / rate["words"])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("dev", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--dev-ref", type=Path)
    parser.add_argument("--test-ref", type=Path)
    parser.add_argument("--lm", type=Path, action="append", default=[])
    parser.add_argument("--ngram", type=Path)
    parser.add_argument("--confusions", type=Path, help="of the recogniser")
    parser.add_argument("--option", dest="options", action="append", default=[])
    arguments = parser.parse_args()
    task = (arguments.record or "").removeprefix("expected_names").replace("_", " ").strip()
    measurement = Measurement(
        __file__,
        arguments,
        f"Expected names, {task}" if task else "Expected names",
        "How many errors go when the names of the task are expected?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    with tempfile.TemporaryDirectory() as folder:
        without = measured(arguments, Path(folder), [])
        learnt = [f"--confusions={arguments.confusions}"] if arguments.confusions else []
        names = [f"--names={arguments.names}", *learnt]
        expected = measured(arguments, Path(folder), names)
    measurement.add(**row("first pass", without, "first pass"))
    measurement.add(**row("without the names", without, "rescored"))
    measurement.add(**row("with the names", expected, "rescored"))
    words = without["rows"]["rescored"]["words"]
    listed = without["listed"]["rescored"][0]["words"]
    measurement.note(f"{words:,} words of the test part, {listed:,} of them names.")
    measurement.finish()


if __name__ == "__main__":
    main()
