"""What is gathered while lattices pass: words, n-best lists, confidences, counts."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.language_model import LanguageModel
from rescorer.recognition.formats.kaldi_fst import TRANSITION_IDS
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.formats.transition_ids import TransitionIds, alignments
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import NBest
from rescorer.reports.error_rate import Words, errors
from rescorer.reports.report import (
    FIRST_PASS_ROW,
    MBR_ROW,
    ORACLE_ROW,
    RESCORED_ROW,
    TUNED_FIRST_PASS_ROW,
    Report,
)
from rescorer.rescoring.changes import Change, changes_of
from rescorer.rescoring.inputs import SideInputs, check_references
from rescorer.rescoring.lattice import RescoredLattice, best_words, first_pass_weights
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.nbest import LM_SCORE
from rescorer.rescoring.oracle import in_style, oracle_words
from rescorer.rescoring.sentence_ranking import SentenceRanking
from rescorer.rescoring.settings import LatticeSettings, OutputFiles
from rescorer.rescoring.unknown_words import check_vocabulary
from rescorer.rescoring.weights import TunedWeights


class WordRows:
    """The words of each utterance, by the row of the report."""

    def __init__(self, side: SideInputs) -> None:
        self.references = side.references
        self._listed, self._normaliser = side.listed, side.normaliser
        self._rows: dict[str, dict[str, Words]] = {}

    def add(self, row: str, utterance: str, words: Words) -> None:
        self._rows.setdefault(row, {})[utterance] = words

    def words(self, row: str) -> Mapping[str, Words]:
        """The words of each utterance in a row."""
        return self._rows.get(row, {})

    def report(self, result: str, tuned: bool) -> Report | None:
        """The report on the utterances that were rescored; None without references.

        Args:
            result: the row that is compared.
            tuned: whether its peer is the first pass with a tuned word penalty.
        """
        if not self.references:
            return None
        utterances = list(self._rows[RESCORED_ROW])
        order = (FIRST_PASS_ROW, TUNED_FIRST_PASS_ROW, ORACLE_ROW, RESCORED_ROW, MBR_ROW)
        words = {
            name: [self._rows[name][utterance] for utterance in utterances]
            for name in order
            if name in self._rows
        }
        references = {utterance: self.references[utterance] for utterance in utterances}
        words[ORACLE_ROW] = [
            self._fewest_errors(reference, choices)
            for reference, *choices in zip(
                references.values(),
                *(words[name] for name in (ORACLE_ROW, FIRST_PASS_ROW, RESCORED_ROW)),
                strict=True,
            )
        ]
        peer = TUNED_FIRST_PASS_ROW if tuned else FIRST_PASS_ROW
        return Report.of(references, words, peer, result, self._listed, self._normaliser)

    def _fewest_errors(self, reference: Words, choices: Sequence[Words]) -> Words:
        """The first choice with the fewest errors. The path of `oracle` has them unless the
        normaliser joins words, which it does not know.
        """
        spoken = self._normaliser(reference)
        return min(choices, key=lambda words: errors(spoken, self._normaliser(words)))

    def oracle(self, lattice: Lattice) -> Words:
        """The words of the path with the fewest errors."""
        reference = self._normaliser(self.references.get(lattice.utterance, ()))
        return oracle_words(in_style(lattice, self._normaliser), reference)


class InputSummary:
    """Counts lattices and words as they come from the files, and measures their first pass.

    Attributes:
        word_counts: arcs that hold each word.
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        name: Path,
        rows: WordRows,
        weights: TunedWeights | None,
    ) -> None:
        """
        Args:
            name: the input as messages name it.
            rows: gets the rows of the first pass, if there are references.
            weights: tuned weights, whose first pass gets a row.
        """
        self._models, self._name = models, str(name)
        self._rows, self._weights = rows, weights
        self._table: Symbols | None = None  # of the last lattice
        self._words: set[str] = set()  # of all tables
        self.word_counts: Counter[str] = Counter()
        self._lattices = self._empty = self._trimmed = 0

    def passing(self, lattices: Iterable[Lattice]) -> Iterator[Lattice]:
        """The lattices, counted one by one."""
        for lattice in lattices:
            self._lattices += 1
            self._trimmed += lattice.trimmed
            self._empty += not lattice.states
            self._count_words(lattice)
            if self._rows.references:
                self._measure_first_pass(lattice)
            yield lattice

    def _count_words(self, lattice: Lattice) -> None:
        labels, arcs = np.unique(lattice.labels, return_counts=True)
        words = lattice.symbols.words
        for label, count in zip(labels, arcs, strict=True):
            if words[label]:
                self.word_counts[words[label]] += int(count)
        if lattice.symbols is not self._table:
            self._add_words(lattice.symbols)

    def _add_words(self, table: Symbols) -> None:
        """Add a table's words, without expected names."""
        self._words |= {
            word
            for word, scored in zip(table.words, table.model_words, strict=True)
            if word and word == scored
        }
        if self._table is None:  # one table tells whether the models are of this language
            check_vocabulary(self._words, self._models, self._name)
        self._table = table

    def _measure_first_pass(self, lattice: Lattice) -> None:
        utterance = lattice.utterance
        first = best_words(lattice, first_pass_weights(lattice))
        self._rows.add(FIRST_PASS_ROW, utterance, first)
        # Weights for other scores raise an error when the lattice is rescored.
        if self._weights and set(lattice.scores) <= set(self._weights.first_pass.scales):
            tuned = best_words(lattice, self._weights.first_pass)
            self._rows.add(TUNED_FIRST_PASS_ROW, utterance, tuned)
        self._rows.add(ORACLE_ROW, utterance, self._rows.oracle(lattice))

    def vocabulary_remarks(self) -> list[str]:
        """A line for each model with unknown words among those of the symbol tables."""
        return check_vocabulary(self._words, self._models, self._name) if self._table else []

    def path_remarks(self) -> list[str]:
        """Lines with the numbers of empty lattices and of states on no path."""
        lines = []
        if self._empty:
            lines.append(
                f"{self._empty} of {self._lattices} lattices have no path: "
                "their lines have no words"
            )
        if self._trimmed:
            lines.append(
                f"{self._trimmed} states of {self._lattices} lattices lead to no end or come from "
                "no start: left out"
            )
        return lines


class LatticeResults:
    """Gathers the results of rescored lattices that the outputs need.

    Attributes:
        nbest: a list for each lattice.
        changes: what names replaced.
        alignments: transition ids of the hypotheses, by Kaldi's keys.
    """

    def __init__(
        self,
        rows: WordRows,
        outputs: OutputFiles,
        settings: LatticeSettings,
        collector: ErrorCollector,
        ranking: SentenceRanking | None = None,
    ) -> None:
        """
        Args:
            ranking: ranks the best paths, if models score whole sentences.
        """
        self._rows, self._settings, self._collector = rows, settings, collector
        self._ranking = ranking
        self._needs_mbr = settings.mbr or outputs.confidences is not None
        self._needs_nbest = outputs.nbest is not None or outputs.page is not None
        self.nbest: list[NBest] = []
        self.changes: list[Change] = []
        self.alignments: dict[str, str] = {}
        self._confidences: list[str] = []

    def passing(self, rescored: Iterable[RescoredLattice]) -> Iterator[RescoredLattice]:
        """The lattices, after their results are gathered."""
        for result in rescored:
            if self._needs_mbr:
                try:
                    self._add_mbr(result)
                except InputError as error:
                    self._collector.add(error)
                    continue
            self.changes += changes_of(result, LM_SCORE)
            self._add_best(result)
            yield result

    def _add_best(self, result: RescoredLattice) -> None:
        utterance = result.lattice.utterance
        if self._ranking:
            ranked = self._ranking.ranked(result, self._settings.nbest)
            self._rows.add(RESCORED_ROW, utterance, ranked.nbest.hypotheses[0].words)
            if self._needs_nbest:
                self._add_n_best(result, *ranked)
            return
        self._rows.add(RESCORED_ROW, utterance, result.best())
        if self._needs_nbest:
            paths = n_best(result.lattice, result.totals, self._settings.nbest)
            self._add_n_best(result, result.listed(paths), paths)

    def _add_n_best(
        self, result: RescoredLattice, nbest: NBest, paths: Sequence[np.ndarray]
    ) -> None:
        self.nbest.append(nbest)
        ids = result.lattice.arc_fields.get(TRANSITION_IDS)
        if isinstance(ids, TransitionIds):
            texts = alignments(ids, paths) or [""]
            for hypothesis, text in zip(nbest.hypotheses, texts, strict=True):
                self.alignments[f"{nbest.utterance}-{hypothesis.key}"] = text

    def _add_mbr(self, result: RescoredLattice) -> None:
        utterance = result.lattice.utterance
        found = result.minimum_bayes_risk(_physical_memory())
        self._rows.add(MBR_ROW, utterance, found.words)
        record = {
            "id": utterance,
            "text": " ".join(found.words),
            "confidences": [round(float(each), 6) for each in found.confidences],
            "expected_errors": round(found.expected_errors, 6),
        }
        self._confidences.append(json.dumps(record, ensure_ascii=False))

    def write_confidences(self, path: Path) -> None:
        """Write a JSON line for each lattice, whole or not at all."""
        write_lines(path, self._confidences)


def check_used_references(
    utterances: Collection[str],
    references: Mapping[str, Words],
    file: Path | None,
    collector: ErrorCollector,
) -> list[str]:
    """As `check_references`, for lattices of which some may have been skipped.

    A skipped utterance has a reference too, so that references without a lattice prove nothing.
    """
    if collector.errors:
        used = set(utterances)
        references = {name: words for name, words in references.items() if name in used}
    return check_references(utterances, references, str(file))


def _physical_memory() -> int | None:
    """The memory of this machine in bytes; None if it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
