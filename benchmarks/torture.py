"""Records the result of `make torture`: commands that are killed at random moments.

PYTHONPATH=tests python -m benchmarks.torture [--kills 50] [--seed 1] [--record]
"""

from __future__ import annotations

import sys
from datetime import date

from torture import SCENARIOS, all_outcomes

from benchmarks.fuzz import commit
from benchmarks.machine import machine
from benchmarks.results import Column, Result, make_parser
from benchmarks.sources import digest

MEASURES = ("rescorer", "lexicon_tools", "tests/torture.py")
COLUMNS = (
    Column("scenario", "command"),
    Column("kills", "kills", ",d"),
    Column("new", "outputs new", ",d"),
    Column("old", "as before", ",d"),
    Column("absent", "not there, as before", ",d"),
    Column("findings", "anything else", ",d"),
    Column("left", "work folders left at last", ",d"),
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rows = []
    for outcome in all_outcomes(SCENARIOS, given.kills, given.seed):
        states = {state: outcome.states.get(state, 0) for state in ("new", "old", "absent")}
        rows.append(
            {
                "scenario": outcome.scenario,
                "kills": outcome.kills,
                **states,
                "findings": len(outcome.findings),
                "left": outcome.left,
            }
        )
        print(rows[-1], *outcome.findings[:5], flush=True)
    if given.record is not None:
        written = Result(
            "torture",
            "Killed commands",
            "What do commands leave that are killed at a random moment?",
            f"PYTHONPATH=tests python -m benchmarks.torture --kills {given.kills} --seed "
            f"{given.seed} --record",
            commit(),
            date.today().isoformat(),
            machine("cpu", "torch"),
            MEASURES,
            {"kills": given.kills, "seed": given.seed},
            COLUMNS,
            tuple(rows),
            (
                "Each output is compared with that of a run that nothing killed, and with what "
                "lay there before.",
                "Of `train`, `outputs new` counts trainings that were killed and taken up until "
                "their end, with the same parameters and table.",
            ),
            {path: digest(path) for path in MEASURES},
        ).write()
        print(f"wrote {written}", file=sys.stderr)


if __name__ == "__main__":
    main()
