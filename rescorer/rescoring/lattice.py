"""Rescoring of lattices: batches are expanded, and every arc gets a new total."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np

from rescorer.errors import InputError
from rescorer.models.expected_words import expected_number
from rescorer.models.language_model import LanguageModel
from rescorer.models.ngram import Ngram
from rescorer.models.sentence_model import SentenceModel
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import SILENCE, Lattice, Symbols
from rescorer.recognition.nbest import (
    FIRST_LM,
    GRAPH,
    SOUND,
)
from rescorer.rescoring.arc_totals import known_totals
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.default_weights import (
    NAME_SCORES,
    OLD_LM,
    DefaultSettings,
    choose_weights,
    guided_by_names,
    recogniser_weights,
    with_names,
    without_names,
)
from rescorer.rescoring.determinise import determinised
from rescorer.rescoring.expansion import (
    Expansion,
    ExpansionSettings,
    OverBudgetError,
    expand,
)
from rescorer.rescoring.lattice_paths import n_best
from rescorer.rescoring.nbest import (
    LM_SCORE,
    MEMORY,
    check_score_names,
    score_lists,
)
from rescorer.rescoring.rescored_lattice import RescoredLattice as RescoredLattice
from rescorer.rescoring.rescored_lattice import best_words as best_words
from rescorer.rescoring.rescored_lattice import paths_list as paths_list
from rescorer.rescoring.weights import TunedWeights, Weights

_BATCH_ARCS = 60_000  # of the old lattices: enough to share work, little beside the memory


def without_old_lm(lattice: Lattice) -> Lattice:
    """The lattice without the first pass's LM score: `first_lm`, or else the whole `graph`."""
    dropped = next((name for name in OLD_LM if name in lattice.scores), None)
    return replace(
        lattice,
        scores={name: score for name, score in lattice.scores.items() if name != dropped},
        own_scales={name: scale for name, scale in lattice.own_scales.items() if name != dropped},
    )


def split_old_lm(
    lattices: Iterable[Lattice], old: Ngram, memory: int, collector: ErrorCollector
) -> Iterator[Lattice]:
    """Split the n-gram model's score off the graph score of Kaldi lattices, as `first_lm`.

    The split is exact: states are expanded to the order of the model, so that each arc has one
    history.

    Raises:
        InputError: a lattice without a graph score or with `first_lm`, or an error that
            `collector` raises.
    """
    settings = ExpansionSettings(order=old.order, beam=math.inf, max_histories=0)
    for lattice in lattices:
        if lattice.arcs and (GRAPH not in lattice.scores or FIRST_LM in lattice.scores):
            raise InputError(
                f"utterance {lattice.utterance!r} has the scores {', '.join(lattice.score_names)}",
                expected="a graph score, which holds the old model's",
                remedy="leave --old-lm-model out",
            )
        weights = Weights(dict.fromkeys(lattice.scores, 0.0), lm_scale=1.0, mixture={old.name: 1.0})
        for expanded in rescore_lattices(
            [lattice], old, TunedWeights(weights, weights), settings, memory, collector
        ):
            part = expanded.lattice.scores[old.name]
            scores = {name: expanded.lattice.scores[name] for name in lattice.scores}
            yield replace(
                expanded.lattice, scores={**scores, GRAPH: scores[GRAPH] - part, FIRST_LM: part}
            )


def first_pass_weights(lattice: Lattice) -> Weights:
    """The recogniser's scales and word penalty from the file, else its default scales."""
    defaults = recogniser_weights(lattice.score_names)
    scales = {name: lattice.own_scales.get(name, scale) for name, scale in defaults.scales.items()}
    return replace(defaults, scales=scales, word_penalty=lattice.own_word_penalty)


def default_weights(
    lattices: Sequence[Lattice],
    models: Sequence[LanguageModel],
    memory: int = MEMORY,
    sentence_models: Sequence[SentenceModel] = (),
) -> tuple[TunedWeights, str]:
    """Weights that are safe without tuning, chosen on n-best lists, and the reason in one line."""
    first = next((lattice for lattice in lattices if lattice.arcs), lattices[0])
    check_score_names(first.score_names, [model.name for model in models], first.utterance)
    first_pass, settings = first_pass_weights(first), DefaultSettings()
    alike = [
        lattice for lattice in lattices if lattice.arcs and lattice.score_names == first.score_names
    ]
    lists = [
        paths_list(lattice, n_best(lattice, known_totals([lattice], first_pass), settings.best))
        for lattice in alike or [first]
    ]
    if SOUND not in first.scores:
        scored = score_lists(lists, models, memory, sentence_models=sentence_models)
        unscaled = dict.fromkeys(scored.sentence_names, 0.0)
        guide = replace(first_pass, scales={**first_pass.scales, **unscaled})
        chosen = choose_weights(scored, guide, settings)
        return TunedWeights(chosen.weights, first_pass), chosen.reason
    lists = [without_names(each) for each in lists]
    scales = {name: scale for name, scale in first_pass.scales.items() if name not in NAME_SCORES}
    scored = score_lists(lists, models, memory)
    chosen = choose_weights(scored, replace(first_pass, scales=scales), settings)
    have_choice = any(len(each.hypotheses) > 1 for each in lists)
    chosen = with_names(chosen, have_choice, expected_number(models))
    return TunedWeights(chosen.weights, first_pass), chosen.reason


def rescore_lattices(
    lattices: Iterable[Lattice],
    lm: LanguageModel | Sequence[LanguageModel],
    weights: TunedWeights | None = None,
    settings: ExpansionSettings | None = None,
    memory: int = MEMORY,
    collector: ErrorCollector | None = None,
    executor: Executor = serial_executor,
) -> Iterator[RescoredLattice]:
    """Expand lattices by the histories of one or more language models and rescore every arc.

    Lattices are expanded in batches. Batches and memory determine how many histories a model scores
    at once, and so the order of float32 sums: totals change by some 1e-6 nats, and paths that are
    as close may swap. With `settings.compact`, lattices are determinised before the expansion.

    Args:
        lm: a model, or models that are mixed word by word.
        weights: tuned on a development set; None: `default_weights` of the first batch.
        settings: how far lattices are expanded.
        memory: bytes for the histories and the expanded arcs of a batch.
        collector: receives the error of a lattice that exceeds the memory or does not match the
            weights.
        executor: runs the expansion of the batches.

    Raises:
        InputError: no model, or an error that `collector` raises.
    """
    models = [lm] if isinstance(lm, LanguageModel) else list(lm)
    if not models:
        raise InputError("no language model", expected="at least one")
    collector, settings = collector or ErrorCollector(), settings or ExpansionSettings()
    batches = _batches(lattices)
    first = next(batches, None)
    if first is None:
        return
    used = guided_by_names(weights or default_weights(first, models, memory)[0])
    all_batches = chain(iter([first]), batches)
    del first  # free the batch after its turn
    fitting = (
        _Batch(
            tuple(
                _prepared(lattice, used.weights, settings)
                for lattice in batch
                if _fits(lattice, used.weights, models, collector)
            )
        )
        for batch in all_batches
    )
    # `itertools.tee` would keep up to 57 batches alive.
    sent: deque[_Batch] = deque()
    task = partial(_expanded, weights=used, settings=settings, memory=memory)
    for parts in executor(task, models, _noted(fitting, sent)):
        yield from _rescored(sent.popleft(), parts, models, used.weights, collector)


def _noted(batches: Iterable[_Batch], sent: deque[_Batch]) -> Iterator[_Batch]:
    """The batches; each is appended to `sent`, where it waits for its result."""
    for batch in batches:
        sent.append(batch)
        yield batch


def first_batch(lattices: Iterable[Lattice]) -> tuple[list[Lattice], Iterator[Lattice]]:
    """The first batch, on which default weights are chosen, and all lattices."""
    batches = _batches(lattices)
    first = next(batches, [])
    return first, chain(first, chain.from_iterable(batches))


def _batches(lattices: Iterable[Lattice]) -> Iterator[list[Lattice]]:
    batch: list[Lattice] = []
    arcs = 0
    for lattice in lattices:
        if batch and arcs + lattice.arcs > _BATCH_ARCS:
            yield batch
            batch, arcs = [], 0
        batch.append(lattice)
        arcs += lattice.arcs
    if batch:
        yield batch


def _prepared(lattice: Lattice, weights: Weights, settings: ExpansionSettings) -> Lattice:
    return determinised(lattice, known_totals([lattice], weights)) if settings.compact else lattice


def _fits(
    lattice: Lattice, weights: Weights, models: Sequence[LanguageModel], collector: ErrorCollector
) -> bool:
    """Whether the weights match the lattice and the models; if not, report the error."""
    names = [model.name for model in models]
    try:
        check_score_names(lattice.score_names, names, lattice.utterance)
        if lattice.arcs:
            weights.check_names(lattice.score_names, names, lattice.utterance)
    except InputError as error:
        collector.add(error)
        return False
    return True


@dataclass(frozen=True, eq=False)
class _Batch:
    """Lattices that are expanded together."""

    lattices: tuple[Lattice, ...]

    def __reduce__(self) -> tuple[type[_Batch], tuple[tuple[Lattice, ...]]]:
        """Pickle only the data that `expand` reads."""
        return _Batch, (tuple(map(_bare, self.lattices)),)

    def halves(self) -> tuple[_Batch, _Batch]:
        half = len(self.lattices) // 2
        return _Batch(self.lattices[:half]), _Batch(self.lattices[half:])


def _bare(lattice: Lattice) -> Lattice:
    """The lattice without its format's extra fields, and with only the symbols that it uses."""
    used = np.union1d([SILENCE], lattice.labels)
    symbols = Symbols(
        *(
            tuple(names[label] for label in used)
            for names in (
                lattice.symbols.labels,
                lattice.symbols.words,
                lattice.symbols.model_words,
            )
        )
    )
    return replace(
        lattice,
        symbols=symbols,
        labels=np.searchsorted(used, lattice.labels),
        arc_fields={},
        state_fields={},
        header={},
    )


# A part of a batch: its number of lattices and their expansion, or the error of a single lattice
# that is too large.
_Part = tuple[int, Expansion | InputError]


def _expanded(
    models: Sequence[LanguageModel],
    batch: _Batch,
    weights: TunedWeights,
    settings: ExpansionSettings,
    memory: int,
) -> Iterator[_Part]:
    """Expand a batch; a batch that exceeds the memory is split into halves."""
    lattices = batch.lattices
    if not lattices:
        return
    try:
        expansion = expand(lattices, models, weights.weights, weights.first_pass, settings, memory)
    except (OverBudgetError, MemoryError, RuntimeError) as error:
        # torch raises a RuntimeError if it runs out of memory.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        if len(lattices) > 1:
            for half in batch.halves():
                yield from _expanded(models, half, weights, settings, memory)
        else:
            yield 1, _too_large(lattices[0], memory, isinstance(error, OverBudgetError))
        return
    yield len(lattices), expansion


def _too_large(lattice: Lattice, memory: int, by_budget: bool) -> InputError:
    needed, more = (
        (f"{memory >> 20} MiB", "raise --memory, or ") if by_budget else ("this machine has", "")
    )
    return InputError(
        f"utterance {lattice.utterance!r}: its {lattice.arcs} arcs need more memory than {needed}",
        remedy=f"{more}lower --max-histories, --beam or --order",
    )


def _rescored(
    batch: _Batch,
    parts: Iterable[_Part],
    models: Sequence[LanguageModel],
    weights: Weights,
    collector: ErrorCollector,
) -> Iterator[RescoredLattice]:
    """The lattices of a batch, one by one."""
    begin = 0
    for size, part in parts:
        if isinstance(part, InputError):
            collector.add(part)
        else:
            yield from _split(batch.lattices[begin : begin + size], part, models, weights)
        begin += size
        del part  # free the part before the next one arrives


def _split(
    batch: Sequence[Lattice],
    expansion: Expansion,
    models: Sequence[LanguageModel],
    weights: Weights,
) -> Iterator[RescoredLattice]:
    """The lattices of an expansion, one by one."""
    first_state = np.cumsum([0, *(lattice.states for lattice in batch)])
    first_arc = np.cumsum([0, *(lattice.arcs for lattice in batch)])
    # Expanded states and arcs are in the order of the lattices, so each lattice is a slice of them.
    state_cuts = np.searchsorted(expansion.origin_states, first_state)
    arc_cuts = np.searchsorted(expansion.sources, state_cuts)
    for u, lattice in enumerate(batch):
        arcs, states = slice(*arc_cuts[u : u + 2]), slice(*state_cuts[u : u + 2])
        origin = expansion.origin_arcs[arcs] - first_arc[u]
        expanded = lattice.take(
            origin,
            expansion.sources[arcs] - states.start,
            expansion.targets[arcs] - states.start,
            expansion.origin_states[states] - first_state[u],
        )
        log_probs, lm = expansion.log_probs[arcs], expansion.lm[arcs]
        totals = known_totals([expanded], weights) + weights.lm_scale * lm
        added = {model.name: log_probs[:, k] for k, model in enumerate(models)}
        yield RescoredLattice(expanded.with_scores({**added, LM_SCORE: lm}), totals, weights)
