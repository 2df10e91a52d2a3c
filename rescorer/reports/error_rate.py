"""Word error rate by kaldialign with its bootstrap interval, in total and by kind of word.

The errors of a hypothesis are the fewest substitutions, deletions and insertions that turn it into
the reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import kaldialign
import numpy as np
from scipy.stats import bootstrap

from rescorer.reports.alignment import GAP, align, word_of

Words = Sequence[str]

_REPLICATIONS = 10_000
_PUNCTUATION = re.compile(r"[^\w']+|_|^'+|'+$")  # an apostrophe within a word is none


@dataclass(frozen=True)
class ErrorRate:
    """A word error rate with its 95 % bootstrap interval over utterances (Bisani and Ney, 2004).

    Attributes:
        errors: substitutions, deletions and insertions.
        words: number of words in the references.
        low, high: bounds of the interval in per cent; NaN if there is no word.
    """

    errors: int
    words: int
    low: float
    high: float

    @property
    def percent(self) -> float:
        return 100 * self.errors / self.words if self.words else math.nan

    def as_dict(self) -> dict[str, float | None]:
        """The figures for a JSON file: null for a figure that is not finite."""
        figures = {"percent": self.percent, **asdict(self)}
        return {name: value if math.isfinite(value) else None for name, value in figures.items()}

    def describe(self) -> str:
        interval = f"[{self.low:.2f}, {self.high:.2f}]"
        return f"{self.percent:.2f} % {interval} ({self.errors} of {self.words} words)"


def errors(reference: Words, hypothesis: Words) -> int:
    """The word errors of one hypothesis."""
    return int(kaldialign.edit_distance(list(reference), list(hypothesis))["total"])


def errors_of_style(references: Sequence[Words], hypotheses: Sequence[Words]) -> int:
    """The errors that go if case and punctuation are left out, and all words that are nothing but
    punctuation.
    """
    return sum(
        errors(ref, hyp) - errors(_without_style(ref), _without_style(hyp))
        for ref, hyp in zip(references, hypotheses, strict=True)
    )


def _without_style(words: Words) -> list[str]:
    plain = (_PUNCTUATION.sub("", word.replace("’", "'")).casefold() for word in words)
    return [word for word in plain if word]


def error_rate(references: Sequence[Words], hypotheses: Sequence[Words]) -> ErrorRate:
    """The word error rate of one hypothesis for each utterance, with kaldialign's interval."""
    refs, hyps = _lists(references), _lists(hypotheses)
    total = sum(errors(ref, hyp) for ref, hyp in zip(refs, hyps, strict=True))
    words = sum(map(len, refs))
    if not words:
        return ErrorRate(total, 0, math.nan, math.nan)
    interval = kaldialign.bootstrap_wer_ci(refs, hyps, replications=_REPLICATIONS)
    return ErrorRate(total, words, max(0.0, 100 * interval["ci95min"]), 100 * interval["ci95max"])


def improvement_probability(
    references: Sequence[Words], before: Sequence[Words], after: Sequence[Words]
) -> float:
    """The share of paired bootstrap replications in which `after` has fewer errors than
    `before`.
    """
    result = kaldialign.bootstrap_wer_ci(
        _lists(references), _lists(before), _lists(after), replications=_REPLICATIONS
    )
    return float(result["p_s2_improv_over_s1"])


def error_rates_by_list(
    references: Sequence[Words], hypotheses: Sequence[Words], listed: Collection[str]
) -> tuple[ErrorRate, ErrorRate]:
    """The word error rates on the listed words, and on all others (B-WER and U-WER)."""
    return error_rates_by_lists(references, hypotheses, [listed] * len(references))


def error_rates_by_lists(
    references: Sequence[Words],
    hypotheses: Sequence[Words],
    listed: Sequence[Collection[str]],
) -> tuple[ErrorRate, ErrorRate]:
    """B-WER and U-WER where each utterance has its own listed words (Le et al., 2021).

    Substitutions and deletions count by the word of the reference, insertions by the word of the
    hypothesis.
    """
    # [U, listed or other, errors and words]
    counts = np.zeros((len(references), 2, 2), dtype=np.int64)
    for utterance, (reference, hypothesis) in enumerate(zip(references, hypotheses, strict=True)):
        for pair in align(reference, hypothesis):
            kind = 0 if word_of(pair) in listed[utterance] else 1
            counts[utterance, kind] += (pair[0] != pair[1], pair[0] != GAP)
    return _of_counts(counts[:, 0]), _of_counts(counts[:, 1])


def _of_counts(counts: np.ndarray) -> ErrorRate:
    """The error rate from the errors and words of each utterance [U, 2]."""
    total, words = (int(count) for count in counts.sum(0))
    # Utterances without such words are left out: a resample of them alone would divide by zero.
    counts = counts[counts.any(1)]
    if not words or len(counts) < 2:
        return ErrorRate(total, words, math.nan, math.nan)
    interval = bootstrap(
        (counts[:, 0], counts[:, 1]),
        lambda wrong, spoken, axis: 100 * wrong.sum(axis) / np.maximum(spoken.sum(axis), 1),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=_REPLICATIONS // 10,
        random_state=0,
    ).confidence_interval
    return ErrorRate(total, words, float(interval.low), float(interval.high))


def _lists(sentences: Sequence[Words]) -> list[list[str]]:
    return [list(sentence) for sentence in sentences]
