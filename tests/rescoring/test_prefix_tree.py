"""The tree of histories: the same numbers as scoring each sentence alone, with less work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kenlm  # type: ignore[import-not-found]
import numpy as np
import pytest
import torch
from conftest import make_model
from tiny import draw_sentences, make_ngram
from torch import Tensor

from rescorer.models.language_model import SENTENCE_END, SENTENCE_START, UNKNOWN
from rescorer.models.lightrnn import LightRNN
from rescorer.models.mixture import Mixture
from rescorer.models.open_vocabulary import open_vocabulary
from rescorer.models.spelling import Spelling
from rescorer.rescoring import prefix_tree as prefix_tree
from rescorer.rescoring.prefix_tree import (
    PathScores,
    PrefixTree,
    Sentence,
    SentenceScorer,
    score_sentences,
)

LARGE = 1 << 30
SHAPES: list[dict[str, Any]] = [
    {},
    {"num_layers": 2},
    {"residual_dim": 0, "cell_bias": False, "tied": False},
    {"two_step": True},
]


@torch.no_grad()
def alone(model: LightRNN, sentence: tuple[str, ...]) -> float:
    """log P of one sentence by the forward pass that training uses."""
    ids = torch.as_tensor(model.vocabulary.encode([*sentence, SENTENCE_END]))
    return float(model(ids[:, None], model.start_states(1))[0].sum())


@pytest.mark.parametrize("settings", SHAPES)
@pytest.mark.parametrize("memory", [1, 20_000, LARGE])
def test_equals_the_forward_pass_on_each_sentence(settings: dict[str, Any], memory: int) -> None:
    model = make_model(**settings)
    sentences = draw_sentences(60)
    scores = score_sentences(sentences, [model], memory)
    expected = [alone(model, sentence) for sentence in sentences]
    assert scores.paths @ scores.log_probs[:, 0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("memory", [1, 20_000, LARGE])
def test_equals_kenlm_on_each_sentence(tmp_path: Path, memory: int) -> None:
    model = make_ngram(tmp_path)
    own = kenlm.Model(str(tmp_path / "tiny.arpa"))
    sentences = draw_sentences(60)
    scores = score_sentences(sentences, [model], memory)
    expected = [math.log(10) * own.score(" ".join(sentence)) for sentence in sentences]
    assert scores.paths @ scores.log_probs[:, 0] == pytest.approx(expected, abs=1e-4)


def test_several_models_side_by_side(tmp_path: Path) -> None:
    network, ngram = make_model(), make_ngram(tmp_path)
    both = Mixture([network, ngram], [0.25, 0.75])
    sentences = draw_sentences(20)
    scores = score_sentences(sentences, [network, ngram, both], LARGE)
    for k, model in enumerate((network, ngram, both)):
        expected = [model.logprob(sentence) for sentence in sentences]
        assert scores.paths @ scores.log_probs[:, k] == pytest.approx(expected, abs=1e-4)
    mixed = np.log(np.exp(scores.log_probs[:, :2]) @ [0.25, 0.75])
    assert scores.log_probs[:, 2] == pytest.approx(mixed, abs=1e-4)


@pytest.mark.parametrize(
    "sentences",
    [
        [()],
        [("cat",)],
        [(), ()],
        [(), ("cat",), ()],
        [("cat", "sat")] * 3,
        [("cat",), ("cat", "sat"), ("cat",)],
    ],
)
def test_small_cases(sentences: list[tuple[str, ...]]) -> None:
    model = make_model()
    scores = score_sentences(sentences, [model], LARGE)
    assert scores.paths @ scores.log_probs[:, 0] == pytest.approx(
        [alone(model, s) for s in sentences], abs=1e-4
    )


def test_order_of_sentences_does_not_matter() -> None:
    model, sentences = make_model(), draw_sentences(50)
    order = np.random.default_rng(1).permutation(len(sentences))
    straight = score_sentences(sentences, [model], 30_000)
    mixed = score_sentences([sentences[index] for index in order], [model], 30_000)
    assert (straight.paths @ straight.log_probs)[order] == pytest.approx(
        mixed.paths @ mixed.log_probs, abs=1e-5
    )


def prefixes(sentences: list[tuple[str, ...]]) -> set[tuple[str, ...]]:
    ended = [(*sentence, SENTENCE_END) for sentence in sentences]
    return {sentence[:length] for sentence in ended for length in range(1, len(sentence) + 1)}


@pytest.mark.parametrize("seed", range(5))
def test_one_node_for_each_distinct_prefix(seed: int) -> None:
    sentences = draw_sentences(80, seed)
    tree = PrefixTree.of(sentences)
    assert tree.size == len(prefixes(sentences)) == len(tree.node_words())
    assert tree.paths.nnz == sum(len(sentence) + 1 for sentence in sentences)
    assert len(tree.levels) == 1 + max(map(len, sentences))
    for row, sentence in enumerate(sentences):
        nodes = np.sort(tree.paths[[row]].indices)
        assert [tree.words[word] for word in tree.node_words()[nodes]] == [*sentence, SENTENCE_END]


def test_parents_are_inner_nodes_of_the_level_before() -> None:
    tree = PrefixTree.of(draw_sentences(80))
    inner = 1  # the root
    for level in tree.levels:
        assert level.parents.max() < inner
        assert np.all(np.diff(level.parents) >= 0)
        assert np.all((level.words == len(tree.words) - 1) == level.ends)
        inner = int((~level.ends).sum())
    assert inner == 0, "nothing follows the last level"


class Watched(LightRNN):
    """Counts the words that it scores."""

    widest: int = 0
    scored: int = 0

    def score(self, state: Any, parents: Tensor, words: Tensor) -> Tensor:
        self.scored += len(words)
        return super().score(state, parents, words)

    def advance(self, state: Any, parents: Tensor, words: Tensor) -> tuple[Tensor, Any]:
        self.scored += len(words)
        self.widest = max(self.widest, len(words))
        return super().advance(state, parents, words)


def watched() -> Watched:
    model = make_model()
    return Watched(model.settings, model.vocabulary, model.table).eval()


@pytest.mark.parametrize("histories", [1, 2, 7, 1000])
def test_memory_bounds_the_widest_level(histories: int) -> None:
    model, sentences = watched(), draw_sentences(100)
    score_sentences(sentences, [model], histories * model.history_bytes)
    assert 1 <= model.widest <= histories


def test_shared_beginnings_are_scored_once() -> None:
    model, sentences = watched(), draw_sentences(100)
    score_sentences(sentences, [model], LARGE)
    assert (
        model.scored
        == len(prefixes(sentences))
        < 0.7 * sum(len(sentence) + 1 for sentence in sentences)
    )


def test_a_sentence_is_scored_once_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, scored = make_model(), []
    score = prefix_tree.score_sentences

    def counted(sentences: Sequence[Sentence], **others: Any) -> PathScores:
        scored.append(list(sentences))
        return score(sentences, **others)

    monkeypatch.setattr(prefix_tree, "score_sentences", counted)
    scorer = SentenceScorer([model], 1 << 20)
    rounds: list[list[tuple[str, ...]]] = [
        [("the", "cat"), ("a",), ("the", "cat")],
        [("a",), ()],
        [("a", "dog"), (), ("the", "cat"), ("the",)],
        [()],
    ]
    for sentences in rounds:
        found, wanted = scorer.score(sentences), score(sentences, [model], 1 << 20)
        for ours, theirs in zip(
            (found.log_probs, *vars(found.kinds).values()),
            (wanted.log_probs, *vars(wanted.kinds).values()),
            strict=True,
        ):
            np.testing.assert_allclose(found.paths @ ours, wanted.paths @ theirs, atol=1e-5)
    assert scored == [[("the", "cat"), ("a",)], [()], [("a", "dog"), ("the",)]]


def test_sharing_survives_a_small_memory() -> None:
    # Equal sentences that lie far apart are scored in one tree, because sentences are taken in the
    # order of words.
    one, two, model = ("the", "cat", "sat"), ("a", "dog", "ran"), watched()
    score_sentences([one, two] * 10, [model], 10 * model.history_bytes)
    assert model.scored == 8


@pytest.mark.parametrize("mark", [SENTENCE_END, SENTENCE_START, UNKNOWN])
def test_a_mark_inside_a_sentence_is_an_unknown_word(tmp_path: Path, mark: str) -> None:
    network, ngram = make_model(), make_ngram(tmp_path)
    marked = [("cat", mark), (mark,), ("cat",), (mark, mark, "sat"), ("cat", mark, "sat")]
    plain = [tuple("strange" if word == mark else word for word in sentence) for sentence in marked]
    scores, expected = (score_sentences(each, [network, ngram], LARGE) for each in (marked, plain))
    assert scores.paths @ scores.log_probs == pytest.approx(
        expected.paths @ expected.log_probs, abs=1e-6
    )
    assert (scores.paths @ scores.kinds.unknown).tolist() == [
        [1, 1],
        [1, 1],
        [0, 0],
        [2, 2],
        [1, 1],
    ]


def test_what_is_spelled_out_is_told_for_each_model(tmp_path: Path) -> None:
    """`mat`, which the LightRNN brings, is not: it has a share of KenLM's <unk> by its count."""
    network = make_model()
    network.spelling = Spelling({"▁": np.log(0.999)}, 0.0)
    closed = [network, make_ngram(tmp_path, words=("cat", "strange"))]
    sentences = [("cat", "strange", "odd"), ("mat", UNKNOWN)]
    scores, plain = (
        score_sentences(sentences, models, LARGE) for models in (open_vocabulary(closed), closed)
    )
    strange, odd = (network.spelling.unknown_log_prob(word) for word in ("strange", "odd"))
    ngram = [
        float(share)
        for share in (scores.log_probs - plain.log_probs)[scores.kinds.log_spellings[:, 1] < 0, 1]
    ]
    assert (scores.paths @ scores.kinds.log_spellings).tolist() == [
        pytest.approx([strange + odd, sum(ngram)], abs=1e-4),
        [0, 0],
    ]
    assert len(ngram) == 1 and ngram[0] < odd, "what is brought takes some of KenLM's <unk>"
    assert (
        not plain.kinds.log_spellings.any()
        and plain.kinds.log_spellings.shape == plain.log_probs.shape
    )


def test_words_that_came_after_the_training_are_told(tmp_path: Path) -> None:
    """They are not spelled out. For KenLM, too, to which the LightRNN brings one; the other it
    knew.
    """
    network = make_model()
    network.added_words = frozenset({"cat", "mat"})
    network.spelling = Spelling({"▁": np.log(0.999)}, 0.0)
    models = open_vocabulary([network, make_ngram(tmp_path, words=("cat", "strange"))])
    scores = score_sentences([("cat",), ("mat", "mat"), ("sat",), ("strange",)], models, LARGE)
    assert (scores.paths @ scores.kinds.new).tolist() == [[1, 0], [2, 2], [0, 0], [0, 0]]
    assert (scores.paths @ scores.kinds.unknown).tolist() == [[0, 0], [0, 0], [0, 0], [1, 0]]
    assert (scores.paths @ scores.kinds.log_spellings)[:3].tolist() == [[0, 0]] * 3


def test_unknown_words_are_told_for_each_model(tmp_path: Path) -> None:
    network, ngram = make_model(), make_ngram(tmp_path, words=("cat", "strange"))
    scores = score_sentences([("cat", "strange"), ("dog",)], [network, ngram], LARGE)
    assert (scores.paths @ scores.kinds.unknown).tolist() == [[1, 0], [0, 1]]
    assert scores.log_probs.dtype == np.float64


def test_progress_counts_the_sentences_of_ten_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_tree, "_SMALL_TREE_SENTENCES", 2)
    steps: list[tuple[str, int, int]] = []
    score_sentences(
        draw_sentences(60), [make_model()], LARGE, progress=lambda *step: steps.append(step)
    )
    assert steps == [("scoring", done, 60) for done in range(6, 61, 6)]
