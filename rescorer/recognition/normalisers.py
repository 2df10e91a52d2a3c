"""How words are brought into one style before errors are counted: case, punctuation, numbers.

Only counting sees the words in that style. Outputs hold the words as they came, and models score
them as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from rescorer.extras import import_extra
from rescorer.recognition.spoken_words import has_other_script, normalise

Words = Sequence[str]


@dataclass(frozen=True)
class Normaliser:
    """Words in one style, which may be more or fewer words.

    Attributes:
        name: as --normalise has it.
        words: from the words of a sentence to those in the style.
    """

    name: str
    words: Callable[[Words], tuple[str, ...]]

    def __call__(self, words: Words) -> tuple[str, ...]:
        return self.words(words)

    def of_list(self, words: Iterable[str]) -> frozenset[str]:
        """The words of a list, each by itself."""
        return frozenset(chain.from_iterable(self((word,)) for word in words))


AS_WRITTEN = Normaliser("none", tuple)


def normaliser(name: str) -> Normaliser:
    """The normaliser of a name: none, spoken or whisper.

    Raises:
        InputError: a package that it needs is not installed.
    """
    return {"none": lambda: AS_WRITTEN, "spoken": _spoken, "whisper": _whisper}[name]()


def _spoken() -> Normaliser:
    return Normaliser("spoken", _as_spoken)


def _as_spoken(words: Words) -> tuple[str, ...]:
    """The words of `lexicon normalise`, which leaves out other scripts: their words stay here."""
    text = " ".join(words)
    if not has_other_script(text):
        return _sentence(text)
    return tuple(
        chain.from_iterable(
            (word.lower(),) if has_other_script(word) else _sentence(word) for word in words
        )
    )


def _sentence(text: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable(normalise(text)))


def _whisper() -> Normaliser:
    """English text as the evaluations of OpenAI's Whisper compare it."""
    english = import_extra("whisper_normalizer.english", "whisper-normalizer")
    text: Callable[[str], str] = english.EnglishTextNormalizer()
    return Normaliser("whisper", lambda words: tuple(text(" ".join(words)).split()))
