"""Add words to a trained LightRNN without retraining: each gets the free cell that suits it best.

The context set of a word gives its cost in each row and column. All new words are assigned to free
cells together. The biases of their cells are calibrated, so that each word's mean probability
follows from its pseudo-count. Optionally the whole table is reallocated, and the network is
fine-tuned on the sentences of the new words with replay of old text.

Shapes: W new words, G contexts of sampled text, R rows, N words of a text, D width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END
from rescorer.models.lightrnn import LightRNN
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.training.corpus import Corpus
from rescorer.training.new_words.assign_cells import CellAssignment
from rescorer.training.new_words.calibrate import calibrate, mean_probabilities
from rescorer.training.new_words.context_sets import ContextSets, Examples
from rescorer.training.new_words.contexts import read_text, row_log_probs, sample_text
from rescorer.training.new_words.finetune import fine_tune
from rescorer.training.reallocation.reallocate import reallocate
from rescorer.training.settings import NewWordSettings

_TEST_WORDS = 200_000  # words at the end of a text whose perplexity accepts a reallocation


@dataclass(frozen=True)
class Addition:
    """The effect of added words on a model.

    Attributes:
        words: number of added words.
        with_examples: number of added words that occur in the example sentences.
        rows, columns: numbers of added rows and columns.
        target_mass: target of the new words' total mean probability.
        mass: the new words' total mean probability on text sampled from the old model.
        old_perplexity, new_perplexity: of that text, of the old model and the new one.
    """

    words: int
    with_examples: int
    rows: int
    columns: int
    target_mass: float
    mass: float
    old_perplexity: float
    new_perplexity: float

    def describe(self) -> str:
        change = 100 * (self.new_perplexity / self.old_perplexity - 1)
        grown = f"{self.columns} columns" if self.columns else f"{self.rows} rows"
        return (
            f"{self.words} words added, {self.with_examples} of them with examples, {grown} more; "
            f"their probability is {self.mass:.3g} (target {self.target_mass:.3g}); "
            f"perplexity of sampled text {self.old_perplexity:.3f} before, "
            f"{self.new_perplexity:.3f} after ({change:+.4f} %)"
        )


@torch.no_grad()
def add_words(
    model: LightRNN,
    words: Sequence[str],
    counts: np.ndarray,
    *,
    examples: Iterable[Sequence[str]] = (),
    like: Sequence[str] = (),
    replay: Corpus | None = None,
    settings: NewWordSettings | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[LightRNN, Addition]:
    """A copy of the model with more words, on the same device.

    Without reallocation and fine-tuning the parameters of the old words do not change. The
    probability of an old word falls by the share of the new words among all rows and in its row.
    Time O(contexts · (D² + D·R)), memory W · R float32.

    Args:
        words: W ≥ 1 words that the model does not know, in the case of its vocabulary.
        counts: [W] their pseudo-counts, each > 0.
        examples: sentences, which give contexts of the new words. Other unknown words in them
            count as `<unk>`.
        like: known words that are similar to the new ones; empty: known words with the same
            suffixes or prefixes.
        replay: old text for reallocation and fine-tuning; None: fine-tuning replays sampled text.
        say: takes one line about each event.

    Raises:
        InputError: the model has no biases of cells, there are too few free cells and none may be
            added, or a text for reallocation or fine-tuning is missing.
    """
    settings = settings or NewWordSettings()
    _check(model, replay, settings)
    model.eval()
    occurrences = Examples.found(model, words, examples, settings.examples)
    _check_examples(occurrences, settings)
    text = sample_text(model, settings.text_words, settings.seed)
    text_rows = row_log_probs(model, text.state)  # [G, R]
    context_sets = ContextSets.collect(model, words, occurrences, like, text, text_rows, settings)
    assignment = CellAssignment(model, context_sets, text, text_rows, settings)
    new = _with_assigned_cells(model, words, counts, assignment, settings.grow)
    targets = counts / (model.vocabulary.counts.sum() + counts.sum())  # [W]
    calibrate(new, targets, text.state, draws=settings.row_contexts, seed=settings.seed)
    example_ids = _encode(new, occurrences.sentences)
    if settings.move and replay is not None:
        _reallocate(new, replay, example_ids, like, settings, say)
    if settings.finetune:
        _fine_tune(model, new, replay, example_ids, settings, settings.finetune)
    if settings.changes_network:
        state = read_text(new, text.ids).state
        calibrate(new, targets, state, draws=settings.row_contexts, seed=settings.seed)
    return new, _measure(model, new, targets, len(set(occurrences.words)), settings)


def remove_words(model: LightRNN, words: Sequence[str]) -> LightRNN:
    """A copy of the model without these known words, which are no marks; their cells are free."""
    ids = model.vocabulary.encode(words)
    return model.with_words(model.vocabulary.without(ids), model.table.without(ids))


def _check(model: LightRNN, replay: Corpus | None, settings: NewWordSettings) -> None:
    if not model.settings.cell_bias:
        raise InputError(
            "the model has no biases of cells, which set how probable a new word is",
            remedy="take a model that was trained with --cell-bias",
        )
    if settings.move and replay is None:
        raise InputError(
            "no text that tells where the old words belong",
            remedy="give text such as the model was trained on by --replay, or leave out --move",
        )


def _check_examples(examples: Examples, settings: NewWordSettings) -> None:
    if settings.finetune and not examples.sentences:
        raise InputError(
            "no example sentence holds one of the new words",
            expected="sentences to train on",
            remedy="give sentences with the new words by --text, or leave out --finetune",
        )


def _with_assigned_cells(
    model: LightRNN, words: Sequence[str], counts: np.ndarray, assignment: CellAssignment, grow: str
) -> LightRNN:
    """The model with the words in their cells, not yet calibrated."""
    free = assignment.find_free_cells(grow)
    added_rows = len(free.source_rows) - model.table.rows
    added_columns = len(free.source_columns) - model.table.columns
    table = model.table.grown(added_rows, added_columns).with_words(assignment.cells(free))
    whole_counts = np.maximum(np.rint(counts), 1).astype(np.int64)
    vocabulary = model.vocabulary.with_words(words, whole_counts)
    return model.with_words(vocabulary, table, free.source_rows, free.source_columns)


# ---- reallocation and fine-tuning ----


def _encode(model: LightRNN, sentences: Iterable[Sequence[str]]) -> np.ndarray:
    """[N] ids of sentences, with `</s>` after each."""
    return model.vocabulary.encode(
        list(chain.from_iterable((*sentence, SENTENCE_END) for sentence in sentences))
    )


def _reallocate(
    model: LightRNN,
    replay: Corpus,
    examples: np.ndarray,
    like: Sequence[str],
    settings: NewWordSettings,
    say: Callable[[str], None],
) -> None:
    """Reallocate all words, old and new, in place, unless the perplexity rises.

    Words without an occurrence in the text get the costs of similar words.
    """
    ids = np.concatenate([replay.ids[: settings.reallocation.cost_words], examples])
    lists = [model.vocabulary.encode(like)] if like else []
    table = model.table
    parameters = {name: value.clone() for name, value in model.state_dict().items()}
    before = _perplexity_of(model, ids)
    reallocation = replace(settings.reallocation, cost_words=len(ids))
    report = reallocate(model, Corpus(ids), reallocation, lists=lists)
    after = _perplexity_of(model, ids)
    say(f"old words move: {report.describe()}; perplexity {before:.2f} before, {after:.2f} after")
    if after > before:
        # Each cost assumes that all other words stay, so all moves together can do harm.
        model.set_table(table)
        model.load_state_dict(parameters)
        say("the reallocation is undone: the perplexity would rise")


def _perplexity_of(model: LightRNN, ids: np.ndarray) -> float:
    """Perplexity of the end of a text [N], where the examples are."""
    streams = max(1, min(64, len(ids) // 512))
    return perplexity(log_probs_of(model, ids[-_TEST_WORDS:], batch_size=streams))


def _fine_tune(
    old: LightRNN,
    new: LightRNN,
    replay: Corpus | None,
    examples: np.ndarray,
    settings: NewWordSettings,
    steps: int,
) -> None:
    """Fine-tune on the examples and the replayed text, or text sampled from the old model."""
    fine_tuning = settings.fine_tuning
    if replay is None:
        words = min(fine_tuning.replayed_words(steps), fine_tuning.replay_words)
        ids = sample_text(old, words, settings.seed + 2).ids.T.ravel()
    else:
        ids = replay.ids
    fine_tune(new, examples, ids, fine_tuning, steps=steps, seed=settings.seed)


# ---- the report ----


def _measure(
    model: LightRNN,
    new: LightRNN,
    targets: np.ndarray,
    with_examples: int,
    settings: NewWordSettings,
) -> Addition:
    """Compare both models on sampled text that was not used for the calibration."""
    text = sample_text(model, math.ceil(settings.text_words / 2), settings.seed + 1)
    ids = np.arange(len(model.vocabulary), len(new.vocabulary))
    streams = text.ids.shape[1]
    old_perplexity, new_perplexity = (
        perplexity(log_probs_of(each, text.ids.T.ravel(), batch_size=streams, bptt=16))
        for each in (model, new)
    )
    state = read_text(new, text.ids).state if settings.changes_network else text.state
    mass = float(mean_probabilities(new, ids, state, draws=settings.row_contexts).sum())
    return Addition(
        words=len(ids),
        with_examples=with_examples,
        rows=new.table.rows - model.table.rows,
        columns=new.table.columns - model.table.columns,
        target_mass=float(targets.sum()),
        mass=mass,
        old_perplexity=old_perplexity,
        new_perplexity=new_perplexity,
    )
