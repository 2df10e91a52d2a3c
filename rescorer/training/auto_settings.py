"""Settings of a training by the size of its text and the time that it may take.

The recipes are the fixed points. With the sizes of their texts the rule gives what was found there
by hand: Penn Treebank (0.9 million words, read 26 times) and WikiText-2 (2 million, 12 times) are
read until the network no longer gains, the verses of recipes/mini (0.8 million, 5 times) in
minutes, and Wikipedia (13 million words or more, once or twice) as often as the time allows.

- How often a text is read decides which network pays: `_EFFORTS`.
- The number of words of the vocabulary decides the shape of the table.
- Readings · parameters / words of the text measures how far a network can learn its text by heart.
  It decides dropout, weight dropout and weight decay. The dropout of the largest network of each
  recipe is within 0.03 of a line in its logarithm, up to 0.45.
- The number of words of the text decides streams and learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.training.settings import TrainingSettings

Settings = Mapping[str, object]  # values by the names of settings
Speed = Callable[[Settings], float]  # words a second that training with these settings reads

MIN_WORDS = 1000  # of a text: fewer teach nothing
_WORDS_READ = 25_000_000  # in all, where no time is given
_MOST_READINGS = 26
_READ_ONCE = 100_000_000  # words from which a text is read once, where no time is given
_MOST_WORDS = 300_000  # of a vocabulary: the table of a larger one is left to the user
_LARGE = 5_000_000  # words of text that are read with the learning rate of large texts
_LARGE_VOCABULARY = 50_000  # words from which residual embeddings are for frequent words alone
_FULL_SOFTMAX = 20_000  # words up to which a thorough training scores all rows
_MANY_STREAMS, _FEW_STREAMS = 1_500_000, 100_000  # words of text from which, and below which
_DECAYED, _DROPPED = 20, 100  # readings · parameters / words from which weights decay, are dropped
_INTERVALS = 10  # validations, at least, so that the curve of the perplexity can be fitted
_TRAINING_SHARE = 0.85  # of the time; the rest is for the table, validations and checkpoints
_VALIDATION_SHARE = 0.1  # of the training's time, at most
_VALIDATION_SPEED = 3  # times that of training
_MIN_STEPS = 10
_BPTT = {"bptt": TrainingSettings().bptt}


@dataclass(frozen=True)
class TextSize:
    """Numbers of words: of the training text, of its vocabulary, of the validation text."""

    words: int
    vocabulary: int
    valid: int


class _Effort(NamedTuple):
    """What pays for a text that is read at least so often."""

    readings: float
    hidden_dim: int
    words_a_row: int
    lr: float


_EFFORTS = (
    _Effort(20, 400, 3, 0.003),  # recipes/ptb
    _Effort(10, 320, 4, 0.004),  # recipes/wikitext-2
    _Effort(0, 256, 8, 0.004),  # recipes/mini, recipes/english
)


class VocabularyChoice(NamedTuple):
    """Which words of a text its vocabulary holds."""

    min_count: int
    max_size: int


@dataclass(frozen=True)
class Choice:
    """Settings by name, and what their training takes.

    Attributes:
        settings: those that were not given.
        seconds: of the training with its validations; an estimate.
    """

    settings: Settings
    readings: float
    words_a_second: float
    seconds: float


def choose_vocabulary(*, has_unknown: bool) -> VocabularyChoice:
    """All words, if the text has `<unk>` for all others; else those that occur twice or more, so
    that the network learns where unknown words occur.
    """
    return VocabularyChoice(1 if has_unknown else 2, _MOST_WORDS)


def choose(size: TextSize, given: Settings, seconds: float | None, speed: Speed) -> Choice:
    """The settings for a text that are not given.

    Args:
        given: settings of the user, from which the others follow.
        seconds: what the training may take; None: as long as the text is worth.
        speed: measures how fast a network trains.

    Raises:
        InputError: the text or the time is too short.
    """
    if size.words < MIN_WORDS:
        raise InputError(
            f"the training text has {size.words:,} words",
            expected=f"at least {MIN_WORDS:,}",
            remedy="give more text, or --vocabulary and settings of your own",
        )
    for effort in _EFFORTS:
        network = {**_network(size, effort, given), **_streams(size), **given}
        if seconds is None and _default_readings(size, given) < effort.readings:
            continue
        words_a_second = speed(network)
        readings = _readings(size, given, seconds, words_a_second)
        if readings >= effort.readings:
            break
    _check_steps(size, network, readings, seconds)
    settings = {
        **network,
        **_regularisation(readings * _parameters(size, network) / size.words),
        **_training(size, effort, readings),
        **given,
    }
    takes = _seconds(size, settings, words_a_second)
    chosen = {name: value for name, value in settings.items() if name not in given}
    return Choice(chosen, readings, words_a_second, takes)


def _default_readings(size: TextSize, given: Settings) -> float:
    if "epochs" in given:
        return _number(given, "epochs")
    fewest = 2 if size.words <= _READ_ONCE else 1
    return min(max(round(_WORDS_READ / size.words), fewest), _MOST_READINGS)


def _readings(
    size: TextSize, given: Settings, seconds: float | None, words_a_second: float
) -> float:
    if seconds is None or "epochs" in given:
        return _default_readings(size, given)
    validation = size.valid / _VALIDATION_SPEED  # once at least
    readings = (seconds * _TRAINING_SHARE * words_a_second - validation) / size.words
    # A part of a reading counts little among many, and a whole number is easier to repeat.
    return min(float(f"{readings:.3g}") if readings < 2 else int(readings), _MOST_READINGS)


def _check_steps(
    size: TextSize, settings: Settings, readings: float, seconds: float | None
) -> None:
    """Raises InputError if the time is too short to learn anything."""
    least = _MIN_STEPS * _number(settings, "batch_size") * _number({**_BPTT, **settings}, "bptt")
    words = max(readings * size.words, 0)
    if seconds is not None and "epochs" not in settings and words < least:
        raise InputError(
            f"--hours leaves {max(seconds, 0):.0f} s for the training, which reads {words:,.0f} "
            "words then",
            expected=f"time for at least {least:,.0f}",
            remedy="give more --hours",
        )


def _network(size: TextSize, effort: _Effort, given: Settings) -> dict[str, object]:
    """The shape of the table, unless a part of it is given, and of the network."""
    vocabulary, is_large = size.vocabulary, size.vocabulary > _LARGE_VOCABULARY
    rows = min(math.ceil(vocabulary / effort.words_a_row), 3000 if is_large else 4000)
    columns = math.ceil(vocabulary / rows)
    is_thorough = effort is _EFFORTS[0] and vocabulary <= _FULL_SOFTMAX
    shape = {} if {"rows", "columns"} & given.keys() else {"rows": rows, "columns": columns}
    return {
        **shape,
        "hidden_dim": effort.hidden_dim,
        "residual_dim": 48 if is_large else 40 if is_thorough else 64,
        "residual_columns": 14 if is_large else columns,
        "residual_row_score": is_large or effort is _EFFORTS[-1],
        "tied": not is_thorough,
        # Sampling costs 1.6 % of the perplexity of recipes/mini, and saves two fifths of the time.
        "sampled_softmax_size": 0 if is_thorough or rows <= 512 else max(256, rows // 5),
    }


def _streams(size: TextSize) -> dict[str, object]:
    """The batch: fewer streams where few words would make few steps."""
    few = 8 if size.words < _FEW_STREAMS else 32
    return {"batch_size": 64 if size.words >= _MANY_STREAMS else few}


def _training(size: TextSize, effort: _Effort, readings: float) -> dict[str, object]:
    """Epochs, learning rate and validations."""
    affordable = _VALIDATION_SHARE * readings * size.words * _VALIDATION_SPEED / size.valid
    return {
        "epochs": readings,
        "intervals": max(1, min(max(_INTERVALS, math.ceil(readings)), int(affordable))),
        "lr": effort.lr if size.words < _LARGE else 0.006,
    }


def _regularisation(memory: float) -> dict[str, object]:
    """Regularisation by readings · parameters / words of the text."""
    dropout = round(min(0.1 + 0.09 * math.log(memory), 0.45), 2)
    return {
        "dropout": dropout if dropout >= 0.05 else 0.0,
        "weight_dropout": 0.4 if memory >= _DROPPED else 0.0,
        "weight_decay": 0.03 if memory >= _DECAYED else 0.0,
    }


def _parameters(size: TextSize, settings: Settings) -> float:
    """About the number of parameters: of the embeddings of rows and words, and of the LSTM."""
    rows = _number({"rows": size.vocabulary / 4, **settings}, "rows")
    width = _number(settings, "hidden_dim")
    residual = _number(settings, "residual_dim") * _number(settings, "residual_columns")
    embeddings = rows * (width + residual)
    return (1 if settings["tied"] else 2) * embeddings + 8 * width**2


def _seconds(size: TextSize, settings: Settings, words_a_second: float) -> float:
    validated = _number(settings, "intervals") * size.valid / _VALIDATION_SPEED
    return (_number(settings, "epochs") * size.words + validated) / words_a_second


def _number(settings: Settings, name: str) -> float:
    value = settings[name]
    assert isinstance(value, (int, float)), f"{name} is no number"
    return value
