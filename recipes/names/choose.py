"""Choose names that a model is not trained with, and split the texts by them.

    python choose.py TRAIN VALID TEST --gazetteers DIR --output DIR

TRAIN, VALID and TEST are normalised texts, one sentence a line. The folder of gazetteers holds
places, surnames and first-names (.tsv.xz, with the name first) and english-words.txt.xz.

A candidate is a surname, a first name, or a place of one word. It is no lower-case word of English,
consists of four letters or more, and occurs 8 to 2,000 times in TRAIN. Names in sentences of 5 to
28 words of VALID or TEST are drawn first, then others. The output folder gets

    names.txt          the names, sorted
    names.tsv          each name with its count in with.txt, or 1 if it is not in it
    spoken.tsv         the sentences of VALID and TEST with names, after their ids: valid-NNNNN or
                       test-NNNNN, where NNNNN is the number of the line, from 0
    ordinary.tsv       1,200 sentences of VALID of 5 to 28 words without names: ordinary-NNNNN
    with.txt           a part of TRAIN, in blocks of adjacent lines
    without.txt        the same part without the lines that hold a name
    examples.txt       all lines of TRAIN that hold a name
    examples.N.txt     N of these for each name, or all if there are fewer. Other names in them are
                       <unk>, so that each name has at most N examples. The lines of a smaller N are
                       among those of a larger one.

Draws are seeded, so the same texts always give the same files.
"""

from __future__ import annotations

import argparse
import lzma
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import ExitStack
from pathlib import Path

NAMES, SPOKEN = 2000, 1500  # names in all, and most names from the sentences
FEWEST, MOST = 8, 2000  # occurrences of a name in TRAIN
SHORTEST_NAME = 4  # fewest letters of a name
SHORTEST, LONGEST = 5, 28  # words of a spoken sentence
ORDINARY = 1200  # most sentences without names
BLOCK, SHARE = 200, 0.25  # adjacent lines that stay together; share of TRAIN in with.txt
EXAMPLES = (1, 5, 20)  # sentences for each name
SEED = 4


def lines_of(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from file


def unpacked(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return file.read().split("\n")


def gazetteer(folder: Path, name: str) -> set[str]:
    """The lower-cased names of a list, which has a header."""
    return {line.split("\t")[0].lower() for line in unpacked(folder / f"{name}.tsv.xz")[1:] if line}


def gazetteer_names(folder: Path) -> set[str]:
    """Names of one word that are no lower-case words of English."""
    words = unpacked(folder / "english-words.txt.xz")
    places = {name for name in gazetteer(folder, "places") if " " not in name}
    names = gazetteer(folder, "surnames") | gazetteer(folder, "first-names") | places
    return names - {word for word in words if word.islower()}


def sayable(texts: Iterable[Path], candidates: Set[str]) -> Iterator[tuple[str, str, set[str]]]:
    """The id and the text of each sentence with candidates, and the candidates."""
    for path in texts:
        part = path.stem.rpartition("-")[2]
        for number, line in enumerate(lines_of(path)):
            words = line.split()
            if SHORTEST <= len(words) <= LONGEST and (found := candidates.intersection(words)):
                yield f"{part}-{number:05d}", line.strip(), found


def ordinary(text: Path, names: Set[str]) -> list[str]:
    """The id and the text of sentences without names, in the order of the text."""
    lines = [
        (number, line.strip())
        for number, line in enumerate(lines_of(text))
        if SHORTEST <= len(line.split()) <= LONGEST and not names.intersection(line.split())
    ]
    drawn = random.Random(SEED).sample(lines, min(ORDINARY, len(lines)))
    return [f"ordinary-{number:05d}\t{line}" for number, line in sorted(drawn)]


def draw(candidates: Set[str], said: Set[str]) -> set[str]:
    """The names: first those that are spoken, up to a limit, then others."""
    generator = random.Random(SEED)
    first = sorted(said)
    generator.shuffle(first)
    first = first[:SPOKEN]
    others = sorted(candidates - said)
    generator.shuffle(others)
    return {*first, *others[: NAMES - len(first)]}


def split(train: Path, names: Set[str], folder: Path) -> Counter[str]:
    """Write with.txt, without.txt and examples.txt; the counts of the names in with.txt."""
    counts: Counter[str] = Counter()
    files = [folder / name for name in ("with.txt", "without.txt", "examples.txt")]
    with ExitStack() as stack:
        parts = [f"{path}.part" for path in files]
        every, rest, examples = (
            stack.enter_context(open(part, "w", encoding="utf-8", newline="\n")) for part in parts
        )
        for number, line in enumerate(lines_of(train)):
            if number % BLOCK == 0:
                taken = random.Random(number // BLOCK).random() < SHARE
            found = [word for word in line.split() if word in names]
            if found:
                examples.write(line)
            if taken:
                every.write(line)
                counts.update(found)
                if not found:
                    rest.write(line)
    for part, path in zip(parts, files, strict=True):
        os.replace(part, path)
    return counts


def draw_examples(lines: Iterable[str], names: Set[str]) -> dict[str, list[str]]:
    """Up to the largest number of example sentences of each name, in random order.

    Other names in them are `<unk>`.
    """
    found: dict[str, list[str]] = {name: [] for name in sorted(names)}
    for line in lines:
        for name in names.intersection(line.split()):
            found[name].append(line)
    drawn = {}
    for name, sentences in found.items():
        sentences = random.Random(f"{SEED} {name}").sample(
            sentences, min(max(EXAMPLES), len(sentences))
        )
        drawn[name] = [
            " ".join(
                "<unk>" if word in names and word != name else word for word in sentence.split()
            )
            for sentence in sentences
        ]
    return drawn


def write(path: Path, lines: Iterable[str]) -> None:
    """Write a file, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    os.replace(part, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for text in ("train", "valid", "test"):
        parser.add_argument(text, type=Path)
    parser.add_argument("--gazetteers", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    for line in lines_of(arguments.train):
        counts.update(line.split())
    candidates = {
        name
        for name in gazetteer_names(arguments.gazetteers)
        if FEWEST <= counts[name] <= MOST and len(name) >= SHORTEST_NAME and name.isalpha()
    }
    sentences = list(sayable((arguments.valid, arguments.test), candidates))
    names = draw(candidates, set().union(*(found for _, _, found in sentences)))
    spoken = [f"{utterance}\t{text}" for utterance, text, found in sentences if found & names]
    write(arguments.output / "names.txt", sorted(names))
    write(arguments.output / "spoken.tsv", spoken)
    write(arguments.output / "ordinary.tsv", ordinary(arguments.valid, names))
    of_names = split(arguments.train, names, arguments.output)
    examples = draw_examples(lines_of(arguments.output / "examples.txt"), names)
    for number in EXAMPLES:
        drawn = (line for sentences in examples.values() for line in sentences[:number])
        write(arguments.output / f"examples.{number}.txt", drawn)
    write(
        arguments.output / "names.tsv",
        (f"{name}\t{max(of_names[name], 1)}" for name in sorted(names)),
    )
    print(
        f"{len(names)} of {len(candidates)} candidates, {len(spoken)} sentences to speak; "
        f"with.txt holds {sum(of_names.values())} words that are names"
    )


if __name__ == "__main__":
    main()
