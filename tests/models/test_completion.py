"""Compares the search by rows with scoring all words; a history is read once for many keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_model
from tiny import KNOWN, make_ngram

from rescorer.errors import InputError
from rescorer.models.completion import Completer, read_keys
from rescorer.models.language_model import MARKS, LanguageModel
from rescorer.models.lightrnn import LightRNN, LightRNNSettings, prefix_search
from rescorer.models.lightrnn.prefix_search import PrefixIndex
from rescorer.models.lightrnn.state import ScoringState
from rescorer.models.mixture import Mixture
from rescorer.models.open_vocabulary import OpenVocabulary
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable

SETTINGS = [
    {"two_step": half, "residual_dim": own, "cell_bias": not own, "num_layers": layers}
    for half, own, layers in ((True, 3, 1), (True, 0, 2), (False, 0, 1), (False, 3, 2))
]


def random_model(seed: int, size: int = 300, **settings: object) -> LightRNN:
    """A model of words that share prefixes, and a table with free cells and an empty row."""
    draw = np.random.default_rng(seed)
    words = dict.fromkeys(["</s>", "<unk>"])
    while len(words) < size:
        words["".join(draw.choice(list("abé'"), draw.integers(1, 7)))] = None
    vocabulary = Vocabulary(tuple(words), np.arange(size, 0, -1), "lower")
    table = WordTable(21, 20, draw.choice(20 * 20, size, replace=False).astype(np.int64))
    torch.manual_seed(seed)
    model = LightRNN(LightRNNSettings(**{"hidden_dim": 8, **settings}), vocabulary, table)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    return model.eval()


def every_word(model: LanguageModel, history: list[str], prefix: str) -> dict[str, float]:
    """P of all words with the prefix, from the scores of all words."""
    words = [word for word in model.words or () if word.startswith(prefix) and word not in MARKS]
    before = model.logprob(history, end=False)
    return {word: math.exp(model.logprob([*history, word], end=False) - before) for word in words}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_best_of_every_word(
    settings: dict[str, object], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_search, "_FIRST_ROWS", 1)  # so that the search can stop early
    monkeypatch.setattr(prefix_search, "_MAX_ROWS", 2)
    model = random_model(seed, **settings)
    words = [word for word in model.words if word not in MARKS]
    sizes = set()
    for history in ([], ["a", "ab"], ["never", "seen"]):
        state = model.read(history)
        for prefix in ("", "a", "b", "ab", "éa", "'", max(words, key=len), "z", "<"):
            expected = LanguageModel.best_words(model, state, len(words), prefix=prefix)
            sizes.add(len(expected))
            for k in (0, 1, 5, 400):
                found = model.best_words(state, k, prefix=prefix)
                assert [word for word, _ in found] == [word for word, _ in expected[:k]]
                assert [share for _, share in found] == pytest.approx(
                    [share for _, share in expected[:k]], rel=1e-4
                )
    assert {0, 1, len(words)} <= sizes


def test_most_rows_are_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best word is in a row of probability near 1, so no other row is scored."""
    monkeypatch.setattr(prefix_search, "_FIRST_ROWS", 1)
    model = random_model(3)
    word = next(index for index, each in enumerate(model.words) if each.startswith("a"))
    row, column = divmod(int(model.table.cells[word]), 20)
    with torch.no_grad():
        model.row_out.bias[row] += 200
        model.column_out.bias[column] += 200
    scored_rows: list[int] = []
    scored = model.columns_after

    def watched(state: ScoringState, rows: torch.Tensor) -> torch.Tensor:
        scored_rows.extend(rows.tolist())
        return scored(state, rows)

    monkeypatch.setattr(model, "columns_after", watched)
    [(found, share)] = model.next_words(["b"], 1, prefix="a")
    assert found == model.words[word] and share == pytest.approx(1) and scored_rows == [row]


@pytest.mark.parametrize("two_step", [False, True])
def test_what_rows_share_is_found_once(two_step: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The softmax of rows, and the history's part of all rows, are computed once a search."""
    monkeypatch.setattr(prefix_search, "_FIRST_ROWS", 4)
    monkeypatch.setattr(prefix_search, "_MAX_ROWS", 4)
    model = random_model(3, two_step=two_step)
    state = model.read(["b"])
    scored: list[int] = []
    mixed: list[int] = []
    scores = model.row_scores
    monkeypatch.setattr(
        model, "row_scores", lambda hidden: scored.append(len(hidden)) or scores(hidden)
    )
    if not two_step:
        model.row_mixed.register_forward_hook(lambda *call: mixed.append(call[2].shape[0]))
    assert len(model.best_words(state, 400, prefix="a")) > 50
    assert scored == [1] and set(mixed) == (set() if two_step else {1})


def test_probabilities_are_those_of_sentences() -> None:
    model = random_model(4)
    expected = every_word(model, ["ab"], "ab")
    found = model.next_words(["ab"], 400, prefix="ab")
    assert len(found) > 10 and dict(found) == pytest.approx(expected, rel=1e-3)
    everything = dict(model.next_words(["ab"], 400))
    assert all(share == pytest.approx(everything[word], rel=1e-4) for word, share in found)


def test_of_equals_the_first_in_the_vocabulary_is_better() -> None:
    model = random_model(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    # All rows with a word are equally probable; words in fuller rows are less probable.
    in_row = np.bincount(model.table.row_of)[model.table.row_of]
    words = [
        (in_row[index], index) for index, word in enumerate(model.words) if word.startswith("a")
    ]
    expected = [model.words[index] for _, index in sorted(words)]
    for k in (1, 3, 17, 400):
        assert [word for word, _ in model.next_words([], k, prefix="a")] == expected[:k]


def test_marks_are_never_proposed() -> None:
    model = make_model()
    assert {"</s>", "<unk>"} <= {word for word, _ in model.next_words(["the"], 99)}
    for prefix in ("", "<", "</s>"):
        assert not set(MARKS) & {word for word, _ in model.next_words(["the"], 99, prefix=prefix)}


def test_case_is_that_of_the_vocabulary() -> None:
    model = random_model(6)
    assert model.next_words(["A"], prefix="AB") == model.next_words(["a"], prefix="ab") != []
    as_is = make_model()
    assert as_is.next_words(["the"], prefix="C") == []
    assert [word for word, _ in as_is.next_words(["the"], prefix="c")] == ["cat"]


def test_a_table_that_changes() -> None:
    model = random_model(7)
    before = model.next_words(["a"], 400, prefix="b")
    model.set_table(model.table.shuffled(1))
    after = model.next_words(["a"], 400, prefix="b")
    assert dict(after) == pytest.approx(every_word(model, ["a"], "b"), rel=1e-3) and before != after


def test_index() -> None:
    vocabulary = Vocabulary(
        ("b", "</s>", "ab", "<unk>", "abc", "ac", "a", "\U0010ffff", "a\U0010ffff"), np.arange(9)
    )
    index = PrefixIndex(vocabulary, WordTable(5, 2, np.arange(9)[::-1].copy()))
    words = [vocabulary.words[word] for word in index.ids]
    assert words == sorted(set(vocabulary.words) - set(MARKS))
    for prefix in ("", "a", "ab", "abc", "abcd", "a\U0010ffff", "\U0010ffff", "b", "0", "ä"):
        first, end = index.span(prefix)
        assert words[first:end] == [word for word in words if word.startswith(prefix)]
        held, ids = index.words_in(np.arange(5), (first, end))
        assert sorted(ids) == sorted(index.ids[first:end]) and held.sum() == end - first
        assert index.rows_of((first, end)).tolist() == sorted(
            {(8 - word) // 2 for word in ids.tolist()}
        )


def test_other_models_score_every_candidate(tmp_path: Path) -> None:
    network, ngram = make_model(), make_ngram(tmp_path)
    mixture = Mixture([network, ngram], [0.5, 0.5])
    for prefix in ("", "m", "z"):
        found = mixture.next_words(["the"], 99, prefix=prefix)
        assert dict(found) == pytest.approx(every_word(mixture, ["the"], prefix), rel=1e-4)
    with pytest.raises(InputError, match="cannot list its words"):
        ngram.next_words(["the"], prefix="m")
    assert [word for word, _ in ngram.next_words(["the"], prefix="c", candidates=KNOWN)] == ["cat"]


def test_an_opened_model_proposes_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(8)
    model.spelling = Spelling({"▁": np.log(0.999)}, 0.0)
    opened = OpenVocabulary(model, model)
    with monkeypatch.context() as patch:
        patch.setattr(model, "score", None)  # words are not scored one by one
        assert opened.next_words(["a"], prefix="a") == model.next_words(["a"], prefix="a")
    assert [word for word, _ in opened.next_words(["a"], prefix="q", candidates=["quay", "a"])] == [
        "quay"
    ]


def test_a_history_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(9)
    read: list[str] = []
    whole = model.encode

    def watched(words: Sequence[str]) -> torch.Tensor:
        read.extend(words)
        return whole(words)

    monkeypatch.setattr(model, "encode", watched)
    completer = Completer(model)
    for history, prefix, new in (
        (["a"], "", ["a"]),
        (["a"], "b", []),
        (["a"], "ba", []),
        (["a", "ba", "b"], "", ["ba", "b"]),
        (["b"], "", ["b"]),
        ([], "a", []),
    ):
        read.clear()
        found = completer.words(history, prefix, 5)
        assert read == new
        for (word, share), (same, expected) in zip(
            found, model.next_words(history, 5, prefix=prefix), strict=True
        ):
            assert word == same and share == pytest.approx(expected, rel=1e-4)


def test_a_model_that_cannot_list_its_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot list its words.*--lm"):
        Completer(make_ngram(tmp_path))


def test_keys() -> None:
    lines = [b"a b\tc\n", b"\td\r\n", b"e \t\n", "é\té".encode()]
    assert list(read_keys(lines)) == [(["a", "b"], "c"), ([], "d"), (["e"], ""), (["é"], "é")]
    for line in (b"a b\n", b"a\tb c\n", b"a\t b\n", b"a\tb\tc\n", b"caf\xe9\t\n"):
        keys = read_keys([lines[0], line])
        assert next(keys)[1] == "c"
        with pytest.raises(InputError, match=r"stdin:2: .*remedy"):
            next(keys)
