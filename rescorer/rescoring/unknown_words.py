"""The words of an input that the models do not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.language_model import LanguageModel
from rescorer.recognition.nbest import NBest


def count_words(nbest: NBest, counts: Counter[str]) -> None:
    """Add a list's number of hypotheses that hold each word."""
    counts.update(word for hypothesis in nbest.hypotheses for word in set(hypothesis.words))


def check_vocabulary(
    counts: Collection[str], models: Sequence[LanguageModel], file: str
) -> list[str]:
    """Describe the unknown words of each model that has some, in a line.

    Args:
        counts: the distinct words.
        file: the input as messages name it.

    Raises:
        InputError: a model knows none of the words.
    """
    words = sorted(counts)
    lines = []
    for model in models:
        known = model.knows(words)
        unknown = int((~known).sum())
        if words and unknown == len(words):
            raise _nothing_known(model, words, file)
        if unknown:
            first = words[int(np.flatnonzero(~known)[0])]
            lines.append(
                f"{model.name}: {unknown} of {len(words)} distinct words unknown, the first is "
                f"{first!r} (--oov-report lists them)"
            )
    return lines


def _nothing_known(model: LanguageModel, words: Sequence[str], file: str) -> InputError:
    if _knows_another_case(model, words):
        cause = "the case of the letters differs"
        remedy = "change the words to the case of the model's vocabulary"
    else:
        cause = "the languages or spellings differ"
        remedy = "give a model of this language"
    return InputError(
        f"{model.name} knows none of the {len(words)} words there, such as {words[0]!r}: {cause}",
        expected="words as the model has them",
        remedy=remedy,
        file=file,
    )


def _knows_another_case(model: LanguageModel, words: Sequence[str]) -> bool:
    lower, upper = [word.lower() for word in words], [word.upper() for word in words]
    return bool(model.knows(lower).any() or model.knows(upper).any())


def unknown_words(
    counts: Mapping[str, int], models: Sequence[LanguageModel]
) -> dict[str, list[tuple[str, int]]]:
    """The unknown words of each model with their counts, most frequent first."""
    words = sorted(counts, key=lambda word: (-counts[word], word))
    found = {}
    for model in models:
        known = model.knows(words)
        found[model.name] = [
            (word, counts[word]) for word, knows in zip(words, known, strict=True) if not knows
        ]
    return found


def write_unknown_words(
    path: str | Path, counts: Mapping[str, int], models: Sequence[LanguageModel]
) -> None:
    """Write `model<TAB>word<TAB>count` lines, whole or not at all."""
    lines = (
        f"{name}\t{word}\t{count}"
        for name, words in unknown_words(counts, models).items()
        for word, count in words
    )
    write_lines(path, lines)
