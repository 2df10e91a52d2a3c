"""New words in a trained model: they are probable where similar words are."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_new_words import QUICK, added

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.loop import Trainer
from rescorer.training.new_words.add_words import add_words, remove_words
from rescorer.training.new_words.contexts import sample_text
from rescorer.training.settings import GROW, FineTuningSettings, NewWordSettings, TrainingSettings


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
    tuning = FineTuningSettings(batch_size=8, bptt=10, lr=2e-3)
    settings = NewWordSettings(grow=grow, finetune=60, fine_tuning=tuning)
    given = {"examples": examples, "replay": corpus_of(model) if replayed else None}
    plain = added(model, ["emu"], 6.0, examples=examples, settings=replace(settings, finetune=None))
    torch.manual_seed(1)
    tuned, report = add_words(model, ["emu"], np.array([6.0]), settings=settings, **given)
    likelier = [each.logprob(line) for line in examples for each in (tuned, plain)]
    assert sum(likelier[::2]) > sum(likelier[1::2]) + 0.1
    assert report.mass == pytest.approx(report.target_mass, rel=0.2)
    assert report.new_perplexity < 1.2 * report.old_perplexity
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert sum(after(tuned, word) for word in tuned.vocabulary.words) == pytest.approx(1, abs=1e-5)
    fewer = remove_words(tuned, ["emu"])
    assert sum(after(fewer, word) for word in fewer.vocabulary.words) == pytest.approx(1, abs=1e-5)
    torch.manual_seed(2)
    again = add_words(model, ["emu"], np.array([6.0]), settings=settings, **given)[0]
    assert all(
        torch.equal(value, again.state_dict()[name]) for name, value in tuned.state_dict().items()
    )


def test_fine_tuning_needs_examples(trained: LightRNN) -> None:
    settings = replace(QUICK, finetune=2)
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
        move=True, finetune=steps or None, fine_tuning=FineTuningSettings(batch_size=4)
    )
    lines: list[str] = []
    new, report = add_words(
        model,
        ["emu", "xx"],
        np.array([6.0, 1.0]),
        examples=EXAMPLES,
        replay=corpus_of(trained),
        settings=settings,
        say=lines.append,
    )
    assert "old words move" in lines[0]
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
