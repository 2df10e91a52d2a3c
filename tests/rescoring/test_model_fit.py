"""Remarks on a model and an input whose perplexity and unknown words are computed by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from commands import good
from conftest import make_model
from tiny import nbest, write_arpa
from tiny_lattices import HTK, draw_lattices

from rescorer.models.loading import load
from rescorer.models.open_vocabulary import OpenVocabulary
from rescorer.recognition.formats import write_nbest
from rescorer.rescoring.model_fit import (
    SAMPLE_SENTENCES,
    SAMPLE_WORDS,
    FitSettings,
    fit_remarks,
    sample,
)

MEMORY = 1 << 20
SENTENCES = [("the", "cat", "sat"), ("a", "strange", "dog"), ()]  # 6 words, one unknown


def by_hand() -> float:
    model = make_model()
    total = sum(model.logprob(list(words)) for words in SENTENCES)
    return math.exp(-total / (6 + 3))


@pytest.mark.parametrize("share, expected", [(1.01, False), (0.99, True)])
def test_perplexity_against_that_of_the_validation_text(share: float, expected: bool) -> None:
    model = make_model()
    own = by_hand() / 2.5 * share
    model.provenance = {"valid_perplexity": own}
    lines = list(fit_remarks(SENTENCES, [model], MEMORY, FitSettings(unknown=0.5)))
    assert (
        lines
        == [
            f"lightrnn suits this input badly: perplexity {by_hand():,.0f} on the best hypotheses, "
            f"{own:,.0f} on its own validation text; what helps: train on text like this, or tune "
            "a lower scale (--tune)"
        ]
        * expected
    )


@pytest.mark.parametrize("limit, expected", [(0.17, False), (0.16, True)])
def test_share_of_unknown_words(limit: float, expected: bool) -> None:
    """One word of six, 16.7 %; a KenLM has no validation text."""
    lines = list(fit_remarks(SENTENCES, [make_model()], MEMORY, FitSettings(unknown=limit)))
    assert (
        lines
        == [
            "lightrnn suits this input badly: 16.7 % of the best hypotheses' words unknown; what "
            "helps: add these words (lexicon add-words), or tune a lower scale (--tune)"
        ]
        * expected
    )


def test_the_closed_vocabulary_counts(tmp_path: Path) -> None:
    """A model that spells unknown words is judged as it was trained."""
    model = make_model()
    model.provenance = {"valid_perplexity": 1.0}
    expected = list(fit_remarks(SENTENCES, [model], MEMORY))

    class Opened(OpenVocabulary):
        def __init__(self) -> None:
            self.model, self.name = model, model.name

    assert list(fit_remarks(SENTENCES, [Opened()], MEMORY)) == expected and expected
    write_arpa(tmp_path / "ngram.arpa")
    both = [model, load(tmp_path / "ngram.arpa")]
    assert [line.split()[0] for line in fit_remarks(SENTENCES, both, MEMORY)] == [
        "lightrnn",
        "ngram",
    ]


@pytest.mark.parametrize("recorded", [{}, {"valid_perplexity": "195"}, {"valid_perplexity": None}])
def test_without_a_recorded_perplexity(recorded: dict[str, object]) -> None:
    model = make_model()
    model.provenance = recorded
    assert list(fit_remarks(SENTENCES, [model], MEMORY, FitSettings(unknown=0.5))) == []


def test_no_words() -> None:
    assert list(fit_remarks([(), ()], [make_model()], MEMORY)) == []
    assert list(fit_remarks([], [make_model()], MEMORY)) == []


def test_samples_are_bounded() -> None:
    assert len(sample([("the",)] * 1000)) == SAMPLE_SENTENCES
    assert sum(map(len, sample([("the",) * 300] * 1000))) <= SAMPLE_WORDS


@pytest.mark.parametrize("tuning", [True, False])
def test_lists_and_lattices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_tuning: None, tuning: bool
) -> None:
    """The remark stands before what tuning says, and outputs do not depend on it."""
    monkeypatch.chdir(tmp_path)
    model = make_model()
    model.save("silent.pt")
    model.provenance = {"valid_perplexity": 1.0}
    model.save("lightrnn.pt")
    best = nbest("u0", ("the cat sat on a mat", -1.0), ("the dog sat on a mat", -3.0))
    write_nbest("lists.jsonl", [best], "jsonl")
    HTK.write(Path("lats"), draw_lattices())
    Path("ref").write_text("".join(f"u{number} the cat sat\n" for number in range(6)))
    for inputs in ("lists.jsonl", "lats"):
        options = ("--tune", "ref", "--weights", "w.json") if tuning else ()
        said = good(inputs, "--lm", "lightrnn.pt", *options)
        before, _, _ = said.stderr.partition("WER" if tuning else "no --weights")
        assert "suits this input badly: perplexity " in before
        assert ", 1 on its own validation text" in before
        assert good(inputs, "--lm", "silent.pt", *options).stdout == said.stdout
    log_prob = make_model().logprob(["the", "cat", "sat", "on", "a", "mat"])
    shown = f"perplexity {np.exp(-log_prob / 7):,.0f} on the best hypotheses"
    assert shown in good("lists.jsonl", "--lm", "lightrnn.pt").stderr
