"""What the command `rescore` does, from files to files; n-best lists and lattices alike."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.models.language_model import LanguageModel
from rescorer.models.ngram import Ngram
from rescorer.models.word_list import read_counted
from rescorer.progress import Progress, silent
from rescorer.recognition.formats import LatticeFormat, kaldi_nbest, write_nbest
from rescorer.recognition.formats.kaldi_fst import TRANSITION_IDS
from rescorer.recognition.formats.parsing import ErrorCollector, check_lists
from rescorer.recognition.formats.transition_ids import TransitionIds, alignments
from rescorer.recognition.inputs import read_lattice_files, read_nbest_files
from rescorer.recognition.known_sums import without_known_sums
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import NBest
from rescorer.recognition.references import read_references
from rescorer.recognition.word_pieces import as_pieces, join_pieces
from rescorer.reports.error_rate import Words
from rescorer.rescoring import lattice as lattices
from rescorer.rescoring import nbest as lists
from rescorer.rescoring.bias import biased_lattices, biased_lists
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.default_weights import untuned
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.lattice_tuning import tune_lattices
from rescorer.rescoring.oracle import oracle_words
from rescorer.rescoring.weights import TunedWeights

_T = TypeVar("_T", NBest, Lattice)
_BEST, _MBR = "rescored", "rescored, minimum Bayes risk"


@dataclass(frozen=True)
class Request:
    """What is asked of `rescore`; the command's options by their names.

    Attributes:
        paths: the input, in one or several files of one format.
        load_models: gives the language models, when all that is quick to check was found good.
        say: takes a line for whoever waits.
        show: takes the lines of the result where no `output` is named.
        executor: who asks the models.
        progress: is told how far tuning has come.
    """

    paths: tuple[Path, ...]
    load_models: Callable[[], list[LanguageModel]]
    say: Callable[[str], None]
    show: Callable[[Iterable[str]], None]
    memory: int
    mixture: str
    weights: Path | None = None
    tune_reference: Path | None = None
    reference: Path | None = None
    listed: Path | None = None
    bias: Path | None = None
    utterances: Path | None = None
    output: Path | None = None
    nbest_output: Path | None = None
    oov_report: Path | None = None
    wer_output: Path | None = None
    executor: Executor = serial_executor
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.tune_reference and not self.weights:
            raise InputError(
                "--tune without --weights", remedy="say where the weights go: --weights w.json"
            )

    def need_references(self, held: bool = False) -> None:
        """Raises InputError where an option needs references and there are none, in the input
        neither.
        """
        if self.reference or self.tune_reference or held:
            return
        if option := "--words" if self.listed else "--wer-output" if self.wer_output else "":
            raise InputError(
                f"{option} without --ref",
                remedy="give the references that errors are counted against",
            )

    @property
    def path(self) -> Path:
        """The input as messages name it."""
        return (
            self.paths[0] if len(self.paths) == 1 else Path(f"{self.paths[0]} … {self.paths[-1]}")
        )

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of --words; none without it."""
        return _listed(self.listed)

    @cached_property
    def expected(self) -> frozenset[str]:
        """The words of --bias, as the recogniser writes them; none without it."""
        return _listed(self.bias)

    def remarks(self, words: Collection[str]) -> list[str]:
        """How many of the words of --bias are among these, which are the input's."""
        if not self.bias:
            return []
        found = len(self.expected.intersection(words))
        cause = "" if found else ": words must be written as there, case and all"
        return [f"{found} of the {len(self.expected)} words of {self.bias} are in the input{cause}"]

    @cached_property
    def wanted(self) -> Collection[str] | None:
        """The utterances that are wanted; None for all."""
        return _first_fields(self.utterances) if self.utterances else None

    def choose(self, found: Iterable[_T]) -> Iterator[_T]:
        """Those of n-best lists or lattices that are wanted.

        Raises:
            InputError: there is none.
        """
        some = False
        for each in found:
            if self.wanted is None or each.utterance in self.wanted:
                some = True
                yield each
        if self.wanted is not None and not some:
            raise InputError(
                f"none of the utterances of {self.utterances}",
                remedy="check the ids",
                file=self.path,
            )

    def given_weights(self) -> TunedWeights | None:
        """What --weights holds, where it is not what --tune writes."""
        return TunedWeights.load(self.weights) if self.weights and not self.tune_reference else None

    def say_defaults(self, reason: str) -> None:
        self.say(f"no --weights: {reason}")
        self.say("fit the weights on a development set: --tune REF --weights w.json")

    def say_tuned(self, tuned: TunedWeights) -> None:
        if not tuned.weights.lm_scale:
            self.say(
                "no use of the language model was found that lowers the errors here: its scale is 0"
            )
        if tuned.at_bounds:
            self.say(f"at the end of the range that was searched: {', '.join(tuned.at_bounds)}")

    def finish(
        self,
        best: Sequence[str],
        tuned: TunedWeights | None,
        report: lists.Report | None,
        counts: Mapping[str, int],
        models: Sequence[LanguageModel],
    ) -> None:
        """Write what every kind of input leaves; stdout, which may be closed, last."""
        for line in report.describe() if report else ():
            self.say(line)
        if tuned and self.tune_reference and self.weights:
            if report and report.lost > 0:
                self.say(
                    f"WARNING: the tuned weights make {report.lost} more errors on the development set than "
                    f"{report.peer}; they are written all the same"
                )
            tuned.save(self.weights)
        if report and self.wer_output:
            report.save(self.wer_output)
        if self.oov_report:
            lists.write_unknown_words(self.oov_report, counts, models)
        if self.output:
            write_lines(self.output, best)
        else:
            self.show(best)


def _listed(path: Path | None) -> frozenset[str]:
    return frozenset(word for word, _ in read_counted(path)) if path else frozenset()


def _first_fields(path: Path) -> frozenset[str]:
    fields = frozenset(field for _, line in read_lines(path) for field in line.split()[:1])
    if not fields:
        raise InputError(
            "no utterance in the list",
            expected="utterance first on each line",
            remedy="check the file",
            file=path,
        )
    return fields


def rescore_lists(request: Request, format: str | None) -> None:
    """Rescore n-best lists."""
    tuned = request.given_weights()
    file = read_nbest_files(request.paths, format)
    if file.format == "kaldi":
        kept, remarks = without_known_sums(file.lists, request.path)
        file = replace(file, lists=tuple(kept), remarks=(*file.remarks, *remarks))
    file = replace(file, lists=tuple(request.choose(file.lists)))
    utterances = [nbest.utterance for nbest in file.lists]
    held = lists.held_references(file.lists)
    request.need_references(bool(held))
    references, dev_references = (
        _references(path, utterances, request.say)
        for path in (request.reference, request.tune_reference)
    )
    listed, counts = request.words, lists.word_counts(file.lists)
    notes = [*file.remarks, *lists.remarks(file.lists), *request.remarks(counts)]
    if held and not references and not dev_references:
        references = held
        notes.append("the lists hold references: errors are counted against them")
    if request.bias:
        file = replace(file, lists=tuple(biased_lists(file.lists, request.expected)))
    lists.check_score_names(file.lists[0].score_names, ())  # the models' names are known later
    models = request.load_models()
    lists.check_score_names(file.lists[0].score_names, [model.name for model in models])
    for note in (*notes, *lists.check_vocabulary(counts, models, str(request.path))):
        request.say(note)
    scored = lists.score_lists(file.lists, models, request.memory, request.executor)
    if request.tune_reference:
        tuned = lists.tune_lists(
            file.lists, dev_references, scored, kind=request.mixture, progress=request.progress
        )
    if tuned:
        used = tuned.weights
    else:
        chosen = untuned(file.lists, scored)
        file, scored, used = (
            replace(file, lists=tuple(chosen.lists)),
            chosen.scored,
            chosen.default.weights,
        )
        request.say_defaults(chosen.default.reason)
    ranked = lists.rerank(file.lists, scored, used)
    if request.tune_reference and tuned:
        request.say_tuned(tuned)
    references = references or dev_references
    report = (
        lists.report(file.lists, references, scored, tuned, used, listed) if references else None
    )
    if request.nbest_output:
        _write_ranked(request.nbest_output, ranked, file.format, request.paths)
    best = [_line(nbest.utterance, nbest.hypotheses[0].words) for nbest in ranked]
    request.finish(best, tuned, report, counts, models)


def _references(
    path: Path | None, utterances: Collection[str], say: Callable[[str], None]
) -> Mapping[str, Words]:
    if path is None:
        return {}
    references = read_references(path)
    for line in lists.check_references(utterances, references, str(path)):
        say(line)
    return references


def _write_ranked(path: Path, ranked: Sequence[NBest], format: str, inputs: Sequence[Path]) -> None:
    """Write the lists; Kaldi's in the order of the input's lines, for its scripts paste files line
    by line.
    """
    if format == "kaldi":
        kaldi_nbest.write(path, check_lists(ranked, path), kaldi_nbest.line_order(inputs))
    else:
        write_nbest(path, ranked, format)


def _line(utterance: str, words: Words) -> str:
    return " ".join((utterance, *words))


@dataclass(frozen=True)
class LatticeRequest:
    """What is asked of lattices beside.

    Attributes:
        symbols: the table of words.
        settings: how far lattices are expanded.
        old_lm: "keep" what the first pass's language model said, or "drop" it.
        old_lm_model: the n-gram model that Kaldi's graph costs hold.
        lattice_output: where the rescored lattices go, in their own format.
        nbest: how many hypotheses of each go to the request's `nbest_output`.
        mbr: give words with few expected errors, rather than those of the best path.
        confidence_output: where those go with their confidences.
        skip_bad: pass over what cannot be used.
    """

    symbols: Path | None = None
    bpe_model: Path | None = None
    settings: ExpansionSettings = field(default_factory=ExpansionSettings)
    old_lm: str = "keep"
    old_lm_model: Path | None = None
    lattice_output: Path | None = None
    nbest: int = 100
    mbr: bool = False
    confidence_output: Path | None = None
    skip_bad: bool = False


def rescore_lattices(request: Request, format: LatticeFormat, asked: LatticeRequest) -> None:
    """Rescore lattices, as they come."""
    request.need_references()
    tuned = request.given_weights()
    references, dev_references = (
        read_references(path) if path else {}
        for path in (request.reference, request.tune_reference)
    )
    listed = request.words
    collector = ErrorCollector(asked.skip_bad)
    source: Iterable[Lattice] = request.choose(
        read_lattice_files(request.paths, format, asked.symbols or asked.bpe_model, collector)
    )
    if asked.bpe_model:
        source = _joined(source, collector)
    if asked.old_lm_model:
        source = lattices.split_old_lm(
            source, Ngram.load(asked.old_lm_model), request.memory, collector
        )
    if asked.old_lm == "drop":
        source = map(lattices.without_old_lm, source)
    if request.bias:
        source = biased_lattices(source, request.expected)
    models = request.load_models()
    if request.tune_reference:
        source = list(source)
        for line in _check_references(
            [lattice.utterance for lattice in source],
            dev_references,
            request.tune_reference,
            collector,
        ):
            request.say(line)
        tuned = tune_lattices(
            source,
            dev_references,
            models,
            asked.settings,
            request.memory,
            kind=request.mixture,
            executor=request.executor,
            progress=request.progress,
        )
        request.say_tuned(tuned)
    run = _LatticeRun(request, asked, models, tuned, references or dev_references)
    coming = run.before(source)
    used = tuned
    if used is None:
        first, coming = lattices.first_batch(coming)
        if first:
            used, reason = lattices.default_weights(first, models, request.memory)
            request.say_defaults(reason)
    rescored = lattices.rescore_lattices(
        coming, models, used, asked.settings, request.memory, collector, request.executor
    )
    after = run.after(rescored, collector)
    if asked.lattice_output:
        written = (each.as_first_pass(format.lm_score) for each in after)
        format.write(asked.lattice_output, map(as_pieces, written) if asked.bpe_model else written)
    else:
        deque(after, maxlen=0)
    run.finish(listed)


def _joined(source: Iterable[Lattice], collector: ErrorCollector) -> Iterator[Lattice]:
    """Lattices of words, of lattices of their pieces."""
    for lattice in source:
        try:
            yield join_pieces(lattice)
        except InputError as error:
            collector.add(error)


def _check_references(
    kept: Iterable[str], references: Mapping[str, Words], file: Path, collector: ErrorCollector
) -> list[str]:
    utterances = set(kept)
    if collector.errors:  # what was passed over has a reference all the same
        references = {
            utterance: words for utterance, words in references.items() if utterance in utterances
        }
    return lists.check_references(utterances, references, str(file))


def _physical_memory() -> int | None:
    """The bytes of this machine, where it tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


class _LatticeRun:
    """What is gathered while lattices come and go."""

    def __init__(
        self,
        request: Request,
        asked: LatticeRequest,
        models: Sequence[LanguageModel],
        tuned: TunedWeights | None,
        references: Mapping[str, Words],
    ) -> None:
        self._request, self._asked, self._models = request, asked, models
        self._tuned, self._references = tuned, references
        self._tables: set[Symbols] = set()
        self._counts: Counter[str] = Counter()  # arcs that hold each word
        self._rows: dict[str, dict[str, Words]] = {}  # name → utterance → words
        self._nbest: list[NBest] = []
        self._alignments: dict[str, str] = {}  # of the hypotheses, by Kaldi's keys
        self._confidences: list[str] = []
        self._lattices = self._empty = self._trimmed = 0

    def before(self, source: Iterable[Lattice]) -> Iterator[Lattice]:
        """The lattices as they come from the file."""
        for lattice in source:
            self._lattices += 1
            self._trimmed += lattice.trimmed
            self._empty += not lattice.states
            self._count_words(lattice)
            if self._references:
                self._measure_first_pass(lattice)
            yield lattice

    def _count_words(self, lattice: Lattice) -> None:
        labels, arcs = np.unique(lattice.labels, return_counts=True)
        words = lattice.symbols.words
        self._counts.update(
            {
                words[label]: int(count)
                for label, count in zip(labels, arcs, strict=True)
                if words[label]
            }
        )
        if not self._tables:  # the first table tells whether the models are of this language at all
            lists.check_vocabulary(
                {word for word in words if word}, self._models, str(self._request.path)
            )
        self._tables.add(lattice.symbols)

    def _measure_first_pass(self, lattice: Lattice) -> None:
        own = lattices.first_pass_weights(lattice)
        self._keep("first pass", lattice, lattices.best_words(lattice, own))
        # Weights of other scores are told as a fault when the lattice is rescored.
        if self._tuned and set(lattice.scores) <= set(self._tuned.first_pass.scales):
            self._keep(
                lists.TUNED_PENALTY, lattice, lattices.best_words(lattice, self._tuned.first_pass)
            )
        self._keep(
            "oracle", lattice, oracle_words(lattice, self._references.get(lattice.utterance, ()))
        )

    def _keep(self, row: str, lattice: Lattice, words: Words) -> None:
        self._rows.setdefault(row, {})[lattice.utterance] = words

    def after(
        self, rescored: Iterable[lattices.RescoredLattice], collector: ErrorCollector
    ) -> Iterator[lattices.RescoredLattice]:
        """The rescored lattices as they go by."""
        for result in rescored:
            lattice = result.lattice
            if self._asked.mbr or self._asked.confidence_output:
                try:
                    self._keep_mbr(result)
                except InputError as error:
                    collector.add(error)
                    continue
            self._keep(_BEST, lattice, result.best())
            if self._request.nbest_output:
                self._keep_n_best(result)
            yield result
        for line in self._remarks(collector):
            self._request.say(line)
        if not self._rows.get(_BEST):
            raise InputError(
                "no lattice can be used",
                expected="at least one",
                remedy="see above, or check the file",
                file=self._request.path,
            )
        if self._references:
            path = self._request.reference or self._request.tune_reference
            remarks = _check_references(
                self._rows[_BEST], self._references, path or Path(), collector
            )
            for line in remarks if self._request.reference else ():  # --tune told it already
                self._request.say(line)

    def _keep_n_best(self, result: lattices.RescoredLattice) -> None:
        paths = n_best(result.lattice, result.totals, self._asked.nbest)
        nbest = result.listed(paths)
        self._nbest.append(nbest)
        ids = result.lattice.arc_fields.get(TRANSITION_IDS)
        if isinstance(ids, TransitionIds):
            texts = alignments(ids, paths) or [""]
            self._alignments.update(
                {
                    f"{nbest.utterance}-{hypothesis.key}": text
                    for hypothesis, text in zip(nbest.hypotheses, texts, strict=True)
                }
            )

    def _keep_mbr(self, result: lattices.RescoredLattice) -> None:
        safest = result.minimum_bayes_risk(_physical_memory())
        self._keep(_MBR, result.lattice, safest.words)
        self._confidences.append(
            json.dumps(
                {
                    "id": result.lattice.utterance,
                    "text": " ".join(safest.words),
                    "confidences": [round(float(each), 6) for each in safest.confidences],
                    "expected_errors": round(safest.expected_errors, 6),
                },
                ensure_ascii=False,
            )
        )

    def _remarks(self, collector: ErrorCollector) -> Iterator[str]:
        words = {word for table in self._tables for word in table.words if word}
        yield from (
            lists.check_vocabulary(words, self._models, str(self._request.path))
            if self._tables
            else ()
        )
        yield from self._request.remarks(self._counts)
        if self._empty:
            yield f"{self._empty} of {self._lattices} lattices have no path: their lines have no words"
        if self._trimmed:
            yield f"{self._trimmed} states of {self._lattices} lattices lead to no end or come from no start: left out"
        if collector.errors:
            yield f"{len(collector.errors)} utterances cannot be used and are passed over:"
            yield from (f"  {error}" for error in collector.errors)

    def finish(self, listed: Collection[str]) -> None:
        """Write what was gathered."""
        utterances = list(self._rows[_BEST])
        report = None
        if self._references:
            rows = {
                name: [self._rows[name][utterance] for utterance in utterances]
                for name in ("first pass", lists.TUNED_PENALTY, "oracle", _BEST, _MBR)
                if name in self._rows
            }
            report = lists.Report.of(
                [self._references[utterance] for utterance in utterances],
                rows,
                lists.TUNED_PENALTY if self._tuned else "first pass",
                self._result,
                listed,
            )
        if self._request.nbest_output:
            self._write_n_best(self._request.nbest_output)
        if self._asked.confidence_output:
            write_lines(self._asked.confidence_output, self._confidences)
        best = [_line(utterance, words) for utterance, words in self._rows[self._result].items()]
        self._request.finish(best, self._tuned, report, self._counts, self._models)

    def _write_n_best(self, path: Path) -> None:
        if ".jsonl" in path.suffixes:
            write_nbest(path, self._nbest, "jsonl")
        else:
            kaldi_nbest.write(
                path, check_lists(self._nbest, path), alignments=self._alignments or None
            )

    @property
    def _result(self) -> str:
        """The row whose words are the result."""
        return _MBR if self._asked.mbr else _BEST
