"""The class of expected words: probabilities by hand, marks, and devices."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from conftest import WORDS, make_model
from tiny import KNOWN, make_ngram

from rescorer.models.expected_words import ExpectedWords, marked, unmarked
from rescorer.models.mixture import Mixture
from rescorer.models.open_vocabulary import OpenVocabulary
from rescorer.models.spelling import Spelling

SHARE = 1e-3
SENTENCES = (("the", "cat", "sat"), ("strange", "dog"), ())


def test_marks() -> None:
    assert marked("cat") != "cat" and unmarked(marked("cat")) == unmarked("cat") == "cat"
    assert marked("cat") not in make_model().vocabulary


@pytest.mark.parametrize("number", [1, 4, 2500.5])
def test_probabilities_by_hand(number: float) -> None:
    model = make_model()
    expecting = ExpectedWords(model, number)
    history = ("the", "dog")
    for word in (*KNOWN, "strange"):
        before = model.logprob([*history, word], end=False) - model.logprob(history, end=False)
        plain = (1 - SHARE) * math.exp(before)
        for last, expected in ((word, plain), (marked(word), plain + SHARE / number)):
            found = expecting.logprob([*history, last], end=False) - expecting.logprob(
                history, end=False
            )
            assert math.exp(found) == pytest.approx(expected, rel=1e-4)


def test_the_probabilities_of_all_words_sum_to_one() -> None:
    """Of N expected words each is there as an expected word alone."""
    expected = ["cat", "strange", "stranger", "strangest"]
    expecting = ExpectedWords(make_model(), len(expected))
    words = [*(word for word in WORDS if word not in expected), *map(marked, expected)]
    state = expecting.read(["the", marked("stranger")])
    ids = expecting.encode(words)
    log_probs = expecting.score(state, torch.zeros(len(words), dtype=torch.int64), ids)
    # The three words outside the vocabulary share the rest of <unk>, which is counted once here.
    unknown = expecting.score(state, torch.zeros(1, dtype=torch.int64), expecting.encode(["?"]))
    total = log_probs.double().exp().sum().item() - 3 * unknown.double().exp().item()
    assert total == pytest.approx(1, abs=1e-5)


def test_no_more_than_one_expected_word_needs_no_number() -> None:
    """Utterances with half a name on average: the class has at least one."""
    assert ExpectedWords(make_model(), 0.5).logprob([marked("cat")]) == pytest.approx(
        ExpectedWords(make_model(), 1).logprob([marked("cat")])
    )


def test_histories_are_those_of_the_words_themselves() -> None:
    expecting = ExpectedWords(make_model(), 3)
    for words in SENTENCES:
        plain, named = (expecting.read(each) for each in (words, list(map(marked, words))))
        for one, two in zip(plain, named, strict=True):
            assert torch.equal(one, two)


def test_each_way_to_score_gives_the_same() -> None:
    expecting = ExpectedWords(make_model(), 3)
    state = expecting.join([expecting.start(), expecting.read(["the", "cat"])])
    parents = torch.tensor([0, 1, 1])
    words = expecting.encode([marked("cat"), marked("strange"), "dog"])
    scores = expecting.score(state, parents, words)
    log_probs, longer = expecting.advance(state, parents, words)
    torch.testing.assert_close(scores, log_probs)
    for one, two in zip(longer, expecting.extend(state, parents, words), strict=True):
        torch.testing.assert_close(one, two)
    chosen = expecting.select(longer, torch.tensor([2]))
    for one, two in zip(chosen, expecting.read(["the", "cat", "dog"]), strict=True):
        torch.testing.assert_close(one, two)


def test_expected_words_are_known_and_learnt() -> None:
    model = make_model()
    expecting = ExpectedWords(model, 1)
    words = ["cat", "strange", marked("cat"), marked("strange")]
    assert expecting.knows(words).tolist() == [True, False, True, True]
    assert expecting.has_learnt(words).tolist() == [True, False, True, True]
    assert expecting.words is model.words and expecting.name == model.name
    assert expecting.state_bytes == model.state_bytes
    assert expecting.history_bytes == model.history_bytes
    assert expecting.knows([]).tolist() == [] and len(expecting.encode([])) == 0


def test_expected_words_need_no_spelling() -> None:
    model = make_model()
    model.spelling = Spelling({"▁": math.log(0.999)}, 0.0)
    spelled = OpenVocabulary(model, model)
    found = ExpectedWords(spelled, 1).log_spellings(["strange", marked("strange")])
    assert found[0] == spelled.log_spellings(["strange"])[0] < 0 and found[1] == 0


def test_an_n_gram_model_and_a_mixture(tmp_path: Path) -> None:
    """In a mixture each model expects the words."""
    models = [make_model(), make_ngram(tmp_path)]
    light, ngram = (ExpectedWords(model, 10) for model in models)
    for words in SENTENCES:
        plain = models[1].logprob(words) + (len(words) + 1) * math.log1p(-SHARE)
        assert ngram.logprob(words) == pytest.approx(plain, abs=1e-5)
    word = [marked("strange")]
    mixed = Mixture([light, ngram], [0.5, 0.5]).logprob(word, end=False)
    parts = [math.exp(model.logprob(word, end=False)) for model in (light, ngram)]
    assert mixed == pytest.approx(math.log(sum(parts) / 2), abs=1e-5)
    assert min(parts) >= SHARE / 10 * 0.999


def test_nothing_waits_for_the_device() -> None:
    meta = ExpectedWords(make_model().to("meta"), 3)
    words = meta.encode(["the", marked("cat"), marked("strange")])
    parents = torch.zeros(3, dtype=torch.int64)
    log_probs, longer = meta.advance(meta.start(), parents, words)
    for tensor in (log_probs, meta.score(longer, torch.tensor([0, 1, 2]), words), *longer):
        assert tensor.device.type == "meta"
    assert log_probs.shape == (3,) and log_probs.dtype == torch.float32
