"""Rescore files of n-best lists: a block is read, scored, ranked and written before the next.

Memory holds a block, and of all lists what the results need: chosen words, counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rescorer.models.language_model import LanguageModel
from rescorer.models.sentence_model import SentenceModel
from rescorer.progress import Progress, silent
from rescorer.recognition.formats import kaldi_nbest, write_nbest
from rescorer.recognition.formats.parsing import check_lists
from rescorer.recognition.nbest import NBest
from rescorer.reports.error_rate import Words
from rescorer.reports.report import RESCORED_ROW, Report
from rescorer.reports.run_details import RunDetails, WeightCurve
from rescorer.rescoring import nbest
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.default_weights import untuned_weights, with_rank_for
from rescorer.rescoring.inputs import SideInputs
from rescorer.rescoring.list_input import ListInput
from rescorer.rescoring.model_fit import fit_remarks, sample
from rescorer.rescoring.outputs import Outcome, Say, say_defaults, say_tuned
from rescorer.rescoring.settings import OutputFiles, RescoreSettings
from rescorer.rescoring.unknown_words import check_vocabulary
from rescorer.rescoring.weights import ScoredLists, TunedWeights, Weights

# Hypotheses of a block, at least; the last list is whole. Larger blocks would share few more
# prefixes.
BLOCK_HYPOTHESES = 1 << 14
# Weights that are neither given nor tuned are chosen by the first blocks that hold so many
# utterances or, for the sake of memory, so many hypotheses.
FIRST_UTTERANCES, FIRST_HYPOTHESES = 1000, 1 << 17


class _Block(NamedTuple):
    """Lists that follow each other in the input, and their scores."""

    lists: Sequence[NBest]
    scored: ScoredLists


class _Chosen(NamedTuple):
    """The weights of a run.

    Attributes:
        weights: rank the hypotheses.
        tuned: as tuned or loaded; None: `weights` were chosen by default.
        curves: the errors against each weight that was tuned here, if the report's page shows them.
    """

    weights: Weights
    tuned: TunedWeights | None
    curves: tuple[WeightCurve, ...] = ()


def rescore_list_files(
    source: ListInput,
    models: Sequence[LanguageModel],
    outputs: OutputFiles,
    settings: RescoreSettings,
    say: Say,
    executor: Executor = serial_executor,
    progress: Progress = silent,
    sentence_models: Sequence[SentenceModel] = (),
) -> Outcome:
    """Score and rank lists, with weights that are given, tuned here, or chosen by default.

    Writes the ranked lists, if `outputs` names a file for them; `write_outcome` writes the rest.
    """
    side, summary = source.side, source.summary
    names = [*(model.name for model in models), *(model.name for model in sentence_models)]
    nbest.check_score_names(summary.score_names, names)
    unknown = check_vocabulary(summary.word_counts, models, str(side.files.name))
    suits = fit_remarks(sample(summary.best), models, settings.memory_bytes)
    for note in (*source.notes, *unknown, *suits):
        say(note)

    score = partial(
        nbest.score_lists,
        models=models,
        memory=settings.memory_bytes,
        executor=executor,
        sentence_models=sentence_models,
    )
    blocks = _scored_blocks(source, score, progress)
    if side.tune_references:
        chosen, blocks = _tune(blocks, side, settings, outputs, say, progress)
    elif side.weights:
        chosen = _Chosen(side.weights.weights, side.weights)
    else:
        chosen, blocks = _choose_by_default(blocks, say)

    results = _Results(side, chosen, keep_lists=outputs.page is not None)
    write_ranked(outputs.nbest, results.passing(blocks), source.format, side.files.paths)
    return Outcome(
        results.best,
        results.report(),
        chosen.tuned if side.tune_references else None,
        summary.word_counts,
        models,
        RunDetails(str(side.files.name), results.ranked, chosen.curves),
    )


def _scored_blocks(
    source: ListInput, score: Callable[..., ScoredLists], progress: Progress
) -> Iterator[_Block]:
    """The lists in blocks. On a development set, all of them are one block.

    Args:
        score: `score_lists` with the models.
    """
    total, done = source.summary.hypotheses, 0
    size = total if source.side.tune_references else BLOCK_HYPOTHESES
    for lists in _blocks(source.lists, size):
        further = partial(_report_further, progress, done, total)
        yield _Block(lists, score(lists, progress=further))
        done += sum(len(each.hypotheses) for each in lists)


def _blocks(lists: Iterable[NBest], size: int) -> Iterator[list[NBest]]:
    """The lists in blocks of `size` hypotheses or more; the last has fewer."""
    block: list[NBest] = []
    hypotheses = 0
    for each in lists:
        block.append(each)
        hypotheses += len(each.hypotheses)
        if hypotheses >= size:
            yield block
            block, hypotheses = [], 0
    if block:
        yield block


def _report_further(
    progress: Progress, before: int, total: int, stage: str, done: int, _: int
) -> None:
    """Report progress within a block as progress of the whole input."""
    progress(stage, before + done, total)


def _tune(
    blocks: Iterator[_Block],
    side: SideInputs,
    settings: RescoreSettings,
    outputs: OutputFiles,
    say: Say,
    progress: Progress,
) -> tuple[_Chosen, Iterator[_Block]]:
    """The weights tuned on the only block; and this block."""
    lists, scored = block = next(blocks)
    tuned = nbest.tune_lists(
        lists,
        side.tune_references,
        scored,
        kind=settings.mixture,
        progress=progress,
        normaliser=side.normaliser,
    )
    say_tuned(tuned, say)
    curves: tuple[WeightCurve, ...] = ()
    if outputs.page:
        curves = nbest.tuning_curves(
            lists, side.tune_references, scored, tuned.weights, side.normaliser
        )
    return _Chosen(tuned.weights, tuned, curves), iter([block])


def _choose_by_default(blocks: Iterator[_Block], say: Say) -> tuple[_Chosen, Iterator[_Block]]:
    """Weights that are chosen by the first blocks; and all blocks."""
    first: list[_Block] = []
    utterances = hypotheses = 0
    while utterances < FIRST_UTTERANCES and hypotheses < FIRST_HYPOTHESES:
        block = next(blocks, None)
        if block is None:
            break
        first.append(block)
        utterances += len(block.lists)
        hypotheses += len(block.scored.lengths)
    default = untuned_weights(ScoredLists.joined([block.scored for block in first]))
    say_defaults(default.reason, say)
    return _Chosen(default.weights, None), chain(_released(first), blocks)


def _released(blocks: list[_Block]) -> Iterator[_Block]:
    """The blocks, each of which is forgotten here when it is taken."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


class _Results:
    """Ranks blocks as they pass, and gathers what the outputs need.

    Attributes:
        best: the words of each utterance.
        ranked: the ranked lists, if they are kept.
    """

    def __init__(self, side: SideInputs, chosen: _Chosen, keep_lists: bool) -> None:
        self._side, self._chosen, self._keep_lists = side, chosen, keep_lists
        self._rows: dict[str, list[Words]] = {}
        self.best: dict[str, Words] = {}
        self.ranked: list[NBest] = []

    def passing(self, blocks: Iterable[_Block]) -> Iterator[NBest]:
        """The lists of blocks, ranked."""
        for block in blocks:
            lists, scored = with_rank_for(self._chosen.weights, *block)
            self._add_rows(lists, scored)
            for ranked in nbest.rerank(lists, scored, self._chosen.weights):
                self.best[ranked.utterance] = ranked.hypotheses[0].words
                if self._keep_lists:
                    self.ranked.append(ranked)
                yield ranked

    def _add_rows(self, lists: Sequence[NBest], scored: ScoredLists) -> None:
        if not self._side.references:
            return
        weights, tuned = self._chosen.weights, self._chosen.tuned
        rows = nbest.report_rows(
            lists, self._side.references, scored, tuned, weights, self._side.normaliser
        )
        for name, words in rows.items():
            self._rows.setdefault(name, []).extend(words)

    def report(self) -> Report | None:
        """The report on all lists that have passed; None without references."""
        side = self._side
        if not side.references:
            return None
        references = {utterance: side.references[utterance] for utterance in self.best}
        peer = nbest.report_peer(self._chosen.tuned)
        return Report.of(references, self._rows, peer, RESCORED_ROW, side.listed, side.normaliser)


def write_ranked(
    path: Path | None, ranked: Iterable[NBest], format: str, inputs: Sequence[Path]
) -> None:
    """Write lists in the format that they came in; without a path only run through them.

    Kaldi's keep the order of the input's lines, because its scripts paste files line by line.
    """
    if path is None:
        deque(ranked, maxlen=0)
    elif format == "kaldi":
        order = kaldi_nbest.line_order(inputs)
        kaldi_nbest.write(path, check_lists(ranked, path), order, is_ranked=True)
    else:
        write_nbest(path, ranked, format)
