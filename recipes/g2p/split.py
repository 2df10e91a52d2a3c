"""Split CMUdict into training, validation and test words. The split is the same in each run.

    python split.py cmudict.dict OUT

Writes OUT/train.txt, OUT/valid.txt and OUT/test.txt: `word phone phone …` lines, without stress.
An inflected form of a word of the dictionary is in the same part as that word, so that no test word
differs from a training word by an ending alone. Words with digits or full stops are left out: the
former are comments, the latter are mostly spelled letter by letter.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

SEED = 1
PARTS = 20  # one of them is the test set, one the validation set
_WORD = re.compile(r"[a-z'-]*[a-z][a-z'-]*")
_VARIANT = re.compile(r"\(\d+\)$")
_ENDINGS = ("'s", "s'", "'", "es", "s", "ed", "d", "ings", "ing", "ers", "er", "ly", "ness")
_SHORTEST_ROOT = 3


def entries(path: Path) -> Iterator[tuple[str, str]]:
    """Words and pronunciations without stress."""
    seen = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, said = line.split(" #")[0].partition(" ")
        entry = _VARIANT.sub("", word.lower()), re.sub(r"\d", "", said).strip()
        if not line.startswith(";;;") and _WORD.fullmatch(entry[0]) and entry not in seen:
            seen.add(entry)
            yield entry


def root(word: str, words: set[str]) -> str:
    """The word of the dictionary of which this word is an inflected form; else the word itself."""
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_ROOT:
            for base in (stem, stem + "e", stem[:-1] if stem[-1] == stem[-2] else stem):
                if base in words and base != word and len(base) >= _SHORTEST_ROOT:
                    return root(base, words)
    return word


def part(name: str) -> str:
    """`test`, `valid` or `train`, chosen by a hash of the word."""
    digest = hashlib.sha256(f"{SEED} {name}".encode()).digest()
    return {0: "test", 1: "valid"}.get(int.from_bytes(digest[:8], "big") % PARTS, "train")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    found = list(entries(arguments.dictionary))
    words = {word for word, _ in found}
    lines: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for word, said in found:
        lines[part(root(word, words))].append(f"{word} {said}\n")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, content in lines.items():
        (arguments.output / f"{name}.txt").write_text("".join(content), encoding="utf-8")
        print(f"{name}: {len(content)} pronunciations")


if __name__ == "__main__":
    main()
