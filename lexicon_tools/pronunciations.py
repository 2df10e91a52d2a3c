"""A lexicon for words: from lexicons where they have them, else from the spelling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lexicon_tools.pronunciation_settings import PronounceSettings
from rescorer.chunks import chunks
from rescorer.errors import InputError
from rescorer.pronunciation.lexicon import Pronunciation
from rescorer.pronunciation.lexicon_formats import read_lexicon, write_lexicon
from rescorer.pronunciation.phones import ARPABET
from rescorer.pronunciation.pronouncer import Pronouncer

_BATCH = 20_000  # words


@dataclass
class Pronounced:
    """Where the pronunciations of words come from.

    Attributes:
        looked_up: words that a lexicon has.
        converted: words that were pronounced from their spelling.
        missing: words without a pronunciation, which are not written.
    """

    looked_up: int = 0
    converted: int = 0
    missing: list[str] = field(default_factory=list)


def pronounce_words(
    words: Sequence[str],
    output: str | Path,
    lexicon: str | Path | None = None,
    settings: PronounceSettings | None = None,
) -> Pronounced:
    """Write the pronunciations of English words in ARPAbet, in the order of the words.

    Args:
        words: distinct.
        lexicon: of the user's own; it is asked before CMUdict.

    Raises:
        InputError: the lexicon cannot be read, or no word has a pronunciation.
    """
    settings = settings or PronounceSettings()
    own = None if lexicon is None else read_lexicon(lexicon, ARPABET)
    pronouncer = Pronouncer.english(own)
    counts = Pronounced()
    write_lexicon(output, _pronounced(words, pronouncer, settings.nbest, counts), settings.format)
    return counts


def _pronounced(
    words: Sequence[str], pronouncer: Pronouncer, nbest: int, counts: Pronounced
) -> Iterator[tuple[str, tuple[Pronunciation, ...]]]:
    for place in chunks(len(words), _BATCH):
        batch = words[place]
        for word, said in zip(batch, pronouncer.pronounce(batch, nbest), strict=True):
            if not said:
                counts.missing.append(word)
                continue
            looked_up = bool(pronouncer.look_up(word))
            counts.looked_up += looked_up
            counts.converted += not looked_up
            yield word, said
    if not counts.looked_up + counts.converted:
        raise InputError(
            "none of the words has a pronunciation",
            expected="words of the letters a to z",
            remedy="bring them into spoken form with `lexicon normalise` or `lexicon gazetteer`",
        )
