"""Rescore files of n-best lists: read and check them, score and rank them, write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rescorer.models.language_model import LanguageModel
from rescorer.progress import Progress, silent
from rescorer.recognition.formats import kaldi_nbest, output_format, write_nbest
from rescorer.recognition.formats.parsing import check_lists
from rescorer.recognition.inputs import read_nbest_files
from rescorer.recognition.known_sums import without_known_sums
from rescorer.recognition.nbest import RANK, NBest
from rescorer.reports.error_rate import Words
from rescorer.reports.run_details import RunDetails, WeightCurve
from rescorer.rescoring import nbest
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.default_weights import untuned
from rescorer.rescoring.inputs import (
    SideInputs,
    check_references,
    choose,
    need_references,
)
from rescorer.rescoring.outputs import Outcome, Say, say_defaults, say_tuned
from rescorer.rescoring.settings import InputFiles, OutputFiles, RescoreSettings
from rescorer.rescoring.unknown_words import check_vocabulary, word_counts
from rescorer.rescoring.weights import ScoredLists, TunedWeights, Weights


@dataclass(frozen=True, eq=False)
class ListInput:
    """N-best lists that are read and checked, with all that is read beside them.

    Attributes:
        format: that ranked lists are written in: their own if it can be written.
        word_counts: hypotheses that hold each word.
        notes: what a user should know about the input, in lines.
    """

    side: SideInputs
    lists: tuple[NBest, ...]
    format: str
    word_counts: Counter[str]
    notes: tuple[str, ...]


def read_lists(files: InputFiles, outputs: OutputFiles, settings: RescoreSettings) -> ListInput:
    """Read lists and all that is read beside them, and check everything that needs no model."""
    side = SideInputs.read(files, settings)
    read = read_nbest_files(files.paths, settings.format, files.manifest)
    lists: Sequence[NBest] = read.lists
    notes = list(read.remarks)
    if read.format == "kaldi":
        lists, remarks = without_known_sums(lists, files.name)
        notes += remarks
    lists = list(choose(lists, files))
    held = held_references(lists)
    need_references(files, outputs, held=bool(held))
    utterances = [each.utterance for each in lists]
    for path, references in (
        (files.reference, side.references),
        (files.tune_reference, side.tune_references),
    ):
        if path:
            notes += check_references(utterances, references, str(path))
    counts = word_counts(lists)
    notes += score_remarks(lists)
    format = output_format(read.format)
    if outputs.nbest and format != read.format:
        notes.append(f"the format {read.format} is only read: {outputs.nbest} becomes JSON lines")
    if held and not side.references:
        side = replace(side, references=held)
        notes.append("the lists hold references: errors are counted against them")
    nbest.check_score_names(lists[0].score_names, ())
    return ListInput(side, tuple(lists), format, counts, tuple(notes))


def held_references(lists: Sequence[NBest]) -> dict[str, Words]:
    """The references that the lists hold; none unless all lists have one."""
    held = {each.utterance: each.reference for each in lists if each.reference is not None}
    return dict(held) if len(held) == len(lists) else {}


def score_remarks(lists: Sequence[NBest]) -> list[str]:
    """Lines if the lists give no choice, or have no scores."""
    remarks = []
    if all(len(nbest.hypotheses) == 1 for nbest in lists):
        remarks.append("each list has one hypothesis: without --names it is kept as it is")
    if lists[0].score_names == (RANK,):
        remarks.append(
            "these lists have no scores: the language model is used with the rank in the list alone"
        )
    return remarks


def rescore_list_files(
    source: ListInput,
    models: Sequence[LanguageModel],
    outputs: OutputFiles,
    settings: RescoreSettings,
    say: Say,
    executor: Executor = serial_executor,
    progress: Progress = silent,
) -> Outcome:
    """Score and rank lists, with weights that are given, tuned here, or chosen by default.

    Writes the ranked lists, if `outputs` names a file for them; `write_outcome` writes the rest.
    """
    side = source.side
    names = [model.name for model in models]
    nbest.check_score_names(source.lists[0].score_names, names)
    unknown = check_vocabulary(source.word_counts, models, str(side.files.name))
    for note in (*source.notes, *unknown):
        say(note)

    lists: Sequence[NBest] = source.lists
    scored = nbest.score_lists(lists, models, settings.memory_bytes, executor, progress)
    tuned = _tuned_weights(source, scored, settings, say, progress)
    if tuned:
        weights = tuned.weights
    else:
        chosen = untuned(lists, scored)
        lists, scored, weights = chosen.lists, chosen.scored, chosen.default.weights
        say_defaults(chosen.default.reason, say)

    ranked = nbest.rerank(lists, scored, weights)
    report = (
        nbest.report(lists, side.references, scored, tuned, weights, side.listed, side.normaliser)
        if side.references
        else None
    )
    if outputs.nbest:
        write_ranked(outputs.nbest, ranked, source.format, side.files.paths)
    return Outcome(
        {each.utterance: each.hypotheses[0].words for each in ranked},
        report,
        tuned if side.tune_references else None,
        source.word_counts,
        models,
        _details(source, ranked, scored, weights, outputs),
    )


def _details(
    source: ListInput,
    ranked: Sequence[NBest],
    scored: ScoredLists,
    weights: Weights,
    outputs: OutputFiles,
) -> RunDetails:
    """What the page of the report shows; curves if it is written and weights were tuned here."""
    side = source.side
    curves: tuple[WeightCurve, ...] = ()
    if outputs.page and side.tune_references:
        curves = nbest.tuning_curves(
            source.lists, side.tune_references, scored, weights, side.normaliser
        )
    return RunDetails(str(side.files.name), ranked, curves)


def _tuned_weights(
    source: ListInput, scored: ScoredLists, settings: RescoreSettings, say: Say, progress: Progress
) -> TunedWeights | None:
    """The weights that are given or tuned here; None without any."""
    references = source.side.tune_references
    if not references:
        return source.side.weights
    tuned = nbest.tune_lists(
        source.lists,
        references,
        scored,
        kind=settings.mixture,
        progress=progress,
        normaliser=source.side.normaliser,
    )
    say_tuned(tuned, say)
    return tuned


def write_ranked(path: Path, ranked: Sequence[NBest], format: str, inputs: Sequence[Path]) -> None:
    """Write lists in the format that they came in.

    Kaldi's keep the order of the input's lines, because its scripts paste files line by line.
    """
    if format == "kaldi":
        order = kaldi_nbest.line_order(inputs)
        kaldi_nbest.write(path, check_lists(ranked, path), order)
    else:
        write_nbest(path, ranked, format)
