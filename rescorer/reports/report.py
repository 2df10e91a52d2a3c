"""The report of a run: word error rates before and after, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rescorer.files import write_lines
from rescorer.reports.error_rate import (
    ErrorRate,
    Words,
    error_rate,
    error_rates_by_list,
    improvement_probability,
)

Verdict = Literal["better", "no difference shown", "worse"]

# Names of rows.
FIRST_PASS_ROW = "first pass"
TUNED_FIRST_PASS_ROW = "first pass, tuned word penalty"
ORACLE_ROW = "oracle"
RESCORED_ROW = "rescored"
MBR_ROW = "rescored, minimum Bayes risk"

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Report:
    """Word error rates before and after, on the same utterances.

    Attributes:
        rows: word error rates by name, in order.
        listed: rates on the words of a list and on all others, by the same names; empty without a
            list.
        peer, result: names of the rows that are compared.
        improvement: share of bootstrap replications in which the result has fewer errors than the
            peer.
        deterioration: share in which it has more.
        worse: whether the result has more errors than the first pass.
    """

    rows: Mapping[str, ErrorRate]
    listed: Mapping[str, tuple[ErrorRate, ErrorRate]]
    peer: str
    result: str
    improvement: float
    deterioration: float
    worse: bool

    @classmethod
    def of(
        cls,
        references: Sequence[Words],
        words: Mapping[str, Sequence[Words]],
        peer: str,
        result: str,
        listed: Collection[str] = (),
    ) -> Report:
        """Count the errors of each row, and compare `result` with `peer` and the first pass.

        Args:
            words: the words of each utterance, by the name of the row.
            listed: words whose errors are counted apart.
        """
        rows = {name: error_rate(references, hypotheses) for name, hypotheses in words.items()}
        by_list: dict[str, tuple[ErrorRate, ErrorRate]] = {}
        if listed:
            by_list = {
                name: error_rates_by_list(references, hypotheses, listed)
                for name, hypotheses in words.items()
            }
        return cls(
            rows,
            by_list,
            peer,
            result,
            improvement=improvement_probability(references, words[peer], words[result]),
            deterioration=improvement_probability(references, words[result], words[peer]),
            worse=rows[result].errors > rows[FIRST_PASS_ROW].errors,
        )

    @property
    def verdict(self) -> Verdict:
        """The result of the paired bootstrap test of the result against the peer, at 95 %."""
        if self.improvement >= _CONFIDENCE:
            return "better"
        return "worse" if self.deterioration >= _CONFIDENCE else "no difference shown"

    @property
    def lost(self) -> int:
        """Errors of the result minus errors of the peer."""
        return self.rows[self.result].errors - self.rows[self.peer].errors

    def save(self, path: str | Path) -> None:
        """Write the report as JSON, whole or not at all."""
        listed = {name: [rate.as_dict() for rate in pair] for name, pair in self.listed.items()}
        content = {
            "rows": {name: rate.as_dict() for name, rate in self.rows.items()},
            "listed": listed,
            "verdict": self.verdict,
            "peer": self.peer,
            "improvement": self.improvement,
            "deterioration": self.deterioration,
            "worse": self.worse,
        }
        write_lines(path, [json.dumps(content, indent=2, allow_nan=False)])

    def describe(self) -> list[str]:
        """The report as lines of text."""
        lines = [_rate_line(name, rate) for name, rate in self.rows.items()]
        for name, (listed, others) in self.listed.items():
            lines.append(_rate_line(f"{name}, listed words", listed))
            lines.append(_rate_line(f"{name}, other words", others))
        lines.append(self._verdict_line())
        if self.worse:
            lines.append("WARNING: rescoring made the word error rate worse than the first pass")
        return lines

    def _verdict_line(self) -> str:
        warning = "WARNING: " if self.verdict == "worse" else ""
        fewer, more = 100 * self.improvement, 100 * self.deterioration
        return (
            f"{warning}{self.verdict}, {self.result} against {self.peer}: of the bootstrap "
            f"replications {fewer:.1f} % have fewer errors, {more:.1f} % more"
        )


def _rate_line(name: str, rate: ErrorRate) -> str:
    return f"WER {name:<38} {rate.describe()}"
