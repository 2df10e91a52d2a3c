"""Log-probabilities of sentences, against a plain loop that reads one sentence at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_pretrained import END, MISSING, make_network, make_tokenizer, save_pretrained

from rescorer.errors import InputError
from rescorer.models.pretrained.loading import load_pretrained
from rescorer.models.pretrained.scorer import SubwordScorer
from rescorer.models.pretrained.settings import PretrainedSettings

transformers = pytest.importorskip("transformers", reason=MISSING)
pytestmark = pytest.mark.filterwarnings("ignore")

SENTENCES = [
    ("the", "cat", "sat"),
    ("a", "dog"),
    ("on", "the", "mat", "the", "cat", "sat", "on", "a", "log"),
    (),
    ("Zürich", "it's"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pretrained(tmp_path_factory.mktemp("model"))


def scores(scorer: SubwordScorer, sentences: list[tuple[str, ...]]) -> dict[Any, float]:
    return {words: value for batch in scorer.score(sentences) for words, value in batch}


def by_hand(network: Any, tokenizer: Any, before: str, text: str, end: str = "") -> float:
    """log P of text and end after the end-of-text token and what stands before."""
    known = tokenizer(END + before, add_special_tokens=False)["input_ids"]
    ids = known + tokenizer(text, add_special_tokens=False)["input_ids"]
    ids += tokenizer(end, add_special_tokens=False)["input_ids"] if end else []
    total = 0.0
    with torch.no_grad():
        for place in range(len(known), len(ids)):
            logits = network(torch.tensor([ids[:place]])).logits[0, -1]
            total += float(torch.log_softmax(logits.double(), -1)[ids[place]])
    return total


@pytest.mark.parametrize("kind", ["Llama", "GPTNeoX"])
def test_sums_of_a_plain_loop(tmp_path: Path, kind: str) -> None:
    network, tokenizer = make_network(kind), make_tokenizer()
    scorer = load_pretrained(save_pretrained(tmp_path, network, tokenizer), PretrainedSettings())
    found = scores(scorer, SENTENCES)
    assert found == pytest.approx(
        {words: by_hand(network, tokenizer, "", " ".join(words) + ".") for words in SENTENCES},
        abs=1e-4,
    )
    assert len({round(value, 2) for value in found.values()}) == len(SENTENCES)


@pytest.mark.parametrize(
    "settings, before, text, end",
    [
        ({"hf_end": "none"}, "", "the Cat", ""),
        ({"hf_end": "newline"}, "", "the Cat\n", ""),
        ({"hf_end": "eos"}, "", "the Cat", END),
        ({"hf_prompt": "A log."}, "A log.\n", "the Cat.", ""),
        ({"hf_case": "sentence"}, "", "The cat.", ""),
    ],
)
def test_settings(folder: Path, settings: dict[str, Any], before: str, text: str, end: str) -> None:
    scorer = load_pretrained(folder, PretrainedSettings(**settings))
    expected = by_hand(scorer.network, scorer.tokenizer, before, text, end)
    assert scores(scorer, [("the", "Cat")]) == pytest.approx({("the", "Cat"): expected}, abs=1e-4)


@pytest.mark.parametrize("tokens", [1, 30, 10_000])
def test_batches_do_not_change_scores(folder: Path, tokens: int) -> None:
    scorer = load_pretrained(folder, PretrainedSettings(hf_batch_tokens=tokens))
    alone = {}
    for words in SENTENCES:
        alone |= scores(scorer, [words])
    batches = list(scorer.score(SENTENCES))
    assert len(batches) == {1: 5, 10_000: 1}.get(tokens, len(batches))
    together = {words: value for batch in batches for words, value in batch}
    assert together == pytest.approx(alone, abs=1e-4)


def test_no_sentences(folder: Path) -> None:
    assert list(load_pretrained(folder, PretrainedSettings()).score([])) == []


def test_a_sentence_beyond_the_context(folder: Path) -> None:
    scorer = load_pretrained(folder, PretrainedSettings())
    with pytest.raises(InputError, match=r"hypothesis of .* tokens, 'xyz xyz .*at most 48"):
        scores(scorer, [("the", "cat"), ("xyz",) * 40])


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory(folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    scorer = load_pretrained(folder, PretrainedSettings())

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(scorer.network, "forward", fail)
    with pytest.raises(InputError, match=r"not enough memory .* lower --hf-batch-tokens"):
        scores(scorer, [("the", "cat")])
