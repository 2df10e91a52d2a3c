"""Rescore files of lattices: each lattice is read, expanded, scored and written before the next.

Only what the results need is kept: words, n-best lists, counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.models.ngram import Ngram
from rescorer.models.sentence_model import SentenceModel
from rescorer.progress import Progress, silent
from rescorer.recognition.formats import kaldi_nbest, write_nbest
from rescorer.recognition.formats.format import LatticeFormat
from rescorer.recognition.formats.parsing import ErrorCollector, check_lists
from rescorer.recognition.inputs import read_lattice_files
from rescorer.recognition.lattice import Lattice
from rescorer.recognition.word_pieces import as_pieces, join_pieces
from rescorer.reports.lattice_drawing import check_drawing
from rescorer.reports.report import MBR_ROW, RESCORED_ROW
from rescorer.reports.run_details import Replacement, RunDetails
from rescorer.rescoring.candidate_paths import without_candidates, words_without_number
from rescorer.rescoring.changes import Change, write_changes
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.drawn_lattices import DrawnUtterance
from rescorer.rescoring.inputs import SideInputs, choose, need_references
from rescorer.rescoring.lattice import (
    RescoredLattice,
    best_words,
    default_weights,
    first_batch,
    first_pass_weights,
    rescore_lattices,
    split_old_lm,
    without_old_lm,
)
from rescorer.rescoring.lattice_results import (
    InputSummary,
    LatticeResults,
    WordRows,
    check_used_references,
)
from rescorer.rescoring.lattice_tuning import LatticeTuning, tune_lattices
from rescorer.rescoring.model_fit import fit_remarks, sample
from rescorer.rescoring.name_inputs import NameInput
from rescorer.rescoring.outputs import Outcome, Say, say_defaults, say_tuned
from rescorer.rescoring.prefix_tree import SentenceScorer
from rescorer.rescoring.sentence_ranking import SentenceRanking, check_outputs
from rescorer.rescoring.settings import InputFiles, LatticeSettings, OutputFiles, RescoreSettings
from rescorer.rescoring.weights import TunedWeights


@dataclass(frozen=True, eq=False)
class LatticeInput:
    """Lattices to read, with all that is read beside them.

    Attributes:
        lattices: one after the other as the files are read, with candidates if names are expected.
        format: the format that the lattices come in; None: they were made of n-best lists.
        collector: collects the utterances that are skipped.
        list_format: the format of those lists.
        names: expected names.
    """

    side: SideInputs
    lattices: Iterable[Lattice]
    format: LatticeFormat | None
    collector: ErrorCollector
    list_format: str = ""
    names: NameInput | None = None

    def with_names(self, names: NameInput) -> LatticeInput:
        """The lattices with candidates."""
        return replace(self, lattices=names.search.add(self.lattices), names=names)


def open_lattices(
    files: InputFiles,
    outputs: OutputFiles,
    format: LatticeFormat,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
) -> LatticeInput:
    """Read all that is read beside lattices, and prepare to read the lattices."""
    need_references(files, outputs)
    if outputs.drawing:
        check_drawing(outputs.drawing)
    side = SideInputs.read(files, settings)
    collector = ErrorCollector(lattice_settings.skip_bad)
    symbols = files.symbols or files.bpe_model
    lattices: Iterable[Lattice] = choose(
        read_lattice_files(files.paths, format, symbols, collector), files
    )
    if files.bpe_model:
        lattices = _joined(lattices, collector)
    if files.old_lm_model:
        old = Ngram.load(files.old_lm_model)
        lattices = split_old_lm(lattices, old, settings.memory_bytes, collector)
    if lattice_settings.old_lm == "drop":
        lattices = map(without_old_lm, lattices)
    return LatticeInput(side, lattices, format, collector)


def _joined(lattices: Iterable[Lattice], collector: ErrorCollector) -> Iterator[Lattice]:
    """Lattices of words, made from lattices of word pieces."""
    for lattice in lattices:
        try:
            yield join_pieces(lattice)
        except InputError as error:
            collector.add(error)


def rescore_lattice_files(
    source: LatticeInput,
    models: Sequence[LanguageModel],
    outputs: OutputFiles,
    settings: RescoreSettings,
    lattice_settings: LatticeSettings,
    say: Say,
    executor: Executor = serial_executor,
    progress: Progress = silent,
    sentence_models: Sequence[SentenceModel] = (),
) -> Outcome:
    """Expand and score lattices, with weights that are given, tuned here, or chosen by default.

    Writes lattices, n-best lists and confidences, if `outputs` names files for them;
    `write_outcome` writes the rest.
    """
    side, memory, expansion = source.side, settings.memory_bytes, lattice_settings.expansion
    sentence_names = [model.name for model in sentence_models]
    check_outputs(outputs, lattice_settings, sentence_names)
    for name in sentence_names:
        say(f"{name} scores the {lattice_settings.nbest} best sentences of each rescored lattice")
    lattices = _after_remarks(source.lattices, models, memory, say)
    weights, tuning = side.weights, None
    if side.tune_references:
        lattices = list(lattices)
        _check_tune_references(lattices, source, say)
        tuning = tune_lattices(
            lattices,
            side.tune_references,
            models,
            expansion,
            memory,
            kind=settings.mixture,
            executor=executor,
            progress=progress,
            normaliser=side.normaliser,
            sentence_models=sentence_models,
        )
        weights = tuning.weights
        if tuning.is_default:
            say("the default weights have fewer errors here than all tuned ones: they are kept")
        say_tuned(weights, say)

    rows = WordRows(side)
    drawing = DrawnUtterance(outputs.drawing)
    # With names, the first pass with a tuned word penalty would hold candidates.
    summary = InputSummary(models, side.files.name, rows, None if source.names else weights)
    passing = summary.passing(drawing.before(lattices))
    scorer = SentenceScorer(models, memory, executor, silent, sentence_models)
    used, coming = _weights_to_use(weights, passing, scorer, memory, say)
    arcs = used and used.without_sentence_models()
    rescored = rescore_lattices(coming, models, arcs, expansion, memory, source.collector, executor)
    ranking = SentenceRanking(scorer, used.weights) if used and sentence_models else None
    results = LatticeResults(rows, outputs, lattice_settings, source.collector, ranking)
    done = _checked(results.passing(drawing.after(rescored)), source, summary, rows, say)
    _write_lattices(done, source, outputs.lattices)

    _write_results(results, outputs, source)
    drawing.write()
    if source.names:
        say(_change_remark(results.changes))
    result = MBR_ROW if lattice_settings.mbr else RESCORED_ROW
    return Outcome(
        rows.words(result),
        rows.report(result, tuned=weights is not None and not source.names),
        weights if side.tune_references else None,
        summary.word_counts,
        models,
        _details(source, results, tuning, outputs),
    )


def _after_remarks(
    lattices: Iterable[Lattice], models: Sequence[LanguageModel], memory: int, say: Say
) -> Iterable[Lattice]:
    """All lattices, after remarks on models that do not suit the first batch."""
    first, lattices = first_batch(lattices)
    best = sample(best_words(each, first_pass_weights(each)) for each in first)
    for line in fit_remarks(best, models, memory):
        say(line)
    return lattices


def _details(
    source: LatticeInput,
    results: LatticeResults,
    tuning: LatticeTuning | None,
    outputs: OutputFiles,
) -> RunDetails:
    """What the page of the report shows; curves if it is written and weights were tuned here."""
    replacements = [
        Replacement(change.utterance, change.candidate.written, change.candidate.name.words)
        for change in results.changes
    ]
    return RunDetails(
        str(source.side.files.name),
        results.nbest,
        tuning.curves() if tuning and outputs.page else (),
        replacements,
    )


def _weights_to_use(
    weights: TunedWeights | None,
    lattices: Iterable[Lattice],
    scorer: SentenceScorer,
    memory: int,
    say: Say,
) -> tuple[TunedWeights | None, Iterable[Lattice]]:
    """The weights, or default ones for the first batch; and all lattices.

    Raises:
        InputError: the weights are for other models of sentences.
    """
    if weights is not None:
        names = [model.name for model in scorer.sentence_models]
        weights.weights.check_names([*weights.first_pass.scales, *names], weights.weights.mixture)
        return weights, lattices
    first, lattices = first_batch(lattices)
    if not first:
        return None, lattices
    weights, reason = default_weights(first, scorer.models, memory, scorer.sentence_models)
    say_defaults(reason, say)
    return weights, lattices


def _check_tune_references(lattices: Sequence[Lattice], source: LatticeInput, say: Say) -> None:
    utterances = [lattice.utterance for lattice in lattices]
    path = source.side.files.tune_reference
    for line in check_used_references(
        utterances, source.side.tune_references, path, source.collector
    ):
        say(line)


def _checked(
    rescored: Iterable[RescoredLattice],
    source: LatticeInput,
    summary: InputSummary,
    rows: WordRows,
    say: Say,
) -> Iterator[RescoredLattice]:
    """The lattices; after the last, remarks on the input are printed and references checked.

    The checks run while the lattices are written, so that a fault leaves no file.

    Raises:
        InputError: there is no lattice, or one without a reference.
    """
    yield from rescored
    for line in (
        *summary.vocabulary_remarks(),
        *summary.path_remarks(),
        *(source.names.remarks(rows.words(RESCORED_ROW)) if source.names else ()),
        *_skipped(source.collector),
    ):
        say(line)
    utterances = rows.words(RESCORED_ROW)
    if not utterances:
        raise InputError(
            "no lattice can be used",
            expected="at least one",
            remedy="see above, or check the file",
            file=source.side.files.name,
        )
    if source.side.references:
        path = source.side.files.reference or source.side.files.tune_reference
        remarks = check_used_references(utterances, source.side.references, path, source.collector)
        if source.side.files.reference:  # tuning has already printed those of --tune
            for line in remarks:
                say(line)


def _skipped(collector: ErrorCollector) -> Iterator[str]:
    if collector.errors:
        yield f"{len(collector.errors)} utterances cannot be used and are skipped:"
        yield from (f"  {error}" for error in collector.errors)


def _write_lattices(
    rescored: Iterable[RescoredLattice], source: LatticeInput, path: Path | None
) -> None:
    """Write lattices in the format that they came in; without a path only run through them."""
    if path is None:
        deque(rescored, maxlen=0)
        return
    if source.format is None:
        raise AssertionError("lists have no lattice output")
    lm_score = source.format.lm_score
    written: Iterable[Lattice] = (each.as_first_pass(lm_score) for each in rescored)
    if source.names:
        written = _as_written(written, source.format)
    if source.side.files.bpe_model:
        written = map(as_pieces, written)
    source.format.write(path, written)


def _as_written(lattices: Iterable[Lattice], format: LatticeFormat) -> Iterator[Lattice]:
    """Lattices with candidates, as their format can hold them.

    Raises:
        InputError: the format counts words, and a name is not in its words.txt.
    """
    for lattice in lattices:
        new = words_without_number(lattice) if format.counts_words else []
        if new:
            raise InputError(
                f"utterance {lattice.utterance!r}: {new[0]!r} is not in the words.txt of the "
                "lattices",
                expected="names that have a number there",
                remedy="add the names to it, or leave --lattice-output out",
            )
        yield without_candidates(lattice)


def _change_remark(changes: Sequence[Change]) -> str:
    if not changes:
        return "no name replaced anything: with these names and weights nothing is gained"
    places, utterances = len(changes), len({change.utterance for change in changes})
    return (
        f"names replaced what was written in {places} place{'s' * (places > 1)} of "
        f"{utterances} utterance{'s' * (utterances > 1)}"
    )


def _write_results(results: LatticeResults, outputs: OutputFiles, source: LatticeInput) -> None:
    if outputs.nbest:
        _write_n_best(outputs.nbest, results, source.list_format)
    if outputs.changes:
        write_changes(outputs.changes, results.changes)
    if outputs.confidences:
        results.write_confidences(outputs.confidences)


def _write_n_best(path: Path, results: LatticeResults, format: str) -> None:
    """Write the lists, which names may have made longer.

    Args:
        format: that the lists came in. Empty: those of lattices are JSON lines if the path has the
            suffix .jsonl, else Kaldi's folder.
    """
    format = format or ("jsonl" if ".jsonl" in path.suffixes else "kaldi")
    if format == "kaldi":
        lists = check_lists(results.nbest, path)
        kaldi_nbest.write(path, lists, alignments=results.alignments or None)
    else:
        write_nbest(path, results.nbest, format)
