"""Grapheme-to-phoneme conversion: phone and word errors on held-out words of CMUdict, and speed.

    python -m benchmarks.g2p TEST [--graphones NAME FILE]… [--systems g2p-en espeak-ng]
                             [--lexicon NAME FILE]… [--words N] --record

TEST is the test.txt of `recipes/g2p/run.sh`. The training words hold neither its words nor
inflected forms of them. Names are those of its words that are in the lists of surnames or first
names of RESCORER_DATA/gazetteers but not in its english-words.txt.xz. A word is right if its
pronunciation is one of the references. Phone errors are counted against the nearest reference. The
package's model is always measured. Times are processor time, without loading.

Other systems, for comparison only: `g2p-en` needs `pip install g2p-en`, `espeak-ng` the program of
that name. `--lexicon` takes the output of another tool, such as
`phonetisaurus train --model g2p.fst train.txt; phonetisaurus predict --model g2p.fst < words`.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kaldialign import edit_distance

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement
from rescorer.files import read_lines
from rescorer.pronunciation.g2p import ENGLISH, GraphemeToPhoneme
from rescorer.pronunciation.lexicon import Lexicon
from rescorer.pronunciation.lexicon_formats import read_lexicon
from rescorer.pronunciation.phones import without_stress

COLUMNS = [
    Column("system", "system"),
    Column("per", "phone errors, %", ".2f"),
    Column("wer", "words wrong, %", ".1f"),
    Column("names_per", "phone errors of names, %", ".2f"),
    Column("names_wer", "names wrong, %", ".1f"),
    Column("microseconds", "µs a word", ".0f"),
    Column("megabytes", "MB", ".1f"),
    Column("licence", "licence"),
]
Phones = tuple[str, ...]
Convert = Callable[[Sequence[str]], list[list[Phones]]]  # words → pronunciations of each

# espeak-ng's IPA for American English; longest first
_IPA = {
    "tʃ": "CH", "dʒ": "JH", "aɪɚ": "AY ER", "aɪə": "AY AH", "aʊ": "AW", "aɪ": "AY", "eɪ": "EY",
    "oʊ": "OW", "ɔɪ": "OY", "iə": "IY AH", "əl": "AH L", "n̩": "AH N", "l̩": "AH L", "ɜː": "ER",
    "ɔːɹ": "AO R", "oːɹ": "AO R", "ɑːɹ": "AA R", "ɑː": "AA", "ɔː": "AO", "iː": "IY", "uː": "UW",
    "oː": "AO", "ɚ": "ER", "ɝ": "ER", "æ": "AE", "ɐ": "AH", "ʌ": "AH", "ə": "AH", "ɛ": "EH",
    "ɪ": "IH", "i": "IY", "ʊ": "UH", "u": "UW", "ɔ": "AO", "ɑ": "AA", "a": "AE", "o": "OW",
    "e": "EH", "ᵻ": "IH", "θ": "TH", "ð": "DH", "ʃ": "SH", "ʒ": "ZH", "ŋ": "NG", "ɡ": "G",
    "ɹ": "R", "r": "R", "ɾ": "T", "ʔ": "T", "j": "Y", "x": "K", "ɬ": "L", "b": "B", "d": "D",
    "f": "F", "h": "HH", "k": "K", "l": "L", "m": "M", "n": "N", "p": "P", "s": "S", "t": "T",
    "v": "V", "w": "W", "z": "Z",
}  # fmt: skip
_IPA_SYMBOL = re.compile("|".join(sorted(map(re.escape, _IPA), key=len, reverse=True)))
# ɜː and a following ɹ are one phone of ARPAbet
_R_COLOURED = re.compile("([ɜɚ]ː?)ɹ(?=[^aeiouæɐʌəɛɪʊɔɑ]|$)")


def names_of(words: Sequence[str], gazetteers: Path) -> set[str]:
    """Those of the words that are names and no other words."""
    listed = {
        line.partition("\t")[0].lower()
        for name in ("surnames", "first-names")
        for _, line in read_lines(gazetteers / f"{name}.tsv.xz")
    }
    common = {line for _, line in read_lines(gazetteers / "english-words.txt.xz")}
    return {word for word in words if word in listed and word not in common}


def nearest(references: Sequence[Phones], found: Sequence[Phones]) -> tuple[int, int]:
    """The fewest errors against one of the references, and the phones of that reference."""
    return min(
        (edit_distance(reference, each)["total"], len(reference))
        for reference in references
        for each in found or [()]
    )


def rates(references: Mapping[str, Sequence[Phones]], found: Mapping[str, list[Phones]]) -> Any:
    """Percentages of wrong phones and of wrong words."""
    counted = [nearest(said, found[word]) for word, said in references.items()]
    errors, phones = (sum(each) for each in zip(*counted, strict=True))
    wrong = sum(error > 0 for error, _ in counted)
    return 100 * errors / phones, 100 * wrong / len(counted)


def graphones(model: GraphemeToPhoneme, n: int) -> Convert:
    def convert(words: Sequence[str]) -> list[list[Phones]]:
        return [[each.phones for each in said] for said in model.pronounce(words, n)]

    return convert


def g2p_en(words: Sequence[str]) -> list[list[Phones]]:
    """g2p-en's network, without the dictionary that it looks up first, which has the test words."""
    import nltk

    nltk.download = lambda *_: False  # the dictionary, and a tagger
    from g2p_en import G2p

    network = G2p.__new__(G2p)
    network.graphemes = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
    vowels = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
    phones = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
    stressed = [f"{vowel}{stress}" for vowel in vowels.split() for stress in range(3)]
    network.phonemes = ["<pad>", "<unk>", "<s>", "</s>", *sorted(stressed + phones.split())]
    network.g2idx = {letter: number for number, letter in enumerate(network.graphemes)}
    network.idx2p = dict(enumerate(network.phonemes))
    network.load_variables()
    return [[tuple(map(without_stress, network.predict(word)))] for word in words]


def espeak(words: Sequence[str]) -> list[list[Phones]]:
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us"]
    ipa = subprocess.run(
        command, input="\n".join(words), capture_output=True, text=True, check=True
    )
    lines = [re.sub("[ˈˌ ]", "", line) for line in ipa.stdout.splitlines()]
    assert len(lines) == len(words)
    return [[tuple(_arpabet(line))] for line in lines]


def _arpabet(ipa: str) -> list[str]:
    plain = _R_COLOURED.sub(r"\1", ipa)
    return " ".join(_IPA[symbol] for symbol in _IPA_SYMBOL.findall(plain)).split()


def processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def row(
    name: str,
    convert: Convert,
    references: Mapping[str, Sequence[Phones]],
    names: set[str],
    **values: Any,
) -> dict[str, Any]:
    begin = processor_seconds()
    found = dict(zip(references, convert(list(references)), strict=True))
    seconds = processor_seconds() - begin
    per, wer = rates(references, found)
    of_names = {word: said for word, said in references.items() if word in names}
    names_per, names_wer = rates(of_names, found)
    return {
        "system": name,
        "per": round(per, 2),
        "wer": round(wer, 1),
        "names_per": round(names_per, 2),
        "names_wer": round(names_wer, 1),
        "microseconds": round(1e6 * seconds / len(references)),
        **values,
    }


def lexicon_row(
    name: str, lexicon: Lexicon, references: Mapping[str, Sequence[Phones]], names: set[str]
) -> dict[str, Any]:
    def convert(words: Sequence[str]) -> list[list[Phones]]:
        return [[each.phones for each in lexicon.get(word, ())[:1]] for word in words]

    return row(name, convert, references, names) | {"microseconds": None}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("test", type=Path)
    parser.add_argument("--graphones", nargs=2, action="append", default=[])
    parser.add_argument("--lexicon", nargs=2, action="append", default=[])
    parser.add_argument("--systems", nargs="*", choices=["g2p-en", "espeak-ng"], default=[])
    parser.add_argument("--words", type=int, default=3000)
    parser.add_argument("--record", nargs="?", const="g2p")
    arguments = parser.parse_args()
    test = read_lexicon(arguments.test)
    words = sorted(random.Random(1).sample(sorted(test), min(arguments.words, len(test))))
    references = {word: [each.phones for each in test[word]] for word in words}
    names = names_of(words, Path(os.environ["RESCORER_DATA"]) / "gazetteers")
    measured = Measurement(
        __file__,
        arguments,
        "Grapheme-to-phoneme conversion",
        "How often are pronunciations wrong that are made from the spelling?",
        COLUMNS,
        machine("cpu"),
    )
    size = ENGLISH.stat().st_size / 1e6
    model = GraphemeToPhoneme.load()
    for n, name in ((1, "the package's model"), (3, "the package's model, best of 3")):
        found = row(name, graphones(model, n), references, names, megabytes=size, licence="BSD")
        measured.add(**found)
    for name, path in arguments.graphones:
        convert = graphones(GraphemeToPhoneme.load(path), 1)
        size = Path(path).stat().st_size / 1e6
        measured.add(**row(name, convert, references, names, megabytes=size, licence="BSD"))
    for name, path in arguments.lexicon:
        measured.add(**lexicon_row(name, read_lexicon(path), references, names))
    others: dict[str, tuple[Convert, str]] = {
        "g2p-en": (g2p_en, "Apache-2.0"),
        "espeak-ng": (espeak, "GPL-3.0"),
    }
    for name in arguments.systems:
        convert, licence = others[name]
        measured.add(**row(name, convert, references, names, licence=licence))
    measured.note(f"{len(words)} words, {len(names)} of them names.")
    measured.finish()


if __name__ == "__main__":
    main()
