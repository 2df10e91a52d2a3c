"""New words without retraining: the model stays a distribution, and old words barely change."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, make_model
from tiny_new_words import COLUMNS, KINDS, NEW, QUICK, TABLES, added, distributions, total

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_table import WordTable
from rescorer.training.new_words.add_words import add_words, remove_words
from rescorer.training.settings import GROW, NewWordSettings

# ---- a model is still one ----


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_probabilities_sum_to_one(table: WordTable, kind: dict[str, Any]) -> None:
    model = make_model(11, table, **kind)
    new = added(model)
    assert new.vocabulary.words == (*WORDS, *NEW)
    assert len(np.unique(new.table.cells)) == 15
    torch.testing.assert_close(total(new), torch.ones(12, dtype=torch.float64), atol=1e-5, rtol=0)
    fewer = remove_words(new, ["yak", "cat"])
    assert (
        "yak" not in fewer.vocabulary
        and "cat" not in fewer.vocabulary
        and "gnu" in fewer.vocabulary
    )
    torch.testing.assert_close(total(fewer), torch.ones(12, dtype=torch.float64), atol=1e-5, rtol=0)


def test_a_model_tells_the_words_that_it_was_given_from_those_it_learnt(tmp_path: Path) -> None:
    words = ["cat", "emu", "yak", "gnat"]
    model = make_model()
    assert model.has_learnt(words).tolist() == [True, False, False, False]
    new = added(model, ["emu", "yak"])
    new.save(tmp_path / "new.pt")
    for each in (new, LightRNN.load(tmp_path / "new.pt"), added(new, ["gnat"])):
        assert each.knows(words[:3]).all() and each.has_learnt(words).tolist() == [
            True,
            False,
            False,
            False,
        ]
    fewer = remove_words(new, ["emu", "cat"])
    assert fewer.added_words == {"yak"} and not fewer.has_learnt(words).any()
    assert remove_words(new, ["emu", "yak"]).as_dict().keys() == model.as_dict().keys()


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_adding_then_removing_changes_nothing(table: WordTable, kind: dict[str, Any]) -> None:
    """Exactly where the table has not grown; a grown one rounds its sums otherwise."""
    model = make_model(11, table, **kind)
    new = added(model, count=5.0)
    again = remove_words(new, NEW)
    assert again.vocabulary.words == model.vocabulary.words
    assert again.vocabulary.counts.tolist() == model.vocabulary.counts.tolist()
    found, expected = distributions(again), distributions(model)
    if new.table.rows == model.table.rows:
        assert torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_old_words_lose_what_the_new_ones_get(table: WordTable) -> None:
    """A word's probability shrinks by the share of the new words among the rows and in its row, and
    by no more.
    """
    model = make_model(11, table)
    new = added(model, count=2.0)
    before, after = distributions(model).double().exp(), distributions(new).double().exp()
    assert (after[:, :11] <= before + 1e-6).all()
    lost = (before - after[:, :11]).sum(1)
    torch.testing.assert_close(lost, after[:, 11:].sum(1), atol=1e-5, rtol=0)


def test_the_old_model_stays_as_it_is() -> None:
    model = make_model(11, TABLES["one free"])
    before, table, words = (
        copy.deepcopy(model.state_dict()),
        model.table.cells.copy(),
        model.vocabulary.words,
    )
    new = added(model)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert model.table.cells.tolist() == table.tolist() and model.vocabulary.words == words
    assert new.table.cells[:11].tolist() == table.tolist()
    for name, value in before.items():
        mine = new.state_dict()[name][: len(value)]
        changed = (mine != value).nonzero()
        if name == "cell_bias":
            assert all(new.table.words[row, column] >= 11 for row, column in changed.tolist())
        else:
            assert not len(changed), name


def test_a_full_table_grows_by_rows() -> None:
    model = make_model(9, WordTable.shaped(9, 3, 3))
    new, report = add_words(model, NEW, np.ones(4), settings=QUICK)
    assert (new.table.rows, new.table.columns, report.rows) == (5, 3, 2)
    assert (new.table.row_of[9:] >= 3).all()
    parents = [
        [torch.equal(new.row_in.weight[row], model.row_in.weight[old]) for old in range(3)]
        for row in (3, 4)
    ]
    assert all(sum(parent) == 1 for parent in parents)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    "table",
    [TABLES["full"], WordTable.shaped(11, 1, 11), TABLES["free row"]],
    ids=["tall", "wide", "free row"],
)
def test_a_full_table_grows_by_columns(table: WordTable, kind: dict[str, Any]) -> None:
    """Each a copy of an old column; the probabilities sum to 1, and come back when the words go."""
    model = make_model(11, table, **kind)
    new, report = add_words(model, [*NEW, "kudu", "lynx"], np.full(6, 2.0), settings=COLUMNS)
    assert report.rows == 0 and report.columns == new.table.columns - table.columns > 0
    assert new.table.row_of[:11].tolist() == table.row_of.tolist()
    assert new.table.column_of[:11].tolist() == table.column_of.tolist()
    for column in range(table.columns, new.table.columns):
        assert any(
            torch.equal(new.column_in.weight[column], model.column_in.weight[old])
            and torch.equal(new.column_out.weight[column], model.column_out.weight[old])
            and new.column_out.bias[column] == model.column_out.bias[old]
            for old in range(table.columns)
        )
    torch.testing.assert_close(total(new), torch.ones(12, dtype=torch.float64), atol=1e-5, rtol=0)
    assert report.mass == pytest.approx(report.target_mass, rel=0.2)
    again = remove_words(new, [*NEW, "kudu", "lynx"])
    torch.testing.assert_close(distributions(again), distributions(model), atol=1e-5, rtol=0)


@pytest.mark.parametrize("grow", GROW)
def test_a_column_without_words_is_initialised_first(grow: str) -> None:
    model = make_model(9, WordTable(3, 4, np.array([0, 1, 2, 4, 5, 6, 8, 9, 10])))
    new = add_words(model, ["emu", "yak"], np.ones(2), settings=replace(QUICK, grow=grow))[0]
    assert (new.table.rows, new.table.columns) == (3, 4) and set(new.table.column_of[9:]) == {3}
    assert any(
        torch.equal(new.column_in.weight[3], model.column_in.weight[old]) for old in range(3)
    )
    assert torch.allclose(total(new), torch.ones(1, dtype=torch.float64), atol=1e-5)


def test_a_column_left_by_its_words_serves_the_next() -> None:
    model = make_model(9, WordTable.shaped(9, 3, 3))
    first = added(model, ["emu", "yak"], settings=COLUMNS)
    second = added(remove_words(first, ["emu", "yak"]), ["gnu"], settings=COLUMNS)
    assert (
        (second.table.rows, second.table.columns)
        == (3, 4)
        == (first.table.rows, first.table.columns)
    )


def test_a_row_without_words_is_initialised_first() -> None:
    """What a row never used holds was never learnt."""
    model = make_model(11, TABLES["free row"])
    new = added(model, ["emu", "yak", "gnu"])
    assert new.table.rows == 4
    assert any(torch.equal(new.row_in.weight[1], model.row_in.weight[old]) for old in (0, 2, 3))


def test_forward_pass_and_history_steps_agree() -> None:
    model = added(make_model(11, TABLES["one free"]))
    words = ["the", "emu", "sat", "on", "yak", "</s>"]
    with torch.no_grad():
        expected = model(model.encode(words)[:, None], model.start_states(1))[0].sum().item()
    assert model.logprob(words[:-1]) == pytest.approx(expected, abs=1e-4)


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = added(make_model(11, TABLES["full"]))
    model.save(tmp_path / "new.pt")
    again = LightRNN.load(tmp_path / "new.pt")
    assert again.vocabulary.words == model.vocabulary.words
    assert torch.equal(distributions(again), distributions(model))


def test_the_same_seed_gives_the_same_model() -> None:
    model = make_model(11, TABLES["full"])
    torch.manual_seed(1)
    first = added(model)
    torch.manual_seed(2)
    second = added(model)
    assert first.table.cells.tolist() == second.table.cells.tolist()
    assert all(
        torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items()
    )


def test_on_another_device(device: str) -> None:
    model = make_model(11, TABLES["full"]).to(device)
    new = added(model)
    assert new.device.type == device
    torch.testing.assert_close(
        total(new.cpu()), torch.ones(12, dtype=torch.float64), atol=1e-5, rtol=0
    )


def test_without_biases_of_cells() -> None:
    with pytest.raises(InputError, match=r"no biases of cells.*remedy"):
        added(make_model(11, TABLES["full"], cell_bias=False))


def test_without_growing() -> None:
    settings = NewWordSettings(text_words=512, grow="no")
    model = make_model(11, TABLES["free cells"])
    assert added(model, settings=settings).table.rows == 4
    with pytest.raises(InputError, match=r"6 new words; expected at most 5.*remedy: .*--grow"):
        added(model, [*NEW, "a1", "b1"], settings=settings)


@pytest.mark.parametrize(
    "bad",
    [
        {"prior": 0.0},
        {"prior": float("inf")},
        {"text_words": 0},
        {"examples": 0},
        {"like_weight": -1.0},
        {"grow": "up"},
        {"row_contexts": 0},
        {"like_contexts": 0},
    ],
)
def test_settings_check_themselves(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        NewWordSettings(**bad)
