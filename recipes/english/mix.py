"""Mix texts for training: `python mix.py train.txt novels.txt:2 wiki.txt:1/3`.

TEXT:2 takes each line of a text twice, TEXT:1/3 takes every third line, from the first on. Lines of
one or two words (headings, list items) are left out. The lines are shuffled with a fixed seed, so
the same texts always give the same file. Memory holds all lines that are kept.
"""

from __future__ import annotations

import os
import random
import sys
from itertools import islice
from pathlib import Path

SHORTEST = 3  # words
SEED = 1


def read(path: Path, times: int, every: int) -> list[str]:
    """The lines of a text that are kept, repeated `times` times."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return [
            line for line in islice(file, 0, None, every) if len(line.split()) >= SHORTEST
        ] * times


def parse(argument: str) -> tuple[Path, int, int]:
    """TEXT:TIMES or TEXT:TIMES/EVERY."""
    path, _, share = argument.rpartition(":")
    times, _, every = share.partition("/")
    try:
        return Path(path), int(times), int(every or 1)
    except ValueError:
        sys.exit(f"error: {argument}: expected TEXT:TIMES or TEXT:TIMES/EVERY")


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit("usage: mix.py OUTPUT TEXT:TIMES[/EVERY]…")
    output = Path(sys.argv[1])
    lines = [line for argument in sys.argv[2:] for line in read(*parse(argument))]
    random.seed(SEED)
    random.shuffle(lines)
    part = output.with_name(f"{output.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
    os.replace(part, output)


if __name__ == "__main__":
    main()
