"""words.txt as Kaldi and k2 number their words: made of a vocabulary, extended by more words, and
compared with a vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.language_model import SENTENCE_END, UNKNOWN
from rescorer.models.vocabulary import Vocabulary
from rescorer.recognition.formats import words_txt
from rescorer.recognition.lattice import is_silent

KINDS = ("kaldi", "k2")
_FIRST = "<eps>"  # 0, the empty word of OpenFst
# as in the dictionaries of Kaldi's and icefall's LibriSpeech recipes
_SOUNDS = ("!SIL", "<SPOKEN_NOISE>", "<UNK>")
_LAST = ("#0", "<s>", "</s>")  # the back-off label of G.fst, and the marks of sentences


class Fit(NamedTuple):
    """The words of a words.txt beside those of a vocabulary, each side without what is no word.

    Attributes:
        both: how many are in both.
        only_symbols: words of the words.txt that the vocabulary lacks, in their order.
        only_vocabulary: words of the vocabulary that the words.txt lacks, most frequent first.
    """

    both: int
    only_symbols: list[str]
    only_vocabulary: list[str]


def write_words_txt(vocabulary: Vocabulary, path: str | Path, kind: str) -> None:
    """Write `word id` lines: <eps>, the words with those for sounds, #0, <s>, </s>.

    Words stand in the order of their code points: with kind "kaldi" those for sounds among them, as
    utils/prepare_lang.sh of Kaldi sorts them, with "k2" before them, as the recipes of icefall have
    it.

    Raises:
        InputError: a word of the vocabulary is one of these symbols, or holds white space.
    """
    words = sorted(_words(vocabulary))
    special = {_FIRST, *_SOUNDS, *_LAST}
    for word in words:
        if word in special or is_silent(word) or word.split() != [word]:
            raise InputError(
                f"the vocabulary holds the word {word!r}",
                file=path,
                expected="no symbol of words.txt",
                remedy="take it out of the text that the vocabulary is made of",
            )
    middle = sorted([*_SOUNDS, *words]) if kind == "kaldi" else [*_SOUNDS, *words]
    write_lines(path, (f"{word} {number}" for number, word in enumerate([_FIRST, *middle, *_LAST])))


def extend_words_txt(
    path: str | Path, words: Iterable[str], output: str | Path, kind: str
) -> list[str]:
    """Write a words.txt with more words, whose ids continue; returns those that it lacked.

    The ids of all words stay. With kind "kaldi" the new ones follow the last id, as
    utils/lang/extend_lang.sh of Kaldi has it. With "k2" they follow the last word, and #0, <s>,
    </s> move behind them: compile_hlg.py of icefall takes each id from #0 on for no word.

    Raises:
        InputError: the words.txt cannot be read, or, with "k2", a word follows #0.
    """
    labels = list(words_txt.read(Path(path)).labels)
    known = set(labels)
    added = [word for word in dict.fromkeys(words) if word not in known]
    marks = len(labels)
    if kind == "k2" and _LAST[0] in known:
        marks = labels.index(_LAST[0])
        if not set(labels[marks:]) <= set(_LAST):
            raise InputError(
                f"words follow {_LAST[0]}",
                expected=f"{', '.join(_LAST)} as the last symbols, as prepare_lang.py writes them",
                remedy="give the words.txt of a k2 recogniser, or the kind kaldi",
                file=path,
            )
    ordered = [*labels[:marks], *added, *labels[marks:]]
    lines = (f"{word} {number}" for number, word in enumerate(ordered) if word != words_txt.GAP)
    write_lines(output, lines)
    return added


def fit(path: str | Path, vocabulary: Vocabulary) -> Fit:
    """Which words a words.txt and a vocabulary share, in the vocabulary's case.

    Raises:
        InputError: the words.txt cannot be read, or they share none.
    """
    sounds = {sound.lower() for sound in _SOUNDS}
    labels = (label for label in words_txt.read(Path(path)).labels if label != words_txt.GAP)
    words = [label for label in labels if not is_silent(label) and label.lower() not in sounds]
    symbols = {vocabulary.normalise(word) for word in words}
    known = _words(vocabulary)
    missing = [word for word in known if word not in symbols]
    if len(missing) == len(known):
        raise _nothing_fits(words, known, path)
    return Fit(
        len(known) - len(missing), [word for word in words if word not in vocabulary], missing
    )


def _words(vocabulary: Vocabulary) -> list[str]:
    return [word for word in vocabulary.words if word not in (SENTENCE_END, UNKNOWN)]


def _nothing_fits(words: list[str], known: list[str], path: str | Path) -> InputError:
    by_case = {word.lower() for word in words} & {word.lower() for word in known}
    return InputError(
        f"none of its {len(words)} words is among the vocabulary's {len(known)}"
        + (f", but {len(by_case)} would be in lower case" if by_case else ""),
        expected="the words.txt of the recogniser whose words the vocabulary has",
        file=path,
        remedy="make the vocabulary with `lexicon vocabulary --case lower`"
        if by_case
        else "give the other file",
    )
