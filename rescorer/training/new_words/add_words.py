"""New words in a trained LightRNN, by reallocation: each goes to the free cell that the network
expects it in.

What a word would cost in each row and column is read from the network itself, in the contexts of
the word. All new words are then assigned at once, and the biases of their cells are set so that
each has the mean probability that its pseudo-count asks for. Where it is asked for, old words move
as well, and the network is trained on, on the sentences of the new words beside old text.

Shapes: W new words, G contexts of sampled text, R rows, N words of a text, D width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
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
from rescorer.training.new_words.context_sets import ContextSets, ContextSettings, Examples
from rescorer.training.new_words.contexts import read_text, row_log_probs, sample_text
from rescorer.training.new_words.finetune import FineTuningSettings, fine_tune
from rescorer.training.new_words.free_cells import GROW
from rescorer.training.reallocation.reallocate import ReallocationSettings, reallocate

_JUDGED = 200_000  # words of text by which it is told whether moves did good


@dataclass(frozen=True)
class NewWordSettings(ContextSettings):
    """How words are added.

    Attributes:
        prior: the pseudo-count of a word without one: its mean probability is that of a word seen
            so often in the text that the vocabulary was counted on.
        grow: what the table gets more of where the free cells are too few: "rows", "columns" or
            "no".
        move: old words move as well, on the replayed text.
        fine_tuning: how the network is then trained; None: it is not.
        reallocation: how old words move: a word of which the text says nothing shall stay.
    """

    prior: float = 1.0
    grow: str = "rows"
    move: bool = False
    fine_tuning: FineTuningSettings | None = None
    reallocation: ReallocationSettings = field(
        default_factory=lambda: ReallocationSettings(min_gain=0.01)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.prior < math.inf:
            raise ValueError(f"prior = {self.prior}: expected more than 0")
        if self.grow not in GROW:
            raise ValueError(f"grow = {self.grow!r}: expected one of {', '.join(GROW)}")


@dataclass(frozen=True)
class Addition:
    """What adding words did to a model.

    Attributes:
        words: how many were added.
        with_examples: how many of them the example sentences hold.
        rows, columns: how many the table grew by.
        asked: the mean probability that the new words were to have together.
        mass: what they have on other text sampled from the old model.
        old_perplexity, new_perplexity: of that text, under the old model and the new one.
    """

    words: int
    with_examples: int
    rows: int
    columns: int
    asked: float
    mass: float
    old_perplexity: float
    new_perplexity: float

    def describe(self) -> str:
        change = 100 * (self.new_perplexity / self.old_perplexity - 1)
        grown = f"{self.columns} columns" if self.columns else f"{self.rows} rows"
        return (
            f"{self.words} words added, {self.with_examples} of them with examples, {grown} more; "
            f"they have {self.mass:.3g} of the probability ({self.asked:.3g} asked for); perplexity of sampled "
            f"text {self.old_perplexity:.3f} before, {self.new_perplexity:.3f} after ({change:+.4f} %)"
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
    """A model that knows more words, on the same device; the given one stays as it is.

    Unless words move or the network is trained on, the parameters of the old words stay, so that
    each of their probabilities is what it was times the share that the new words leave, of all rows
    and of its own row. Time O(contexts · (D² + D·R)), memory W · R float32.

    Args:
        words: W ≥ 1 words that the model does not know, in the case of its vocabulary.
        counts: [W] their pseudo-counts, each > 0.
        examples: sentences; those that hold a new word are its contexts. Other unknown words are
            read as `<unk>`.
        like: known words that the new ones are like; without them, those that share a beginning or
            an end.
        replay: old text, for words that move and for fine-tuning; that does without, on sampled
            text.
        say: takes a line for each thing that happened on the way.

    Raises:
        InputError: the model has no biases of cells, or there are too few free cells and none may
            be added; there is nothing to move or to train on.
    """
    settings = settings or NewWordSettings()
    _check(model, replay, settings)
    model.eval()
    found = Examples.found(model, words, examples, settings.examples)
    if settings.fine_tuning and not found.sentences:
        raise InputError(
            "no example sentence holds one of the new words",
            expected="sentences to train on",
            remedy="give sentences with the new words by --text, or leave out --finetune",
        )
    text = sample_text(model, settings.text_words, settings.seed)
    text_rows = row_log_probs(model, text.state)  # [G, R]
    context_sets = ContextSets.collect(model, words, found, like, text, text_rows, settings)
    new = _with_assigned_cells(
        model,
        words,
        counts,
        CellAssignment(model, context_sets, text, text_rows, settings),
        settings.grow,
    )
    targets = counts / (model.vocabulary.counts.sum() + counts.sum())  # [W]
    calibrate(new, targets, text.state, draws=settings.row_contexts, seed=settings.seed)
    lines = _encoded(new, found.sentences)
    if settings.move and replay is not None:
        _move(new, replay, lines, like, settings, say)
    if settings.fine_tuning:
        _fine_tune(model, new, replay, lines, settings, settings.fine_tuning)
    if settings.move or settings.fine_tuning:
        calibrate(
            new,
            targets,
            read_text(new, text.ids).state,
            draws=settings.row_contexts,
            seed=settings.seed,
        )
    return new, _measured(model, new, targets, len(set(found.words)), settings)


def remove_words(model: LightRNN, words: Sequence[str]) -> LightRNN:
    """A model that no longer knows these words, known ones and no marks; their cells are free."""
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


def _with_assigned_cells(
    model: LightRNN, words: Sequence[str], counts: np.ndarray, assignment: CellAssignment, grow: str
) -> LightRNN:
    """The model with the words in their cells, not yet calibrated."""
    room = assignment.room(grow)
    rows, columns = (
        len(room.source_rows) - model.table.rows,
        len(room.source_columns) - model.table.columns,
    )
    table = model.table.grown(rows, columns).with_words(assignment.cells(room))
    vocabulary = model.vocabulary.with_words(words, np.maximum(np.rint(counts), 1).astype(np.int64))
    return model.with_words(vocabulary, table, room.source_rows, room.source_columns)


# ---- old words move, the network is trained on ----


def _encoded(model: LightRNN, sentences: Iterable[Sequence[str]]) -> np.ndarray:
    """[N] ids of sentences, `</s>` after each."""
    return model.vocabulary.encode(
        list(chain.from_iterable((*sentence, SENTENCE_END) for sentence in sentences))
    )


def _move(
    model: LightRNN,
    replay: Corpus,
    examples: np.ndarray,
    like: Sequence[str],
    settings: NewWordSettings,
    say: Callable[[str], None],
) -> None:
    """Give all words, old and new, the cells that suit them best; those that no text holds, by
    words like them.
    """
    how = settings.reallocation
    ids = np.concatenate([replay.ids[: how.cost_words], examples])
    lists = [model.vocabulary.encode(like)] if like else []
    table, parameters = (
        model.table,
        {name: value.clone() for name, value in model.state_dict().items()},
    )
    before = _perplexity_of(model, ids)
    report = reallocate(model, Corpus(ids), replace(how, cost_words=len(ids)), lists=lists)
    after = _perplexity_of(model, ids)
    say(f"old words move: {report.describe()}; perplexity {before:.2f} before, {after:.2f} after")
    if after > before:
        # The costs are those of one word's move while all others stay.
        model.set_table(table)
        model.load_state_dict(parameters)
        say("they stay where they were: all moves together make the text less probable")


def _perplexity_of(model: LightRNN, ids: np.ndarray) -> float:
    """Of the end of a text [N], where the examples are."""
    return perplexity(
        log_probs_of(model, ids[-_JUDGED:], batch_size=max(1, min(64, len(ids) // 512)))
    )


def _fine_tune(
    old: LightRNN,
    new: LightRNN,
    replay: Corpus | None,
    examples: np.ndarray,
    settings: NewWordSettings,
    how: FineTuningSettings,
) -> None:
    """Train on the examples, beside the replayed text or what the old model says when left to
    itself.
    """
    if replay is None:
        words = min(how.replayed_words, how.replay_words)
        ids = sample_text(old, words, settings.seed + 2).ids.T.ravel()
    else:
        ids = replay.ids
    fine_tune(new, examples, ids, how, seed=settings.seed)


# ---- what came of it ----


def _measured(
    model: LightRNN,
    new: LightRNN,
    targets: np.ndarray,
    with_examples: int,
    settings: NewWordSettings,
) -> Addition:
    """On text that no bias was fitted to."""
    text = sample_text(model, -(-settings.text_words // 2), settings.seed + 1)
    ids = np.arange(len(model.vocabulary), len(new.vocabulary))
    streams = text.ids.shape[1]
    before, after = (
        perplexity(log_probs_of(each, text.ids.T.ravel(), batch_size=streams, bptt=16))
        for each in (model, new)
    )
    state = read_text(new, text.ids).state if settings.move or settings.fine_tuning else text.state
    mass = float(mean_probabilities(new, ids, state, draws=settings.row_contexts).sum())
    return Addition(
        len(ids),
        with_examples,
        new.table.rows - model.table.rows,
        new.table.columns - model.table.columns,
        float(targets.sum()),
        mass,
        before,
        after,
    )
