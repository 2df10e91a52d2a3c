"""The baselines: distributions that sum to 1, losses by the papers' formulas, and a table that
resumes.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_vocabulary

from benchmarks import results
from benchmarks.baselines import entry as entry_process
from benchmarks.baselines import (
    network_training,
    plan,
    plots,
    reference_lstm,
    registry,
    table,
    word_classes,
)
from benchmarks.baselines.adaptive_softmax import cutoffs
from benchmarks.baselines.budget import Folder, slug
from benchmarks.baselines.lazy_adam import LazyAdamW, clip_gradients
from benchmarks.baselines.recurrent import Recurrent
from benchmarks.baselines.registry import BASELINES, Entry
from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.running_text import log_probs_of
from rescorer.models.torch_file import read_torch
from rescorer.training.corpus import Corpus

ROOT = Path(__file__).parents[2]
SIZE = 40
CLUSTERS = pytest.param(
    "hierarchical-clusters:classes=5",
    marks=pytest.mark.skipif(
        find_spec("sklearn") is None, reason="no scikit-learn here: pip install '.[benchmarks]'"
    ),
)
SPECS = (
    "full",
    "full-tied",
    "adaptive:shrink=2",
    "hierarchical",
    CLUSTERS,
    "blackout:samples=6",
    "nce:samples=6",
    "slim:parts=4,sharing=3",
)
TEXT = np.random.default_rng(3).integers(SIZE, size=2000).astype(np.int64)


def make(spec: str, *, width: int = 16, layers: int = 1, noise: float = 0.3) -> Recurrent:
    """A baseline of random parameters, in eval mode."""
    vocabulary, entry = make_vocabulary(SIZE), Entry.parse(spec)
    common = {"hidden_dim": width, "num_layers": layers, "dropout": 0.0}
    torch.manual_seed(0)
    model = entry.make(common, vocabulary, entry.known(common, TEXT, vocabulary))
    assert isinstance(model, Recurrent)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * noise)
    return model.eval()


def of_all(model: LanguageModel, state: Any) -> torch.Tensor:
    """[V] log P of each word after the one history."""
    return model.score(state, torch.zeros(SIZE, dtype=torch.int64), torch.arange(SIZE))


def hidden_of(model: Recurrent, count: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(count, model.settings.hidden_dim)


@pytest.mark.parametrize("spec", SPECS)
def test_probabilities_sum_to_one(spec: str) -> None:
    model, zero = make(spec, layers=2), torch.zeros(1, dtype=torch.int64)
    state = model.start()
    for word in (3, 17, 39, 0):
        assert of_all(model, state).double().exp().sum().item() == pytest.approx(1, abs=1e-5)
        state = model.extend(state, zero, torch.tensor([word]))


@pytest.mark.parametrize("spec", SPECS)
def test_running_text_and_histories_agree(spec: str) -> None:
    model, words = make(spec, layers=2), [3, 17, 0, 39, 5, 5, 21]
    expected, state = [], model.start()
    for word in words:
        score = model.score(state, torch.zeros(1, dtype=torch.int64), torch.tensor([word]))
        advanced, state = model.advance(
            state, torch.zeros(1, dtype=torch.int64), torch.tensor([word])
        )
        assert torch.equal(score, advanced)
        expected.append(score.item())
    np.testing.assert_allclose(log_probs_of(model, np.array(words), bptt=3), expected, atol=1e-5)
    spelled = [model.vocabulary.words[word] for word in words]
    assert model.logprob(spelled, end=False) == pytest.approx(sum(expected), abs=1e-4)


@pytest.mark.parametrize("spec", SPECS)
def test_words_after_several_histories(spec: str) -> None:
    model = make(spec)
    states = model.extend(
        model.start(), torch.zeros(3, dtype=torch.int64), torch.tensor([4, 8, 30])
    )
    alone = torch.stack(
        [of_all(model, model.select(states, torch.tensor([place]))) for place in range(3)]
    )
    parents, words = torch.tensor([2, 0, 2, 1, 0, 0]), torch.tensor([1, 39, 39, 0, 12, 20])
    np.testing.assert_allclose(
        model.score(states, parents, words), alone[parents, words], atol=1e-5
    )
    both = model.join(
        [model.select(states, torch.tensor([1])), model.select(states, torch.tensor([0, 2]))]
    )
    np.testing.assert_allclose(
        of_all(model, model.select(both, torch.tensor([0]))), alone[1], atol=1e-6
    )


@pytest.mark.parametrize("spec", SPECS)
def test_training_lowers_the_perplexity(spec: str) -> None:
    model, words = make(spec, noise=0.0), torch.as_tensor(np.arange(60).reshape(12, 5) % 7)
    optimiser = model.optimiser(SimpleNamespace(lr=0.02, weight_decay=0.0))
    before = -model(words, model.start_states(5))[0].mean().item()
    model.train()
    for _ in range(40):
        loss, _ = model.loss(words, model.start_states(5).detach())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        model.clip(1.0)
        optimiser.step()
    model.eval()
    assert -model(words, model.start_states(5))[0].mean().item() < before - 1


@pytest.mark.parametrize("spec", SPECS)
def test_a_file_rebuilds_it(spec: str, tmp_path: Path) -> None:
    model = make(spec)
    model.save(tmp_path / "model.pt")
    again = type(model).from_dict(read_torch(tmp_path / "model.pt"))
    assert model.is_compatible(again) and model.parameter_count() == again.parameter_count()
    assert torch.equal(of_all(model, model.start()), of_all(again, again.start()))


def test_tied_vectors_are_counted_once() -> None:
    assert make("full").parameter_count() - make("full-tied").parameter_count() == SIZE * 16


def test_large_softmax_is_scored_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.baselines import full_softmax

    model = make("slim:parts=4,sharing=3")
    hidden, parents, words = (
        hidden_of(model, 7),
        torch.tensor([6, 0, 3, 3, 1]),
        torch.tensor([1, 2, 39, 0, 5]),
    )
    whole = model.output.log_probs(hidden, parents, words)
    monkeypatch.setattr(full_softmax, "_SCORES_AT_ONCE", 2 * SIZE)
    np.testing.assert_allclose(
        model.output.log_probs(hidden, parents, words).detach(), whole.detach(), atol=1e-6
    )


def test_adaptive_is_that_of_torch() -> None:
    model = make("adaptive:shrink=2")
    hidden = hidden_of(model, 3)
    expected = model.output.adaptive.log_prob(hidden)
    for history in range(3):
        found = model.output.log_probs(hidden, torch.full((SIZE,), history), torch.arange(SIZE))
        np.testing.assert_allclose(found.detach(), expected[history].detach(), atol=1e-5)


def test_cutoffs_by_shares_of_the_text() -> None:
    counts = np.array([50, 25, 15, 5, 1, 1, 1, 1, 1])  # 59 / 109 = 0.54 … with one more each
    mass = np.cumsum(counts + 1) / (counts + 1).sum()
    first, second = cutoffs(counts, (0.6, 0.9))
    assert mass[first - 2] < 0.6 <= mass[first - 1] and first < second < len(counts)
    assert cutoffs(np.ones(5, dtype=np.int64), (0.98, 0.99)) == [3, 4]


@pytest.mark.parametrize("spec", ["hierarchical", CLUSTERS])
def test_hierarchical_is_the_product(spec: str) -> None:
    model, output = make(spec), make(spec).output
    hidden, classes = hidden_of(model, 1), model.classes
    assert classes is not None
    of_classes = torch.log_softmax(output.classes(hidden)[0], -1)
    for word in range(SIZE):
        beside = np.flatnonzero(classes == classes[word])
        layer = output.words[classes[word]]
        within = torch.log_softmax(layer.weight @ hidden[0] + layer.bias, 0)[
            beside.tolist().index(word)
        ]
        found = output.log_probs(hidden, torch.tensor([0]), torch.tensor([word]))
        assert found.item() == pytest.approx((of_classes[classes[word]] + within).item(), abs=1e-5)


def test_bins_of_equal_sums_of_roots() -> None:
    counts = np.array([99, 24, 24, 8, 8, 8, 3, 3, 3, 0]) + 0
    # Roots of one more: 10, 5, 5, 3, 3, 3, 2, 2, 2, 1: 36 in all, 12 a bin, by what comes before a
    # word.
    assert word_classes.by_frequency(counts, 3).tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2]
    assert np.unique(word_classes.by_frequency(np.array([10**6, 1, 1]), 3)).tolist() == [0, 1]


def test_clusters_hold_words_with_like_neighbours() -> None:
    pytest.importorskip("sklearn")
    draw = np.random.default_rng(0)
    words = np.stack(
        [draw.integers(0, 8, 4000), draw.integers(8, 16, 4000), draw.integers(16, 24, 4000)], 1
    ).ravel()
    classes = word_classes.by_clusters(words, np.bincount(words), 3)
    assert [len(set(classes[begin : begin + 8])) for begin in (0, 8, 16)] == [1, 1, 1] and len(
        set(classes)
    ) == 3
    assert word_classes.cut(np.array([1, 1, 0, 1, 1, 1]), 2).tolist() == [1, 1, 0, 2, 2, 3]


def sampled_case(
    name: str,
) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """The layer, its scores of all words [N, V], its proposal [V], words, samples, and its loss."""
    model = make(f"{name}:samples=6,alpha=0.5")
    hidden, words = hidden_of(model, 4), torch.tensor([0, 7, 39, 7])
    torch.manual_seed(5)
    samples = model.output.draw()
    samples[:2] = torch.tensor([7, 7])  # one that is the word of two histories
    model.output.draw = lambda: samples
    weights = np.sqrt(model.vocabulary.counts + 1.0)
    scores = model.output.scores(hidden).detach().double().numpy()
    return (
        model,
        scores,
        weights / weights.sum(),
        words.numpy(),
        samples.numpy(),
        hidden.numpy(),
        model.output.loss(hidden, words).item(),
    )


def test_blackout_by_the_formula() -> None:
    _, scores, proposal, words, samples, _, loss = sampled_case("blackout")
    total = 0.0
    for history, word in enumerate(words):
        drawn = [sample for sample in samples if sample != word]
        weight = {
            index: math.exp(scores[history, index]) / proposal[index] for index in (word, *drawn)
        }
        below = weight[word] + sum(weight[sample] for sample in drawn)
        total -= math.log(weight[word] / below) + sum(
            math.log(1 - weight[sample] / below) for sample in drawn
        )
    assert loss == pytest.approx(total / len(words), rel=1e-4)


def test_nce_by_the_formula() -> None:
    _, scores, proposal, words, samples, _, loss = sampled_case("nce")
    total = 0.0
    for history, word in enumerate(words):

        def share(index: int, history: int = history) -> float:
            """P(the word is no noise)."""
            model = math.exp(scores[history, index])
            return model / (model + len(samples) * proposal[index])

        total -= math.log(share(word)) + sum(math.log(1 - share(sample)) for sample in samples)
    assert loss == pytest.approx(total / len(words), rel=1e-4)


def test_samples_follow_the_proposal() -> None:
    output = make("nce:samples=200000,alpha=1").output
    shares = np.bincount(output.draw(), minlength=SIZE) / 200_000
    expected = (make_vocabulary(SIZE).counts + 1) / (make_vocabulary(SIZE).counts + 1).sum()
    np.testing.assert_allclose(shares, expected, atol=0.003)


def test_slim_vectors_are_parts_side_by_side() -> None:
    model = make("slim:parts=4,sharing=3")
    for vectors in (model.input, model.output.words):
        rows, pool = vectors.rows.numpy(), vectors.pool.detach().numpy()
        whole = np.stack([np.concatenate([pool[part] for part in word]) for word in rows])  # [V, D]
        np.testing.assert_array_equal(vectors(torch.arange(SIZE)).detach(), whole)
        hidden = hidden_of(model, 5)
        np.testing.assert_allclose(
            vectors.scores(hidden).detach(), hidden.numpy() @ whole.T, atol=1e-5
        )
        uses = np.bincount(rows.ravel(), minlength=len(pool))
        assert uses.max() <= 3 and len(pool) == 4 * 14  # ⌈40 / 3⌉ in each place
    assert not np.array_equal(model.input.rows, model.output.words.rows)


def test_lazy_steps_are_adam_where_all_rows_are_read() -> None:
    torch.manual_seed(0)
    tables = [torch.nn.Embedding(6, 3, sparse=sparse) for sparse in (True, False)]
    tables[1].load_state_dict(tables[0].state_dict())
    optimisers = [
        LazyAdamW(tables[0].parameters(), 0.1, weight_decay=0.0),
        torch.optim.AdamW(tables[1].parameters(), 0.1, weight_decay=0.0),
    ]
    for step in range(4):
        for table_, optimiser in zip(tables, optimisers, strict=True):
            words = torch.tensor([0, 1, 2, 3, 4, 5, 5, step])
            (table_(words) ** 2 * torch.arange(1.0, 9.0)[:, None]).sum().backward()
            clip_gradients(table_.parameters(), 2.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
    np.testing.assert_allclose(tables[0].weight.detach(), tables[1].weight.detach(), atol=1e-6)
    state = optimisers[0].state_dict()
    fresh = LazyAdamW(tables[0].parameters(), 0.1)
    fresh.load_state_dict(state)
    assert float(fresh.state[tables[0].weight]["step"]) == 4


def test_rows_that_are_not_read_stay() -> None:
    table_ = torch.nn.Embedding(4, 2, sparse=True)
    before = table_.weight.detach().clone()
    optimiser = LazyAdamW(table_.parameters(), 0.1)
    for word in (1, 2):
        table_(torch.tensor([word, word])).sum().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    changed = (table_.weight.detach() != before).any(1)
    assert changed.tolist() == [False, True, True, False]


def test_clipping_takes_sparse_and_dense_together() -> None:
    table_, linear = torch.nn.Embedding(4, 2, sparse=True), torch.nn.Linear(2, 1)
    linear(table_(torch.tensor([0, 0, 3]))).sum().backward()
    parameters = [*table_.parameters(), *linear.parameters()]

    def norm() -> float:
        return math.sqrt(
            sum(
                float((p.grad.to_dense() if p.grad.is_sparse else p.grad).pow(2).sum())
                for p in parameters
            )
        )

    whole = norm()
    clip_gradients(parameters, 2 * whole)
    assert norm() == pytest.approx(whole, rel=1e-5)
    clip_gradients(parameters, whole / 4)
    assert norm() == pytest.approx(whole / 4, rel=1e-4)


# ---- the table ----


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("fool", "no baseline"),
        ("full:wide=3", "sets wide"),
        ("slim:parts", "entry"),
        ("full:pieces=many", "pieces = many"),
        ("full:pieces=0", "pieces = 0"),
        ("full:lr=-1", "lr = -1"),
        ("lightrnn:pieces=500", "sets pieces"),
    ],
)
def test_entries_that_are_none(spec: str, found: str) -> None:
    with pytest.raises(InputError, match=found):
        Entry.parse(spec)


def test_fields_of_a_row() -> None:
    entry = Entry.parse("lightrnn:rows=1250,columns=8,reallocate_after=[1,3],tied=true")
    assert entry.options == {"rows": 1250, "columns": 8, "reallocate_after": [1, 3], "tied": True}
    assert entry.reallocate_after == (1, 3)
    assert slug(entry.spec) == "lightrnn-rows-1250-columns-8-reallocate_after-1-3-tied-true"
    assert Entry.parse("hierarchical:by=clusters").options == {"by": "clusters"}
    with pytest.raises(InputError, match="divisor"):
        Entry.parse("slim:parts=5").make({"hidden_dim": 16}, make_vocabulary(), {})


def test_text_of_any_length() -> None:
    text = Corpus(np.arange(11))
    assert network_training.repeated(text, 2, 3).ids.tolist() == [0, 1, 2, 5, 6, 7]
    assert network_training.repeated(text, 2, 7).batchify(2).tolist() == [
        [0, 1, 2, 3, 4, 0, 1],
        [5, 6, 7, 8, 9, 5, 6],
    ]


@pytest.fixture
def call(tmp_path: Path, sentences: Path) -> list[str]:
    """The command on a toy text, but for the entries."""
    words = tmp_path / "words.tsv"
    counts: dict[str, int] = {}
    for word in sentences.read_text().split():
        counts[word] = counts.get(word, 0) + 1
    counts.update({"</s>": 400, "<unk>": 1})
    lines = [
        f"{word}\t{count}" for word, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    words.write_text("\n".join(["# case=as-is", *lines, ""]))
    lmplz = tmp_path / "lmplz"  # tests of the n-gram have their own
    lmplz.touch()
    return [
        str(sentences),
        "--valid",
        str(sentences),
        "--test",
        str(sentences),
        "--vocabulary",
        str(words),
        "--output",
        str(tmp_path / "out"),
        "--eval-words",
        "60",
        "--seconds",
        "0.2",
        "--trial-seconds",
        "0.05",
        "--lrs",
        "0.02",
        "0.05",
        "--hidden-dim",
        "8",
        "--batch-size",
        "4",
        "--bptt",
        "6",
        "--precision",
        "float32",
        "--intervals",
        "2",
        "--lmplz",
        str(lmplz),
        "--memory-gb",
        "0",
        "--entries",
    ]


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Entries run here, without the seconds that a process takes to begin; returns what was done,
    in order.
    """
    done = []

    def run(folder: Folder, entry: Entry, lmplz: Path, memory_gb: float, *more: str) -> None:
        done.append(" ".join([entry.spec, *more]))
        monkeypatch.setattr(
            sys, "argv", ["entry", str(folder.path), entry.spec, "--lmplz", str(lmplz), *more]
        )
        entry_process.main()

    monkeypatch.setattr(table, "_run", run)
    monkeypatch.setattr(reference_lstm, "_PROBE_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(reference_lstm, "_BLOCK_SECONDS", 0.005)
    monkeypatch.setattr(table.signal, "signal", lambda *_: None)
    return done


def test_table_goes_on(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = in_this_process(monkeypatch)
    assert table.main([*call, "lightrnn", "nce:samples=4"]) == 0
    first = capsys.readouterr().out
    found = json.loads((tmp_path / "out/nce-samples-4.json").read_text())
    assert (
        1 < found["test_perplexity"] < 12 and found["test_words"] == 63 and found["parameters"] > 0
    )
    assert set(found["trials"]) == {"0.02", "0.05"} and found["words_read"] >= 4
    assert re.search(r"\| nce:samples=4 \| [\d,]+ \| 0.0 \| \d+\.\d\d \|", first)
    # What is finished is not made again; a row whose result is gone trains nothing that was
    # trained.
    assert table.main([*call, "lightrnn", "nce:samples=4"]) == 0
    assert first.endswith(capsys.readouterr().out)
    assert done == 7 * ["lightrnn --probe", "nce:samples=4 --probe"] + ["lightrnn", "nce:samples=4"]
    (tmp_path / "out/nce-samples-4.json").unlink()
    monkeypatch.setattr(network_training.Trainer, "run", lambda self: pytest.fail("trained again"))
    assert table.main([*call, "lightrnn", "nce:samples=4"]) == 0
    again = json.loads((tmp_path / "out/nce-samples-4.json").read_text())
    assert again["test_perplexity"] == found["test_perplexity"]
    # Another budget is another table.
    assert table.main([*call, "full", "--hidden-dim", "9"]) == 2
    assert "hidden_dim is 9, and was 8" in capsys.readouterr().err


def test_pieces_and_words_are_compared_a_word(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("sentencepiece")
    in_this_process(monkeypatch)
    specs = ["full:lr=0.05", "full-tied:pieces=16,lr=0.05", "transformer:pieces=16,heads=2"]
    assert table.main([*call, *specs, "--probes", "1"]) == 0
    printed = capsys.readouterr().out
    assert "open text, test perplexity a word" in printed
    assert "0 of 63 test words are unknown; 63 words are in sentences of known words" in printed
    folder = Folder(tmp_path / "out")
    rows = [json.loads(folder.result(spec).read_text()) for spec in specs]
    for spec, row in zip(specs, rows, strict=True):
        log_probs = np.load(folder.log_probs(spec, "test", "open"))
        assert len(log_probs) == row["test_words"] == 63
        assert row["test_open_perplexity"] == pytest.approx(math.exp(-log_probs.mean()))
        assert row["scoring_words_per_second"] > 0
    assert rows[0]["test_perplexity"] == rows[0]["test_open_perplexity"]  # no unknown words
    assert not {"test_perplexity", "valid_perplexity"} & {*rows[1], *rows[2]}
    assert rows[1]["test_units"] > 63 and rows[1]["trials"] == {} != rows[2]["trials"]
    assert rows[1]["words_read"] == pytest.approx(
        rows[1]["units_read"] * 63 / rows[1]["test_units"], rel=0.1
    )


def test_the_middle_of_three_probes_cuts_what_preparation_leaves(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In turn with the other rows'; a table that was cut goes on with those that are missing."""
    in_this_process(monkeypatch)
    shares = iter([0.1, 0.4, 0.3, 0.2, 0.05, 0.6])
    monkeypatch.setattr(plan, "_share_of_lstm", lambda *_: next(shares))
    monkeypatch.setattr(reference_lstm, "speed", lambda *_: 1000.0)
    clock = itertools.count()
    # so a step takes a second
    monkeypatch.setattr(plan.time, "process_time", lambda: float(next(clock)))
    made = table._make
    monkeypatch.setattr(table, "_make", lambda *_: False)
    rows = ["full", "nce:samples=4", "--seconds", "1.5"]  # of which preparation takes 1
    assert table.main([*call, *rows, "--probes", "1"]) == 1
    monkeypatch.setattr(table, "_make", made)
    assert table.main([*call, *rows, "--probes", "3"]) == 0
    for name, speed in (("full", 100), ("nce-samples-4", 400)):
        found = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert found["training_words_per_second"] == speed
        assert found["preparation_seconds"] == 1 and found["words_read"] == int(0.5 * speed / 4) * 4
        assert found["words_per_second_as_it_went"] == found["words_read"] / math.ceil(
            found["words_read"] / (4 * 6)
        )


def test_a_probe_is_a_share_of_the_lstm(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose best speed is found once for all rows."""
    in_this_process(monkeypatch)
    monkeypatch.setattr(
        reference_lstm,
        "words_a_second",
        lambda step: 5.0 if getattr(step, "__self__", None) else 20.0,
    )
    assert table.main([*call, "full"]) == 0
    assert json.loads((tmp_path / "out/lstm.json").read_text()) == {"words_per_second": 20}
    assert np.load(tmp_path / "out/full.work/plan.npz")["probes"].tolist() == [0.25] * 7
    assert json.loads((tmp_path / "out/full.json").read_text())["training_words_per_second"] == 5


def test_epochs_instead_of_seconds(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same words for every network, and no trial where there is one learning rate."""
    in_this_process(monkeypatch)
    assert (
        table.main(
            [
                *call,
                "full",
                "nce:samples=4",
                "--epochs",
                "3",
                "--lrs",
                "0.02",
                "--weight-dropout",
                "0.2",
            ]
        )
        == 0
    )
    assert (
        "dropout 0, of weights 0.2, batch 4 × 6, float32, seed 1; 3 epochs; state"
        in capsys.readouterr().out
    )
    for name in ("full", "nce-samples-4"):
        found = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert found["trials"] == {} and found["words_read"] == 3 * 2800 // 4 * 4
        assert (
            read_torch(tmp_path / f"out/{name}.work/0.02-3-epochs/model.pt")["settings"][
                "weight_dropout"
            ]
            == 0.2
        )


def test_a_budget_too_small_gives_a_row(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At least one batch is trained on, unless what comes before the training takes all the
    time.
    """
    in_this_process(monkeypatch)
    monkeypatch.setattr(plan, "_share_of_lstm", lambda *_: 1.0)
    monkeypatch.setattr(reference_lstm, "speed", lambda *_: 1.0)
    assert table.main([*call, "full"]) == 0
    assert json.loads((tmp_path / "out/full.json").read_text())["words_read"] == 4
    clock = itertools.count()
    monkeypatch.setattr(plan.time, "process_time", lambda: float(next(clock)))
    monkeypatch.setattr(network_training._Trainings, "train", lambda *_: pytest.fail("trained"))
    assert table.main([*call, "hierarchical"]) == 0
    assert re.search(
        r"^\| hierarchical \|.* no time left \|$", capsys.readouterr().out, re.MULTILINE
    )


def test_divergence_is_a_row(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_this_process(monkeypatch)
    monkeypatch.setattr(network_training.Trainer, "_valid_perplexity", lambda self: math.inf)
    assert table.main([*call, "full"]) == 0
    assert re.search(r"^\| full \|.* diverged \|$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.slow
def test_out_of_memory_is_a_row(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the next one is made."""
    own_process = table._run
    in_this_process(monkeypatch)
    here = table._run

    def run(folder: Folder, entry: Entry, *more: Any) -> None:
        (here if entry.spec == "full" else own_process)(folder, entry, *more)

    monkeypatch.setattr(table, "_run", run)
    # The first one has a process of its own, under a limit that leaves room for Python and torch
    # alone: it needs 5 GB for residual embeddings.
    assert (
        table.main(
            [*call, "lightrnn:residual_dim=30000000", "full", "--memory-gb", "2.5", "--probes", "1"]
        )
        == 0
    )
    assert re.search(
        r"^\| lightrnn:residual_dim=30000000 \|.* out of memory \|$",
        capsys.readouterr().out,
        re.MULTILINE,
    )
    assert json.loads((tmp_path / "out/full.json").read_text())["test_perplexity"] > 1


@pytest.mark.parametrize(
    ("error", "of_memory"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("size mismatch"), False),
        (
            InputError(
                "lmplz failed: threw MallocException. Cannot allocate memory for 9 bytes in malloc"
            ),
            True,
        ),
        (InputError("lmplz failed: BadDiscountException"), False),
    ],
)
def test_which_errors_are_of_memory(error: Exception, of_memory: bool) -> None:
    assert entry_process.is_of_memory(error) == of_memory


@pytest.mark.parametrize(("says", "problem"), [("std::bad_alloc", True), ("a bug", False)])
def test_a_process_that_aborts_for_memory_is_a_row(
    says: str, problem: bool, call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C++ ends the process where no one catches what it throws."""
    run = subprocess.Popen
    monkeypatch.setattr(
        table.subprocess,
        "Popen",
        lambda command, **how: run(
            ["bash", "-c", f"ulimit -c 0; echo {says} >&2; kill -ABRT $$"], **how
        ),
    )
    assert table.main([*call, "full", "--probes", "1"]) == (0 if problem else 1)
    assert (tmp_path / "out/full.json").exists() == problem


def test_a_process_that_fails_is_told(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main([*call, "kneser-ney"]) == 1  # that lmplz is none
    assert "kneser-ney is not finished" in capsys.readouterr().err


def test_an_ngram_that_runs_out_of_memory_leaves_the_networks_their_rows(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lmplz = tmp_path / "lmplz"
    lmplz.write_text(
        "#!/bin/sh\ncat >/dev/null; echo Cannot allocate memory for 9 bytes in malloc >&2; exit 1\n"
    )
    lmplz.chmod(0o755)
    in_this_process(monkeypatch)
    call[call.index("--lmplz") + 1] = str(lmplz)
    assert table.main([*call, "kneser-ney", "full"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"\| kneser-ney \|.* out of memory \|$", line) for line in lines)
    assert json.loads((tmp_path / "out/full.json").read_text())["test_perplexity"] > 1


def test_mixture_with_the_ngram(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whichever row was made first."""
    lmplz = ROOT / "build/kenlm/bin/lmplz"
    if not lmplz.exists():
        pytest.skip("no lmplz here: make kenlm")
    in_this_process(monkeypatch)
    call[call.index("--lmplz") + 1] = str(lmplz)
    folder, entries = (
        table.Folder(tmp_path / "out"),
        [Entry.parse(name) for name in ("kneser-ney", "full")],
    )
    assert (
        table.main([*call, "full", "--order", "2"]) == 0 and table.mixed(folder, entries[1]) == {}
    )
    assert table.main([*call, "full", "kneser-ney", "--order", "2"]) == 0
    ngram, full = (json.loads(folder.result(entry.spec).read_text()) for entry in entries)
    found = table.mixed(folder, entries[1])
    assert (
        2 < ngram["test_perplexity"] < 12
        and ngram["parameters"] > 20
        and table.mixed(folder, entries[0]) == {}
    )
    assert found["test_mixed"] <= min(ngram["test_perplexity"], full["test_perplexity"]) + 0.2
    assert f"{found['test_mixed']:.2f}" in capsys.readouterr().out


ROWS = [
    {
        "entry": "lightrnn",
        "parameters": 1000,
        "test_perplexity": 80.0,
        "curve": [[5.0, 90.0], [7.0, 80.0]],
    },
    {"entry": "kneser-ney", "parameters": 9000, "test_perplexity": 90.0, "valid_perplexity": 95.0},
    {"entry": "full", "problem": "out of memory"},
]


@pytest.mark.parametrize("draw", [plots.draw_by_parameters, plots.draw_by_seconds])
def test_plots_are_the_same_each_time(draw: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one", "two"):
        draw(ROWS, tmp_path / f"{name}.svg", "toy")
    one, two = ((tmp_path / f"{name}.svg").read_bytes() for name in ("one", "two"))
    assert one == two and b"lightrnn" in one and b"kneser-ney" in one and b"dc:date" not in one


def test_curves_begin_when_the_preparation_is_done(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "interval,tokens,valid_perplexity,event\n1,100,90,\n1,100,95,reallocated\n2,200,80,\n"
    )
    row = {"units_per_second": 50.0, "preparation_seconds": 3.0}
    words = {"valid_words": 10, "valid_units": 10, "valid_spelling_nats": 0.0}
    assert np.allclose(plots.curve({**row, **words}, log), [(5, 90), (7, 80)])
    pieces = {"valid_words": 10, "valid_units": 20, "valid_spelling_nats": 10 * math.log(3)}
    assert np.allclose(plots.curve({**row, **pieces}, log), [(5, 3 * 90**2), (7, 3 * 80**2)])


def test_entries_of_one_name_are_told_apart() -> None:
    rows = [{"entry": spec} for spec in ("nce:samples=6", "lightrnn:rows=4", "lightrnn:rows=5")]
    assert [plots.label(each, rows) for each in rows] == [
        "nce",
        "lightrnn:rows=4",
        "lightrnn:rows=5",
    ]


def test_a_table_is_recorded_with_its_curves(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch)
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    assert table.main([*call, "full", "--record", "toy"]) == 0
    result = results.read_all(tmp_path / "results")["toy"]
    (row,) = result.rows
    assert (
        [len(point) for point in row["curve"]] == [2, 2]
        and row["entry"] == "full"
        and result.settings["hidden_dim"] == 8
    )
    assert (
        "benchmarks/baselines/full_softmax.py" in result.measures and not result.changed_sources()
    )


def test_the_command_has_help() -> None:
    command = [sys.executable, "-m", "benchmarks.baselines.table", "--help"]
    assert (
        "--lrs"
        in subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    )


@pytest.mark.parametrize(
    "spec", ["nce:samples=6,ppmi_init=true", "blackout:samples=6,ppmi_init=true"]
)
def test_equal_ppmi_embeddings_give_equal_first_vectors(spec: str) -> None:
    vocabulary, entry, common = make_vocabulary(SIZE), Entry.parse(spec), {"hidden_dim": 16}
    known = entry.known(common, TEXT, vocabulary)
    model = entry.make(
        common, vocabulary, {"embeddings": np.repeat(known["embeddings"][: SIZE // 2], 2, 0)}
    )
    assert isinstance(model, Recurrent) and known["embeddings"].shape[0] == SIZE
    for parameter in (model.input.weight, model.output.vectors.weight):
        pairs = parameter.detach().numpy().reshape(SIZE // 2, 2, 16)
        assert pairs[:, 0] == pytest.approx(pairs[:, 1], abs=1e-6) and pairs.std() == pytest.approx(
            0.1, rel=1e-4
        )
        assert not np.allclose(pairs[0], pairs[1])


def test_light_rnn_begins_by_what_its_words_are_known_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        registry,
        "init_embeddings",
        lambda model, vectors: model.row_out.weight.data.fill_(vectors[0, 0]),
    )
    for how, begun in (("ppmi", True), ("frequency", False)):
        entry, vocabulary = Entry.parse(f"lightrnn:rows=8,table_init={how}"), make_vocabulary(SIZE)
        known = entry.known({"hidden_dim": 16}, TEXT, vocabulary)
        model = entry.make({"hidden_dim": 16}, vocabulary, known)
        assert isinstance(model, LightRNN) and model.table.cells.tolist() == known["cells"].tolist()
        assert bool((model.row_out.weight == model.row_out.weight[0, 0]).all()) == begun


def test_every_rival_is_in_the_registry() -> None:
    specs = (CLUSTERS.values[0], *(spec for spec in SPECS if spec is not CLUSTERS))
    assert {Entry.parse(spec).name for spec in specs} == set(BASELINES) - {"transformer"}
