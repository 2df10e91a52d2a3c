"""`rescore --lm hf:DIR` with a tiny random model: alone, beside word models, and on lattices."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import LISTS, REFERENCES, bad, good
from conftest import make_model
from tiny import write_arpa
from tiny_lattices import HTK, draw_lattices
from tiny_pretrained import MISSING, make_network, save_pretrained

from rescorer.models.loading import load
from rescorer.models.pretrained.model import PretrainedModel
from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.nbest import NBest
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.weights import TunedWeights

HF = ("--lm", "hf:model")
WORDS = ("--lm", "lightrnn.pt", "--ngram", "ngram.arpa")

needs_transformers = pytest.mark.skipif(
    "not __import__('importlib.util').util.find_spec('transformers')", reason=MISSING
)
pytestmark = [
    pytest.mark.usefixtures("quick_tuning"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pretrained(tmp_path_factory.mktemp("pretrained") / "model")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """A folder with models, lists, lattices and references, where the command runs."""
    monkeypatch.chdir(tmp_path)
    Path("model").symlink_to(folder)
    make_model().save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa")
    write_nbest("lists.jsonl", LISTS, "jsonl")
    HTK.write(Path("lats"), draw_lattices())
    refs = {**REFERENCES, **{f"u{number}": "the cat sat" for number in range(6)}}
    Path("ref").write_text("".join(f"{name} {words}\n" for name, words in refs.items()))
    return tmp_path


def scores_of(lists: list[NBest], folder: Path = Path("model")) -> dict[tuple[str, ...], float]:
    """log P of each sentence, one at a time."""
    model = PretrainedModel.load(folder)
    sentences = {each.words for nbest in lists for each in nbest.hypotheses}
    return {words: float(model.log_probs([words], lambda *_: None)[0]) for words in sentences}


def ranked_by_hand(weights: TunedWeights, nbest: NBest, scores: dict[Any, float]) -> list[Any]:
    def total(words: tuple[str, ...], raw: dict[str, float]) -> float:
        scales = weights.weights.scales
        return (
            scales["first_pass"] * raw["first_pass"]
            + scales["hf"] * scores[words]
            - weights.weights.word_penalty * len(words)
        )

    totals = {each.words: total(each.words, dict(each.scores)) for each in nbest.hypotheses}
    return sorted(totals, key=lambda words: -totals[words])


@needs_transformers
def test_alone_on_lists(here: Path) -> None:
    good("lists.jsonl", *HF, "--tune", "ref", "--weights", "w.json", "--output", "dev")
    weights = TunedWeights.load("w.json")
    assert weights.sentence_names == ("hf",) and not weights.weights.mixture
    assert set(weights.first_pass.scales) == {"first_pass"}
    good("lists.jsonl", *HF, "--weights", "w.json", "--nbest-output", "out.jsonl", "-o", "best")
    assert Path("best").read_text() == Path("dev").read_text()
    scores = scores_of(LISTS)
    for old, new in zip(LISTS, read_nbest("out.jsonl").lists, strict=True):
        assert [each.words for each in new.hypotheses] == ranked_by_hand(weights, old, scores)
        for each in new.hypotheses:
            assert each.scores["hf"] == pytest.approx(scores[each.words], abs=1e-4)


@needs_transformers
def test_beside_models_of_words(here: Path) -> None:
    result = good("lists.jsonl", *HF, *WORDS, "--tune", "ref", "--weights", "w.json")
    weights = TunedWeights.load("w.json").weights
    assert set(weights.scales) == {"first_pass", "hf"}
    assert set(weights.mixture) == {"lightrnn", "ngram"}
    assert result.stdout == good("lists.jsonl", *HF, *WORDS, "--weights", "w.json").stdout


@needs_transformers
def test_untuned(here: Path) -> None:
    """Both kinds of models share the scale."""
    result = good("lists.jsonl", *HF, *WORDS)
    assert "no --weights: " in result.stderr
    assert "no --weights: " in good("lists.jsonl", *HF).stderr


@needs_transformers
def test_two_pretrained_models(here: Path) -> None:
    save_pretrained(here / "other", make_network(seed=1))
    models = (*HF, "--lm", "hf:other")
    good("lists.jsonl", *models, "--tune", "ref", "--weights", "w.json")
    assert set(TunedWeights.load("w.json").weights.scales) == {
        "first_pass",
        "hf-model",
        "hf-other",
    }


@needs_transformers
def test_the_best_sentences_of_lattices(here: Path) -> None:
    """The order of the words' models, with the sentence score added, decides among the N best."""
    options = (*HF, *WORDS, "--nbest", "7")
    result = good("lats", *options, "--tune", "ref", "--weights", "w.json", "-o", "dev")
    assert "hf scores the 7 best sentences of each rescored lattice" in result.stderr
    good("lats", *options, "--weights", "w.json", "-o", "best", "--nbest-output", "out.jsonl")
    assert Path("best").read_text() == Path("dev").read_text()
    weights = TunedWeights.load("w.json")
    lattices = HTK.read(Path("lats"), None, ErrorCollector())
    models = [load("lightrnn.pt"), load("ngram.arpa")]
    arcs = weights.without_sentence_models()
    expected = []
    for each in rescore_lattices(lattices, models, arcs):
        nbest = each.n_best(7)
        scores = scores_of([nbest])
        totals = {
            hypothesis.words: hypothesis.scores["total"]
            + weights.weights.scales["hf"] * scores[hypothesis.words]
            for hypothesis in nbest.hypotheses
        }
        expected.append(sorted(totals, key=lambda words, totals=totals: -totals[words]))
    found = [[each.words for each in nbest.hypotheses] for nbest in read_nbest("out.jsonl").lists]
    assert found == expected


@needs_transformers
def test_untuned_on_lattices(here: Path) -> None:
    assert good("lats", *HF, *WORDS, "-o", "best").exit_code == 0
    assert len(Path("best").read_text().splitlines()) == 6


@needs_transformers
@pytest.mark.parametrize("inputs", ["lists.jsonl", "lats"])
def test_a_second_run_reads_no_sentence(
    here: Path, inputs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (inputs, *HF, "--lm", "lightrnn.pt", "--score-cache", "scores")
    tune = (*options, "--tune", "ref", "--weights")
    first = good(*tune, "w.json")

    def fail(*_: object) -> None:
        raise AssertionError("a sentence is read")

    monkeypatch.setattr("rescorer.models.pretrained.scorer.SubwordScorer._logits", fail)
    assert good(*tune, "v.json").stdout == first.stdout
    assert Path("v.json").read_text() == Path("w.json").read_text()
    with pytest.raises(AssertionError, match="a sentence is read"):  # other settings, other scores
        raise good(*options, "--hf-case", "sentence").exception or AssertionError


@needs_transformers
def test_a_sentence_is_read_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    score = PretrainedModel.load(Path("model")).scorer.__class__.score
    monkeypatch.setattr(
        "rescorer.models.pretrained.scorer.SubwordScorer.score",
        lambda self, sentences: read.extend(sentences) or score(self, sentences),
    )
    twice = [NBest(f"{each.utterance}-{n}", each.hypotheses) for each in LISTS for n in (1, 2)]
    write_nbest("twice.jsonl", twice, "jsonl")
    good("twice.jsonl", *HF)
    assert sorted(read) == sorted({each.words for nbest in LISTS for each in nbest.hypotheses})


@needs_transformers
@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("lats", *HF), "a model that scores words beside it"),
        (("lats", *HF, *WORDS, "--mbr"), "leave --mbr or --lm hf:DIR out"),
        (("lats", *HF, *WORDS, "--lattice-output", "out"), "leave --lattice-output or"),
        (("lists.jsonl", *HF, *WORDS, "--names", "ref"), "leave one of both out"),
        (("lists.jsonl", "--lm", "lightrnn.pt", "--score-cache", "s"), "add --lm hf:DIR"),
        (("lists.jsonl", "--lm", "hf:nowhere"), "nowhere: no such folder"),
        (("lists.jsonl", *HF, "--score-cache", "ref"), "cannot be used as a cache of scores"),
        (("lists.jsonl", *HF, "--hf-prompt", "long " * 50), "at most 48"),
        (("lists.jsonl", *HF, "--hf-case", "upper"), "'upper' is not one of"),
    ],
)
def test_bad_options(here: Path, arguments: tuple[str, ...], expected: str) -> None:
    assert expected in bad(*arguments)


@needs_transformers
@pytest.mark.parametrize("inputs", ["lists.jsonl", "lats"])
def test_weights_of_other_models(here: Path, inputs: str) -> None:
    good(inputs, "--lm", "lightrnn.pt", "--tune", "ref", "--weights", "w.json")
    good(inputs, *HF, "--lm", "lightrnn.pt", "--tune", "ref", "--weights", "v.json")
    words, both = ("--lm", "lightrnn.pt"), (*HF, "--lm", "lightrnn.pt")
    assert "tune new weights" in bad(inputs, *both, "--weights", "w.json")
    assert "tune new weights" in bad(inputs, *words, "--weights", "v.json")


def test_without_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    write_nbest("lists.jsonl", LISTS, "jsonl")
    assert "lightrnn-rescorer[transformers]" in bad("lists.jsonl", *HF)


def test_the_file_of_weights_names_models_of_sentences(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    part = {"scales": {"a": 1.0}, "lm_scale": 0.0}
    content = {"weights": {**part, "scales": {"a": 1.0, "hf": 0.5}}, "first_pass": part}
    path.write_text(json.dumps({**content, "sentence_models": ["hf"]}))
    weights = TunedWeights.load(path)
    assert weights.sentence_names == ("hf",)
    weights.save(path)
    assert TunedWeights.load(path) == weights
    assert weights.without_sentence_models().weights.scales == {"a": 1.0}
