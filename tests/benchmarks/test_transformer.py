"""The Transformer: causal, with a memory that carries the text."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import make_vocabulary

from benchmarks.baselines.registry import Entry
from benchmarks.baselines.transformer import Transformer, rotate, rotations, score_alone
from rescorer.errors import InputError
from rescorer.models.running_text import log_probs_of
from rescorer.models.torch_file import read_torch

SIZE = 20
COMMON = {"hidden_dim": 16, "dropout": 0.0, "weight_dropout": 0.0}


def make(context: int = 6, layers: int = 2) -> Transformer:
    """A Transformer of random parameters, in eval mode."""
    entry = Entry.parse(f"transformer:num_layers={layers},heads=2,context={context}")
    torch.manual_seed(0)
    model = entry.make({**COMMON, "num_layers": 1}, make_vocabulary(SIZE), {})
    assert isinstance(model, Transformer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def log_probs(model: Transformer, words: torch.Tensor) -> torch.Tensor:
    return model(words, model.start_states(words.shape[1]))[0].detach()


def test_a_later_word_changes_no_earlier_probability() -> None:
    model, words = make(), torch.randint(SIZE, (9, 1))
    changed = words.clone()
    changed[5] = (words[5] + 1) % SIZE
    before, after = log_probs(model, words), log_probs(model, changed)
    assert torch.equal(before[:5], after[:5])
    assert (before[5:] != after[5:]).all()


def test_a_word_reads_no_more_than_its_context() -> None:
    model, words = make(context=3, layers=1), torch.randint(SIZE, (9, 1))
    changed = words.clone()
    changed[2] = (words[2] + 1) % SIZE
    same = (log_probs(model, words) - log_probs(model, changed)).abs()[:, 0] < 1e-6
    # Word 2 is predicted itself, and then read for words 3, 4 and 5.
    assert same.tolist() == [True, True, False, False, False, False, True, True, True]


@pytest.mark.parametrize("bptt", [1, 3, 7])
def test_a_text_in_parts_is_the_whole_text(bptt: int) -> None:
    model, ids = make(), np.random.default_rng(1).integers(SIZE, size=25)
    whole = log_probs(model, torch.as_tensor(ids)[:, None])[:, 0]
    np.testing.assert_allclose(log_probs_of(model, ids, bptt=bptt), whole, atol=1e-5)


def test_probabilities_sum_to_one() -> None:
    model, history = make(), torch.randint(SIZE, (4, 1))
    each = torch.cat([history.expand(-1, SIZE), torch.arange(SIZE)[None]])
    assert log_probs(model, each)[-1].exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_batch_is_its_sentences() -> None:
    model = make()
    words = model.vocabulary.words
    sentences = [[words[5], words[7], words[9]], [words[3]], [], [words[8]] * 9]
    alone = [
        log_probs(model, torch.as_tensor(model.vocabulary.encode([*each, "</s>"]))[:, None]).sum()
        for each in sentences
    ]
    np.testing.assert_allclose(score_alone(model, sentences), alone, atol=1e-4)


def test_rotations_depend_on_distances_alone() -> None:
    left, right = torch.randn(1, 8), torch.randn(1, 8)
    turns = rotations(12, 8, left.device)
    products = [
        (rotate(left, turns[place + 3][None]) * rotate(right, turns[place][None])).sum()
        for place in (0, 4, 8)
    ]
    np.testing.assert_allclose(products, products[0], atol=1e-5)
    assert rotate(left, turns[5][None]).norm() == pytest.approx(float(left.norm()), rel=1e-5)


def test_training_lowers_the_perplexity() -> None:
    entry = Entry.parse("transformer:num_layers=2,heads=2,context=6")
    torch.manual_seed(0)
    model = entry.make({**COMMON, "num_layers": 1}, make_vocabulary(SIZE), {})
    words = torch.as_tensor(np.arange(60).reshape(12, 5) % 7)
    optimiser = model.optimiser(SimpleNamespace(lr=0.01, weight_decay=0.0))
    before = model.loss(words, model.start_states(5))[0].item()
    for _ in range(40):
        loss, _ = model.loss(words, model.start_states(5))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert model.loss(words, model.start_states(5))[0].item() < before - 1


def test_bfloat16_is_near_float32() -> None:
    model, words = make(), torch.randint(SIZE, (12, 3))
    losses = []
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            _, state = model.loss(words[:6], model.start_states(3))
            losses.append(model.loss(words[6:], state.detach())[0].item())
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_a_file_rebuilds_it(tmp_path: Path) -> None:
    model, words = make(), torch.randint(SIZE, (9, 2))
    model.save(tmp_path / "model.pt")
    again = Transformer.from_dict(read_torch(tmp_path / "model.pt"))
    assert torch.equal(log_probs(model, words), log_probs(again, words))


@pytest.mark.parametrize(
    ("fields", "found"), [("heads=3", "heads"), ("context=0", "context"), ("num_layers=0", "layer")]
)
def test_settings_that_do_not_fit(fields: str, found: str) -> None:
    with pytest.raises(InputError, match=found):
        Entry.parse(f"transformer:{fields}").make(
            {**COMMON, "num_layers": 1}, make_vocabulary(), {}
        )
