"""New words without retraining: what a model knows of them, and that nothing else changes."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, make_model

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.affixes import affixes, sample_similar_words
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer, TrainingSettings
from rescorer.training.new_words.add_words import NewWordSettings, add_words, remove_words
from rescorer.training.new_words.calibrate import mean_probabilities
from rescorer.training.new_words.contexts import row_log_probs, sample_text, states_after
from rescorer.training.new_words.finetune import FineTuningSettings
from rescorer.training.new_words.free_cells import GROW

QUICK = NewWordSettings(text_words=2048, row_contexts=64)
COLUMNS = NewWordSettings(text_words=2048, row_contexts=64, grow="columns")
TABLES = {
    "free cells": WordTable.shaped(11, 4, 4).shuffled(0),
    "full": WordTable.shaped(11, 11, 1),
    "one free": WordTable.shaped(11, 4, 3).shuffled(1),
    "free row": WordTable(4, 4, np.array([0, 1, 2, 3, 8, 9, 10, 11, 12, 14, 15])),
}
KINDS = [
    {"residual_dim": own, "residual_columns": 2, "tied": tied, "num_layers": num_layers}
    for own, tied, num_layers in itertools.product((0, 2), (True, False), (1, 2))
]
NEW = ("emu", "yak", "gnu", "ibis")


def added(
    model: LightRNN, words: Sequence[str] = NEW, count: float = 1.0, **options: Any
) -> LightRNN:
    options.setdefault("settings", QUICK)
    return add_words(model, words, np.full(len(words), count), **options)[0]


def distributions(model: LightRNN, seed: int = 3, length: int = 12) -> torch.Tensor:
    """[length, V] log P of every word after the beginnings of a random text of old words."""
    words = torch.as_tensor(np.random.default_rng(seed).integers(0, 11, length))
    size = len(model.vocabulary)
    with torch.no_grad():
        text = torch.cat([words[None].T.expand(length, size), torch.arange(size)[None]])
        return torch.stack(
            [
                model(torch.cat([text[:end], text[-1:]]), model.start_states(size))[0][-1]
                for end in range(length)
            ]
        )


def total(model: LightRNN) -> torch.Tensor:
    return distributions(model).double().exp().sum(1)


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
def test_a_column_without_words_is_made_anew_first(grow: str) -> None:
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


def test_a_row_without_words_is_made_anew_first() -> None:
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


# ---- how probable ----


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_mean_probability_is_what_the_count_asks_for(table: WordTable) -> None:
    model = make_model(11, table)
    counts = np.array([1.0, 2.0, 4.0, 0.5])
    new, report = add_words(model, NEW, counts, settings=NewWordSettings(text_words=16384))
    targets = counts / (model.vocabulary.counts.sum() + counts.sum())
    with torch.no_grad():
        text = sample_text(model, 16384, seed=77).ids
        words = torch.as_tensor(text)
        size = text.shape[1]
        before = torch.cat([new.vocabulary.end_id * torch.ones(1, size, dtype=torch.int64), words])[
            :-1
        ]
        state, means = new.start_states(size), torch.zeros(4, dtype=torch.float64)
        for step in range(len(before)):
            if step:
                state = new(before[step : step + 1], state)[1]
            for number in range(4):
                word = torch.full((1, size), 11 + number)
                means[number] += new(word, state)[0].double().exp().mean() / len(before)
    np.testing.assert_allclose(means.numpy(), targets, rtol=0.05)
    assert report.target_mass == pytest.approx(targets.sum())
    assert report.mass == pytest.approx(targets.sum(), rel=0.05)
    found = mean_probabilities(new, np.arange(11, 15), sample_text(model, 16384, seed=77).state)
    np.testing.assert_allclose(found, means.numpy(), rtol=0.05)


def test_more_than_a_row_can_give() -> None:
    """New words never take more than half of a row of old words, whatever their counts."""
    model = make_model(11, TABLES["free cells"])
    new = added(model, ["emu"], count=1e9)
    before, after = distributions(model).double(), distributions(new).double()
    assert (total(new) - 1).abs().max() < 1e-5
    same_row = new.table.row_of[:11] == new.table.row_of[11]
    torch.testing.assert_close(after[:, :11][:, ~same_row], before[:, ~same_row], atol=1e-4, rtol=0)
    assert 0.2 < (before - after[:, :11])[:, same_row].exp().mean() - 1 < 3


# ---- contexts ----


@pytest.mark.parametrize("num_layers", [1, 2])
def test_states_after_histories(num_layers: int) -> None:
    model = make_model(11, num_layers=num_layers)
    histories = [
        np.array(ids, dtype=np.int64) for ids in ([3, 4, 5], [], [7], [2, 2, 2, 9, 1])
    ] * 100
    found = states_after(model, histories)
    for index in (0, 1, 2, 3, 399):
        with torch.no_grad():
            expected = model.start_states(1)
            if len(histories[index]):
                expected = model(torch.as_tensor(histories[index])[:, None], expected)[1]
        for mine, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(mine[:, index], theirs[:, 0], atol=1e-5, rtol=0)


def test_sampled_text_is_distributed_as_the_model_says() -> None:
    model = make_model(11, TABLES["free cells"])
    text = sample_text(model, 20_000, seed=5)
    assert text.ids.min() >= 0
    first = np.bincount(sample_text(model, 256, seed=5).ids[0], minlength=11)
    assert first.sum() == 256
    # [R] what the rows' probabilities sum to
    expected = row_log_probs(model, text.state).exp().sum(0).numpy()
    found = np.bincount(model.table.row_of[text.ids.ravel()], minlength=4)
    assert (np.abs(found - expected) < 5 * np.sqrt(expected) + 1).all()
    assert np.array_equal(sample_text(model, 300, seed=5).ids, sample_text(model, 300, seed=5).ids)


def test_pieces_and_likeness() -> None:
    assert affixes("abcdef") == ["-bcdef", "-cdef", "-def", "-ef", "abcde-", "abcd-", "abc-"]
    assert affixes("ab") == []
    known = [("nashville", 5), ("knoxville", 6), ("running", 7)]
    drawn = sample_similar_words(
        ["jacksonville", "xx"], known, np.array([9]), 200, np.random.default_rng(0)
    )
    assert drawn.shape == (2, 200) and set(drawn[0]) <= {5, 6, 9} and set(drawn[1]) == {9}
    assert (drawn[0] != 9).mean() > 0.3


# ---- a model that has learnt something ----


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> LightRNN:
    """A model of sentences such as `the cat sat on a mat`, with three words of each kind."""
    folder = tmp_path_factory.mktemp("trained")
    draw = np.random.default_rng(7)
    kinds = (
        ["the", "a"],
        ["cat", "dog", "cow"],
        ["sat", "ran", "lay"],
        ["on"],
        ["the", "a"],
        ["mat", "log", "bed"],
    )
    lines = [" ".join(str(draw.choice(kind)) for kind in kinds) for _ in range(600)]
    lines += ["the <unk> sat on the mat", "a <unk> ran on a log"] * 30
    (folder / "text").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = (
        "</s>",
        "on",
        "the",
        "a",
        "cat",
        "dog",
        "cow",
        "sat",
        "ran",
        "lay",
        "mat",
        "log",
        "bed",
        "<unk>",
    )
    text = " ".join([*lines, *["</s>"] * len(lines)]).split()
    vocabulary = Vocabulary(words, np.array([text.count(word) for word in words]))
    torch.manual_seed(0)
    # A kind a row, a free cell in each, and words in each column: what nothing taught says nothing
    # of new words.
    table = WordTable(5, 4, np.array([0, 1, 4, 5, 8, 9, 11, 12, 14, 15, 16, 17, 18, 3]))
    model = LightRNN(LightRNNSettings(hidden_dim=16, residual_dim=16), vocabulary, table)
    corpus = Corpus.encode([folder / "text"], vocabulary, folder / "ids")
    settings = TrainingSettings(epochs=8, batch_size=8, bptt=20, lr=0.02)
    Trainer(model, corpus, corpus, settings, folder / "best.pt", folder).run()
    model = LightRNN.load(folder / "best.pt")
    assert perplexity(log_probs_of(model, corpus.ids)) < 2.5
    model.provenance = {}
    return model


EXAMPLES = [
    line.split()
    for line in ("a emu sat on the bed", "the emu ran on a log", "the emu lay on the mat")
]


def after(model: LightRNN, word: str, history: str = "the") -> float:
    return float(
        np.exp(
            model.logprob([*history.split(), word], end=False)
            - model.logprob(history.split(), end=False)
        )
    )


def in_random_cells(model: LightRNN, word: str, history: str) -> float:
    """The mean of the word's probability over all free cells, each with the bias that its count
    asks for.
    """
    from rescorer.training.new_words.calibrate import calibrate

    found = []
    for cell in np.flatnonzero(model.table.words.ravel() < 0):
        other = model.with_words(
            model.vocabulary.with_words([word], np.array([6])),
            model.table.with_words(np.array([cell])),
        )
        state = sample_text(model, 2048, seed=1).state
        calibrate(other, np.array([6 / (model.vocabulary.counts.sum() + 6)]), state)
        found.append(after(other, word, history))
    return float(np.mean(found))


@pytest.mark.parametrize(
    "given",
    [
        {"examples": EXAMPLES},
        {"like": ["cat", "dog", "cow"]},
        {"examples": EXAMPLES, "like": ["cat", "dog", "cow"]},
    ],
    ids="+".join,
)
@pytest.mark.parametrize("grow", GROW)
def test_a_new_animal(trained: LightRNN, given: dict[str, Any], grow: str) -> None:
    """It is expected where animals are, and not elsewhere; old words hardly notice."""
    model = trained if grow == "no" else remove_free_cells(trained)
    new, report = add_words(
        model, ["emu"], np.array([6.0]), settings=replace(QUICK, grow=grow), **given
    )
    assert (report.rows, report.columns) == (int(grow == "rows"), int(grow == "columns"))
    mean = 6 / (model.vocabulary.counts.sum() + 6)
    assert after(new, "emu") > 2.5 * mean
    assert after(new, "emu") > 2 * in_random_cells(trained, "emu", "the")
    assert (
        after(new, "emu") > 2 * after(new, "emu", "the cat")
        and after(new, "emu", "the cat sat") < mean
    )
    text = sample_text(model, 4096, seed=9).ids.T.ravel()
    before, now = (perplexity(log_probs_of(each, text, batch_size=256)) for each in (model, new))
    assert now / before < 1.005
    assert report.new_perplexity / report.old_perplexity < 1.005


def remove_free_cells(model: LightRNN) -> LightRNN:
    """The same with words in all free cells, each as good as never said."""
    free = np.flatnonzero(model.table.words.ravel() < 0)
    names = [f"x{number}" for number in range(len(free))]
    other = model.with_words(
        model.vocabulary.with_words(names, np.ones(len(free), dtype=np.int64)),
        model.table.with_words(free),
    )
    with torch.no_grad():
        other.cell_bias.view(-1)[torch.as_tensor(free)] = -12.0
        for row in torch.as_tensor(model.table.words < 0).all(1).nonzero().flatten():
            other.row_out.bias[row] -= 12.0
    return other


def test_a_new_animal_beats_a_share_of_unknown(trained: LightRNN) -> None:
    """Training had 60 unknown words, which might have been as many different ones."""
    new = added(trained, ["emu"], 6.0, examples=EXAMPLES)
    assert after(new, "emu") > after(trained, "<unk>") / 60


def test_a_new_word_goes_where_its_spelling_points(trained: LightRNN) -> None:
    """`xxran` ends as a verb does, `xxmat` as a thing: where each is expected, the other is not."""
    new = added(trained, ["xxran", "xxmat"], 6.0)
    assert after(new, "xxran", "the cat") > 2 * after(new, "xxmat", "the cat")
    assert after(new, "xxmat", "the cat sat on a") > 2 * after(new, "xxran", "the cat sat on a")


# ---- the network is trained on, old words move ----


# as many in a stream as make sentences
def corpus_of(model: LightRNN, words: int = 20_000) -> Corpus:
    return Corpus(sample_text(model, words, seed=11).ids.T.ravel())


@pytest.mark.parametrize("grow", ["rows", "columns"])
@pytest.mark.parametrize("replayed", [False, True], ids=["own text", "old text"])
def test_fine_tuning(trained: LightRNN, replayed: bool, grow: str) -> None:
    """The examples become likelier, the mass of the new word stays, old text hardly notices, and
    the sum is 1.
    """
    model = remove_free_cells(trained)
    examples = [line[1:] for line in EXAMPLES]  # a sentence begins with it, as with no other animal
    before = copy.deepcopy(model.state_dict())
    tuning = FineTuningSettings(60, batch_size=8, bptt=10, lr=2e-3)
    settings = NewWordSettings(grow=grow, fine_tuning=tuning)
    given = {"examples": examples, "replay": corpus_of(model) if replayed else None}
    plain = added(
        model, ["emu"], 6.0, examples=examples, settings=replace(settings, fine_tuning=None)
    )
    torch.manual_seed(1)
    tuned, report = add_words(model, ["emu"], np.array([6.0]), settings=settings, **given)  # type: ignore[arg-type]
    likelier = [each.logprob(line) for line in examples for each in (tuned, plain)]
    assert sum(likelier[::2]) > sum(likelier[1::2]) + 0.1
    assert report.mass == pytest.approx(report.target_mass, rel=0.2)
    assert report.new_perplexity < 1.2 * report.old_perplexity
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert sum(after(tuned, word) for word in tuned.vocabulary.words) == pytest.approx(1, abs=1e-5)
    fewer = remove_words(tuned, ["emu"])
    assert sum(after(fewer, word) for word in fewer.vocabulary.words) == pytest.approx(1, abs=1e-5)
    torch.manual_seed(2)
    again = add_words(model, ["emu"], np.array([6.0]), settings=settings, **given)[0]  # type: ignore[arg-type]
    assert all(
        torch.equal(value, again.state_dict()[name]) for name, value in tuned.state_dict().items()
    )


def test_fine_tuning_needs_examples(trained: LightRNN) -> None:
    settings = replace(QUICK, fine_tuning=FineTuningSettings(2))
    with pytest.raises(InputError, match=r"no example sentence holds.*remedy"):
        added(trained, ["emu"], examples=[["the", "cat", "sat"]], settings=settings)


@pytest.mark.parametrize("steps", [0, 5])
def test_old_words_move(trained: LightRNN, steps: int) -> None:
    """All find places of their own; where the text would be less probable, the old ones stay."""
    rows = trained.table.row_of
    one, other = next(
        pair for pair in itertools.combinations(range(2, 13), 2) if rows[pair[0]] == rows[pair[1]]
    )
    cells = trained.table.cells.copy()
    cells[[one, other]] = cells[[other, one]]
    model = trained.with_words(
        trained.vocabulary, WordTable(trained.table.rows, trained.table.columns, cells)
    )
    settings = NewWordSettings(
        move=True, fine_tuning=FineTuningSettings(steps, batch_size=4) if steps else None
    )
    said: list[str] = []
    new, report = add_words(
        model,
        ["emu", "xx"],
        np.array([6.0, 1.0]),
        examples=EXAMPLES,
        replay=corpus_of(trained),
        settings=settings,
        say=said.append,
    )
    assert "old words move" in said[0]
    assert model.table.cells.tolist() == cells.tolist() and len(np.unique(new.table.cells)) == 16
    assert report.mass == pytest.approx(report.target_mass, rel=0.5)
    text = corpus_of(trained).ids
    still, moved = (perplexity(log_probs_of(each, text, batch_size=8)) for each in (model, new))
    assert moved < 1.05 * still
    assert sum(after(new, word) for word in new.vocabulary.words) == pytest.approx(1, abs=1e-5)
    fewer = remove_words(new, ["emu", "xx"])
    assert sum(after(fewer, word) for word in fewer.vocabulary.words) == pytest.approx(1, abs=1e-5)


def test_moving_needs_old_text(trained: LightRNN) -> None:
    with pytest.raises(InputError, match=r"no text that tells.*--replay"):
        added(trained, ["emu"], settings=replace(QUICK, move=True))
