"""Runs models on torch's `meta` device, where tensors have shapes and no numbers.

There a tensor on another device fails, and so does an operation that waits for the device:
`.item()`, `.cpu()`, a branch on a number. This finds most errors of a GPU without one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model
from tiny import KNOWN, draw_sentences, make_ngram
from tiny_lattices import random_lattice
from torch import Tensor

from rescorer.models.language_model import LanguageModel
from rescorer.models.lightrnn import LightRNN, LightRNNState
from rescorer.models.mixture import Mixture
from rescorer.models.open_vocabulary import OpenVocabulary
from rescorer.models.spelling import Spelling
from rescorer.recognition.lattice import Lattice
from rescorer.rescoring.expansion import ExpansionSettings, expand
from rescorer.rescoring.prefix_tree import score_sentences
from rescorer.rescoring.weights import Weights

SETTINGS: list[dict[str, Any]] = [
    *(
        {
            "tied": tied,
            "two_step": two_step,
            "residual_dim": residual_dim,
            "sampled_softmax_size": 2 * (tied == two_step),
        }
        for tied, two_step, residual_dim in product((True, False), (False, True), (16, 0))
    ),
    {"num_layers": 3, "dropout": 0.2},
    {"num_layers": 2, "weight_dropout": 0.5, "sampled_softmax_size": 2},
    {"cell_bias": False},
    {"residual_row_score": False, "sampled_softmax_size": 2},
    {"residual_columns": 1},
    {"tied": False, "residual_row_score": False, "cell_bias": False},
]
PARENTS, NEXT = torch.tensor([0, 1, 1, 2, 0]), ("the", "cat", "strange", "</s>", "the")


@pytest.fixture(
    params=SETTINGS,
    ids=lambda settings: " ".join(f"{name}={value}" for name, value in settings.items()),
)
def meta(request: pytest.FixtureRequest) -> LightRNN:
    return make_model(**request.param).to("meta")


def sizes(*tensors: Tensor) -> list[tuple[int, ...]]:
    assert all(tensor.device.type == "meta" for tensor in tensors)
    return [tuple(tensor.shape) for tensor in tensors]


def test_what_moves_stays_tied(meta: LightRNN) -> None:
    there = make_model(
        **{
            name: getattr(meta.settings, name)
            for name in (
                "tied",
                "residual_dim",
                "two_step",
                "num_layers",
                "cell_bias",
                "residual_row_score",
                "residual_columns",
            )
        }
    )
    assert [name for name, _ in meta.named_parameters()] == [
        name for name, _ in there.named_parameters()
    ]
    assert meta.parameter_count() == there.parameter_count()
    assert (meta.row_in.weight is meta.row_out.weight) == meta.settings.tied


@pytest.mark.parametrize("training", [True, False])
def test_loss_and_gradient(meta: LightRNN, training: bool) -> None:
    meta.train(training)
    words = torch.zeros(5, 3, dtype=torch.int64, device="meta")
    loss, state = meta.loss(words, meta.start_states(3))
    loss.backward()
    assert sizes(loss, *state) == [
        (),
        *2 * [(meta.settings.num_layers, 3, meta.settings.hidden_dim)],
    ]
    for parameter in meta.parameters():
        assert parameter.grad is not None and sizes(parameter.grad) == sizes(parameter)
    meta.clip(1.0)
    assert sizes(meta(words, state.detach())[0]) == [(5, 3)]


def test_scoring(meta: LightRNN) -> None:
    state = meta.extend(
        meta.start(), torch.zeros(3, dtype=torch.int64), meta.encode(["the", "cat", "the"])
    )
    words = meta.encode(NEXT)
    log_probs, longer = meta.advance(state, PARENTS, words)
    assert sizes(meta.score(state, PARENTS, words), log_probs) == [(5,), (5,)]
    assert sizes(*longer) == sizes(*meta.extend(state, PARENTS, words)) == scored(meta, 5)
    assert sizes(*meta.select(longer, torch.tensor([4, 4, 0]))) == scored(meta, 3)
    assert sizes(*meta.join([state, longer])) == scored(meta, 8)


def scored(meta: LightRNN, histories: int) -> list[tuple[int, ...]]:
    """The sizes of a state: of hidden and cell state, and of the normalisers."""
    there = meta.settings.num_layers, histories, meta.settings.hidden_dim
    return [there, there, (1, histories)]


def test_next_words(meta: LightRNN) -> None:
    """The part of the search before the numbers go to the host."""
    state = meta.read(["the", "cat"])
    assert sizes(*meta._best(state, meta.encode(meta.words), 4)) == [(4,), (4,)]
    rows, columns = meta.table.rows, meta.table.columns
    assert sizes(
        meta.row_log_probs(state.hidden[-1]), meta.columns_after(state, torch.arange(3))
    ) == [(1, rows), (3, columns)]


def test_mixed_and_opened(tmp_path: Path) -> None:
    """A mixture with a model on the host, and with spelled words."""
    light = make_model().to("meta")
    light.spelling = Spelling({"▁": math.log(0.999)}, 0.0)
    mixture = Mixture([OpenVocabulary(light, light), make_ngram(tmp_path)], [0.5, 0.5])
    words = mixture.encode(NEXT)
    state = mixture.extend(mixture.start(), torch.zeros(3, dtype=torch.int64), words[:3])
    log_probs, longer = mixture.advance(state, PARENTS, words)
    assert sizes(log_probs, mixture.score(mixture.select(longer, PARENTS), PARENTS, words)) == [
        (5,),
        (5,),
    ]


States = list[LightRNNState]  # of the host and of `meta`


class Shadowed(LanguageModel[States]):
    """A network on the host that gives the numbers; its copy on `meta` repeats each call."""

    name, words, history_bytes, state_bytes = "lightrnn", None, 1000, 100

    def __init__(self) -> None:
        self.models = (make_model(), make_model().to("meta"))
        self.calls = 0

    def encode(self, words: Sequence[str]) -> Tensor:
        return self.models[0].encode(words)

    def knows(self, words: Sequence[str]) -> np.ndarray:
        return self.models[0].knows(words)

    def start(self) -> States:
        return [model.start() for model in self.models]

    def score(self, state: States, parents: Tensor, words: Tensor) -> Tensor:
        found, shadow = (
            model.score(own, parents, words) for model, own in zip(self.models, state, strict=True)
        )
        assert sizes(shadow) == [tuple(found.shape)]
        self.calls += 1
        return found

    def extend(self, state: States, parents: Tensor, words: Tensor) -> States:
        return [
            model.extend(own, parents, words) for model, own in zip(self.models, state, strict=True)
        ]

    def select(self, state: States, index: Tensor) -> States:
        return [model.select(own, index) for model, own in zip(self.models, state, strict=True)]

    def join(self, states: Sequence[States]) -> States:
        return [
            model.join(own)
            for model, own in zip(self.models, zip(*states, strict=True), strict=True)
        ]


def test_lists() -> None:
    model = Shadowed()
    shadowed, alone = (
        score_sentences(draw_sentences(40), [each], 1 << 24) for each in (model, make_model())
    )
    np.testing.assert_array_equal(shadowed.log_probs, alone.log_probs)
    assert model.calls >= 4


@pytest.mark.parametrize(
    "settings",
    [
        ExpansionSettings(),
        ExpansionSettings(order=0, beam=math.inf, max_histories=0),
        ExpansionSettings(order=2, beam=3.0, max_histories=2),
    ],
)
def test_lattices(settings: ExpansionSettings) -> None:
    draw = np.random.default_rng(0)
    lattices: list[Lattice] = [random_lattice(draw, 7, 17, KNOWN) for _ in range(4)]
    weights, first = (
        Weights({"score": 1.0}, 0.5, mixture={"lightrnn": 1.0}),
        Weights({"score": 1.0}, lm_scale=0.0),
    )
    model = Shadowed()
    shadowed, alone = (
        expand(lattices, [each], weights, first, settings, 1 << 22)
        for each in (model, make_model())
    )
    np.testing.assert_array_equal(shadowed.log_probs, alone.log_probs)
    assert model.calls >= 4
