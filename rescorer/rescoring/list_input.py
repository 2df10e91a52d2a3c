"""N-best lists as an input of rescoring: they are read once to check them, and again to score them.

Between the two only what the checks and remarks need is kept: ids, counts of words, references. The
lists themselves are kept if they are few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rescorer.recognition.formats import output_format
from rescorer.recognition.inputs import NBestFiles, open_nbest_files
from rescorer.recognition.known_sums import without_known_sums
from rescorer.recognition.nbest import RANK, NBest
from rescorer.reports.error_rate import Words
from rescorer.rescoring import nbest
from rescorer.rescoring.inputs import SideInputs, check_references, choose, need_references
from rescorer.rescoring.model_fit import SAMPLE_SENTENCES
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings
from rescorer.rescoring.unknown_words import count_words

KEPT_HYPOTHESES = 1 << 16  # lists with so many hypotheses are not read again; they take some 60 MB


@dataclass(frozen=True, eq=False)
class ListInput:
    """N-best lists that are checked, with all that is read beside them.

    Attributes:
        lists: one after the other; the files are read anew whenever this is iterated, unless the
            lists are few.
        format: that ranked lists are written in: their own if it can be written.
        summary: what the lists hold.
        notes: what a user should know about the input, in lines.
    """

    side: SideInputs
    lists: Iterable[NBest]
    format: str
    summary: ListSummary
    notes: tuple[str, ...]


@dataclass
class ListSummary:
    """What is kept of lists that have passed.

    Attributes:
        score_names: names of the raw scores.
        word_counts: hypotheses that hold each word.
        references: those that the lists hold; None once a list has none.
        have_choice: whether a list has several hypotheses.
        best: the first hypotheses of the first lists, a sample.
    """

    score_names: tuple[str, ...] = ()
    utterances: list[str] = field(default_factory=list)
    hypotheses: int = 0
    word_counts: Counter[str] = field(default_factory=Counter)
    references: dict[str, Words] | None = field(default_factory=dict)
    have_choice: bool = False
    best: list[Words] = field(default_factory=list)

    @classmethod
    def of(cls, lists: Iterable[NBest]) -> ListSummary:
        """Read one or more lists to their end."""
        summary = cls()
        for each in lists:
            summary._add(each)
        return summary

    def _add(self, nbest: NBest) -> None:
        self.score_names = self.score_names or nbest.score_names
        self.utterances.append(nbest.utterance)
        self.hypotheses += len(nbest.hypotheses)
        self.have_choice |= len(nbest.hypotheses) > 1
        if len(self.best) < SAMPLE_SENTENCES:
            self.best.append(nbest.hypotheses[0].words)
        count_words(nbest, self.word_counts)
        if nbest.reference is None:
            self.references = None
        elif self.references is not None:
            self.references[nbest.utterance] = nbest.reference

    def remarks(self) -> Iterator[str]:
        """Lines if the lists give no choice, or have no scores."""
        if not self.have_choice:
            yield "each list has one hypothesis: without --names it is kept as it is"
        if self.score_names == (RANK,):
            yield (
                "these lists have no scores: the language model is used with the rank in the list "
                "alone"
            )


@dataclass
class _UsedLists:
    """The lists of files that are rescored, without Kaldi's sums of scores.

    Attributes:
        remarks: on scores that are left out; complete after the first list.
        kept: all lists, once they have been read, if they are few; else None.
    """

    read: NBestFiles
    files: InputFiles
    remarks: list[str] = field(default_factory=list)
    kept: list[NBest] | None = None

    def __iter__(self) -> Iterator[NBest]:
        return iter(self.kept) if self.kept is not None else self._keeping(self._from_files())

    def _from_files(self) -> Iterator[NBest]:
        self.remarks.clear()
        lists = iter(self.read)
        if self.read.format == "kaldi":
            lists = without_known_sums(lists, self.files.name, self.remarks)
        return choose(lists, self.files)

    def _keeping(self, lists: Iterable[NBest]) -> Iterator[NBest]:
        passed: list[NBest] = []
        hypotheses = 0
        for each in lists:
            hypotheses += len(each.hypotheses)
            passed.append(each)
            if hypotheses > KEPT_HYPOTHESES:
                passed.clear()
            yield each
        if hypotheses <= KEPT_HYPOTHESES:
            self.kept = passed


def read_lists(files: InputFiles, outputs: OutputFiles, settings: RescoreSettings) -> ListInput:
    """Read lists and all that is read beside them, and check everything that needs no model."""
    side = SideInputs.read(files, settings)
    read = open_nbest_files(files.paths, settings.format, files.manifest)
    lists = _UsedLists(read, files)
    summary = ListSummary.of(lists)
    notes = [*read.remarks, *lists.remarks]
    held = summary.references or {}
    need_references(files, outputs, held=bool(held))
    for path, references in (
        (files.reference, side.references),
        (files.tune_reference, side.tune_references),
    ):
        if path:
            notes += check_references(summary.utterances, references, str(path))
    notes += summary.remarks()
    format = output_format(read.format)
    if outputs.nbest and format != read.format:
        notes.append(f"the format {read.format} is only read: {outputs.nbest} becomes JSON lines")
    if held and not side.references:
        side = replace(side, references=held)
        notes.append("the lists hold references: errors are counted against them")
    nbest.check_score_names(summary.score_names, ())
    return ListInput(side, lists, format, summary, tuple(notes))
