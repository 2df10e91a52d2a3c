"""What more time or more text would bring, estimated from the log of one training run.

The validation perplexity is fitted by a power law of the words read, with a floor:
p(n) = c + a · n^-b. The learning rate falls to 0 at the end of every run, so the curve of one run
falls more steeply than the ends of longer and longer runs do: the law says what is reached at best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rescorer.training.training_log import LogRow

_EXPONENTS = np.arange(0.02, 2.0, 0.02)  # b
_FIRST_SHARE = 0.1  # of the words: before, the network learns the frequencies of words
_FEWEST_POINTS = 4
_OVERFITTED = 1.25  # perplexity of validation text / training text from which more text helps more


@dataclass(frozen=True)
class PowerLaw:
    """p(n) = floor + scale · n^-exponent."""

    floor: float
    scale: float
    exponent: float

    def __call__(self, words: float) -> float:
        return float(self.floor + self.scale * words**-self.exponent)

    @classmethod
    def fit(cls, words: NDArray[np.float64], perplexities: NDArray[np.float64]) -> PowerLaw:
        """The law with the least squares of relative errors, with a floor and a scale of at least
        0.
        """
        fits = [_fit(words, perplexities, exponent) for exponent in _EXPONENTS]
        errors = [np.square(fit.relative_errors(words, perplexities)).sum() for fit in fits]
        return fits[int(np.argmin(errors))]

    def relative_errors(
        self, words: NDArray[np.float64], perplexities: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        fitted = self.floor + self.scale * words**-self.exponent
        return np.asarray(fitted / perplexities - 1)


def _fit(
    words: NDArray[np.float64], perplexities: NDArray[np.float64], exponent: float
) -> PowerLaw:
    """The best floor and scale with this exponent."""
    falling = words**-exponent / perplexities
    constant = 1 / perplexities
    columns = np.stack([constant, falling], 1)
    floor, scale = np.linalg.lstsq(columns, np.ones(len(words)), rcond=None)[0]
    if scale < 0:
        return PowerLaw(float(constant.sum() / np.square(constant).sum()), 0.0, exponent)
    if floor < 0:
        return PowerLaw(0.0, float(falling.sum() / np.square(falling).sum()), exponent)
    return PowerLaw(float(floor), float(scale), exponent)


def outlook(rows: Sequence[LogRow], readings: float) -> list[str]:
    """Lines on what more time and more text would bring.

    Args:
        rows: the log of the run.
        readings: how often it read its text.
    """
    validations = [row for row in rows if not row["event"]]
    last = validations[-1]
    points = [row for row in validations if row["tokens"] >= _FIRST_SHARE * last["tokens"]]
    if len(points) < _FEWEST_POINTS:
        return ["too few validations for an estimate of what more time would bring"]
    words = np.array([row["tokens"] for row in points], dtype=np.float64)
    perplexities = np.array([row["valid_perplexity"] for row in points])
    law = PowerLaw.fit(words, perplexities)
    best, end = perplexities.min(), float(words[-1])
    twice, four_times = (best * law(factor * end) / law(end) for factor in (2, 4))
    return [
        f"estimate from the curve of this run: validation perplexity at best {twice:.1f} in twice "
        f"the time, {four_times:.1f} in four times",
        _more_text(last["train_perplexity"], best, readings),
    ]


def _more_text(train: float, valid: float, readings: float) -> str:
    """Whether more text would help."""
    if readings < 1:
        return "the text is not read to its end: more time would help, more text would not"
    compared = f"perplexity {train:.1f} of the training text, {valid:.1f} of the validation text: "
    if valid > _OVERFITTED * train:
        return (
            f"{compared}more text would help more than more time; the first figure is the most "
            "that it could bring"
        )
    return f"{compared}twice the text would bring about as much as twice the time"
