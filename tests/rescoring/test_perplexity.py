"""Perplexity of a text: every word and `</s>` once, however it is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import kenlm  # type: ignore[import-not-found]
import numpy as np
import pytest
import torch
from conftest import make_model
from tiny import draw_sentences, make_ngram

from rescorer.models.language_model import SENTENCE_END, LanguageModel
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.rescoring.perplexity import CONTEXTS, score_text

LARGE = 1 << 30
TEXT = [sentence for sentence in draw_sentences(40) if sentence]
WORDS = sum(map(len, TEXT))


def directly(
    model: LanguageModel, sentences: Sequence[Sequence[str]], carried: bool
) -> list[float]:
    """log P of each word and `</s>`, one word at a time."""
    found, state, zero = [], model.start(), torch.zeros(1, dtype=torch.int64)
    for sentence in sentences:
        if not carried:
            state = model.start()
        for word in (*sentence, SENTENCE_END):
            log_prob, state = model.advance(state, zero, model.encode([word]))
            found.append(float(log_prob))
    return found


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("memory", [1, LARGE])
def test_equals_a_loop_over_the_words(context: str, memory: int) -> None:
    model = make_model(num_layers=2)
    scores = score_text(TEXT, [model], context=context, memory=memory)
    expected = directly(model, TEXT, carried=context == "text")
    assert scores.log_probs[:, 0] == pytest.approx(expected, abs=1e-4), "in the order of the text"
    assert scores.words == WORDS and len(scores.log_probs) == WORDS + len(TEXT)
    assert scores.perplexities() == {
        "lightrnn": pytest.approx(math.exp(-np.mean(expected)), rel=1e-5)
    }


@pytest.mark.parametrize("context", CONTEXTS)
def test_equals_kenlm(tmp_path: Path, context: str) -> None:
    model = make_ngram(tmp_path)
    own = kenlm.Model(str(tmp_path / "tiny.arpa"))
    log10 = sum(own.score(" ".join(sentence)) for sentence in TEXT)
    scores = score_text(TEXT, [model], context=context, memory=LARGE)
    assert scores.perplexities()["ngram"] == pytest.approx(
        10 ** (-log10 / (WORDS + len(TEXT))), rel=1e-5
    )
    one = score_text(TEXT[:1], [model], context=context, memory=LARGE)
    assert one.perplexities()["ngram"] == pytest.approx(own.perplexity(" ".join(TEXT[0])), rel=1e-5)


def test_unknown_words_are_counted_for_each_model(tmp_path: Path) -> None:
    models = [make_model(), make_ngram(tmp_path, words=("strange",))]
    scores = score_text(
        [("cat", "strange"), ("strange", "<unk>")], models, context="sentence", memory=LARGE
    )
    assert scores.unknown.tolist() == [3, 2] and scores.names == ("lightrnn", "ngram")


def test_the_mixture_is_fitted_on_the_given_text(tmp_path: Path) -> None:
    models = [make_model(), make_ngram(tmp_path)]
    scores = score_text(TEXT, models, context="sentence", memory=LARGE)
    for weights in ([1.0, 0.0], [0.0, 1.0], [0.3, 0.7]):
        mixed = np.log(np.exp(scores.log_probs) @ weights)
        assert scores.mixed(np.array(weights)) == pytest.approx(math.exp(-mixed.mean()), rel=1e-9)
    best = scores.best_weights()
    assert best.sum() == pytest.approx(1)
    grid = [scores.mixed(np.array([share, 1 - share])) for share in np.linspace(0, 1, 51)]
    assert scores.mixed(best) <= min(grid) + 1e-6


def test_streams_score_every_word_once() -> None:
    model = make_model()
    ids = model.vocabulary.encode([word for sentence in TEXT for word in (*sentence, SENTENCE_END)])
    for streams, bptt in ((1, 7), (1, 1000), (3, 10), (len(ids), 5)):
        pieces = [
            ids[begin : begin + math.ceil(len(ids) / streams)]
            for begin in range(0, len(ids), math.ceil(len(ids) / streams))
        ]
        expected = np.concatenate([log_probs_of(model, piece) for piece in pieces])
        assert log_probs_of(model, ids, batch_size=streams, bptt=bptt) == pytest.approx(
            expected, abs=1e-5
        )


def test_perplexity() -> None:
    assert perplexity(np.log([0.5, 0.125])) == pytest.approx(4)
    assert perplexity(np.array([-1e6])) == perplexity(np.array([-np.inf, 0.0])) == math.inf
