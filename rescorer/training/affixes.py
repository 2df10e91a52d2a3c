"""Known words that a new word is like, by their spelling.

Shapes: W new words, n draws for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

_AFFIX_LENGTHS = {"suffix": (5, 4, 3, 2), "prefix": (5, 4, 3)}  # lengths in characters
_HALF_WEIGHT_COUNT = 4.0  # known words with a piece by which it says half of what it can
_REST = 0.5  # of the draws; with names 0, ½, ¾ and 1 were as good as alike


def affixes(word: str) -> list[str]:
    """Ends and beginnings of a word, the ends as `-ville`, the beginnings as `new-`; the whole word
    is none.
    """
    ends = [f"-{word[-length:]}" for length in _AFFIX_LENGTHS["suffix"] if length < len(word)]
    return ends + [f"{word[:length]}-" for length in _AFFIX_LENGTHS["prefix"] if length < len(word)]


def affix_weights(letters: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[n] how much pieces of so many letters, which so many known words have, say of a word."""
    affix_weight: np.ndarray = 2.0**letters * known / (known + _HALF_WEIGHT_COUNT)
    return affix_weight


def sample_similar_words(
    words: Sequence[str],
    known: Iterable[tuple[str, int]],
    rest: np.ndarray,
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """[W, n] ids of known words, drawn for each new word.

    Half of the draws take one of the word's pieces, long ones and those of several known words
    rather than others, and then one of the known words with that piece. The other half, and all
    where no piece is known, take one of the rest.

    Args:
        words: the W new words.
        known: (word, id) of the words that may be likened.
        rest: [≥ 1] ids of what any new word is like.
        draws: n.
    """
    wanted = {piece for word in words for piece in affixes(word)}
    found: dict[str, list[int]] = defaultdict(list)
    for word, index in known:
        for piece in affixes(word):
            if piece in wanted:
                found[piece].append(index)
    members = {piece: np.array(ids) for piece, ids in found.items()}
    return np.stack([_draw(word, members, rest, draws, generator) for word in words])


def _draw(
    word: str,
    members: dict[str, np.ndarray],
    rest: np.ndarray,
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    found = [piece for piece in affixes(word) if piece in members]
    groups = [members[piece] for piece in found]
    affix_weight = affix_weights(
        np.array([len(piece) - 1 for piece in found]), np.array([len(group) for group in groups])
    )
    shares = (
        np.append((1 - _REST) * affix_weight / affix_weight.sum(), _REST) if groups else np.ones(1)
    )
    groups.append(rest)
    chosen = generator.choice(len(groups), draws, p=shares)
    places = generator.random(draws)
    return np.array(
        [
            groups[group][int(place * len(groups[group]))]
            for group, place in zip(chosen, places, strict=True)
        ]
    )
