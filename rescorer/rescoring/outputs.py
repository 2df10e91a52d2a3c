"""What rescoring gives for lists and for lattices alike, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rescorer.models.language_model import LanguageModel
from rescorer.reports.error_rate import Words
from rescorer.reports.html import write_html
from rescorer.reports.report import Report
from rescorer.reports.run_details import RunDetails
from rescorer.reports.utterance_table import write_utterance_table
from rescorer.rescoring.settings import OutputFiles
from rescorer.rescoring.unknown_words import write_unknown_words
from rescorer.rescoring.weights import TunedWeights

Say = Callable[[str], None]  # takes a message for the user, a line


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a run.

    Attributes:
        best: the words of each utterance, in the order of the input.
        report: None without references.
        tuned: the weights that this run tuned; None if it tuned none.
        word_counts: hypotheses or arcs that hold each word of the input.
        models: the language models.
        details: what the report shows beside the errors, if it is written as a page.
    """

    best: Mapping[str, Words]
    report: Report | None
    tuned: TunedWeights | None
    word_counts: Mapping[str, int]
    models: Sequence[LanguageModel]
    details: RunDetails

    def lines(self) -> list[str]:
        """`utterance words` of each utterance."""
        return [" ".join((utterance, *words)) for utterance, words in self.best.items()]


def write_outcome(outcome: Outcome, files: OutputFiles, say: Say) -> None:
    """Print the report, and write weights, reports and unknown words."""
    for line in outcome.report.describe() if outcome.report else ():
        say(line)
    if outcome.tuned and files.weights:
        _warn_of_lost_words(outcome.report, say)
        outcome.tuned.save(files.weights)
    if outcome.report and files.report:
        outcome.report.save(files.report)
    if outcome.report and files.utterances:
        write_utterance_table(files.utterances, outcome.report)
    if outcome.report and files.page:
        write_html(files.page, outcome.report, outcome.details)
    if files.unknown_words:
        write_unknown_words(files.unknown_words, outcome.word_counts, outcome.models)


def _warn_of_lost_words(report: Report | None, say: Say) -> None:
    if report and report.lost > 0:
        say(
            f"WARNING: the tuned weights make {report.lost} more errors on the development set "
            f"than {report.peer}; they are written all the same"
        )


def say_defaults(reason: str, say: Say) -> None:
    """Tell why untuned weights are what they are, and how to tune some."""
    say(f"no --weights: {reason}")
    say("fit the weights on a development set: --tune REF --weights w.json")


def say_tuned(tuned: TunedWeights, say: Say) -> None:
    """Tell what a user should know about tuned weights before relying on them."""
    if not tuned.weights.lm_scale:
        say("the language model lowers the errors here at no scale: its scale is 0")
    if tuned.at_bounds:
        say(f"at the end of the range that was searched: {', '.join(tuned.at_bounds)}")
