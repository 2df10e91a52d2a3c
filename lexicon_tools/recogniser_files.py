"""New words for a recogniser: entries of its lexicon, its words.txt and n-gram model with them, and
lists for sherpa-onnx and Vosk.

| file | what it is |
| --- | --- |
| `lexicon.txt`, `lexiconp.txt` | entries to append to Kaldi's or icefall's dictionary |
| `words.txt` | that of the recogniser with the new words |
| `lm.arpa`, `lm.arpa.gz` | the n-gram model of the recogniser with the new words |
| `hotwords.txt` | sherpa-onnx's `--hotwords-file`: `word` or `word :score` a line |
| `extra.txt` | text for `db/extra.txt` of Vosk's model packages: a word a line |
| `unpronounced.txt` | new words without a pronunciation, which are in no other file |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lexicon_tools.arpa_words import add_to_arpa, unigrams
from lexicon_tools.phone_style import LexiconPhones, PhoneStyle
from lexicon_tools.recogniser_settings import RecogniserFiles, RecogniserSettings
from lexicon_tools.words_txt import extend_words_txt
from rescorer.errors import InputError
from rescorer.files import whole_path, write_lines
from rescorer.pronunciation.lexicon import Lexicon, Pronunciation
from rescorer.pronunciation.lexicon_formats import Pronounced, read_lexicon, write_lexicon
from rescorer.pronunciation.pronouncer import Pronouncer
from rescorer.recognition.formats import words_txt

FILES = frozenset(
    (
        *("lexicon.txt", "lexiconp.txt", "words.txt", "lm.arpa", "lm.arpa.gz"),
        *("hotwords.txt", "extra.txt", "unpronounced.txt"),
    )
)
_SHOWN = 10  # words in a remark
_NEARLY_ALL = 0.9  # of a recogniser's words are in one case: then it has this case

_Say = Callable[[str], None]


@dataclass(frozen=True)
class _NewWords:
    """The words of a list that can be said.

    Attributes:
        entries: those that the recogniser's lexicon lacks, with their pronunciations.
        weights: all of them, with their pseudo-counts.
        unpronounced: the other words of the list.
    """

    entries: list[Pronounced]
    weights: Mapping[str, float]
    unpronounced: list[str]


@contextmanager
def recogniser_files(
    folder: Path,
    words: Mapping[str, float],
    given: RecogniserFiles,
    settings: RecogniserSettings,
    say: _Say,
) -> Iterator[None]:
    """Write the files of new words for a recogniser; they appear if the body of the `with` ends
    well.

    Args:
        folder: made, or replaced if it holds nothing but such files.
        words: with their pseudo-counts.
        given: files of the recogniser; what is written depends on them.

    Raises:
        InputError: a file cannot be used, the lexicon lacks a phone, or the folder holds other
            files.
    """
    _refuse_other_files(folder)
    lexicon = None if given.lexicon is None else read_lexicon(given.lexicon)
    case = _found_case(given, lexicon) if settings.word_case == "auto" else settings.word_case
    phones = None if lexicon is None else LexiconPhones(lexicon, given.lexicon or "")
    new = _pronounced(_in_case(words, case), lexicon, phones, settings.pronunciations)
    _describe(new, given, case, say)
    with whole_path(folder) as work:
        work.mkdir()
        _write_lexicon(new, phones, work, say)
        _write_words_txt(new, given, settings.words_txt_kind, work, say)
        _write_arpa(new, given, settings.unk_share, work, say)
        _write_lists(new, settings.hotword_score, work, say)
        yield


def _refuse_other_files(folder: Path) -> None:
    """Raises InputError for a folder whose other files would be lost."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name not in FILES:
                raise InputError(
                    f"the folder holds {path.name}, and would be replaced",
                    expected="an empty folder or one of this command",
                    remedy="give another --recogniser-output",
                    file=folder,
                )


# ---- the words and how they are said ----


def _found_case(given: RecogniserFiles, lexicon: Lexicon | None) -> str:
    """The case of nearly all words of a recogniser."""
    words: Iterable[str] = ()
    if lexicon is not None:
        words = lexicon
    elif given.words_txt is not None:
        words = words_txt.read(given.words_txt).labels
    elif given.arpa is not None:
        words = unigrams(given.arpa)
    cased = [word for word in words if word[:1].isalpha() and word.lower() != word.upper()]
    for case, convert in (("lower", str.lower), ("upper", str.upper)):
        if cased and sum(word == convert(word) for word in cased) >= _NEARLY_ALL * len(cased):
            return case
    return "as-is"


def _in_case(words: Mapping[str, float], case: str) -> dict[str, float]:
    convert = {"lower": str.lower, "upper": str.upper}.get(case, str)
    weights: dict[str, float] = {}
    for word, weight in words.items():
        weights[convert(word)] = weights.get(convert(word), 0.0) + weight
    return weights


def _pronounced(
    words: Mapping[str, float], lexicon: Lexicon | None, phones: LexiconPhones | None, count: int
) -> _NewWords:
    lacking = [word for word in words if lexicon is None or word not in lexicon]
    found = Pronouncer.english().pronounce(lacking, count) if lacking else []
    entries: list[Pronounced] = []
    unpronounced: list[str] = []
    for word, pronunciations in zip(lacking, found, strict=True):
        if pronunciations:
            entries.append((word, _written(word, pronunciations, phones)))
        else:
            unpronounced.append(word)
    left_out = set(unpronounced)
    weights = {word: weight for word, weight in words.items() if word not in left_out}
    return _NewWords(entries, weights, unpronounced)


def _written(
    word: str, pronunciations: tuple[Pronunciation, ...], phones: LexiconPhones | None
) -> tuple[Pronunciation, ...]:
    if phones is None:
        return pronunciations
    return tuple(
        Pronunciation(phones.write(word, said.phones), said.probability) for said in pronunciations
    )


def _describe(new: _NewWords, given: RecogniserFiles, case: str, say: _Say) -> None:
    if case != "as-is":
        say(f"words for the recogniser are in {case} case")
    known = len(new.weights) - len(new.entries)
    if given.lexicon is not None:
        say(f"{known} words are in {given.lexicon} already, and get no new pronunciation")
    if new.unpronounced:
        more = ", …" if len(new.unpronounced) > _SHOWN else ""
        say(
            f"{len(new.unpronounced)} words have no pronunciation and are left out for the "
            f"recogniser (unpronounced.txt): {', '.join(new.unpronounced[:_SHOWN])}{more}"
        )


# ---- the files ----


def _write_lexicon(new: _NewWords, phones: LexiconPhones | None, work: Path, say: _Say) -> None:
    style = PhoneStyle() if phones is None else phones.style
    for name, format in (("lexicon.txt", "lexicon"), ("lexiconp.txt", "lexiconp")):
        write_lexicon(work / name, new.entries, format)
    say(
        f"lexicon.txt, lexiconp.txt: {len(new.entries)} words in {style.describe()}"
        + (", for nothing is known of the recogniser without --lexicon" if phones is None else "")
    )


def _write_words_txt(
    new: _NewWords, given: RecogniserFiles, kind: str, work: Path, say: _Say
) -> None:
    if given.words_txt is None:
        say("no words.txt: it needs --words-txt")
        return
    added = extend_words_txt(given.words_txt, new.weights, work / "words.txt", kind)
    say(f"words.txt: {len(added)} words added to {given.words_txt}")


def _write_arpa(
    new: _NewWords, given: RecogniserFiles, share: float, work: Path, say: _Say
) -> None:
    if given.arpa is None:
        say("no lm.arpa: it needs --arpa")
        return
    name = "lm.arpa.gz" if given.arpa.suffix == ".gz" else "lm.arpa"
    added = add_to_arpa(given.arpa, new.weights, work / name, share)
    say(
        f"{name}: {added.count} words added to {given.arpa}; together they have {share:g} of the "
        f"probability of <unk>, on average {added.mean:.2g}"
    )
    if added.count and added.mean < added.least:
        say(
            f"every other word of {given.arpa} has at least {added.least:.2g}: the recogniser will "
            "seldom choose the new words; a model of a text whose rare words are <unk> gives more"
        )


def _write_lists(new: _NewWords, score: float | None, work: Path, say: _Say) -> None:
    end = "" if score is None else f" :{score:g}"
    write_lines(work / "hotwords.txt", (f"{word}{end}" for word in new.weights))
    write_lines(work / "extra.txt", new.weights)
    say(f"hotwords.txt, extra.txt: {len(new.weights)} words")
    if new.unpronounced:
        write_lines(work / "unpronounced.txt", new.unpronounced)
