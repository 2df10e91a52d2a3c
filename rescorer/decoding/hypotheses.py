"""Hypotheses as words: normalised, and equal ones made one."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_DECIMALS = 4  # of a score


def merge_equal(nbest: NBest, letters: str) -> NBest:
    """The list with normalised words: lower case, letters, apostrophes only inside a word.

    The probabilities of hypotheses that are then equal are added up. The best one comes first.

    Args:
        letters: that words have, as the inside of a bracket expression.
    """
    word = re.compile(f"[{letters}]+(?:'[{letters}]+)*")
    scores: dict[tuple[str, ...], float] = {}
    for each in nbest.hypotheses:
        words = tuple(word.findall(" ".join(each.words).lower()))
        score = each.scores[FIRST_PASS]
        scores[words] = float(np.logaddexp(scores[words], score)) if words in scores else score
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    hypotheses = (
        Hypothesis(str(key), words, {FIRST_PASS: round(score, _DECIMALS)})
        for key, (words, score) in enumerate(ranked, start=1)
    )
    return replace(nbest, hypotheses=tuple(hypotheses))
