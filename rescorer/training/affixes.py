"""Similar words by spelling: known words that share a suffix or a prefix with a new word.

Shapes: W new words, n draws for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

_SUFFIX_LENGTHS = (5, 4, 3, 2)  # in characters
_PREFIX_LENGTHS = (5, 4, 3)
_HALF_WEIGHT_COUNT = 4.0  # number of known words at which an affix gets half of its largest weight
_REST_SHARE = 0.5  # of the draws, from words of any spelling; from 0 to 1, names were as good


def affixes(word: str) -> list[str]:
    """Suffixes such as `-ville` and prefixes such as `new-`, all shorter than the word."""
    suffixes = [f"-{word[-length:]}" for length in _SUFFIX_LENGTHS if length < len(word)]
    prefixes = [f"{word[:length]}-" for length in _PREFIX_LENGTHS if length < len(word)]
    return suffixes + prefixes


def affix_weights(letters: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[n] weights of affixes with so many letters that so many known words have."""
    weights: np.ndarray = 2.0**letters * known / (known + _HALF_WEIGHT_COUNT)
    return weights


def sample_similar_words(
    words: Sequence[str],
    known: Iterable[tuple[str, int]],
    rest: np.ndarray,
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """[W, n] ids of known words, sampled for each new word.

    Half of the draws sample one of the word's affixes by its weight, then a known word with that
    affix. The other half, and all if no affix is known, sample from the rest.

    Args:
        words: the W new words.
        known: (word, id) of the known words that may be sampled by their affixes.
        rest: [≥ 1] ids of words that are similar to any new word.
        draws: n.
    """
    wanted = {affix for word in words for affix in affixes(word)}
    ids_of: dict[str, list[int]] = defaultdict(list)
    for word, index in known:
        for affix in affixes(word):
            if affix in wanted:
                ids_of[affix].append(index)
    members = {affix: np.array(ids) for affix, ids in ids_of.items()}
    return np.stack([_sample(word, members, rest, draws, generator) for word in words])


def _sample(
    word: str,
    members: dict[str, np.ndarray],
    rest: np.ndarray,
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """[n] ids for one word; `members` holds the ids of the known words of each affix."""
    found = [affix for affix in affixes(word) if affix in members]
    groups = [members[affix] for affix in found]
    shares = np.ones(1)
    if groups:
        letters = np.array([len(affix) - 1 for affix in found])  # without the hyphen
        weights = affix_weights(letters, np.array([len(group) for group in groups]))
        shares = np.append((1 - _REST_SHARE) * weights / weights.sum(), _REST_SHARE)
    groups.append(rest)
    chosen = generator.choice(len(groups), draws, p=shares)
    positions = generator.random(draws)  # in [0, 1), relative to the size of the group
    return np.array(
        [
            groups[group][int(position * len(groups[group]))]
            for group, position in zip(chosen, positions, strict=True)
        ]
    )
