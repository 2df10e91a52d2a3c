"""Context sets: occurrences in examples, similar words, and the weights of contexts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from conftest import make_model

from rescorer.models.lightrnn import LightRNN
from rescorer.training.new_words.context_sets import ContextSets, Examples, _similar_words
from rescorer.training.new_words.contexts import row_log_probs, sample_text, states_after
from rescorer.training.settings import ContextSettings

SETTINGS = ContextSettings(text_words=512, row_contexts=32, like_contexts=8, like_weight=3.0)
SENTENCES = [
    ["the", "emu", "sat"],
    ["a", "mat"],
    ["emu", "emu", "ran", "yak"],
    ["a", "emu"],
]


def collect(
    model: LightRNN, words: Sequence[str], examples: Examples, like: Sequence[str] = ()
) -> ContextSets:
    text = sample_text(model, SETTINGS.text_words, 1)
    text_rows = row_log_probs(model, text.state)
    return ContextSets.collect(model, words, examples, like, text, text_rows, SETTINGS)


def test_occurrences_and_the_histories_before_them() -> None:
    model = make_model()
    examples = Examples.found(model, ["yak", "emu"], SENTENCES, most=16)
    assert examples.words == [1, 1, 1, 0, 1]
    histories = [model.vocabulary.encode(words) for words in (["the"], [], ["<unk>"])]
    for found, expected in zip(examples.histories, histories, strict=False):
        assert found.tolist() == expected.tolist()
    assert [len(history) for history in examples.histories] == [1, 0, 1, 3, 1]
    assert examples.sentences == [SENTENCES[0], SENTENCES[2], SENTENCES[3]]


def test_the_first_occurrences_of_a_word_are_taken() -> None:
    examples = Examples.found(make_model(), ["emu"], SENTENCES, most=1)
    assert examples.words == [0] and examples.sentences == SENTENCES[:1]


def test_weights_of_examples_and_of_similar_words() -> None:
    """Two examples count 1 each beside 3 for all similar words: 1/5 each."""
    model = make_model()
    examples = Examples.found(model, ["yak", "emu"], [["the", "emu"], ["a", "emu"]], most=16)
    found = collect(model, ["yak", "emu"], examples)
    assert np.bincount(found.words, found.weights).tolist() == pytest.approx([1, 1])
    text_size = found.state.hidden.shape[1] - 2
    is_example = found.contexts >= text_size
    assert found.words[is_example].tolist() == [1, 1]
    assert found.weights[is_example].tolist() == pytest.approx([0.2, 0.2])
    assert (found.words == 0).sum() == 8
    expected = states_after(model, examples.histories).hidden
    assert found.state.hidden[:, text_size:].equal(expected)


def test_similar_words_come_from_the_list() -> None:
    model = make_model()
    text = sample_text(model, 64, 1)
    like = ["cat", "dog", "unheard", "</s>"]
    similar = _similar_words(model, ["emu", "bobcat"], like, text, SETTINGS)
    assert similar.shape == (2, 8)
    assert set(similar.ravel().tolist()) <= set(model.vocabulary.encode(["cat", "dog"]).tolist())
