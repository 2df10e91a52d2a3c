"""The case of an input: names are spelled as its words are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Spelling = Callable[[str], str]


def spelling_of(words: Iterable[str]) -> Spelling:
    """How an input with these words spells a word: in upper case, in lower case, or as it is given
    if the input has both.

    Words that do not begin with a letter, such as `<unk>` and `[noise]`, do not count.
    """
    spoken = [word for word in words if word[:1].isalpha()]
    upper = all(word == word.upper() for word in spoken)
    lower = all(word == word.lower() for word in spoken)
    if upper == lower:  # both cases, or a script that has none
        return str
    return str.upper if upper else str.lower


def without_case(words: Iterable[str]) -> tuple[str, ...]:
    """The words in lower case, to compare them."""
    return tuple(word.lower() for word in words)
