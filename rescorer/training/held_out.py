"""Whether a validation text is held out: what a network was trained on chooses no best model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rescorer.errors import InputError
from rescorer.training.corpus import Corpus

_MOST_SHARED = 0.5  # of the words of the validation text, without a remark


def check_held_out(
    train: Corpus, valid: Corpus, end_id: int, path: Path, say: Callable[[str], None]
) -> None:
    """Say so if most of the validation text, of that path, stands in the training text, too.

    Raises:
        InputError: it is the training text.
    """
    if len(train) == len(valid) and train.digest() == valid.digest():
        raise InputError(
            "the validation text is the training text",
            expected="held-out sentences",
            remedy="hold some sentences out of the training text, and give them by --valid",
            file=path,
        )
    share = shared_words(train, valid, end_id) / len(valid)
    if share > _MOST_SHARED:
        say(
            f"{path}: {100 * share:.0f} % of the validation text stands in the training text, too: "
            "the perplexity is too low, and the choice of the best model may be wrong"
        )


def shared_words(train: Corpus, valid: Corpus, end_id: int) -> int:
    """Number of words of the validation text in sentences that the training text holds, too."""
    held_out = list(_sentences(valid.ids, end_id))
    shared = set(held_out).intersection(_sentences(train.ids, end_id))
    return sum(len(sentence) for sentence in held_out if sentence in shared) // valid.ids.itemsize


def _sentences(ids: NDArray[np.integer], end_id: int) -> Iterator[bytes]:
    """The ids of each sentence with its end, as bytes."""
    ends = np.flatnonzero(ids == end_id) + 1
    begins = np.concatenate([[0], ends[:-1]])
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        yield ids[begin:end].tobytes()
