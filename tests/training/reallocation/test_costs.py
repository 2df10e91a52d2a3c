"""Costs in factors against the plain products, and kept for a later call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_model

from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.reallocation.costs import CellCosts, LineCosts, cell_costs, costs_key

EVERY = slice(None)


def make_line_costs(words: int = 7, lines: int = 5, factors: int = 3) -> LineCosts:
    draw = np.random.default_rng(1)
    return LineCosts(
        draw.standard_normal((words, factors)).astype(np.float32),
        draw.standard_normal((lines, factors)).astype(np.float32),
        draw.random(words),
    )


def make_corpus() -> Corpus:
    return Corpus(np.random.default_rng(3).integers(0, 11, 500).astype(np.uint32))


def test_blocks_are_the_products() -> None:
    costs = make_line_costs()
    whole = np.array(
        [
            [costs.constants[w] - float(costs.words[w] @ costs.lines[line]) for line in range(5)]
            for w in range(7)
        ]
    )
    assert costs.shape == (7, 5)
    np.testing.assert_allclose(costs.block(EVERY, EVERY), whole, rtol=1e-5, atol=1e-6)
    words, lines = np.array([4, 0]), np.array([3, 1, 2])
    np.testing.assert_allclose(
        costs.block(words, lines), whole[words][:, lines], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        costs.of(words, lines[:2]), whole[words, lines[:2]], rtol=1e-5, atol=1e-6
    )
    assert (
        costs.block(words, lines).dtype == np.float32
        and costs.of(words, lines[:2]).dtype == np.float64
    )


@pytest.mark.parametrize("part", ["words", "lines", "constants"])
def test_what_is_not_finite_is_found(part: str) -> None:
    costs = make_line_costs()
    assert costs.is_finite()
    getattr(costs, part).flat[2] = np.nan
    assert not costs.is_finite()


def test_tokens_and_progress() -> None:
    model, corpus = make_model(), make_corpus()
    read: list[int] = []
    costs = cell_costs(model, corpus, batch_size=4, bptt=30, advance=read.append)
    assert costs.tokens.tolist() == np.bincount(corpus.ids, minlength=11).tolist()
    assert sum(read) == 500


def test_kept_for_the_same_call_only(tmp_path: Path) -> None:
    model, corpus = make_model(), make_corpus()
    costs, path = cell_costs(model, corpus), tmp_path / "costs.npz"
    assert CellCosts.load(path, "a") is None
    costs.save(path, "a")
    assert CellCosts.load(path, "b") is None
    again = CellCosts.load(path, "a")
    assert again is not None
    for mine, theirs in zip((*costs[:2], costs.tokens), (*again[:2], again.tokens), strict=True):
        if isinstance(mine, LineCosts) and isinstance(theirs, LineCosts):
            assert all(
                np.array_equal(getattr(mine, name), getattr(theirs, name))
                for name in ("words", "lines", "constants")
            )
        else:
            assert np.array_equal(mine, theirs)  # type: ignore[arg-type]


def test_key_tells_models_texts_and_tables_apart() -> None:
    model, corpus = make_model(), make_corpus()
    keys = [
        costs_key(model, corpus),
        costs_key(model, Corpus(corpus.ids[:-1])),
        costs_key(make_model(seed=1, table=model.table), corpus),
    ]
    model.set_table(WordTable(model.table.rows, model.table.columns, np.roll(model.table.cells, 1)))
    keys.append(costs_key(model, corpus))
    model.set_table(
        WordTable(model.table.rows, model.table.columns, np.roll(model.table.cells, -1))
    )
    assert len(set(keys)) == 4 and costs_key(model, corpus) == keys[0]
    with torch.no_grad():
        model.cell_bias[0, 0] += 1
    assert costs_key(model, corpus) != keys[0]
