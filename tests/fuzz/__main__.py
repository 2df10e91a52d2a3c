"""python -m fuzz: damaged inputs for all readers. Ends with status 1 where there is a finding."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from fuzz.engine import Outcome, replay, run_target
from fuzz.target import Target
from fuzz.targets import all_targets


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000, help="of all readers together")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other inputs")
    parser.add_argument("--only", default="", help="readers whose names hold this")
    parser.add_argument(
        "--findings", type=Path, default=Path("build/fuzz"), help="a folder for what is found"
    )
    parser.add_argument("--json", type=Path, help="a file for what became of each reader's inputs")
    parser.add_argument(
        "--replay", type=Path, help="a folder of a finding: give its input to its reader again"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
        targets = all_targets(Path(folder))
        if given.replay:
            print(replay(given.replay, targets))
            return 0
        targets = [target for target in targets if given.only in target.name]
        outcomes = fuzz(targets, given.inputs, given.seed, given.findings)
    if given.json:
        given.json.write_text(
            json.dumps([outcome.as_dict() for outcome in outcomes], indent=1) + "\n"
        )
    return int(any(outcome.findings for outcome in outcomes))


def fuzz(targets: Sequence[Target], inputs: int, seed: int, findings: Path | None) -> list[Outcome]:
    """Share the inputs out to the targets, and print a line for each target and each kind of
    finding.
    """
    shares = sum(target.share for target in targets)
    outcomes = []
    begin = time.monotonic()
    for target in targets:
        outcome = run_target(target, max(1, round(inputs * target.share / shares)), seed, findings)
        print(_line(outcome), flush=True)
        for (_, kind, where), times in Counter(
            finding.key for finding in outcome.findings
        ).most_common():
            print(f"    {times} × {kind}: {where}", flush=True)
        outcomes.append(outcome)
    total = sum(outcome.inputs for outcome in outcomes)
    found = sum(len(outcome.findings) for outcome in outcomes)
    print(
        f"{total} inputs, {found} findings, {sum(outcome.seconds for outcome in outcomes):.0f} s "
        f"of the processor, {time.monotonic() - begin:.0f} s"
    )
    return outcomes


def _line(outcome: Outcome) -> str:
    return (
        f"{outcome.target}: {outcome.inputs} inputs, {outcome.read} read, {outcome.refused} "
        "refused, "
        f"{len(outcome.findings)} findings, {1000 * outcome.seconds / max(1, outcome.inputs):.1f} "
        "ms each"
    )


if __name__ == "__main__":
    raise SystemExit(main())
