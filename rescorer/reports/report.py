"""The report of a run: word error rates before and after, as text and as JSON.

`rescorer.reports.utterance_table` and `rescorer.reports.html` show the same record.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rescorer.files import write_lines
from rescorer.recognition.normalisers import AS_WRITTEN, Normaliser
from rescorer.reports.alignment import Alignment, align
from rescorer.reports.error_rate import (
    ErrorRate,
    Words,
    error_rate,
    error_rates_by_list,
    errors_of_style,
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

    All words are as they are counted: brought into one style by the normaliser.

    Attributes:
        rows: word error rates by name, in order.
        listed: rates on the words of a list and on all others, by the same names; empty without a
            list.
        peer, result: names of the rows that are compared.
        improvement: share of bootstrap replications in which the result has fewer errors than the
            peer.
        deterioration: share in which it has more.
        worse: whether the result has more errors than the first pass.
        of_style: errors of the result that are differences of case or punctuation alone.
        references: the words of each utterance, in the order of the input.
        words: the words of each utterance in this order, by the name of the row.
        listed_words: the words of the list.
        normaliser: what brings other words of these utterances into the same style.
    """

    rows: Mapping[str, ErrorRate]
    listed: Mapping[str, tuple[ErrorRate, ErrorRate]]
    peer: str
    result: str
    improvement: float
    deterioration: float
    worse: bool
    of_style: int
    references: Mapping[str, Words]
    words: Mapping[str, Sequence[Words]]
    listed_words: frozenset[str]
    normaliser: Normaliser

    @classmethod
    def of(
        cls,
        references: Mapping[str, Words],
        words: Mapping[str, Sequence[Words]],
        peer: str,
        result: str,
        listed: Collection[str] = (),
        normaliser: Normaliser = AS_WRITTEN,
    ) -> Report:
        """Count the errors of each row, and compare `result` with `peer` and the first pass.

        Args:
            references: the words of each utterance, as written.
            words: the words of each utterance in this order, by the name of the row.
            listed: words whose errors are counted apart.
            normaliser: brings all words into one style.
        """
        references = {name: normaliser(each) for name, each in references.items()}
        words = {name: list(map(normaliser, hypotheses)) for name, hypotheses in words.items()}
        spoken, listed = list(references.values()), normaliser.of_list(listed)
        rows = {name: error_rate(spoken, hypotheses) for name, hypotheses in words.items()}
        by_list: dict[str, tuple[ErrorRate, ErrorRate]] = {}
        if listed:
            by_list = {
                name: error_rates_by_list(spoken, hypotheses, listed)
                for name, hypotheses in words.items()
            }
        return cls(
            rows,
            by_list,
            peer,
            result,
            improvement=improvement_probability(spoken, words[peer], words[result]),
            deterioration=improvement_probability(spoken, words[result], words[peer]),
            worse=rows[result].errors > rows[FIRST_PASS_ROW].errors,
            of_style=errors_of_style(spoken, words[result]),
            references=references,
            words=words,
            listed_words=listed,
            normaliser=normaliser,
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

    def alignments(self, row: str) -> list[Alignment]:
        """The words of a row beside those of the references."""
        pairs = zip(self.references.values(), self.words[row], strict=True)
        return [align(reference, hypothesis) for reference, hypothesis in pairs]

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
            "case_or_punctuation": self.of_style,
            "normalise": self.normaliser.name,
        }
        write_lines(path, [json.dumps(content, indent=2, allow_nan=False)])

    def describe(self) -> list[str]:
        """The report as lines of text."""
        lines = [_rate_line(name, rate) for name, rate in self.rows.items()]
        for name, (listed, others) in self.listed.items():
            lines.append(_rate_line(f"{name}, listed words", listed))
            lines.append(_rate_line(f"{name}, other words", others))
        lines.append(self.verdict_line())
        lines += self.remarks()
        if self.worse:
            lines.append("WARNING: rescoring made the word error rate worse than the first pass")
        return lines

    def remarks(self) -> list[str]:
        """What a reader should know of how the words were counted."""
        name = self.normaliser.name
        lines = [] if name == AS_WRITTEN.name else [f"errors are counted with --normalise {name}"]
        if self.of_style:
            lines.append(
                f"{self.of_style} of the {self.rows[self.result].errors} errors ({self.result}) "
                "are differences of case or punctuation alone: --normalise spoken counts without "
                "them"
            )
        return lines

    def verdict_line(self) -> str:
        """The verdict, and the shares of the replications that it rests on."""
        warning = "WARNING: " if self.verdict == "worse" else ""
        fewer, more = 100 * self.improvement, 100 * self.deterioration
        return (
            f"{warning}{self.verdict}, {self.result} against {self.peer}: of the bootstrap "
            f"replications {fewer:.1f} % have fewer errors, {more:.1f} % more"
        )


def _rate_line(name: str, rate: ErrorRate) -> str:
    return f"WER {name:<38} {rate.describe()}"
