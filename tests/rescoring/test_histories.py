"""The histories of a batch: each pair of history and word is scored once."""

from __future__ import annotations

import math

from conftest import make_model
from tiny_lattices import make_lattice

from rescorer.models.language_model import LanguageModel
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.weights import TunedWeights, Weights

EXACT = ExpansionSettings(order=0, beam=math.inf, max_histories=0)


class Counting(LanguageModel):
    """A model that counts the words that it scores."""

    name = "lightrnn"
    history_bytes = state_bytes = 100
    words = None

    def __init__(self) -> None:
        self.scored = 0
        self._model = make_model()

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)

    def encode(self, words):  # type: ignore[no-untyped-def]
        return self._model.encode(words)

    def knows(self, words):  # type: ignore[no-untyped-def]
        return self._model.knows(words)

    def start(self):  # type: ignore[no-untyped-def]
        return self._model.start()

    def score(self, state, parents, words):  # type: ignore[no-untyped-def]
        self.scored += len(words)
        return self._model.score(state, parents, words)

    def extend(self, state, parents, words):  # type: ignore[no-untyped-def]
        return self._model.extend(state, parents, words)

    def select(self, state, index):  # type: ignore[no-untyped-def]
        return self._model.select(state, index)

    def join(self, states):  # type: ignore[no-untyped-def]
        return self._model.join(states)


def test_a_word_after_a_history_is_scored_once() -> None:
    """Three times of the same words, in two lattices: the models see each pair of history and word
    once.
    """
    arcs = [
        (0, 1, "the"),
        (0, 2, "the"),
        (0, 3, ""),
        (3, 2, "the"),
        (1, 4, "cat"),
        (2, 4, "cat"),
        (2, 5, "cat"),
    ]
    old = [make_lattice(arcs, [4, 5], name=name) for name in ("one", "two")]
    model = Counting()
    list(
        rescore_lattices(
            old,
            model,
            TunedWeights(
                Weights({"score": 1.0}, mixture={"lightrnn": 1.0}),
                Weights({"score": 1.0}, lm_scale=0.0),
            ),
            EXACT,
        )
    )
    assert model.scored == 3  # the | <s>;  cat | the;  </s> | the cat
