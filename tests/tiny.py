"""Tiny models and lists that several test modules share. They use the words of conftest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import WORDS

from rescorer.models.ngram import Ngram
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

KNOWN = WORDS[2:]  # without the special tokens


def write_arpa(path: Path, words: Sequence[str] = KNOWN, seed: int = 0) -> Path:
    """A bigram model with random numbers and half of all pairs of words."""
    draw = np.random.default_rng(seed)
    unigrams = ["-2.5\t<unk>\t0", "0\t<s>\t-0.5", "-1.25\t</s>\t0"]
    unigrams += [
        f"{-draw.uniform(0.5, 2):.4f}\t{word}\t{-draw.uniform(0.1, 1):.4f}" for word in words
    ]
    pairs = [
        (one, two) for one in ("<s>", *words) for two in (*words, "</s>") if draw.random() < 0.5
    ]
    bigrams = [f"{-draw.uniform(0.1, 1):.4f}\t{one} {two}" for one, two in pairs]
    path.write_text(
        "\n".join(
            [
                "\\data\\",
                f"ngram 1={len(unigrams)}",
                f"ngram 2={len(bigrams)}",
                "",
                "\\1-grams:",
                *unigrams,
                "",
                "\\2-grams:",
                *bigrams,
                "",
                "\\end\\",
                "",
            ]
        )
    )
    return path


def make_ngram(folder: Path, words: Sequence[str] = KNOWN, seed: int = 0) -> Ngram:
    return Ngram.load(write_arpa(folder / "tiny.arpa", words, seed))


def draw_sentences(
    count: int, seed: int = 0, words: Sequence[str] = (*KNOWN, "strange", "<unk>"), longest: int = 6
) -> list[tuple[str, ...]]:
    """Random sentences, some of them empty, many with a common beginning."""
    draw = np.random.default_rng(seed)
    few = words[:3]
    return [
        tuple(
            str(draw.choice(few if place < 3 and draw.random() < 0.8 else words))
            for place in range(length)
        )
        for length in draw.integers(0, longest + 1, count).tolist()
    ]


def nbest(utterance: str, *hypotheses: tuple[str, float] | tuple[str, dict[str, float]]) -> NBest:
    """An n-best list of pairs (text, score or named scores)."""
    return NBest(
        utterance,
        tuple(
            Hypothesis(
                str(place),
                tuple(text.split()),
                scores if isinstance(scores, dict) else {FIRST_PASS: scores},
            )
            for place, (text, scores) in enumerate(hypotheses, start=1)
        ),
    )


# Three lists: of three hypotheses, of an empty first one, and of one alone.
LISTS = [
    nbest("one", ("the cat sat", -1.0), ("the cat ran", -1.5), ("a cat sat", -2.0)),
    nbest("two", ("", -3.0), ("dog", -3.5)),
    nbest("three", ("a dog ran", 0.0)),
]
