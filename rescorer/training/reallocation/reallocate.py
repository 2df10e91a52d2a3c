"""Reallocation: a trained network's words get the cells of least total cost.

Source: Li et al., NIPS 2016, section 3.3.

Shapes: V vocabulary, R rows, C columns, K columns with residual embeddings, E numbers of a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescorer.models.lightrnn import LightRNN
from rescorer.models.lightrnn.initial_biases import head_word_log_odds
from rescorer.models.word_table import WordTable
from rescorer.progress import Progress, silent
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation.assign import Assignment, assign
from rescorer.training.reallocation.costs import CellCosts, cell_costs, costs_key
from rescorer.training.reallocation.unseen import back_off_unseen
from rescorer.training.settings import ReallocationSettings

# Files by which an interrupted call resumes.
_COSTS, _BLOCKS = "costs.npz", "blocks.npz"


def reallocate(
    model: LightRNN,
    corpus: Corpus,
    settings: ReallocationSettings,
    *,
    lists: Sequence[NDArray[np.int64]] = (),
    work: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> Assignment:
    """Measure the costs of all words in all cells, assign the words, and move them in place.

    Args:
        lists: ids of words of one kind (places, surnames, …), from which zero-count words get their
            costs.
        work: a folder from which an interrupted call resumes, with the same model, text and
            settings; its files are removed at the end.
        say: takes one line about each stage.
        progress: gets the words on which costs were measured, then the blocks assigned.
    """
    text = Corpus(corpus.ids[: settings.cost_words])
    costs = _measured_costs(model, text, settings, lists, work, progress)
    bonus = settings.min_gain * np.maximum(costs.tokens, settings.unseen_weight)
    result = assign(
        costs.rows,
        costs.columns,
        start=model.table.cells,
        settings=settings.assignment,
        stay_bonus=bonus,
        progress=lambda stage, cost, seconds: say(f"{stage}: {cost:.0f} nats, {seconds:.0f} s"),
        checkpoint=work / _BLOCKS if work else None,
        advance=partial(progress, "assigning words"),
        device=model.device,
    )
    move(model, WordTable(model.table.rows, model.table.columns, result.cells))
    if work:
        for name in (_COSTS, _BLOCKS):
            (work / name).unlink(missing_ok=True)
    return result


def _measured_costs(
    model: LightRNN,
    text: Corpus,
    settings: ReallocationSettings,
    lists: Sequence[NDArray[np.int64]],
    work: Path | None,
    progress: Progress,
) -> CellCosts:
    """The costs: measured here, or read from the file of an interrupted call."""
    key = f"{settings.unseen_weight}-{costs_key(model, text)}"
    if work and (saved := CellCosts.load(work / _COSTS, key)):
        return saved
    measured = 0

    def advance(words: int) -> None:
        nonlocal measured
        measured += words
        progress("measuring costs", measured, len(text))

    costs = cell_costs(
        model, text, batch_size=settings.batch_size, bptt=settings.bptt, advance=advance
    )
    back_off_unseen(costs, model.vocabulary.words, lists, settings.unseen_weight)
    if work:
        costs.save(work / _COSTS, key)
    return costs


@torch.no_grad()
def move(model: LightRNN, table: WordTable) -> None:
    """Give a model a table of the same shape, in place, and let its parameters follow the words.

    The bias and the residual embeddings of a cell move with its word; a word in a column without
    residual embeddings loses them. The embeddings of rows and columns stay, because the costs were
    measured with them. A row's bias grows by the log of the ratio of its words' counts, after to
    before. Its residual row score changes by the difference of the head words' log odds.
    """
    old = model.table
    weights = np.maximum(model.vocabulary.counts, 1).astype(np.float64)
    if model.settings.cell_bias:
        _move_with_words(model.cell_bias[..., None], old, table)
    for embeddings in model.residual_parameters():
        by_cell = embeddings.view(old.rows, -1, model.settings.residual_dim)
        _move_with_words(by_cell, old, table)
    model.row_out.bias.add_(_log_growth(old, table, weights).to(model.device))
    if model.settings.has_residual_row_score:
        before = head_word_log_odds(old, weights)
        after = head_word_log_odds(table, weights)
        model.head_word_log_odds.add_((after - before).to(model.device))
    model.set_table(table)


def _move_with_words(values: Tensor, old: WordTable, new: WordTable) -> None:
    """Move the values [R, K, E] of the cells of the first K columns with their words, in place.

    A cell whose new word had no value gets 0.
    """
    size = values.shape[1]
    words = np.flatnonzero((old.column_of < size) & (new.column_of < size))

    def index(numbers: NDArray[np.int64]) -> Tensor:
        return torch.as_tensor(numbers[words], device=values.device)

    moved = torch.zeros_like(values)
    old_values = values[index(old.row_of), index(old.column_of)]
    moved[index(new.row_of), index(new.column_of)] = old_values
    values.copy_(moved)


def _log_growth(old: WordTable, new: WordTable, weights: np.ndarray) -> Tensor:
    """[R] log of the ratio of each row's summed weights, new to old; an empty row counts as 1."""
    before = np.maximum(np.bincount(old.row_of, weights, old.rows), 1.0)
    after = np.maximum(np.bincount(new.row_of, weights, new.rows), 1.0)
    return torch.as_tensor(np.log(after / before)).float()
