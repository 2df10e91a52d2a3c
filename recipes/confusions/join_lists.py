"""Join the n-best lists of two recognisers of the same utterances, for `lexicon confusions`.

    python join_lists.py whisper.jsonl sphinx.jsonl references.txt >joined.jsonl

The first lists hold their references; those of the second are `utt words` lines. Ids of the second
begin with sphinx-. Scores become minus the rank: those of two recognisers do not compare.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path


def lists(path: str) -> Iterator[dict]:
    with Path(path).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def write(utterance: str, reference: str, nbest: list[dict]) -> None:
    hypotheses = [{"text": each["text"], "score": -rank} for rank, each in enumerate(nbest)]
    print(json.dumps({"id": utterance, "ref": reference, "nbest": hypotheses}, ensure_ascii=False))


def main(first: str, second: str, references: str) -> None:
    for each in lists(first):
        write(each["id"], each["ref"], each["nbest"])
    with Path(references).open(encoding="utf-8") as file:
        said = dict(line.rstrip("\n").split(maxsplit=1) for line in file)
    for each in lists(second):
        write(f"sphinx-{each['id']}", said[each["id"]], each["nbest"])


if __name__ == "__main__":
    main(*sys.argv[1:])
