"""Reallocation: the words are placed anew in the table, each where the trained network expects it.

Source: Li et al., NIPS 2016, section 3.3. Shapes: N words of text, V vocabulary, R rows, C columns,
D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from rescorer.models.lightrnn import LightRNN
from rescorer.models.lightrnn.initial_biases import head_word_log_odds
from rescorer.models.word_table import WordTable
from rescorer.settings import check, setting
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation.assign import Assignment, AssignmentSettings, assign
from rescorer.training.reallocation.costs import CellCosts, cell_costs, costs_key
from rescorer.training.reallocation.unseen import back_off_unseen

_COSTS, _BLOCKS = "costs.npz", "blocks.npz"  # of a call that was cut


@dataclass(frozen=True)
class ReallocationSettings:
    """How the words of a trained network are assigned to cells anew."""

    cost_words: int = setting(
        20_000_000,
        "Words of the text, from its beginning, that the costs are measured on.",
        minimum=1,
    )
    unseen_weight: float = setting(
        0.5,
        "Tokens that a word without any counts as, at the costs of similar words.",
        above=0,
        option=False,
    )
    min_gain: float = setting(0.0, "Nats a token that a move must save.", minimum=0, option=False)
    batch_size: int = setting(64, "Streams of text read side by side.", minimum=1, option=False)
    bptt: int = setting(64, "Words read at a time.", minimum=1, option=False)
    assignment: AssignmentSettings = setting(AssignmentSettings(), "How cells are assigned.")

    def __post_init__(self) -> None:
        check(self)


def reallocate(
    model: LightRNN,
    corpus: Corpus,
    settings: ReallocationSettings,
    *,
    lists: Sequence[NDArray[np.int64]] = (),
    work: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> Assignment:
    """Measure what each cell would cost each word, place the words at least cost, and move them.

    Args:
        lists: ids of words of one kind (places, surnames, …): by them a word that the text lacks is
            priced.
        work: a folder by which a call that was cut goes on, with the same model, text and settings;
            empty afterwards.
        say: told what each stage reached.
        progress: show bars with the time left.
    """
    text = Corpus(corpus.ids[: settings.cost_words])
    costs = _costs(model, text, settings, lists, work, progress)
    bonus = settings.min_gain * np.maximum(costs.tokens, settings.unseen_weight)
    with tqdm(unit="block", disable=not progress) as bar:
        result = assign(
            costs.rows,
            costs.columns,
            start=model.table.cells,
            settings=settings.assignment,
            stay_bonus=bonus,
            progress=lambda stage, cost, seconds: say(f"{stage}: {cost:.0f} nats, {seconds:.0f} s"),
            checkpoint=work / _BLOCKS if work else None,
            advance=lambda done, of: _show(bar, done, of),
            device=model.device,
        )
    move(model, WordTable(model.table.rows, model.table.columns, result.cells))
    if work:
        for name in (_COSTS, _BLOCKS):
            (work / name).unlink(missing_ok=True)
    return result


def _costs(
    model: LightRNN,
    text: Corpus,
    settings: ReallocationSettings,
    lists: Sequence[NDArray[np.int64]],
    work: Path | None,
    progress: bool,
) -> CellCosts:
    """Measured, or read where a call that was cut had measured them."""
    key = f"{settings.unseen_weight}-{costs_key(model, text)}"
    if work and (saved := CellCosts.load(work / _COSTS, key)):
        return saved
    with tqdm(
        total=len(text), unit="tok", unit_scale=True, mininterval=2.0, disable=not progress
    ) as bar:
        costs = cell_costs(
            model, text, batch_size=settings.batch_size, bptt=settings.bptt, advance=bar.update
        )
    back_off_unseen(costs, model.vocabulary.words, lists, settings.unseen_weight)
    if work:
        costs.save(work / _COSTS, key)
    return costs


def _show(bar: Any, done: int, of: int) -> None:
    bar.total = of
    bar.update(done - bar.n)


@torch.no_grad()
def move(model: LightRNN, table: WordTable) -> None:
    """Put the words of a model in the cells of a table of the same shape.

    The bias of a cell and its own vectors go with its word, the vectors as far as the columns that
    have some. Vectors of rows and columns stay: the costs are those of the vectors as they are, and
    means of what the words had did worse (benchmarks/README.md). A row's bias grows by the log of
    how many times as frequent its words are now, and its odds by that of how much more its first
    word stands out.
    """
    old = model.table
    weights = np.maximum(model.vocabulary.counts, 1).astype(np.float64)
    if model.settings.cell_bias:
        _follow(model.cell_bias[..., None], old, table)
    for vectors in model.residual_parameters():
        _follow(vectors.view(old.rows, -1, model.settings.residual_dim), old, table)
    model.row_out.bias.add_(_growth(old, table, weights).to(model.device))
    if model.settings.has_residual_row_score:
        before, after = (head_word_log_odds(each, weights) for each in (old, table))
        model.head_word_log_odds.add_((after - before).to(model.device))
    model.set_table(table)


def _follow(values: Tensor, old: WordTable, new: WordTable) -> None:
    """What the cells of the first K columns hold [R, K, E] goes with their words, in place; other
    words bring 0.
    """
    size = values.shape[1]
    kept = np.flatnonzero((old.column_of < size) & (new.column_of < size))
    moved = torch.zeros_like(values)
    (old_rows, old_columns), (new_rows, new_columns) = (
        (
            torch.as_tensor(line[kept], device=values.device)
            for line in (table.row_of, table.column_of)
        )
        for table in (old, new)
    )
    moved[new_rows, new_columns] = values[old_rows, old_columns]
    values.copy_(moved)


def _growth(old: WordTable, new: WordTable, weights: np.ndarray) -> Tensor:
    """[R] log of how many times as frequent the words of each row are now; without words it is as
    one seen once.
    """
    before, after = (
        np.maximum(np.bincount(table.row_of, weights, table.rows), 1.0) for table in (old, new)
    )
    return torch.as_tensor(np.log(after / before)).float()
