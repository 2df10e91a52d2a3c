"""Grapheme-to-phoneme conversion: pronunciations of words that no lexicon has."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.pronunciation.graphones import GraphoneModel, load_graphones
from rescorer.pronunciation.lexicon import Pronunciation
from rescorer.pronunciation.phones import PhoneSet

FOLDER = Path(str(resources.files("rescorer"))) / "pronunciation" / "english"
ENGLISH = FOLDER / "graphones.npz"
LONGEST_WORD = 100  # letters
_BEAM = 16  # hypotheses; more give no other pronunciations on words of CMUdict
_BATCH_LETTERS = 8192
# Letters that Unicode does not decompose, as English spells them.
_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i"}
    | dict.fromkeys("’‘ʼ´`", "'")
    | dict.fromkeys("‐‑–", "-")
)
_LETTERS = re.compile("[a-z'-]*[a-z][a-z'-]*")


def spelled(word: str) -> str:
    """The word in the letters a to z, apostrophe and hyphen: `Müller’s` is `muller's`.

    Empty if it has none of these letters, or a character of another kind, such as a digit or a
    letter of another script.
    """
    found = word
    if not word.isascii():
        decomposed = unicodedata.normalize("NFKD", word.lower().translate(_SPELLED))
        found = "".join(each for each in decomposed if not unicodedata.combining(each))
    found = found.lower()
    return found if _LETTERS.fullmatch(found) else ""


class GraphemeToPhoneme:
    """Pronunciations from spellings, by a graphone n-gram.

    Attributes:
        phones: that pronunciations are made of.
    """

    def __init__(self, model: GraphoneModel) -> None:
        self._model = model
        self.phones = PhoneSet(sorted({phone for label in model.phones for phone in label}))
        self._letter_ids = {letter: number for number, letter in enumerate(model.letters)}

    @classmethod
    def load(cls, path: str | Path | None = None) -> GraphemeToPhoneme:
        """Read a model that `recipes/g2p` made.

        Args:
            path: of the model; None: the English model of the package, in ARPAbet.

        Raises:
            InputError: the file cannot be read, or is of another kind.
        """
        place = ENGLISH if path is None else path
        try:
            with open_binary(place) as file:
                return cls(load_graphones(file))
        except (ValueError, KeyError, OSError, EOFError) as error:
            raise InputError(
                f"no grapheme-to-phoneme model: {error}",
                remedy="give a file that recipes/g2p made",
                file=place,
            ) from None

    def pronounce(self, words: Sequence[str], n: int = 1) -> list[tuple[Pronunciation, ...]]:
        """Up to n pronunciations of each word, most probable first.

        A word is read without regard to case and diacritics. It has none, (), if `spelled` is
        empty or it has over 100 letters.

        Args:
            words: of any number; they are converted in batches.
            n: pronunciations of a word at most. The probabilities are among the 16 hypotheses of
                the beam, so those of n sum to at most 1.
        """
        found: list[tuple[Pronunciation, ...]] = [()] * len(words)
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for place, word in enumerate(words):
            letters = spelled(word)
            if 0 < len(letters) <= LONGEST_WORD and self._letter_ids.keys() >= set(letters):
                by_length[len(letters)].append((place, [self._letter_ids[c] for c in letters]))
        for length, group in by_length.items():
            size = max(1, _BATCH_LETTERS // length)
            for start in range(0, len(group), size):
                batch = group[start : start + size]
                said = self._pronounce_batch([letters for _, letters in batch], n)
                for (place, _), pronunciations in zip(batch, said, strict=True):
                    found[place] = pronunciations
        return found

    def _pronounce_batch(
        self, words: list[list[int]], n: int
    ) -> Iterable[tuple[Pronunciation, ...]]:
        """Of words of one length."""
        hypotheses = self._model.search(np.array(words), _BEAM)
        labels = hypotheses.labels[:, :n].tolist()
        probabilities = hypotheses.probabilities[:, :n].tolist()
        phones = self._model.phones
        for of_word, their_probabilities in zip(labels, probabilities, strict=True):
            yield tuple(
                Pronunciation(tuple(phone for label in row for phone in phones[label]), chance)
                for row, chance in zip(of_word, their_probabilities, strict=True)
                if chance > 0
            )


@cache
def english_g2p() -> GraphemeToPhoneme:
    """The English model of the package, read once."""
    return GraphemeToPhoneme.load()
