"""Unknown words have different probabilities, by their spelling, in every kind of model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WORDS, make_model
from tiny import KNOWN, draw_sentences, make_ngram, nbest
from tiny_lattices import all_paths, random_lattice, words_of
from tiny_spelling import speller

import rescorer
from rescorer.errors import InputError
from rescorer.models.language_model import UNKNOWN, LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.mixture import Mixture
from rescorer.models.ngram import Ngram
from rescorer.models.open_vocabulary import OpenVocabulary, open_vocabulary
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import read_torch, write_torch
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.nbest import rerank, score_lists
from rescorer.rescoring.perplexity import CONTEXTS, score_text
from rescorer.rescoring.prefix_tree import score_sentences
from rescorer.rescoring.weights import TunedWeights, Weights
from rescorer.training.new_words.add_words import add_words, remove_words

STRANGE = ("strange", "stranger", "ω", "CAT", "a▁b")
SENTENCES = draw_sentences(60, words=(*KNOWN, *STRANGE, UNKNOWN))


def small_ngram(folder: Path) -> Ngram:
    """A model that knows neither `mat` nor `log`, which the speller knows."""
    return make_ngram(folder, [word for word in KNOWN if word not in ("mat", "log")])


def opened(folder: Path) -> tuple[LanguageModel, LanguageModel]:
    light, ngram = open_vocabulary([speller(), small_ngram(folder)])
    return light, ngram


def score_of(model: LanguageModel, history: list[str], word: str) -> float:
    return model.logprob([*history, word], end=False) - model.logprob(history, end=False)


@pytest.mark.parametrize("word", STRANGE)
def test_an_unknown_word_by_hand(word: str, device: str) -> None:
    base = speller().to(device)
    model = OpenVocabulary(base, base)
    assert base.spelling is not None
    expected = score_of(base, ["the"], UNKNOWN) + base.spelling.unknown_log_prob(word)
    assert score_of(model, ["the"], word) == pytest.approx(expected, abs=1e-4)
    later = model.logprob(["the", word, "sat"]) - base.logprob(["the", UNKNOWN, "sat"])
    assert later == pytest.approx(base.spelling.unknown_log_prob(word), abs=1e-4), (
        "the history holds <unk>"
    )


def test_what_is_known_stays(tmp_path: Path) -> None:
    ngram = make_ngram(tmp_path)
    for model in (speller(), ngram):
        both = OpenVocabulary(model, speller())
        sentence = ["the", "cat", UNKNOWN, "mat"]
        assert both.logprob(sentence) == model.logprob(sentence)
        assert (
            both.name == model.name
            and both.words == model.words
            and both.state_bytes == model.state_bytes
        )
        assert both.history_bytes == model.history_bytes
        # listed words are not spelled
        known = model.knows(WORDS) | speller().knows(WORDS)
        assert both.knows([*WORDS, "strange"]).tolist() == [*known.tolist(), False]
        assert both.next_words(["the"], candidates=WORDS) == model.next_words(
            ["the"], candidates=WORDS
        )
    marks = ("</s>", "<s>", UNKNOWN)
    assert OpenVocabulary(ngram, speller()).log_shares(
        OpenVocabulary(ngram, speller()).encode([])
    ).shape == (0,)
    each = OpenVocabulary(speller(), speller())
    assert each.log_shares(each.encode(marks)).tolist() == [0, 0, 0]


def test_what_is_spelled_out(tmp_path: Path) -> None:
    model = OpenVocabulary(small_ngram(tmp_path), speller())
    words = ["cat", "mat", "strange", UNKNOWN, "</s>"]
    share = model.log_shares(model.encode(["strange"])).item()
    assert share < -1 and model.log_spellings(words).tolist() == [0, 0, share, 0, 0]
    assert model.model.log_spellings(words).tolist() == [0] * 5


def test_all_strings_sum_to_unk(tmp_path: Path) -> None:
    """P(string | unknown) sums to 1 over listed words and, by the spelling model, all others."""
    light = speller()
    assert light.spelling is not None
    counts = dict(zip(light.vocabulary.words, light.vocabulary.counts.tolist(), strict=True))
    model = OpenVocabulary(small_ngram(tmp_path), light)
    total = counts["mat"] + counts["log"] + counts[UNKNOWN]
    shares = dict(
        zip(
            ("mat", "log", "strange"),
            model.log_shares(model.encode(["mat", "log", "strange"])).exp(),
            strict=True,
        )
    )
    assert shares["mat"] == pytest.approx(counts["mat"] / total)
    assert shares["log"] == pytest.approx(counts["log"] / total)
    rest = counts[UNKNOWN] / total
    assert shares["strange"] == pytest.approx(
        rest * math.exp(light.spelling.unknown_log_prob("strange"))
    )
    # The other strings share the rest: all strings but the known words, the special tokens and the
    # empty string.
    known = sum(math.exp(light.spelling.log_prob(word)) for word in ("", "<s>", *WORDS))
    assert light.spelling.known == pytest.approx(known)
    others = (1 - known) / (1 - light.spelling.known)
    assert float(shares["mat"] + shares["log"]) + rest * others == pytest.approx(1)


def test_words_of_another_light_rnn_are_left_out() -> None:
    """Words of the model that the speller does not know are known strings, too."""
    first, larger = speller(), make_model(14)
    model = OpenVocabulary(larger, first)
    assert first.spelling is not None
    spelling = first.spelling.knowing(["w11", "w12", "w13"])
    share = model.log_shares(model.encode(["strange", "w12"]))
    assert share.tolist() == pytest.approx([spelling.unknown_log_prob("strange"), 0])


def test_a_word_without_a_count_is_possible(tmp_path: Path) -> None:
    light = speller()
    light.vocabulary.counts[:] = 0
    model = OpenVocabulary(small_ngram(tmp_path), light)
    assert model.log_shares(model.encode(["mat"])).exp().item() == pytest.approx(1 / 3)
    assert math.isfinite(model.logprob(["strange"]))


def test_case_is_the_vocabularys() -> None:
    light = make_model()
    light.vocabulary = type(light.vocabulary)(
        light.vocabulary.words, light.vocabulary.counts, "lower"
    )
    light.spelling = Spelling.learn(light.vocabulary.words)
    model = OpenVocabulary(light, light)
    assert model.logprob(["THE", "Strange"]) == model.logprob(["the", "strange"])


@pytest.mark.parametrize("kind", ["linear", "log-linear"])
def test_mixtures(tmp_path: Path, kind: str) -> None:
    light, ngram = opened(tmp_path)
    mixture = Mixture([light, ngram], [0.7, 0.3], kind)
    for word in ("strange", "mat", "cat"):
        parts = [score_of(model, ["the"], word) for model in (light, ngram)]
        expected = (
            math.log(0.7 * math.exp(parts[0]) + 0.3 * math.exp(parts[1]))
            if kind == "linear"
            else 0.7 * parts[0] + 0.3 * parts[1]
        )
        assert score_of(mixture, ["the"], word) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_lists_give_what_sentences_have(tmp_path: Path, memory: int) -> None:
    models = opened(tmp_path)
    scores = score_sentences(SENTENCES, models, memory)
    for k, model in enumerate(models):
        expected = [model.logprob(sentence) for sentence in SENTENCES]
        assert (scores.paths @ scores.log_probs[:, k]).tolist() == pytest.approx(expected, abs=1e-3)
    assert scores.kinds.unknown.any(), "the penalty of unknown words stays"


def test_lattices_give_what_sentences_have(tmp_path: Path) -> None:
    models = opened(tmp_path)
    words = ("the", "cat", "mat", "strange", "stranger")
    lattice = random_lattice(np.random.default_rng(3), 6, 14, words)
    everything = ExpansionSettings(order=0, beam=math.inf, max_histories=0)
    rescored = next(iter(rescorer.rescore_lattices([lattice], models, settings=everything)))
    found = {hypothesis.words: hypothesis.scores for hypothesis in rescored.n_best(1000).hypotheses}
    assert any("strange" in words_of(lattice, path) for path in all_paths(lattice)) and found
    for sentence, scores in found.items():
        for model in models:
            assert scores[model.name] == pytest.approx(model.logprob(sentence), abs=1e-3)


def closed_and_opened(folder: Path) -> tuple[list[LanguageModel], list[LanguageModel]]:
    """Two models of the same words."""
    closed: list[LanguageModel] = [speller(), make_ngram(folder)]
    return closed, open_vocabulary(closed)


def tuned(spelling_scale: float) -> Weights:
    return Weights(
        {"score": 0.7},
        unknown_penalty=1.5,
        spelling_scale=spelling_scale,
        mixture={"lightrnn": 0.6, "ngram": 0.4},
    )


def test_lists_without_the_spelling_are_as_in_a_closed_vocabulary(tmp_path: Path) -> None:
    lists = [
        nbest(
            str(place),
            *((" ".join(words), {"score": 0.0}) for words in SENTENCES[place : place + 10]),
        )
        for place in range(0, 60, 10)
    ]
    plain, spelled = (score_lists(lists, models) for models in closed_and_opened(tmp_path))
    assert spelled.totals(tuned(0.0)) == pytest.approx(plain.totals(tuned(1.0)), abs=1e-4)
    assert spelled.totals(tuned(1.0)).min() < plain.totals(tuned(1.0)).min() - 10
    for one, other in zip(
        rerank(lists, spelled, tuned(0.0)), rerank(lists, spelled, tuned(1.0)), strict=True
    ):
        raw = [
            sorted((h.words, h.scores["lightrnn"], h.scores["ngram"]) for h in each.hypotheses)
            for each in (one, other)
        ]
        assert raw[0] == raw[1], "the named scores are the models' own"


def test_lattices_without_the_spelling_are_as_in_a_closed_vocabulary(tmp_path: Path) -> None:
    lattice = random_lattice(
        np.random.default_rng(3), 6, 14, ("the", "cat", "mat", "strange", "stranger")
    )
    everything = ExpansionSettings(order=0, beam=math.inf, max_histories=0)
    weights = {
        scale: TunedWeights(tuned(scale), Weights({"score": 1.0}, lm_scale=0.0))
        for scale in (0.0, 1.0)
    }
    closed, models = closed_and_opened(tmp_path)
    plain, without, spelled = (
        next(iter(rescorer.rescore_lattices([lattice], each, weights[scale], everything)))
        for each, scale in ((closed, 1.0), (models, 0.0), (models, 1.0))
    )
    assert without.totals == pytest.approx(plain.totals, abs=1e-4)
    assert spelled.totals.min() < plain.totals.min() - 10
    assert without.lattice.scores["ngram"].tolist() == spelled.lattice.scores["ngram"].tolist()


@pytest.mark.parametrize("context", CONTEXTS)
def test_perplexity(tmp_path: Path, context: str) -> None:
    closed = [speller(), small_ngram(tmp_path)]
    models = open_vocabulary(closed)
    text = [sentence for sentence in SENTENCES if sentence]
    plain, spelled = (
        score_text(text, each, context=context, memory=1 << 30) for each in (closed, models)
    )
    flat = [word for sentence in text for word in (*sentence, "</s>")]
    for k, model in enumerate(models):
        assert isinstance(model, OpenVocabulary)
        more = model.log_shares(model.encode(flat)).numpy()
        assert spelled.log_probs[:, k] == pytest.approx(plain.log_probs[:, k] + more, abs=1e-4)
    assert (
        spelled.unknown.tolist() == [plain.unknown[0]] * 2 and plain.unknown[1] > plain.unknown[0]
    )


# ---- files ----


def test_the_file_keeps_it(tmp_path: Path) -> None:
    model = speller()
    model.save(tmp_path / "lightrnn.pt")
    assert LightRNN.load(tmp_path / "lightrnn.pt").spelling == model.spelling
    old = make_model()
    old.save(tmp_path / "old.pt")
    assert "spelling" not in read_torch(tmp_path / "old.pt")
    assert LightRNN.load(tmp_path / "old.pt").spelling is None


@pytest.mark.parametrize(
    "bad", [{}, {"known": 2.0}, {"pieces": ["▁"]}, {"log_probs": torch.zeros(2)}, None, 3]
)
def test_damaged_ones_are_refused(tmp_path: Path, bad: object) -> None:
    content = speller().as_dict()
    content["spelling"] = {**content["spelling"], **bad} if isinstance(bad, dict) and bad else bad
    write_torch(content, tmp_path / "bad.pt")
    with pytest.raises(InputError, match=r"bad\.pt: its parts do not fit"):
        LightRNN.load(tmp_path / "bad.pt")


def test_added_and_removed_words_keep_the_sum() -> None:
    model = speller()
    larger, _ = add_words(model, ["horse", "pony"], np.ones(2))
    smaller = remove_words(larger, ["pony", "cat"])
    for each in (larger, smaller, remove_words(larger, ["horse", "pony"])):
        assert each.spelling is not None and model.spelling is not None
        assert each.spelling.pieces == model.spelling.pieces
        known = sum(
            math.exp(model.spelling.log_prob(word)) for word in ("", "<s>", *each.vocabulary.words)
        )
        assert each.spelling.known == pytest.approx(known, abs=1e-12)
    assert add_words(make_model(), ["horse"], np.ones(1))[0].spelling is None
