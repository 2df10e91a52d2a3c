"""The methods that LanguageModel adds to those of its subclasses: `logprob` and `next_words`."""

from __future__ import annotations

import math
from pathlib import Path

import kenlm  # type: ignore[import-not-found]
import pytest
import torch
from conftest import make_model
from tiny import KNOWN, draw_sentences, make_ngram

from rescorer.errors import InputError
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.mixture import Mixture


def test_logprob_equals_the_forward_pass() -> None:
    model = make_model()
    for sentence in draw_sentences(10):
        ids = torch.as_tensor(model.vocabulary.encode([*sentence, SENTENCE_END]))
        with torch.no_grad():
            log_probs = model(ids[:, None], model.start_states(1))[0][:, 0]
        assert model.logprob(sentence) == pytest.approx(float(log_probs.sum()), abs=1e-4)
        assert model.logprob(sentence, end=False) == pytest.approx(
            float(log_probs[:-1].sum()), abs=1e-4
        )


def test_logprob_equals_kenlm(tmp_path: Path) -> None:
    model = make_ngram(tmp_path)
    own = kenlm.Model(str(tmp_path / "tiny.arpa"))
    for sentence in draw_sentences(10):
        for end in (True, False):
            expected = math.log(10) * own.score(" ".join(sentence), eos=end)
            assert model.logprob(sentence, end=end) == pytest.approx(expected, abs=1e-4)


def test_logprob_of_nothing() -> None:
    model = make_model()
    assert model.logprob([], end=False) == 0
    assert model.logprob([]) == pytest.approx(
        math.log(dict(model.next_words([], k=99))[SENTENCE_END]), abs=1e-5
    )


@pytest.mark.parametrize("history", [[], ["the"], ["the", "cat"], ["strange"]])
def test_next_words_are_a_distribution(history: list[str]) -> None:
    model = make_model()
    words = model.next_words(history, k=1000)
    assert sorted(word for word, _ in words) == sorted(model.words)
    assert sum(share for _, share in words) == pytest.approx(1, abs=1e-5)
    assert [share for _, share in words] == sorted((share for _, share in words), reverse=True)
    before = model.logprob(history, end=False)
    for word, share in words[:4]:
        assert math.log(share) == pytest.approx(
            model.logprob([*history, word], end=False) - before, abs=1e-4
        )
    assert model.next_words(history, k=3) == words[:3]
    assert len(model.next_words(history)) == 10 and model.next_words(history, k=0) == []


def test_next_words_among_candidates(tmp_path: Path) -> None:
    model = make_ngram(tmp_path)
    with pytest.raises(InputError, match=r"cannot list its words.*candidates"):
        model.next_words(["the"])
    words = model.next_words(["the"], k=99, candidates=[*KNOWN, SENTENCE_END, UNKNOWN])
    assert len(words) == len(KNOWN) + 2
    before = model.logprob(["the"], end=False)
    assert math.log(dict(words)["cat"]) == pytest.approx(
        model.logprob(["the", "cat"], end=False) - before, abs=1e-4
    )
    assert model.next_words(["the"], candidates=["cat"])[0][0] == "cat"
    assert make_model().next_words(["the"], candidates=["cat", "dog"], k=1)[0][0] in {"cat", "dog"}


def test_a_mixture_is_a_model_too(tmp_path: Path) -> None:
    network = make_model()
    mixture = Mixture([network, make_ngram(tmp_path)], [1.0, 0.0])
    assert mixture.logprob(["the", "cat"]) == pytest.approx(
        network.logprob(["the", "cat"]), abs=1e-4
    )
    assert [word for word, _ in mixture.next_words(["the"], k=3)] == [
        w for w, _ in network.next_words(["the"], k=3)
    ]
