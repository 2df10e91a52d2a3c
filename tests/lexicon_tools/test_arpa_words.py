"""New words as shares of `<unk>`: KenLM itself says what they are worth."""

from __future__ import annotations

import gzip
import math
from itertools import product
from pathlib import Path

import kenlm
import pytest

from lexicon_tools.arpa_words import add_to_arpa, unigrams
from rescorer.errors import InputError

# Probabilities of a trigram model whose <unk> ends a bigram and a trigram, too. The back-off
# weights follow: the probabilities after each history sum to 1.
_UNIGRAMS = {"<unk>": 0.2, "</s>": 0.2, "a": 0.35, "b": 0.25}
_BIGRAMS = {("<s>", "a"): 0.5, ("a", "b"): 0.4, ("a", "<unk>"): 0.3, ("<unk>", "a"): 0.6}
_TRIGRAMS = {("<s>", "a", "b"): 0.2, ("<s>", "a", "<unk>"): 0.5}
_WORDS = {"bob": 3.0, "eve": 1.0}


def _log(probability: float) -> str:
    return f"{math.log10(probability):.9f}"


def _backoffs() -> dict[tuple[str, ...], float]:
    """What is left of the probability after a history, over what its words have without it."""
    weights: dict[tuple[str, ...], float] = {}
    for history in [("<s>",), ("a",), ("<unk>",)]:
        seen = {words[1]: p for words, p in _BIGRAMS.items() if words[:1] == history}
        left = 1 - sum(_UNIGRAMS[word] for word in seen)
        weights[history] = (1 - sum(seen.values())) / left
    seen = {words[2]: p for words, p in _TRIGRAMS.items()}
    weights["<s>", "a"] = (1 - sum(seen.values())) / (1 - sum(_BIGRAMS["a", word] for word in seen))
    return weights


def write_trigrams(path: Path, unknown: str = "<unk>") -> Path:
    weights = _backoffs()

    def line(words: tuple[str, ...], probability: float) -> str:
        end = f"\t{_log(weights[words])}" if words in weights else ""
        return f"{_log(probability)}\t{' '.join(words).replace('<unk>', unknown)}{end}"

    unigrams = [line((word,), p) for word, p in _UNIGRAMS.items()] + [
        f"-99\t<s>\t{_log(weights[('<s>',)])}"
    ]
    sections = [
        unigrams,
        [line(words, p) for words, p in _BIGRAMS.items()],
        [line(words, p) for words, p in _TRIGRAMS.items()],
    ]
    lines = ["\\data\\", *(f"ngram {n}={len(each)}" for n, each in enumerate(sections, 1))]
    for number, each in enumerate(sections, 1):
        lines += ["", f"\\{number}-grams:", *each]
    path.write_text("\n".join([*lines, "", "\\end\\", ""]))
    return path


def score(model: kenlm.Model, history: tuple[str, ...], word: str) -> float:
    """P(word | history) of KenLM, after the beginning of a sentence if the history has <s>."""
    state, new = kenlm.State(), kenlm.State()
    if history[:1] == ("<s>",):
        model.BeginSentenceWrite(state)
        history = history[1:]
    else:
        model.NullContextWrite(state)
    for each in history:
        model.BaseScore(state, each, new)
        state, new = new, kenlm.State()
    return float(10 ** model.BaseScore(state, word, new))


HISTORIES = [
    history
    for words in (("<s>", "a", "b", "<unk>"), ("a", "b", "<unk>"))
    for history in product(words, repeat=2)
    if "<s>" not in history[1:]
]


def test_probabilities_sum_to_one(tmp_path: Path) -> None:
    before = write_trigrams(tmp_path / "lm.arpa")
    added = add_to_arpa(before, _WORDS, tmp_path / "new.arpa", 0.5)
    assert added.count == 2 and (added.mean, added.least) == pytest.approx((0.05, 0.2), rel=1e-5)
    old, new = kenlm.Model(str(before)), kenlm.Model(str(tmp_path / "new.arpa"))
    for history in [*HISTORIES, ("bob",), ("a", "eve"), ("<s>", "bob")]:
        known = [*_UNIGRAMS, *_WORDS]
        assert sum(score(new, history, word) for word in known) == pytest.approx(1, abs=1e-5)
    for history in HISTORIES:
        assert sum(score(old, history, word) for word in _UNIGRAMS) == pytest.approx(1, abs=1e-5)
        for word in ("a", "b", "</s>"):
            assert score(new, history, word) == pytest.approx(score(old, history, word), rel=1e-5)
        unknown = score(old, history, "<unk>")
        for word, share in {"<unk>": 0.5, "bob": 0.375, "eve": 0.125}.items():
            assert score(new, history, word) == pytest.approx(share * unknown, rel=1e-5)


def test_known_words_stay(tmp_path: Path) -> None:
    before = write_trigrams(tmp_path / "lm.arpa")
    assert add_to_arpa(before, {"a": 1.0}, tmp_path / "new.arpa", 0.5).count == 0
    assert (tmp_path / "new.arpa").read_text() == before.read_text()
    assert add_to_arpa(before, {"a": 7.0, "bob": 1.0}, tmp_path / "new.arpa", 0.25).count == 1
    new = kenlm.Model(str(tmp_path / "new.arpa"))
    assert score(new, ("b",), "a") == pytest.approx(0.35, rel=1e-5)
    assert score(new, ("b",), "bob") == pytest.approx(0.05, rel=1e-5)


@pytest.mark.parametrize("unknown", ["<UNK>", "[unk]"])
def test_other_names_of_unk(tmp_path: Path, unknown: str) -> None:
    with gzip.open(tmp_path / "lm.arpa.gz", "wb") as file:
        file.write(write_trigrams(tmp_path / "lm.arpa", unknown).read_bytes())
    add_to_arpa(tmp_path / "lm.arpa.gz", _WORDS, tmp_path / "new.arpa.gz", 0.5)
    new = kenlm.Model(str(tmp_path / "new.arpa.gz"))
    assert score(new, ("<s>", "a"), "bob") == pytest.approx(0.1875, rel=1e-5)
    assert "bob" in list(unigrams(tmp_path / "new.arpa.gz"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<unk>", "c", "has no <unk>"),
        (f"{_log(0.2)}\t<unk>", "-99\t<unk>", "gives <unk> no probability"),
        (f"{_log(0.35)}\ta", "x\ta", "lm.arpa:9: no 1-gram"),
        (f"{_log(0.3)}\ta <unk>", f"{_log(0.3)}\t<unk>", "no 2-gram"),
        ("\\", "", "no ARPA file"),
    ],
)
def test_bad_models(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = write_trigrams(tmp_path / "lm.arpa")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=expected):
        add_to_arpa(path, _WORDS, tmp_path / "new.arpa", 0.5)
    assert not (tmp_path / "new.arpa").exists()
